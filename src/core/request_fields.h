/* SPDX-License-Identifier: MIT */
/* Checks of single fields of a request body: private to request*.c. Every fault becomes one problem; a function that reports returns false. */
#ifndef SP_CORE_REQUEST_FIELDS_H
#define SP_CORE_REQUEST_FIELDS_H

#include "core/request.h"

struct sp_parse {
	json_t *body;
	const struct sp_language *language;
	const struct sp_config *cfg;
	struct sp_request *out;
	struct sp_problems *ps;
	int64_t decoded; /* bytes of code and files so far */
};

/* A field's place: how people call it ("files[0].path") and its JSON Pointer. */
struct sp_place {
	char name[120], pointer[160];
};

struct sp_place sp_place_of(const char *field);
struct sp_place sp_place_member(const struct sp_place *p, const char *name);
struct sp_place sp_place_index(const struct sp_place *p, size_t i);

/* Reports every key of o that is not in `known`. */
void sp_check_known(struct sp_parse *c, json_t *o, const struct sp_place *place, const char *const *known, size_t n);

bool sp_invalid(struct sp_parse *c, const struct sp_place *p, json_t *value, json_t *limit, const char *fmt, ...) SP_PRINTF(5, 6);
bool sp_too_large(struct sp_parse *c, const struct sp_place *p, int64_t value, int64_t limit, const char *what, const char *key);

/* The member of o, or NULL when it is absent or null (null means "not given" everywhere). */
json_t *sp_given(json_t *o, const char *name);

/* Typed values of v, which was given. Texts must be without U+0000. */
bool sp_take_bool(struct sp_parse *c, const struct sp_place *p, json_t *v, bool *out);
bool sp_take_text(struct sp_parse *c, const struct sp_place *p, json_t *v, const char **out, size_t *len);
/* max_key: the configuration key that sets max, for the message. */
bool sp_take_integer(struct sp_parse *c, const struct sp_place *p, json_t *v, int64_t min, int64_t max, const char *max_key, int64_t *out);
/* Text as it is, or decoded from base64, at most max bytes (key names the bound, what the thing). encoding: NULL, or a given value. */
bool sp_take_bytes(struct sp_parse *c, const struct sp_place *p, json_t *v, const struct sp_place *ep, json_t *encoding, int64_t max,
        const char *key, struct sp_bytes *out);
/* "utf-8" or "base64"; NULL is utf-8. */
bool sp_take_encoding(struct sp_parse *c, const struct sp_place *p, json_t *v, bool *base64);

/* request_files.c: code, files, entry. */
void sp_parse_files(struct sp_parse *c);

#endif
