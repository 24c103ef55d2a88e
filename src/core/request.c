/* SPDX-License-Identifier: MIT */
/* A request body, checked against every rule. Files: request_files.c; single fields: request_fields.c; the stored form: request_store.c. */
#include "core/request.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "core/request_fields.h"

static const char *const keys[] = {"code", "files", "entry", "stdin", "stdin_encoding", "args", "env", "limits", "expected_output",
        "compare", "merge_output", "reference", "async", "wait_ms", "class", "max_runs"};

/* ---- limits ---- */

struct limit {
	const char *name, *max_key;
	size_t offset;
	int64_t min;
};
#define LIMIT(n, field, lo) \
	{ \
		.name = #n, .max_key = "limits.max." #n, .offset = offsetof(struct sp_eval_limits, field), .min = (lo) \
	}
static const struct limit limits[] = {
        LIMIT(wall_ms, run.wall_ms, 1),
        LIMIT(cpu_ms, run.cpu_ms, 1),
        LIMIT(memory_bytes, run.memory_bytes, INT64_C(1) << 20),
        LIMIT(processes, run.processes, 1),
        LIMIT(open_files, run.open_files, 4),
        LIMIT(files_bytes, run.files_bytes, INT64_C(64) << 10),
        LIMIT(output_bytes, run.output_bytes, 1),
        LIMIT(compile_wall_ms, compile_wall_ms, 1),
};

static int64_t *limit_of(struct sp_eval_limits *l, const struct limit *d) { return (int64_t *)(void *)((char *)l + d->offset); }

static void parse_limits(struct sp_parse *c)
{
	struct sp_eval_limits *out = &c->out->limits, max = c->cfg->limits_max;
	struct sp_place p = sp_place_of("limits");
	json_t *o = sp_given(c->body, "limits");
	const char *names[SP_COUNT(limits)];
	int64_t least = c->language->memory_min_bytes;

	*out = c->cfg->limits_default;
	if (out->run.memory_bytes < least) out->run.memory_bytes = least;
	if (!o) return;
	if (!json_is_object(o)) {
		sp_invalid(c, &p, json_incref(o), NULL, "limits must be an object");
		return;
	}
	for (size_t i = 0; i < SP_COUNT(limits); i++) names[i] = limits[i].name;
	sp_check_known(c, o, &p, names, SP_COUNT(limits));
	for (size_t i = 0; i < SP_COUNT(limits); i++) {
		struct sp_place one = sp_place_member(&p, limits[i].name);
		json_t *v = sp_given(o, limits[i].name);
		if (v)
			sp_take_integer(
			        c, &one, v, limits[i].min, *limit_of(&max, &limits[i]), limits[i].max_key, limit_of(out, &limits[i]));
	}
	if (out->run.memory_bytes < least) {
		struct sp_place one = sp_place_member(&p, "memory_bytes");
		sp_invalid(c, &one, json_integer(out->run.memory_bytes), json_integer(least),
		        "%s is %" PRId64 "; %s needs at least %" PRId64, one.name, out->run.memory_bytes, c->language->name, least);
	}
}

/* ---- stdin, args, env ---- */

/* Each element is a line. */
static void parse_stdin_lines(struct sp_parse *c, const struct sp_place *p, json_t *lines)
{
	int64_t max = c->cfg->bounds.stdin_bytes, total = 0;
	size_t n = json_array_size(lines);
	const char *s;
	size_t len;

	for (size_t i = 0; i < n; i++) {
		struct sp_place one = sp_place_index(p, i);
		if (!sp_take_text(c, &one, json_array_get(lines, i), &s, &len)) return;
		total += (int64_t)len + 1;
	}
	if (total > max) {
		sp_too_large(c, p, total, max, "has a size in bytes of", "request.stdin_max");
		return;
	}
	char *to = c->out->stdin_.p = sp_calloc((size_t)total + 1, 1);
	for (size_t i = 0; i < n; i++) {
		json_t *v = json_array_get(lines, i);
		memcpy(to, json_string_value(v), json_string_length(v));
		to += json_string_length(v);
		*to++ = '\n';
	}
	c->out->stdin_.n = (size_t)total;
}

