/* SPDX-License-Identifier: MIT */
/* Text: UTF-8, base64, sizes and durations as people write them, nearest names for error messages. */
#ifndef SP_BASE_TEXT_H
#define SP_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

bool sp_utf8_valid(const void *p, size_t n);
/* One step over n >= 1 bytes: length of the character that p begins with (*ok), or of the maximal ill-formed subpart (not *ok). */
size_t sp_utf8_next(const void *p, size_t n, bool *ok);
/* Adds p to out with every maximal ill-formed subpart replaced by U+FFFD (Unicode 15, section 3.9, table 3-8). *lossy
 * is set when any was, and never cleared (start with false); it may be NULL. -1 when out is full. */
int sp_utf8_add_lossy(struct sp_buf *out, const void *p, size_t n, bool *lossy);

/* Puts one '?' in the place of every maximal ill-formed subpart, in place: for texts that were cut, or that hold what is not known to be UTF-8. */
void sp_utf8_mend(char *s);

int sp_base64_add(struct sp_buf *out, const void *p, size_t n); /* RFC 4648, with padding, no line breaks */
/* Strict: padding required, no white space, no trailing bits. Appends to out. -1 when the text is not base64 (out is as before) or
 * out is full (out->failed). */
int sp_base64_decode(struct sp_buf *out, const char *s, size_t n);

/* "15s" "250ms" "2m" "1h" "7d" → milliseconds; "256MiB" "64KiB" "1GiB" "100B" "100" → bytes. No sign, no fraction, no
 * space, no overflow; a duration needs its unit. *out is untouched on failure. */
bool sp_parse_duration_ms(const char *s, int64_t *out);
bool sp_parse_bytes(const char *s, int64_t *out);

/* The candidate with the smallest edit distance (Damerau-Levenshtein, in bytes) to `word` if that is at most 2 (1 for words shorter
 * than 4), else NULL. Of equals the first; words and candidates longer than 64 bytes are near to nothing. */
const char *sp_nearest(const char *word, const char *const *candidates, size_t n);

#endif
