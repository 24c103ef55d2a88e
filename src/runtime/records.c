/* SPDX-License-Identifier: MIT */
#include "runtime/records.h"

#include <string.h>

#include "box/path.h"

static uint64_t le(const unsigned char *p, unsigned bytes)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < bytes; i++) v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static void await(struct sp_records *r, enum sp_records_state state, size_t need)
{
	r->state = state;
	r->need = need;
	r->have = 0;
}

static void end_file(struct sp_records *r, bool whole)
{
	if (!r->open) return;
	r->open = false;
	r->ask->on_file_end(r->ask->cls, whole);
}

void sp_records_init(struct sp_records *r, const struct sp_collect *ask, const struct sp_patterns *patterns)
{
	memset(r, 0, sizeof *r);
	r->ask = ask;
	r->patterns = patterns;
	await(r, SP_RECORDS_MAGIC, 4);
}

static const char *take_head(struct sp_records *r)
{
	r->kind = r->fixed[0];
	r->detail = r->fixed[1];
	r->path_len = (size_t)le(r->fixed + 2, 2);
	r->size = le(r->fixed + 4, 8);
	if (r->kind == SP_BOX_RECORD_END) {
		if (r->detail || r->path_len || r->size) return "an END with more than it may have";
		await(r, SP_RECORDS_TAIL, SP_BOX_END_BYTES);
		return NULL;
	}
	if (r->kind == SP_BOX_RECORD_FILE) {
		if (r->detail > 1) return "a file with an unknown mode";
		if (r->files == (uint64_t)r->ask->files_max) return "more files than were asked for";
		if (r->size > (uint64_t)r->ask->file_bytes_max) return "a file larger than was asked for";
		if (r->size > (uint64_t)r->ask->total_bytes_max - r->bytes) return "more bytes than were asked for";
	} else if (r->kind == SP_BOX_RECORD_SKIPPED) {
		if (r->detail < 1 || r->detail > SP_BOX_SKIP_LAST_) return "a file skipped for an unknown reason";
		if (r->skipped == SP_BOX_SKIPS_MAX) return "more skipped files than may be told";
	} else {
		return "a record of an unknown kind";
	}
	if (r->path_len < 1 || r->path_len > SP_BOX_PATH_MAX) return "a path of no length, or too long";
	await(r, SP_RECORDS_PATH, r->path_len);
	return NULL;
}

static bool asked_for(const struct sp_records *r)
{
	for (unsigned i = 0; i < r->patterns->n; i++)
		if (sp_pattern_matches(&r->patterns->one[i], r->path)) return true;
	return false;
}

static const char *take_path(struct sp_records *r)
{
	int64_t depth = 1;

	r->path[r->path_len] = '\0';
	if (sp_box_path_fault(r->path, r->path_len)) return "a path that leads elsewhere";
	for (const char *s = r->path; (s = strchr(s, '/')); s++) depth++;
	if (depth > r->ask->depth_max) return "a path deeper than was asked for";
	if (r->before[0] && (sp_box_path_order(r->before, r->path) >= 0 || sp_box_path_below(r->before, r->path)))
		return "a path that comes twice, out of order or below a file";
	if (r->kind == SP_BOX_RECORD_FILE && !asked_for(r)) return "a file that was not asked for";
	memcpy(r->before, r->path, r->path_len + 1);

	struct sp_artifact a = {.path = r->path, .path_len = r->path_len, .size = (int64_t)r->size};
	if (r->kind == SP_BOX_RECORD_SKIPPED) {
		a.missing = (enum sp_missing)r->detail;
		if (r->size > INT64_MAX) a.size = INT64_MAX;
		r->skipped++;
		await(r, SP_RECORDS_HEAD, SP_BOX_HEAD_BYTES);
	} else {
		a.executable = r->detail;
		r->files++;
		r->bytes += r->size;
		r->got = 0;
		r->open = true;
		await(r, SP_RECORDS_CHUNK, 4);
	}
	r->ask->on_file(r->ask->cls, &a);
	return NULL;
}

static const char *take_chunk(struct sp_records *r)
{
	r->chunk = (uint32_t)le(r->fixed, 4);
	if (r->chunk == 0) {
		end_file(r, r->got == r->size);
		await(r, SP_RECORDS_HEAD, SP_BOX_HEAD_BYTES);
		return NULL;
	}
	if (r->chunk > SP_BOX_CHUNK_MAX) return "a piece of a file that is too large";
	if (r->chunk > r->size - r->got) return "a file with more bytes than its size";
	r->got += r->chunk;
	r->state = SP_RECORDS_DATA;
	return NULL;
}

static const char *take_tail(struct sp_records *r)
{
	r->hits = (uint32_t)le(r->fixed, 4);
	r->all_skipped = (uint32_t)le(r->fixed + 8, 4);
	bool more = r->all_skipped > r->skipped;
	if (r->hits & ~(uint32_t)SP_BOX_HIT_ALL_) return "an END with an unknown bit";
	if (le(r->fixed + 4, 4) != r->files || le(r->fixed + 12, 8) != r->bytes || r->all_skipped < r->skipped ||
	        more != !!(r->hits & SP_BOX_HIT_SKIPS) || (more && r->skipped != SP_BOX_SKIPS_MAX))
		return "an END that counts other than what came";
	r->state = SP_RECORDS_OVER;
	return NULL;
}

static const char *take_fixed(struct sp_records *r)
{
	switch (r->state) {
	case SP_RECORDS_MAGIC:
		if (le(r->fixed, 4) != SP_BOX_RECORDS_MAGIC) return "no header, or of another version";
		await(r, SP_RECORDS_HEAD, SP_BOX_HEAD_BYTES);
		return NULL;
	case SP_RECORDS_HEAD: return take_head(r);
	case SP_RECORDS_PATH: return take_path(r);
	case SP_RECORDS_CHUNK: return take_chunk(r);
	case SP_RECORDS_TAIL: return take_tail(r);
	case SP_RECORDS_DATA:
	case SP_RECORDS_OVER:
	case SP_RECORDS_BROKEN: break;
	}
	return "bytes after the END";
}

const char *sp_records_feed(struct sp_records *r, const void *bytes, size_t n)
{
	const char *p = bytes, *fault = NULL;

	while (n && !fault) {
		size_t k;
		if (r->state == SP_RECORDS_DATA) {
			k = n < r->chunk ? n : r->chunk;
			r->ask->on_data(r->ask->cls, p, k);
			r->chunk -= (uint32_t)k;
			if (!r->chunk) await(r, SP_RECORDS_CHUNK, 4);
		} else if (r->state == SP_RECORDS_OVER || r->state == SP_RECORDS_BROKEN) {
			k = n;
			fault = "bytes after the END";
		} else {
			char *to = r->state == SP_RECORDS_PATH ? r->path : (char *)r->fixed;
			k = r->need - r->have < n ? r->need - r->have : n;
			memcpy(to + r->have, p, k);
			r->have += k;
			if (r->have == r->need) fault = take_fixed(r);
		}
		p += k;
		n -= k;
	}
	if (fault) {
		end_file(r, false);
		r->state = SP_RECORDS_BROKEN;
	}
	return fault;
}

bool sp_records_finish(struct sp_records *r)
{
	end_file(r, false);
	return r->state == SP_RECORDS_OVER;
}
