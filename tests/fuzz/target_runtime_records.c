/* SPDX-License-Identifier: MIT */
/*
 * src/runtime/records.c: what a collector sends. The input is a byte that says in which pieces it comes, then the records.
 *
 * Holds: the pieces make no difference; what is given to the callbacks is within what was asked for, in order, and each file is begun, filled and ended, as whole only with all its bytes; an END counts what came.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "box/path.h"
#include "runtime/records.h"

#define LOG_MAX (1u << 20)

static const char *const wanted[] = {"a", "d/*", "**/*.txt"};

static struct {
	struct sp_buf log; /* all that was given, without the pieces */
	struct sp_collect ask;
	bool open;
	int64_t size, got, bytes, files, missing;
	char before[SP_BOX_PATH_MAX + 1];
} seen;

static void on_file(void *cls, const struct sp_artifact *a)
{
	FZ_CHECK(!seen.open && strlen(a->path) == a->path_len && !sp_box_path_fault(a->path, a->path_len) && a->size >= 0);
	FZ_CHECK(!seen.before[0] || (sp_box_path_order(seen.before, a->path) < 0 && !sp_box_path_below(seen.before, a->path)));
	memcpy(seen.before, a->path, a->path_len + 1);
	if (a->missing) {
		FZ_CHECK(a->missing <= SP_MISSING_DEEP);
		seen.missing++;
	} else {
		seen.open = true;
		seen.size = a->size;
		seen.got = 0;
		seen.files++;
		seen.bytes += a->size;
		FZ_CHECK(a->size <= seen.ask.file_bytes_max && seen.bytes <= seen.ask.total_bytes_max && seen.files <= seen.ask.files_max);
	}
	FZ_CHECK(seen.missing <= SP_BOX_SKIPS_MAX);
	sp_buf_printf(&seen.log, "file %s %d %d %lld\n", a->path, a->executable, (int)a->missing, (long long)a->size);
}

static void on_data(void *cls, const char *p, size_t n)
{
	FZ_CHECK(seen.open && n > 0);
	seen.got += (int64_t)n;
	FZ_CHECK(seen.got <= seen.size);
	sp_buf_add(&seen.log, p, n);
}

static void on_file_end(void *cls, bool whole)
{
	FZ_CHECK(seen.open && (!whole || seen.got == seen.size));
	seen.open = false;
	sp_buf_adds(&seen.log, whole ? "\nwhole\n" : "\npart\n");
}

/* Everything in pieces of at most `piece` bytes. Returns what was wrong, or NULL. */
static const char *feed(struct fz z, size_t piece, const struct sp_patterns *patterns, bool *complete)
{
	struct sp_records r;
	const char *fault = NULL;

	memset(&seen, 0, sizeof seen);
	sp_buf_init(&seen.log, LOG_MAX);
	seen.ask = (struct sp_collect){.patterns = wanted,
	        .npatterns = SP_COUNT(wanted),
	        .files_max = 4,
	        .file_bytes_max = 40,
	        .total_bytes_max = 90,
	        .depth_max = 4,
	        .on_file = on_file,
	        .on_data = on_data,
	        .on_file_end = on_file_end};
	sp_records_init(&r, &seen.ask, patterns);
	while (z.n && !fault) {
		size_t n = z.n < piece ? z.n : piece;
		sp_autofree void *exact = fz_exact(z.p, n);
		fault = sp_records_feed(&r, exact, n);
		z.p += n;
		z.n -= n;
	}
	if (fault) FZ_CHECK(!seen.open && sp_records_feed(&r, "x", 1)); /* once and for all */
	*complete = sp_records_finish(&r);
	FZ_CHECK(!seen.open && !(fault && *complete));
	if (*complete) FZ_CHECK((int64_t)r.files == seen.files && (int64_t)r.bytes == seen.bytes && r.all_skipped >= seen.missing);
	return fault;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fz z = {data, size};
	struct sp_patterns patterns = {.n = SP_COUNT(wanted)};
	size_t piece = 1 + fz_u8(&z) % 32;
	bool whole, parts;

	for (unsigned i = 0; i < patterns.n; i++) FZ_CHECK(!sp_pattern_parse(&patterns.one[i], wanted[i]));
	const char *a = feed(z, z.n + 1, &patterns, &whole);
	struct sp_buf first = seen.log;
	const char *b = feed(z, piece, &patterns, &parts);
	FZ_CHECK(whole == parts && !a == !b && (!a || strcmp(a, b) == 0));
	if (a) fz_check_message(a);
	FZ_CHECK(!first.failed && first.len == seen.log.len && (first.len == 0 || memcmp(first.data, seen.log.data, first.len) == 0));
	sp_buf_fini(&first);
	sp_buf_fini(&seen.log);
	return 0;
}
