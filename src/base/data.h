/* SPDX-License-Identifier: MIT */
/* JSON and YAML from outside, read with bounds into jansson values. (serapis-box does not link this.) */
#ifndef SP_BASE_DATA_H
#define SP_BASE_DATA_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

#define SP_JSON_DEPTH_MAX 32
#define SP_JSON_VALUES_MAX 100000 /* about; a small text can stand for 80 times its size in memory */

enum sp_json_fault {
	SP_JSON_FINE,
	SP_JSON_SYNTAX, /* not JSON, or not UTF-8 */
	SP_JSON_DUPLICATE, /* the same key twice in one object */
	SP_JSON_DEPTH /* nested deeper than SP_JSON_DEPTH_MAX, or more than SP_JSON_VALUES_MAX values */
};

/* Parses exactly one JSON value. Returns a new reference, or NULL with *fault and err (message with line and column). `\u0000` inside
 * strings is accepted here (strings have lengths); who does not want it says so. The depth is checked before the parser recurses.
 * `fault` may be NULL. err->code is SP_E_LIMIT for SP_JSON_DEPTH, else SP_E_INVALID. */
json_t *sp_json_parse(const char *p, size_t n, enum sp_json_fault *fault, struct sp_err *err) SP_MUSTCHECK;

/* One YAML document with mappings, sequences and scalars of the YAML 1.2 core schema (true/false, integers, null, else text), no anchors,
 * no tags, no duplicate keys, at most 16 levels, 10000 values and 1 MiB. A quoted scalar is text; so is a plain 1.5 or 3.10 (there are no
 * fractions). A text without a document is null. Keys are text, not empty. Errors begin with "line N: " unless the size is the fault: SP_E_INVALID, or
 * SP_E_LIMIT for a bound. Returns a new reference or NULL. */
json_t *sp_yaml_parse(const char *p, size_t n, struct sp_err *err) SP_MUSTCHECK;

#endif
