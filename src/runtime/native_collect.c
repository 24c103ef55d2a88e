/* SPDX-License-Identifier: MIT */
/*
 * COLLECT from the slot thread's side: as a step, with records (records.h) in the place of output.
 *
 * What comes is believed as far as it fits the request. Records that do not are no fault of the program, which is dead: the collector is ended, and the
 * call fails as one of ours.
 */
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/native.h"
#include "runtime/records.h"

_Static_assert(SP_MISSING_LARGE == (int)SP_BOX_SKIP_LARGE && SP_MISSING_TOTAL == (int)SP_BOX_SKIP_TOTAL &&
                       SP_MISSING_LINK == (int)SP_BOX_SKIP_LINK && SP_MISSING_SPECIAL == (int)SP_BOX_SKIP_SPECIAL &&
                       SP_MISSING_UNREADABLE == (int)SP_BOX_SKIP_UNREADABLE && SP_MISSING_DEEP == (int)SP_BOX_SKIP_DEEP,
        "one numbering");
_Static_assert(SP_MORE_FILES == (int)SP_BOX_HIT_FILES && SP_MORE_TOTAL == (int)SP_BOX_HIT_TOTAL && SP_MORE_DEEP == (int)SP_BOX_HIT_DEEP &&
                       SP_MORE_UNREADABLE == (int)SP_BOX_HIT_UNREADABLE && SP_MORE_NAMES == (int)SP_BOX_HIT_NAMES &&
                       SP_MORE_UNTOLD == (int)SP_BOX_HIT_SKIPS,
        "one numbering");

struct collect_io {
	struct sp_native_io io;
	struct sp_records records;
	const char *fault; /* what was wrong with them */
};

static int take_records(struct sp_native_io *io, int pipe, const char *p, size_t n, struct sp_err *err)
{
	struct collect_io *c = (struct collect_io *)io;

	if (c->fault) return 0;
	c->fault = sp_records_feed(&c->records, p, n);
	return c->fault && io->asked == SP_KILLED_NOT && !io->done ? sp_native_io_kill(io, SP_KILLED_CALLER, err) : 0;
}

static int send_collect(struct sp_native_io *io, const struct sp_collect *c, const struct sp_patterns *patterns, struct sp_err *err)
{
	sp_autoclose int request = -1;

	if (sp_native_pack_request(patterns, &request, err)) return -1;
	struct sp_box_msg m = {
	        .type = SP_BOX_COLLECT,
	        .u.collect =
	                {
	                        .wall_ns = (uint64_t)(c->wall_ms * SP_NS_PER_MS),
	                        .cpu_ns = (uint64_t)(c->cpu_ms * SP_NS_PER_MS),
	                        .file_bytes = (uint64_t)c->file_bytes_max,
	                        .total_bytes = (uint64_t)c->total_bytes_max,
	                        .files = (uint32_t)c->files_max,
	                        .depth = (uint32_t)c->depth_max,
	                },
	};
	return sp_native_send(io->n, io->s, &m, &request, 1, err);
}

/* What a collector that nobody has stopped may end like: by its own exit, at the end of the records; or by a limit that has no other voice. */
static int check_end(const struct collect_io *c, bool ended, struct sp_err *err)
{
	const struct sp_step_result *d = c->io.out;

	if (c->fault) return sp_fail(err, SP_E_INTERNAL, 0, "the collector sent %s", c->fault);
	if (d->killed_by != SP_KILLED_NOT) return 0;
	if (d->signaled && d->code != SIGKILL) return sp_fail(err, SP_E_INTERNAL, 0, "the collector ended by signal %d", d->code);
	if (!d->signaled && (d->code != 0 || !ended))
		return sp_fail(err, SP_E_INTERNAL, 0, "the collector ended with code %d%s", d->code, ended ? "" : " before it was done");
	return 0;
}

int sp_native_collect(struct sp_native *n, struct sp_native_slot *s, const struct sp_collect *ask, const struct sp_patterns *patterns,
        struct sp_collect_result *out, struct sp_err *err)
{
	struct sp_step_result done = {0};
	struct collect_io c = {.io = {.n = n, .s = s, .out = &done, .what = "collection", .pipes_due = 1, .take = take_records}};

	memset(out, 0, sizeof *out);
	if (sp_native_io_open(&c.io, err)) return -1;
	if (atomic_load(&s->interrupted)) {
		out->killed_by = SP_KILLED_CALLER;
		return 0;
	}
	if (!c.io.begun) return sp_fail(err, SP_E_INTERNAL, 0, "a collection before any step");
	sp_records_init(&c.records, ask, patterns);
	if (send_collect(&c.io, ask, patterns, err)) return -1;
	c.io.deadline = sp_mono_ns() + (ask->wall_ms + ask->cpu_ms + n->t.grace_ms) * SP_NS_PER_MS;

	int r = sp_native_io_run(&c.io, err);
	bool ended = sp_records_finish(&c.records);
	if (r) return -1;
	if (check_end(&c, ended, err)) {
		s->state = SP_SLOT_FAILED;
		return -1;
	}
	*out = (struct sp_collect_result){.complete = ended,
	        .killed_by = ended ? SP_KILLED_NOT : done.killed_by,
	        .more = c.records.hits,
	        .files = c.records.files,
	        .missing = ended ? c.records.all_skipped : c.records.skipped,
	        .bytes = (int64_t)c.records.bytes,
	        .cpu_ns = done.cpu_ns,
	        .wall_ns = done.wall_ns,
	        .setup_ns = done.setup_ns,
	        .memory_peak_bytes = done.memory_peak_bytes};
	return 0;
}
