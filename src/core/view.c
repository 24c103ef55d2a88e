/* SPDX-License-Identifier: MIT */
/* The one object that the API shows of an evaluation, whatever its state: every key is always there, null when unknown (lists: empty). */
#include <string.h>

#include "base/clock.h"
#include "base/data.h"
#include "base/text.h"
#include "core/result.h"

/* U+FFFD takes three bytes where one was bad; base64 takes four for three. */
#define GROWTH 3

struct view {
	enum sp_encoding encoding;
	json_t *lossy;
	bool failed; /* no memory for one of the outputs */
};

static json_t *text_json(struct view *v, const char *field, const char *p, size_t n)
{
	struct sp_buf b;
	bool lossy = false;

	sp_buf_init(&b, n * GROWTH + 8);
	int rc = v->encoding == SP_ENCODING_BASE64 ? sp_base64_add(&b, p, n) : sp_utf8_add_lossy(&b, p, n, &lossy);
	json_t *s = rc ? NULL : json_stringn_nocheck(b.data ? b.data : "", b.len);
	sp_buf_fini(&b);
	if (lossy) json_array_append_new(v->lossy, json_string(field));
	v->failed = v->failed || !s;
	return s ? s : json_null();
}

static json_t *stream_json(struct view *v, const char *field, const struct sp_evaluation_data *d, enum sp_stream stream)
{
	struct sp_buf b;

	sp_buf_init(&b, d->output.n + 1);
	json_t *s = sp_output_stream(&d->output, &d->segments, stream, &b) ? json_null() : text_json(v, field, b.data ? b.data : "", b.len);
	v->failed = v->failed || b.failed;
	sp_buf_fini(&b);
	return s;
}

static json_t *text_or_null(const char *s) { return *s ? json_string(s) : json_null(); }

static json_t *time_json(int64_t wall_ms)
{
	char text[SP_RFC3339_LEN];

	if (wall_ms == 0) return json_null();
	sp_format_rfc3339(text, wall_ms);
	return json_string(text);
}

/* A member of the stored result, or the fallback (consumed). */
static json_t *member(json_t *result, const char *key, json_t *fallback)
{
	json_t *v = json_object_get(result, key);

	if (!v || json_is_null(v)) return fallback;
	json_decref(fallback);
	return json_incref(v);
}

/* What ended without a result was ended by the store itself, or its data is gone (retention). */
static json_t *default_reason(const struct sp_evaluation *r)
{
	const char *code = NULL, *message = NULL;

	if (r->status == SP_STATUS_CANCELED) {
		code = "canceled";
		message = "canceled on request";
	} else if (r->status == SP_STATUS_FAILED) {
		code = "internal_error";
		message = "the evaluation could not be run";
	}
	if (!code) return json_null();
	return json_pack("{s:s, s:s, s:b}", "code", code, "message", message, "retryable", r->status == SP_STATUS_FAILED);
}

static json_t *compile_json(struct view *v, json_t *result, const struct sp_stored *s)
{
	json_t *stored = json_object_get(result, "compile"), *value;
	const struct sp_bytes *out = strcmp(s->row.stage, "compile") == 0 ? &s->data.output : &s->data.compile_output;
	const char *key;

	if (!json_is_object(stored)) return json_null();
	json_t *o = json_object();
	/* Output belongs behind the exit code, where people look for it. */
	json_object_foreach(stored, key, value)
	{
		json_object_set(o, key, value);
		if (strcmp(key, "exit_code") == 0)
			json_object_set_new(o, "output", text_json(v, "compile.output", out->p ? out->p : "", out->n));
	}
	return o;
}

json_t *sp_evaluation_json(const struct sp_stored *s, enum sp_encoding encoding)
{
	const struct sp_evaluation *r = &s->row;
	const struct sp_evaluation_data *d = &s->data;
	enum sp_json_fault fault;
	json_t *result = d->result.n ? sp_json_parse(d->result.p, d->result.n, &fault, NULL) : NULL, *o = json_object();
	struct view v = {.encoding = encoding, .lossy = json_array()};
	/* A stage that ran has an output, if only an empty one; without a result we know of none. */
	bool ran = result && r->stage[0];
	char id[SP_ID_TEXT];

	sp_id_text(&r->id, id);
	json_object_set_new(o, "id", json_string(id));
	json_object_set_new(o, "status", json_string(sp_status_name(r->status)));
	json_object_set_new(o, "verdict", text_or_null(r->verdict));
	json_object_set_new(o, "reason", member(result, "reason", default_reason(r)));
	json_object_set_new(o, "stage", text_or_null(r->stage));
	json_object_set_new(o, "language", json_string(r->language));
	json_object_set_new(o, "runtime", member(result, "runtime", json_null()));
	json_object_set_new(o, "reference", r->has_reference ? json_string(r->reference) : json_null());
	json_object_set_new(o, "exit_code", r->has_exit_code ? json_integer(r->exit_code) : json_null());
	json_object_set_new(o, "signal", text_or_null(r->signal));
	json_object_set_new(o, "output", ran ? text_json(&v, "output", d->output.p ? d->output.p : "", d->output.n) : json_null());
	json_object_set_new(o, "stdout", ran ? stream_json(&v, "stdout", d, SP_STDOUT) : json_null());
	json_object_set_new(o, "stderr", ran ? stream_json(&v, "stderr", d, SP_STDERR) : json_null());
	json_object_set_new(o, "encoding", json_string(encoding == SP_ENCODING_BASE64 ? "base64" : "utf-8"));
	json_object_set(o, "lossy", v.lossy);
	json_object_set_new(o, "truncated", member(result, "truncated", json_array()));
	json_object_set_new(o, "limits_hit", member(result, "limits_hit", json_array()));
	json_object_set_new(o, "compile", compile_json(&v, result, s));
	json_object_set_new(o, "dependencies", json_null());
	json_object_set_new(o, "git", json_null());
	json_object_set_new(o, "usage", member(result, "usage", json_null()));
	json_object_set_new(o, "timing", member(result, "timing", json_null()));
	json_object_set_new(o, "enforced", member(result, "enforced", json_null()));
	json_object_set_new(o, "claims", json_integer(r->claim_no));
	json_object_set_new(o, "created_at", time_json(r->created_at_ms));
	json_object_set_new(o, "started_at", time_json(r->started_at_ms));
	json_object_set_new(o, "finished_at", time_json(r->finished_at_ms));
	json_decref(v.lossy);
	json_decref(result);
	if (!v.failed) return o;
	/* With null for an output it would be another result. */
	json_decref(o);
	return NULL;
}
