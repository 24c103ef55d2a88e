/* SPDX-License-Identifier: MIT */
#include "core/account.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/text.h"

#define PREFIX "srp_"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define ID_DIGITS (SP_KEY_ID_LEN - 1)
#define SECRET_DIGITS (2 * SP_KEY_SECRET_BYTES)
_Static_assert(PREFIX_LEN + ID_DIGITS + 1 + SECRET_DIGITS + 1 == SP_KEY_TEXT_LEN, "srp_<id>_<secret> and NUL");
_Static_assert(SP_KEY_HASH_BYTES == crypto_generichash_BYTES, "BLAKE2b-256");

/* Chooses the implementations that fit the processor; before it libsodium's functions are not thread safe. */
static void start_sodium(void) { SP_BUG_ON(sodium_init() < 0); }

static void ready(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	SP_BUG_ON(pthread_once(&once, start_sodium) != 0);
}

void sp_blake2b(const void *p, size_t n, unsigned char out[32])
{
	ready();
	SP_BUG_ON(crypto_generichash(out, crypto_generichash_BYTES, p, n, NULL, 0) != 0);
}

void sp_secret_wipe(void *p, size_t n) { sodium_memzero(p, n); }

void sp_key_make(char text[SP_KEY_TEXT_LEN], char id[SP_KEY_ID_LEN], unsigned char hash[SP_KEY_HASH_BYTES])
{
	unsigned char name[ID_DIGITS / 2], secret[SP_KEY_SECRET_BYTES];
	char *p = text;

	ready();
	randombytes_buf(name, sizeof(name));
	randombytes_buf(secret, sizeof(secret));
	sodium_bin2hex(id, SP_KEY_ID_LEN, name, sizeof(name));
	memcpy(p, PREFIX, PREFIX_LEN);
	memcpy(p += PREFIX_LEN, id, ID_DIGITS);
	*(p += ID_DIGITS) = '_';
	sodium_bin2hex(p + 1, SECRET_DIGITS + 1, secret, sizeof(secret));
	sp_blake2b(secret, sizeof(secret), hash);
	sp_secret_wipe(secret, sizeof(secret));
}

/* sodium_hex2bin() also takes capitals: one key would have many texts. */
static bool small_hex(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(p[i] >= '0' && p[i] <= '9') && !(p[i] >= 'a' && p[i] <= 'f')) return false;
	return true;
}

bool sp_key_parse(const char *text, size_t n, char id[SP_KEY_ID_LEN], unsigned char hash[SP_KEY_HASH_BYTES])
{
	unsigned char secret[SP_KEY_SECRET_BYTES];
	const char *digits = text + PREFIX_LEN + ID_DIGITS + 1;
	size_t len = 0;

	if (n != SP_KEY_TEXT_LEN - 1 || memcmp(text, PREFIX, PREFIX_LEN) != 0 || digits[-1] != '_') return false;
	if (!small_hex(text + PREFIX_LEN, ID_DIGITS) || !small_hex(digits, SECRET_DIGITS)) return false;
	ready();
	SP_BUG_ON(sodium_hex2bin(secret, sizeof(secret), digits, SECRET_DIGITS, NULL, &len, NULL) != 0 || len != sizeof(secret));
	memcpy(id, text + PREFIX_LEN, ID_DIGITS);
	id[ID_DIGITS] = '\0';
	sp_blake2b(secret, sizeof(secret), hash);
	sp_secret_wipe(secret, sizeof(secret));
	return true;
}

bool sp_key_hash_equal(const unsigned char a[SP_KEY_HASH_BYTES], const unsigned char b[SP_KEY_HASH_BYTES])
{
	return sodium_memcmp(a, b, SP_KEY_HASH_BYTES) == 0;
}

int sp_key_read_file(const char *path, char id[SP_KEY_ID_LEN], unsigned char hash[SP_KEY_HASH_BYTES], struct sp_err *err)
{
	/* A mounted secret may be a link; a FIFO must not hold up the start. */
	sp_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[SP_KEY_TEXT_LEN + 64];
	size_t n = 0;

	if (fd < 0) return sp_fail(err, SP_E_IO, errno, "key file %s", path);
	while (n < sizeof(text)) {
		ssize_t got = read(fd, text + n, sizeof(text) - n);
		if (got < 0 && errno == EINTR) continue;
		if (got < 0) return sp_fail(err, SP_E_IO, errno, "key file %s", path);
		if (got == 0) break;
		n += (size_t)got;
	}
	const char *newline = memchr(text, '\n', n);
	size_t line = newline ? (size_t)(newline - text) : n;
	if (line > 0 && text[line - 1] == '\r') line--;
	bool fine = sp_key_parse(text, line, id, hash);
	sp_secret_wipe(text, sizeof(text));
	if (fine) return 0;
	return sp_fail(err, SP_E_INVALID, 0,
	        "key file %s: its first line is no key (srp_, %d hexadecimal digits, _, %d hexadecimal digits)", path, ID_DIGITS,
	        SECRET_DIGITS);
}

/* Control characters of ASCII and of Latin-1 (which C1 bytes become in UTF-8), and blanks. */
static bool unfit(const unsigned char *p, size_t n)
{
	return p[0] <= ' ' || p[0] == 0x7f || (n >= 2 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0xa0);
}

int sp_email_normalise(const char *text, size_t n, char out[SP_EMAIL_LEN], struct sp_err *err)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t ats = 0;

	if (n == 0) return sp_fail(err, SP_E_INVALID, 0, "the email is empty");
	if (n >= SP_EMAIL_LEN) return sp_fail(err, SP_E_INVALID, 0, "the email has %zu bytes (at most %d)", n, SP_EMAIL_LEN - 1);
	if (!sp_utf8_valid(p, n)) return sp_fail(err, SP_E_INVALID, 0, "the email is not UTF-8");
	for (size_t i = 0; i < n; i++) {
		if (unfit(p + i, n - i)) return sp_fail(err, SP_E_INVALID, 0, "the email has a blank or a control character in it");
		ats += p[i] == '@';
	}
	if (ats != 1 || p[0] == '@' || p[n - 1] == '@')
		return sp_fail(err, SP_E_INVALID, 0, "an email has one @, with something on both sides");
	for (size_t i = 0; i < n; i++) out[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] - 'A' + 'a' : p[i]);
	out[n] = '\0';
	return 0;
}
