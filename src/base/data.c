/* SPDX-License-Identifier: MIT */
#include "base/data.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* ---- JSON ---- */

/*
 * jansson recurses a level per bracket and takes up to 250 bytes a value (an empty object), so both are counted before it sees the text.
 * The scan is right about any text up to its first error, where jansson stops as well: brackets and commas count outside of strings, a string ends at
 * the first quote that no backslash precedes. Beyond an error it may count too much, which only refuses what would be refused anyhow.
 */
static int check_shape(const char *p, size_t n, struct sp_err *err)
{
	size_t line = 1, column = 0, values = 1;
	unsigned depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		if ((c & 0xc0) != 0x80) column++;
		if (in_string) {
			if (c == '\\' && i + 1 < n) {
				i++;
				column++;
			} else if (c == '"') {
				in_string = false;
			}
			continue;
		}
		switch (c) {
		case '\n':
			line++;
			column = 0;
			break;
		case '"': in_string = true; break;
		case '[':
		case '{':
			values++;
			if (++depth > SP_JSON_DEPTH_MAX)
				return sp_fail(err, SP_E_LIMIT, 0, "line %zu, column %zu: nested deeper than %d levels", line, column,
				        SP_JSON_DEPTH_MAX);
			break;
		case ']':
		case '}':
			if (depth) depth--;
			break;
		case ',': values++; break;
		default: break;
		}
		if (values > SP_JSON_VALUES_MAX)
			return sp_fail(err, SP_E_LIMIT, 0, "line %zu, column %zu: more than %d values", line, column, SP_JSON_VALUES_MAX);
	}
	return 0;
}

static json_t *json_failed(enum sp_json_fault *fault, enum sp_json_fault which)
{
	if (fault) *fault = which;
	return NULL;
}

json_t *sp_json_parse(const char *p, size_t n, enum sp_json_fault *fault, struct sp_err *err)
{
	json_error_t je;

	if (n == 0) {
		sp_fail(err, SP_E_INVALID, 0, "line 1, column 1: the text is empty");
		return json_failed(fault, SP_JSON_SYNTAX);
	}
	if (check_shape(p, n, err)) return json_failed(fault, SP_JSON_DEPTH);

	json_t *v = json_loadb(p, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &je);
	if (!v) {
		bool twice = json_error_code(&je) == json_error_duplicate_key;
		sp_fail(err, SP_E_INVALID, 0, "line %d, column %d: %s", je.line, je.column, je.text);
		return json_failed(fault, twice ? SP_JSON_DUPLICATE : SP_JSON_SYNTAX);
	}
	if (fault) *fault = SP_JSON_FINE;
	return v;
}

/* ---- YAML ---- */

#define YAML_BYTES_MAX (1u << 20)
#define YAML_DEPTH_MAX 16
#define YAML_NODES_MAX 10000

/* The collections that are open, outermost first. Each is already in its parent, so all of them hang on the root. */
struct builder {
	json_t *root; /* owned */
	unsigned depth, nodes;
	struct {
		json_t *in;
		char *key;
	} open[YAML_DEPTH_MAX]; /* in: borrowed; key: owned, read and waiting for its value */
};

static unsigned long line_of(const yaml_event_t *e) { return (unsigned long)e->start_mark.line + 1; }

static bool one_of(const char *s, const char *a, const char *b, const char *c)
{
	return strcmp(s, a) == 0 || strcmp(s, b) == 0 || strcmp(s, c) == 0;
}

