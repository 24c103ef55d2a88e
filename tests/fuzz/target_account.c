/* SPDX-License-Identifier: MIT */
/*
 * src/core/account.c and cursor.c: API keys, emails, cursors of lists. The input is the text.
 *
 * Holds: a key has one text, and only of its own id and secret; a stored email stays as it is when it is stored again; a cursor that is accepted is the one that its id makes.
 */
#include "fuzz.h"

#include <ctype.h>

#include "base/text.h"
#include "core/account.h"
#include "core/cursor.h"

static void key(const char *p, size_t n)
{
	char id[SP_KEY_ID_LEN] = "untouched";
	unsigned char hash[SP_KEY_HASH_BYTES], want[SP_KEY_HASH_BYTES], secret[SP_KEY_SECRET_BYTES];

	if (!sp_key_parse(p, n, id, hash)) {
		FZ_CHECK(strcmp(id, "untouched") == 0);
		return;
	}
	FZ_CHECK(n == SP_KEY_TEXT_LEN - 1 && strncmp(p, "srp_", 4) == 0 && p[4 + SP_KEY_ID_LEN - 1] == '_');
	FZ_CHECK(strlen(id) == SP_KEY_ID_LEN - 1 && strncmp(p + 4, id, SP_KEY_ID_LEN - 1) == 0);
	for (size_t i = 4; i < n; i++) FZ_CHECK((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f') || i == 4 + SP_KEY_ID_LEN - 1);
	for (size_t i = 0; i < sizeof secret; i++) {
		const char *d = p + 4 + SP_KEY_ID_LEN + 2 * i;
		char two[3] = {d[0], d[1], 0};
		secret[i] = (unsigned char)strtoul(two, NULL, 16);
	}
	sp_blake2b(secret, sizeof secret, want);
	FZ_CHECK(sp_key_hash_equal(hash, want));
}

static void email(const char *p, size_t n)
{
	char out[SP_EMAIL_LEN], again[SP_EMAIL_LEN];
	struct sp_err err = {0};

	if (sp_email_normalise(p, n, out, &err)) {
		fz_check_message(err.msg);
		FZ_CHECK(err.code == SP_E_INVALID);
		return;
	}
	FZ_CHECK(strlen(out) == n && n < SP_EMAIL_LEN && sp_utf8_valid(out, n));
	const char *at = strchr(out, '@');
	FZ_CHECK(at && at != out && at[1] && !strchr(at + 1, '@'));
	for (size_t i = 0; i < n; i++) {
		FZ_CHECK((unsigned char)out[i] > ' ' && out[i] != 0x7f && !(out[i] >= 'A' && out[i] <= 'Z'));
		FZ_CHECK(out[i] == p[i] || out[i] == (char)tolower((unsigned char)p[i]));
	}
	FZ_CHECK(sp_email_normalise(out, n, again, &err) == 0 && strcmp(again, out) == 0);
}

static void cursor(const char *text)
{
	static const enum sp_cursor_kind kinds[] = {SP_CURSOR_EVALUATIONS, SP_CURSOR_USERS};
	char again[SP_CURSOR_LEN];
	struct sp_id id;
	unsigned fits = 0;

	for (size_t i = 0; i < SP_COUNT(kinds); i++) {
		if (!sp_cursor_parse(kinds[i], text, &id)) continue;
		fits++;
		sp_cursor_text(kinds[i], &id, again);
		FZ_CHECK(strcmp(again, text) == 0);
	}
	FZ_CHECK(fits <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sp_autofree char *bytes = fz_exact(data, size);
	sp_autofree char *text = fz_text(data, size);

	key(bytes, size);
	email(bytes, size);
	cursor(text);
	return 0;
}
