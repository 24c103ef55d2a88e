/* SPDX-License-Identifier: MIT */
#include "fake_runtime.h"

#include "unit.h"

#include <errno.h>
#include <signal.h>

#include "base/clock.h"
#include "box/pattern.h"

static struct fake_runtime *self(struct sp_runtime *r) { return (struct fake_runtime *)r; }

static void fake_info(struct sp_runtime *r, struct sp_runtime_info *out)
{
	*out = (struct sp_runtime_info){.slots = self(r)->slots, .enforced = SP_ENFORCED_MEMORY, .name = "fake"};
}

static int fake_begin(struct sp_runtime *r, int slot, const struct sp_workspace *w, struct sp_err *err)
{
	struct fake_runtime *f = self(r);
	struct fake_slot *s = &f->slot[slot];

	pthread_mutex_lock(&f->lock);
	assert_false(s->begun);
	*s = (struct fake_slot){.begun = true};
	if (w->nfiles) {
		snprintf(s->program, sizeof(s->program), "%.*s", (int)w->files[0].size, w->files[0].data);
		snprintf(s->path, sizeof(s->path), "%s", w->files[0].path);
	}
	pthread_mutex_unlock(&f->lock);
	return 0;
}

static void print(const struct sp_step *st, const char *text) { st->on_output(st->cls, SP_STDOUT, text, strlen(text)); }

static int version(const struct sp_step *st, struct sp_step_result *out, struct sp_err *err)
{
	if (strcmp(st->argv[0], "missing") == 0) return sp_fail(err, SP_E_INVALID, ENOENT, "missing");
	print(st, strcmp(st->argv[0], "old") == 0 ? "no idea\n" : "v1.2.3\n");
	return 0;
}

/* Waits under the lock; false when interrupted. */
static bool wait_for(struct fake_runtime *f, struct fake_slot *s, int *counter, bool hold)
{
	(*counter)++;
	pthread_cond_broadcast(&f->changed);
	while (!s->interrupted && !(hold && f->released > 0)) pthread_cond_wait(&f->changed, &f->lock);
	(*counter)--;
	if (s->interrupted) return false;
	f->released--;
	return true;
}

static void killed(struct sp_step_result *out)
{
	out->signaled = true;
	out->code = SIGKILL;
	out->killed_by = SP_KILLED_CALLER;
}

static int program(struct fake_runtime *f, struct fake_slot *s, const struct sp_step *st, struct sp_step_result *out, struct sp_err *err)
{
	const char *p = s->program;
	int n = 0;

	if (s->interrupted) {
		killed(out);
	} else if (strncmp(p, "print ", 6) == 0) {
		f->order[strlen(f->order) % (sizeof(f->order) - 1)] = p[6];
		print(st, p + 6);
	} else if (sscanf(p, "exit %d", &n) == 1) {
		out->code = n;
	} else if (strcmp(p, "hold") == 0) {
		if (wait_for(f, s, &f->holding, true))
			print(st, "held");
		else
			killed(out);
	} else if (strcmp(p, "hang") == 0) {
		(void)wait_for(f, s, &f->hanging, false);
		killed(out);
	} else if (sscanf(p, "lose %d", &n) == 1) {
		if (f->times++ < n) return sp_fail(err, SP_E_UNAVAILABLE, 0, "the box was lost");
		print(st, "found");
	} else if (sscanf(p, "spurious %d", &n) == 1) {
		if (f->times++ < n)
			killed(out);
		else
			print(st, "late");
	} else if (strcmp(p, "nocommand") == 0) {
		return sp_fail(err, SP_E_INVALID, ENOENT, "cannot run lang");
	} else if (strcmp(p, "broken") == 0) {
		return sp_fail(err, SP_E_INTERNAL, 0, "something broke");
	} else if (strcmp(p, "env") == 0) {
		for (const char *const *a = st->argv; *a; a++) print(st, *a), print(st, "|");
		for (const char *const *e = st->env; *e; e++) print(st, *e), print(st, "|");
		if (st->stdin_data) st->on_output(st->cls, SP_STDERR, st->stdin_data, st->stdin_size);
	} else {
		return sp_fail(err, SP_E_INTERNAL, 0, "the test has no program \"%s\"", p);
	}
	return 0;
}