/* [-+]?[0-9]+, 0o[0-7]+ or 0x[0-9a-fA-F]+ (YAML 1.2, section 10.3.2). */
static bool is_integer(const char *s, int *base, const char **digits)
{
	const char *set = "0123456789";

	*base = 10;
	*digits = s;
	if (s[0] == '0' && (s[1] == 'o' || s[1] == 'x')) {
		*base = s[1] == 'o' ? 8 : 16;
		set = s[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF";
		s += 2;
		*digits = s;
	} else if (*s == '-' || *s == '+') {
		s++;
	}
	return *s && s[strspn(s, set)] == '\0';
}

static json_t *from_scalar(const yaml_event_t *e, struct sp_err *err)
{
	const char *s = (const char *)e->data.scalar.value;
	size_t n = e->data.scalar.length;
	int base;
	const char *digits;

	if (memchr(s, '\0', n)) {
		sp_fail(err, SP_E_INVALID, 0, "line %lu: a NUL character is not allowed", line_of(e));
		return NULL;
	}
	if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		if (n == 0 || strcmp(s, "~") == 0 || one_of(s, "null", "Null", "NULL")) return json_null();
		if (one_of(s, "true", "True", "TRUE")) return json_true();
		if (one_of(s, "false", "False", "FALSE")) return json_false();
		if (is_integer(s, &base, &digits)) {
			errno = 0;
			long long v = strtoll(digits, NULL, base);
			if (errno == 0) return json_integer(v);
			sp_fail(err, SP_E_INVALID, 0, "line %lu: the integer %.40s is out of range (quote it if it is text)", line_of(e),
			        s);
			return NULL;
		}
	}
	json_t *v = json_stringn(s, n);
	if (!v) sp_fail(err, SP_E_INVALID, 0, "line %lu: text that cannot be read", line_of(e));
	return v;
}

/* Takes the reference v. */
static int add_value(struct builder *b, const yaml_event_t *e, json_t *v, struct sp_err *err)
{
	if (b->depth == 0) {
		b->root = v;
		return 0;
	}
	json_t *in = b->open[b->depth - 1].in;
	int rc;
	if (json_is_array(in)) {
		rc = json_array_append_new(in, v);
	} else {
		rc = json_object_set_new(in, b->open[b->depth - 1].key, v);
		free(sp_steal(&b->open[b->depth - 1].key));
	}
	return rc ? sp_fail(err, SP_E_LIMIT, ENOMEM, "line %lu", line_of(e)) : 0;
}

static bool wants_key(const struct builder *b)
{
	return b->depth > 0 && json_is_object(b->open[b->depth - 1].in) && !b->open[b->depth - 1].key;
}

static int on_key(struct builder *b, const yaml_event_t *e, struct sp_err *err)
{
	const char *s = (const char *)e->data.scalar.value;
	size_t n = e->data.scalar.length;

	if (memchr(s, '\0', n)) return sp_fail(err, SP_E_INVALID, 0, "line %lu: a NUL character is not allowed", line_of(e));
	if (n == 0) return sp_fail(err, SP_E_INVALID, 0, "line %lu: an empty key", line_of(e));
	if (json_object_get(b->open[b->depth - 1].in, s))
		return sp_fail(err, SP_E_INVALID, 0, "line %lu: the key \"%.80s\" is there twice", line_of(e), s);
	char *key = strndup(s, n);
	if (!key) return sp_fail(err, SP_E_LIMIT, ENOMEM, "line %lu", line_of(e));
	b->open[b->depth - 1].key = key;
	return 0;
}

static int on_start(struct builder *b, const yaml_event_t *e, json_t *v, struct sp_err *err)
{
	if (b->depth == YAML_DEPTH_MAX) {
		json_decref(v);
		return sp_fail(err, SP_E_LIMIT, 0, "line %lu: nested deeper than %d levels", line_of(e), YAML_DEPTH_MAX);
	}
	if (!v) return sp_fail(err, SP_E_LIMIT, ENOMEM, "line %lu", line_of(e));
	if (add_value(b, e, v, err)) return -1;
	b->open[b->depth].in = v;
	b->open[b->depth].key = NULL;
	b->depth++;
	return 0;
}

