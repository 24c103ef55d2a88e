/* SPDX-License-Identifier: MIT */
#include "core/cursor.h"

#include <string.h>

#include <sodium.h>

#define VERSION 1
#define BYTES 18 /* a multiple of three: base64 without padding */
_Static_assert(BYTES / 3 * 4 + 1 == SP_CURSOR_LEN, "length of the text");

void sp_cursor_text(enum sp_cursor_kind kind, const struct sp_id *next, char out[SP_CURSOR_LEN])
{
	unsigned char raw[BYTES] = {VERSION, (unsigned char)kind};

	memcpy(raw + 2, next->b, sizeof(next->b));
	sodium_bin2base64(out, SP_CURSOR_LEN, raw, sizeof(raw), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool sp_cursor_parse(enum sp_cursor_kind kind, const char *text, struct sp_id *next)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char raw[BYTES];
	size_t n = 0;

	/* The library takes some bytes above 0x7f for digits (1.0.18): one cursor would have many texts. */
	if (strnlen(text, SP_CURSOR_LEN) != SP_CURSOR_LEN - 1 || strspn(text, digits) != SP_CURSOR_LEN - 1) return false;
	if (sodium_base642bin(raw, sizeof(raw), text, SP_CURSOR_LEN - 1, NULL, &n, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
		return false;
	if (n != sizeof(raw) || raw[0] != VERSION || raw[1] != (unsigned char)kind) return false;
	memcpy(next->b, raw + 2, sizeof(next->b));
	return true;
}