static int fake_step(struct sp_runtime *r, int slot, const struct sp_step *st, struct sp_step_result *out, struct sp_err *err)
{
	struct fake_runtime *f = self(r);
	struct fake_slot *s = &f->slot[slot];
	int rc = 0;

	*out = (struct sp_step_result){.cpu_ns = 1000000, .wall_ns = 2000000, .setup_ns = 500000, .memory_peak_bytes = 4096};
	pthread_mutex_lock(&f->lock);
	assert_true(s->begun && !s->in_step);
	if (!s->program[0]) {
		rc = version(st, out, err);
	} else if (strcmp(st->argv[0], "cc") == 0) {
		out->code = strcmp(s->program, "badcompile") == 0;
		print(st, out->code ? "error" : "compiled");
	} else {
		s->in_step = true;
		f->programs++;
		if (++f->running > f->most) f->most = f->running;
		rc = program(f, s, st, out, err);
		f->running--;
		s->in_step = false;
	}
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	return rc;
}

static int fake_collect(struct sp_runtime *r, int slot, const struct sp_collect *c, const struct sp_patterns *patterns,
        struct sp_collect_result *out, struct sp_err *err)
{
	struct fake_runtime *f = self(r);
	struct fake_slot copy;

	pthread_mutex_lock(&f->lock);
	assert_true(f->slot[slot].begun && !f->slot[slot].in_step);
	copy = f->slot[slot];
	pthread_mutex_unlock(&f->lock);
	if (strncmp(copy.program, "lose ", 5) == 0) return sp_fail(err, SP_E_UNAVAILABLE, 0, "the box was lost");
	if (copy.interrupted) {
		out->killed_by = SP_KILLED_CALLER;
		return 0;
	}
	struct sp_artifact a = {.path = copy.path, .path_len = strlen(copy.path), .size = (int64_t)strlen(copy.program)};
	bool asked = false;
	for (unsigned i = 0; i < patterns->n && a.path_len; i++) asked |= sp_pattern_matches(&patterns->one[i], a.path);
	if (asked) {
		if (a.size > c->file_bytes_max)
			a.missing = SP_MISSING_LARGE;
		else if (a.size > c->total_bytes_max)
			a.missing = SP_MISSING_TOTAL;
		c->on_file(c->cls, &a);
		if (a.missing) {
			out->missing = 1;
		} else {
			c->on_data(c->cls, copy.program, (size_t)a.size);
			c->on_file_end(c->cls, true);
			out->files = 1;
			out->bytes = a.size;
		}
		if (a.missing == SP_MISSING_TOTAL) out->more = SP_MORE_TOTAL;
	}
	out->complete = true;
	return 0;
}

static void fake_end(struct sp_runtime *r, int slot)
{
	struct fake_runtime *f = self(r);

	pthread_mutex_lock(&f->lock);
	f->slot[slot].begun = f->slot[slot].interrupted = false;
	pthread_mutex_unlock(&f->lock);
}

static void fake_interrupt(struct sp_runtime *r, int slot)
{
	struct fake_runtime *f = self(r);

	pthread_mutex_lock(&f->lock);
	f->slot[slot].interrupted = true;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static int fake_healthy(struct sp_runtime *r)
{
	struct fake_runtime *f = self(r);

	pthread_mutex_lock(&f->lock);
	int n = f->healthy;
	pthread_mutex_unlock(&f->lock);
	return n;
}

static void fake_close(struct sp_runtime *r) {}

static const struct sp_runtime_ops ops = {.name = "fake",
        .info = fake_info,
        .begin = fake_begin,
        .step = fake_step,
        .collect = fake_collect,
        .end = fake_end,
        .interrupt = fake_interrupt,
        .healthy_slots = fake_healthy,
        .close = fake_close};

void fake_init(struct fake_runtime *f, int slots)
{
	*f = (struct fake_runtime){.super.ops = &ops, .slots = slots, .healthy = slots};
	pthread_mutex_init(&f->lock, NULL);
	sp_cond_init(&f->changed);
}

void fake_fini(struct fake_runtime *f)
{
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
}

void fake_release(struct fake_runtime *f, int more)
{
	pthread_mutex_lock(&f->lock);
	f->released += more;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

void fake_await(struct fake_runtime *f, const int *counter, int value)
{
	int64_t until = sp_mono_ns() + 30 * SP_NS_PER_S;

	pthread_mutex_lock(&f->lock);
	while (*counter != value && sp_mono_ns() < until) (void)sp_cond_wait_until(&f->changed, &f->lock, until);
	int last = *counter;
	pthread_mutex_unlock(&f->lock);
	if (last != value) fail_msg("the counter is %d and not %d", last, value);
}