static void parse_stdin(struct sp_parse *c)
{
	struct sp_place p = sp_place_of("stdin"), pe = sp_place_of("stdin_encoding");
	json_t *v = sp_given(c->body, "stdin"), *encoding = sp_given(c->body, "stdin_encoding");
	bool base64 = false;

	c->out->has_stdin = v != NULL;
	if (!v || json_is_array(v)) {
		if (!sp_take_encoding(c, &pe, encoding, &base64)) return;
		if (base64 && v)
			sp_problem_add(c->ps, 422, "conflicting_fields", pe.pointer, json_string("base64"), NULL,
			        "stdin_encoding is base64, but stdin is an array of lines; give stdin as one string");
		else if (v)
			parse_stdin_lines(c, &p, v);
	} else if (!json_is_string(v)) {
		sp_invalid(c, &p, json_incref(v), NULL, "stdin must be a string, or an array of strings (lines)");
	} else {
		sp_take_bytes(c, &p, v, &pe, encoding, c->cfg->bounds.stdin_bytes, "request.stdin_max", &c->out->stdin_);
	}
}

static void parse_args(struct sp_parse *c)
{
	struct sp_place p = sp_place_of("args");
	json_t *v = sp_given(c->body, "args");
	size_t n = json_array_size(v), len;
	int64_t total = 0;

	if (v && !json_is_array(v)) {
		sp_invalid(c, &p, json_incref(v), NULL, "args must be an array of strings");
		return;
	}
	if (n > (size_t)c->cfg->bounds.args) {
		sp_too_large(c, &p, (int64_t)n, c->cfg->bounds.args, "has a number of elements of", "request.args_max");
		return;
	}
	c->out->args = sp_calloc(n + 1, sizeof(*c->out->args));
	for (size_t i = 0, k = 0; i < n; i++) {
		struct sp_place one = sp_place_index(&p, i);
		const char *s;
		if (!sp_take_text(c, &one, json_array_get(v, i), &s, &len)) continue;
		total += (int64_t)len + 1;
		if (total <= c->cfg->bounds.args_bytes) c->out->args[k++] = sp_strdup(s);
	}
	if (total > c->cfg->bounds.args_bytes)
		sp_too_large(c, &p, total, c->cfg->bounds.args_bytes, "has a size in bytes of", "request.args_bytes_max");
}