/* A node: what may stand in front of it, how many there are, and whether it can be where it is. */
static int check_node(struct builder *b, const yaml_event_t *e, const yaml_char_t *anchor, const yaml_char_t *tag, struct sp_err *err)
{
	if (anchor) return sp_fail(err, SP_E_INVALID, 0, "line %lu: anchors (&%.40s) are not supported", line_of(e), (const char *)anchor);
	if (tag) return sp_fail(err, SP_E_INVALID, 0, "line %lu: tags (%.40s) are not supported", line_of(e), (const char *)tag);
	if (++b->nodes > YAML_NODES_MAX) return sp_fail(err, SP_E_LIMIT, 0, "line %lu: more than %d values", line_of(e), YAML_NODES_MAX);
	if (e->type != YAML_SCALAR_EVENT && wants_key(b)) return sp_fail(err, SP_E_INVALID, 0, "line %lu: a key must be text", line_of(e));
	return 0;
}

static int on_event(struct builder *b, const yaml_event_t *e, struct sp_err *err)
{
	json_t *v;

	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->root) return sp_fail(err, SP_E_INVALID, 0, "line %lu: more than one document", line_of(e));
		if (e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end)
			return sp_fail(err, SP_E_INVALID, 0, "line %lu: tags (%%TAG) are not supported", line_of(e));
		return 0;
	case YAML_ALIAS_EVENT:
		return sp_fail(err, SP_E_INVALID, 0, "line %lu: aliases (*%.40s) are not supported", line_of(e),
		        (const char *)e->data.alias.anchor);
	case YAML_SCALAR_EVENT:
		if (check_node(b, e, e->data.scalar.anchor, e->data.scalar.tag, err)) return -1;
		if (wants_key(b)) return on_key(b, e, err);
		v = from_scalar(e, err);
		return v ? add_value(b, e, v, err) : -1;
	case YAML_SEQUENCE_START_EVENT:
		if (check_node(b, e, e->data.sequence_start.anchor, e->data.sequence_start.tag, err)) return -1;
		return on_start(b, e, json_array(), err);
	case YAML_MAPPING_START_EVENT:
		if (check_node(b, e, e->data.mapping_start.anchor, e->data.mapping_start.tag, err)) return -1;
		return on_start(b, e, json_object(), err);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: b->depth--; return 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	default: return 0;
	}
}

static int parser_failed(const yaml_parser_t *parser, const char *p, size_t n, struct sp_err *err)
{
	const char *what = parser->problem ? parser->problem : "cannot be read";
	unsigned long line = (unsigned long)parser->problem_mark.line + 1;

	if (parser->error == YAML_MEMORY_ERROR) return sp_fail(err, SP_E_LIMIT, ENOMEM, "YAML");
	if (parser->error == YAML_READER_ERROR) {
		/* The reader knows bytes only. */
		line = 1;
		for (size_t i = 0; i < n && i < parser->problem_offset; i++) line += p[i] == '\n';
	}
	if (parser->context && parser->error != YAML_READER_ERROR)
		return sp_fail(err, SP_E_INVALID, 0, "line %lu: %s (%s of line %lu)", line, what, parser->context,
		        (unsigned long)parser->context_mark.line + 1);
	return sp_fail(err, SP_E_INVALID, 0, "line %lu: %s", line, what);
}

json_t *sp_yaml_parse(const char *p, size_t n, struct sp_err *err)
{
	yaml_parser_t parser;
	struct builder b = {0};
	int rc = 0;
	bool more = true;

	if (n > YAML_BYTES_MAX) {
		sp_fail(err, SP_E_LIMIT, 0, "longer than %u bytes", YAML_BYTES_MAX);
		return NULL;
	}
	if (!yaml_parser_initialize(&parser)) {
		sp_fail(err, SP_E_LIMIT, ENOMEM, "YAML");
		return NULL;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)(n ? p : ""), n);

	while (more && rc == 0) {
		yaml_event_t e;
		if (!yaml_parser_parse(&parser, &e)) {
			rc = parser_failed(&parser, p, n, err);
			break;
		}
		rc = on_event(&b, &e, err);
		more = e.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&parser);
	for (unsigned i = 0; i < b.depth; i++) free(b.open[i].key);
	if (rc) {
		json_decref(b.root);
		return NULL;
	}
	return b.root ? b.root : json_null();
}
