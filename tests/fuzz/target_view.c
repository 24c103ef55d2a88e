/* SPDX-License-Identifier: MIT */
/*
 * src/core/view.c: the object that the API shows, out of a row and its bytes; and output.c, which takes the streams apart. The input is lines of the row, up to the first empty one: S status number, V verdict, G stage, N signal, R reference, X exit code,
 * C claim number, T times; then, each behind its length (two bytes), stored result, output, segments and compiler output.
 *
 * Holds, in both encodings: valid UTF-8 and valid JSON with every key; lossy names a field exactly if something in it was replaced; base64 gives the bytes back; a stream is what the segments say, or null if
 * they say nothing that can be.
 */
#include "core_fuzz.h"

#include <stdio.h>

#include "base/data.h"
#include "base/text.h"
#include "core/result.h"

static const char *const keys[] = {"id", "status", "verdict", "reason", "stage", "language", "runtime", "reference", "exit_code", "signal",
        "output", "stdout", "stderr", "encoding", "lossy", "truncated", "limits_hit", "compile", "dependencies", "git", "usage", "timing",
        "enforced", "claims", "created_at", "started_at", "finished_at"};

/* A text column of the row: what the store holds there came from us or was checked, so it is UTF-8. */
static bool put(char *to, size_t size, struct fz z)
{
	if (z.n >= size || !sp_utf8_valid(z.p, z.n) || memchr(z.p, 0, z.n)) return false;
	memcpy(to, z.p, z.n);
	to[z.n] = '\0';
	return true;
}

static int64_t number(struct fz z)
{
	sp_autofree char *s = fz_text(z.p, z.n);
	return strtoll(s, NULL, 10);
}

static void read_row(struct fz *z, struct sp_evaluation *r)
{
	for (;;) {
		struct fz line = fz_until(z, '\n');
		if (!line.n) return;
		char what = (char)fz_u8(&line);
		switch (what) {
		case 'S': r->status = (enum sp_status)((uint64_t)number(line) % 6); break;
		case 'V': put(r->verdict, sizeof r->verdict, line); break;
		case 'G': put(r->stage, sizeof r->stage, line); break;
		case 'N': put(r->signal, sizeof r->signal, line); break;
		case 'R': r->has_reference = put(r->reference, sizeof r->reference, line); break;
		case 'X':
			r->has_exit_code = true;
			r->exit_code = (int32_t)number(line);
			break;
		case 'C': r->claim_no = number(line); break;
		case 'T': r->created_at_ms = r->started_at_ms = r->finished_at_ms = number(line); break;
		default: break;
		}
	}
}

static struct sp_bytes bytes(struct fz *z)
{
	struct fz p = fz_piece(z, 65535, true);
	return (struct sp_bytes){.p = fz_exact(p.p, p.n), .n = p.n};
}

static bool in(const json_t *list, const char *field)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), field) == 0) return true;
	return false;
}

/* v is how the bytes are shown. */
static void check_text(const json_t *v, const struct sp_bytes *b, enum sp_encoding encoding, bool lossy)
{
	struct sp_buf out;

	FZ_CHECK(json_is_string(v));
	const char *s = json_string_value(v);
	size_t n = json_string_length(v);
	if (encoding == SP_ENCODING_BASE64) {
		FZ_CHECK(!lossy);
		sp_buf_init(&out, b->n + 1);
		FZ_CHECK(sp_base64_decode(&out, s, n) == 0);
		FZ_CHECK(out.len == b->n && (b->n == 0 || memcmp(out.data, b->p, b->n) == 0));
		sp_buf_fini(&out);
		return;
	}
	FZ_CHECK(lossy == !sp_utf8_valid(b->p, b->n));
	if (!lossy) FZ_CHECK(n == b->n && memcmp(s, b->p, n) == 0);
}

/* The stream by another way: byte for byte. false: the segments do not fit the output. */
static bool stream(const struct sp_evaluation_data *d, unsigned which, struct sp_bytes *out)
{
	size_t at = 0;

	*out = (struct sp_bytes){.p = fz_exact(NULL, 0)};
	if (d->segments.n % 4) return false;
	free(out->p);
	out->p = fz_exact(d->output.p, d->output.n);
	for (size_t i = 0; i < d->segments.n; i += 4) {
		struct fz z = {(const uint8_t *)d->segments.p + i, 4};
		uint32_t s = fz_u32(&z);
		for (uint32_t k = s & 0x7fffffff; k; k--) {
			if (at == d->output.n) return false;
			if (s >> 31 == which) out->p[out->n++] = d->output.p[at];
			at++;
		}
	}
	return at == d->output.n;
}

static void check_streams(const json_t *o, const struct sp_evaluation_data *d, enum sp_encoding encoding, const json_t *lossy)
{
	static const char *const names[] = {"stdout", "stderr"};

	for (unsigned i = 0; i < 2; i++) {
		struct sp_bytes want;
		const json_t *v = json_object_get(o, names[i]);
		if (stream(d, i, &want))
			check_text(v, &want, encoding, in(lossy, names[i]));
		else
			FZ_CHECK(json_is_null(v) && !in(lossy, names[i]));
		free(want.p);
	}
}

static void check(const struct sp_stored *s, enum sp_encoding encoding)
{
	json_t *o = sp_evaluation_json(s, encoding), *again = fz_reread(o, SP_JSON_DUMP_FLAGS);
	json_t *result = s->data.result.n ? sp_json_parse(s->data.result.p, s->data.result.n, NULL, NULL) : NULL;
	const json_t *lossy = json_object_get(again, "lossy"), *compile = json_object_get(again, "compile");

	for (size_t i = 0; i < SP_COUNT(keys); i++) FZ_CHECK(json_object_get(again, keys[i]));
	FZ_CHECK(json_object_size(again) == SP_COUNT(keys));
	if (result && s->row.stage[0]) {
		check_text(json_object_get(again, "output"), &s->data.output, encoding, in(lossy, "output"));
		check_streams(again, &s->data, encoding, lossy);
	} else {
		FZ_CHECK(json_is_null(json_object_get(again, "output")) && json_is_null(json_object_get(again, "stdout")));
	}
	if (json_object_get(json_object_get(result, "compile"), "exit_code")) {
		const struct sp_bytes *out = strcmp(s->row.stage, "compile") == 0 ? &s->data.output : &s->data.compile_output;
		/* A stored result with an output of its own is none of ours; it stands where ours would. */
		if (!json_object_get(json_object_get(result, "compile"), "output"))
			check_text(json_object_get(compile, "output"), out, encoding, in(lossy, "compile.output"));
	}
	json_decref(result);
	json_decref(again);
	json_decref(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fz z = {data, size};
	struct sp_stored s = {.row = {.language = "lang", .created_at_ms = 1}};

	read_row(&z, &s.row);
	s.data.result = bytes(&z);
	s.data.output = bytes(&z);
	s.data.segments = bytes(&z);
	s.data.compile_output = bytes(&z);
	check(&s, SP_ENCODING_UTF8);
	check(&s, SP_ENCODING_BASE64);
	sp_stored_fini(&s);
	return 0;
}