static bool env_name_fine(const char *s)
{
	static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	static const char rest[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	return *s && strchr(first, *s) && s[strspn(s, rest)] == '\0';
}

/* LD_* and their like are not refused: they act inside the container only, on the caller's own program. */
static void parse_env(struct sp_parse *c)
{
	struct sp_place p = sp_place_of("env");
	json_t *o = sp_given(c->body, "env"), *v;
	const char *name, *s;
	size_t n = json_object_size(o), len, k = 0;
	int64_t total = 0;

	if (o && !json_is_object(o)) {
		sp_invalid(c, &p, json_incref(o), NULL, "env must be an object of strings");
		return;
	}
	if (n > (size_t)c->cfg->bounds.env) {
		sp_too_large(c, &p, (int64_t)n, c->cfg->bounds.env, "has a number of names of", "request.env_max");
		return;
	}
	c->out->env = sp_calloc(n + 1, sizeof(*c->out->env));
	json_object_foreach(o, name, v)
	{
		struct sp_place one = sp_place_member(&p, name);
		if (!env_name_fine(name)) {
			sp_invalid(c, &one, json_string(name), NULL,
			        "env has the name \"%.100s\"; a name is letters, digits and _, and begins with no digit", name);
			continue;
		}
		if (!sp_take_text(c, &one, v, &s, &len)) continue;
		total += (int64_t)(strlen(name) + len) + 2;
		if (total <= c->cfg->bounds.env_bytes) c->out->env[k++] = sp_asprintf("%s=%s", name, s);
	}
	if (total > c->cfg->bounds.env_bytes)
		sp_too_large(c, &p, total, c->cfg->bounds.env_bytes, "has a size in bytes of", "request.env_bytes_max");
}

/* ---- the rest ---- */

static void parse_expected(struct sp_parse *c)
{
	struct sp_place p = sp_place_of("expected_output"), pc = sp_place_of("compare");
	json_t *v = sp_given(c->body, "expected_output"), *compare = sp_given(c->body, "compare");
	const char *s;
	size_t n;

	c->out->has_expected =
	        v && sp_take_bytes(c, &p, v, &p, NULL, c->cfg->bounds.expected_bytes, "request.expected_max", &c->out->expected_output);
	if (!compare || !sp_take_text(c, &pc, compare, &s, &n)) return;
	c->out->compare_exact = strcmp(s, "exact") == 0;
	if (!c->out->compare_exact && strcmp(s, "trim") != 0)
		sp_invalid(c, &pc, json_incref(compare), NULL, "compare must be \"trim\" (the default) or \"exact\"");
}

static void parse_reference(struct sp_parse *c)
{
	struct sp_place p = sp_place_of("reference");
	json_t *v = sp_given(c->body, "reference");
	const char *s;
	size_t n;

	if (!v || !sp_take_text(c, &p, v, &s, &n)) return;
	if (n >= SP_REFERENCE_LEN)
		sp_invalid(c, &p, json_incref(v), json_integer(SP_REFERENCE_LEN - 1), "reference has %zu bytes; at most %d are kept", n,
		        SP_REFERENCE_LEN - 1);
	else
		c->out->reference = sp_strdup(s);
}

/* For programs that must not run twice because they do something outside. More than the lost leases allow would promise nothing. */
static void parse_max_runs(struct sp_parse *c)
{
	struct sp_place p = sp_place_of("max_runs");
	json_t *v = sp_given(c->body, "max_runs");
	int64_t n = 0;

	if (v && sp_take_integer(c, &p, v, 1, c->cfg->max_lost, "lease.max_lost", &n)) c->out->max_runs = (int32_t)n;
}

static void parse_answer(struct sp_parse *c)
{
	struct sp_place pa = sp_place_of("async"), pw = sp_place_of("wait_ms"), pc = sp_place_of("class");
	json_t *async = sp_given(c->body, "async"), *wait = sp_given(c->body, "wait_ms"), *class_ = sp_given(c->body, "class");
	int64_t max = c->cfg->http_sync_wait_max_ms;
	const char *s;
	size_t n;

	if (async) sp_take_bool(c, &pa, async, &c->out->async);
	c->out->wait_ms = max;
	if (wait && sp_take_integer(c, &pw, wait, 0, max, "http.sync_wait_max", &c->out->wait_ms) && c->out->async && c->out->wait_ms > 0)
		sp_problem_add(c->ps, 422, "conflicting_fields", pw.pointer, json_integer(c->out->wait_ms), NULL,
		        "wait_ms is %" PRId64 ", but async is true, which does not wait", c->out->wait_ms);
	c->out->class_ = c->out->async ? SP_CLASS_BULK : SP_CLASS_INTERACTIVE;
	if (!class_ || !sp_take_text(c, &pc, class_, &s, &n)) return;
	if (strcmp(s, "interactive") == 0)
		c->out->class_ = SP_CLASS_INTERACTIVE;
	else if (strcmp(s, "bulk") == 0)
		c->out->class_ = SP_CLASS_BULK;
	else
		sp_invalid(c, &pc, json_incref(class_), NULL, "class must be \"interactive\" or \"bulk\"");
}

bool sp_request_parse(
        json_t *body, const struct sp_language *language, const struct sp_config *cfg, struct sp_request *out, struct sp_problems *problems)
{
	size_t before = problems->n;
	struct sp_parse c = {.body = body, .language = language, .cfg = cfg, .out = out, .ps = problems};
	json_t *merge = sp_given(body, "merge_output");
	struct sp_place pm = sp_place_of("merge_output");

	*out = (struct sp_request){.language = language};
	if (!json_is_object(body)) {
		sp_problem_add(problems, 422, "invalid_field", "", NULL, NULL, "the body must be a JSON object, as {\"code\": \"…\"}");
		return false;
	}
	sp_check_known(&c, body, NULL, keys, SP_COUNT(keys));
	parse_limits(&c);
	sp_parse_files(&c);
	parse_stdin(&c);
	parse_args(&c);
	parse_env(&c);
	parse_expected(&c);
	if (merge) sp_take_bool(&c, &pm, merge, &out->merge_output);
	parse_reference(&c);
	parse_max_runs(&c);
	parse_answer(&c);
	return problems->n == before;
}

void sp_request_fini(struct sp_request *r)
{
	for (size_t i = 0; i < r->nfiles; i++) {
		free(r->files[i].path);
		free(r->files[i].content.p);
	}
	free(r->files);
	free(r->entry);
	free(r->stdin_.p);
	sp_argv_free(r->args);
	sp_argv_free(r->env);
	free(r->expected_output.p);
	free(r->reference);
	*r = (struct sp_request){.nfiles = 0};
}
