/* SPDX-License-Identifier: MIT */
/*
 * API keys and emails.
 *
 * A key is the text srp_<id>_<secret>: 16 and 64 lower-case hexadecimal digits (hexadecimal, so that a double click selects all of it). The id is public and finds the row; the secret is 256 random bits, shown once and stored only
 * as its BLAKE2b-256. No slow password hash: a random secret of that length cannot be guessed, and every request is authenticated.
 *
 * All functions may be called from any thread.
 */
#ifndef SP_CORE_ACCOUNT_H
#define SP_CORE_ACCOUNT_H

#include "base/err.h"
#include "store/record.h"

#define SP_KEY_SECRET_BYTES 32
#define SP_KEY_TEXT_LEN 86 /* with NUL */

/* BLAKE2b-256. Also for bodies of requests with an Idempotency-Key (struct sp_new_evaluation). */
void sp_blake2b(const void *p, size_t n, unsigned char out[32]);

/* A new key. text is the only place where the secret is: show it once, then sp_secret_wipe() it. */
void sp_key_make(char text[SP_KEY_TEXT_LEN], char id[SP_KEY_ID_LEN], unsigned char hash[SP_KEY_HASH_BYTES]);
/* Takes a text apart; n bytes, need not end with NUL. False when it is no key: nothing was written. */
bool sp_key_parse(const char *text, size_t n, char id[SP_KEY_ID_LEN], unsigned char hash[SP_KEY_HASH_BYTES]) SP_MUSTCHECK;
/* Compares in constant time. */
bool sp_key_hash_equal(const unsigned char a[SP_KEY_HASH_BYTES], const unsigned char b[SP_KEY_HASH_BYTES]) SP_MUSTCHECK;
/* The key in a file (SERAPIS_ADMIN_KEY_FILE): its first line is the key's text. SP_E_IO, SP_E_INVALID; the message never shows what is in the file. */
int sp_key_read_file(const char *path, char id[SP_KEY_ID_LEN], unsigned char hash[SP_KEY_HASH_BYTES], struct sp_err *err) SP_MUSTCHECK;
void sp_secret_wipe(void *p, size_t n); /* overwrites, and is not optimised away */

/* Checks an email of n bytes and gives its stored form: ASCII letters in lower case, the rest as it is. UTF-8 of at most 254 bytes, one @ with something on both sides, no blanks and no control characters. SP_E_INVALID, with a
 * message for people. */
int sp_email_normalise(const char *p, size_t n, char out[SP_EMAIL_LEN], struct sp_err *err) SP_MUSTCHECK;

#endif
