/* SPDX-License-Identifier: MIT */
/* What the tests of the runtime share: one evaluation with its output captured, processes below another, descriptors. */
#ifndef SP_TESTS_RUNTIME_KIT_H
#define SP_TESTS_RUNTIME_KIT_H

#include "../unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/file.h"
#include "base/mem.h"
#include "runtime/native.h"

#define MIB (INT64_C(1) << 20)

static const struct sp_limits kit_limits = {
        .wall_ms = 20000,
        .cpu_ms = 20000,
        .memory_bytes = 256 * MIB,
        .processes = 64,
        .open_files = 256,
        .files_bytes = 64 * MIB,
        .output_bytes = MIB,
};
static const char *const kit_env[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};

/* The probe program, read once: nearly every test hands it to its container. */
extern struct sp_buf kit_probe; /* defined beside main */

static inline void kit_load_probe(const char *path)
{
	struct sp_err err = {0};

	sp_buf_init(&kit_probe, 16 * MIB);
	if (sp_read_file(path, 16 * MIB, &kit_probe, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
}

/* A step as the tests want it, and all that came out of it. */
struct kit {
	struct sp_runtime *r;
	int slot;
	struct sp_step step;
	struct sp_step_result res;
	struct sp_err err;
	struct sp_buf out[2];
	/* Called once, at the first output, on the step's thread. */
	void (*at_output)(struct kit *k);
	long arg;
};

static inline void kit_output(void *cls, enum sp_stream stream, const char *p, size_t n)
{
	struct kit *k = cls;
	void (*hook)(struct kit *) = sp_steal(&k->at_output);

	assert_int_equal(sp_buf_add(&k->out[stream], p, n), 0);
	if (hook) hook(k);
}

static inline struct kit kit_new(struct sp_runtime *r, int slot)
{
	struct kit k = {.r = r, .slot = slot, .step = {.env = kit_env, .cwd = "/box", .limits = kit_limits}};

	for (int i = 0; i < 2; i++) sp_buf_init(&k.out[i], 64 * MIB);
	return k;
}

static inline int kit_try_begin(struct kit *k, const struct sp_source_file *more, size_t n)
{
	struct sp_source_file files[16] = {{.path = "probe", .data = kit_probe.data, .size = kit_probe.len, .executable = true}};
	struct sp_workspace w = {.root = "host", .files = files, .nfiles = n + 1, .files_bytes = 64 * MIB};

	assert_true(n < SP_COUNT(files));
	for (size_t i = 0; i < n; i++) files[i + 1] = more[i];
	return sp_runtime_begin(k->r, k->slot, &w, &k->err);
}

static inline void kit_begin(struct kit *k)
{
	if (kit_try_begin(k, NULL, 0)) fail_msg("begin: %s", k->err.msg);
}

static inline int kit_try_argv(struct kit *k, const char *const *argv)
{
	for (int i = 0; i < 2; i++) k->out[i].len = 0;
	k->step.argv = argv;
	k->step.on_output = kit_output;
	k->step.cls = k;
	return sp_runtime_step(k->r, k->slot, &k->step, &k->res, &k->err);
}
#define kit_try(k, ...) kit_try_argv(k, (const char *const[]){__VA_ARGS__, NULL})
#define kit_run(k, ...) \
	do { \
		if (kit_try(k, __VA_ARGS__)) fail_msg("step: %s", (k)->err.msg); \
	} while (0)

static inline void kit_end(struct kit *k)
{
	sp_runtime_end(k->r, k->slot);
	for (int i = 0; i < 2; i++) sp_buf_fini(&k->out[i]);
}

static inline void assert_exit(const struct kit *k, int code)
{
	const struct sp_step_result *r = &k->res;

	if (r->signaled || r->code != code || r->killed_by != SP_KILLED_NOT)
		fail_msg("%s %d, killed_by %d, not exit %d; stderr: %.200s", r->signaled ? "signal" : "exit", r->code, r->killed_by, code,
		        k->out[1].len ? k->out[1].data : "");
}

static inline void assert_killed(const struct kit *k, enum sp_killed_by by)
{
	const struct sp_step_result *r = &k->res;

	if (!r->signaled || r->code != SIGKILL || r->killed_by != by)
		fail_msg("%s %d, killed_by %d, not killed by %d", r->signaled ? "signal" : "exit", r->code, r->killed_by, by);
}

static inline void assert_out(const struct kit *k, enum sp_stream s, const char *text)
{
	if (k->out[s].len != strlen(text) || (k->out[s].len && memcmp(k->out[s].data, text, k->out[s].len) != 0))
		fail_msg("stream %d is \"%.*s\", not \"%s\"", s, (int)k->out[s].len, k->out[s].len ? k->out[s].data : "", text);
}

/* probe's pattern. */
static inline void assert_pattern(const struct kit *k, enum sp_stream s, size_t n)
{
	assert_int_equal(k->out[s].len, n);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)k->out[s].data[i] != i * 31 % 251) fail_msg("byte %zu is wrong", i);
	}
}

/* A whole evaluation that has to work: the slot is fit. */
static inline void assert_works(struct sp_runtime *r, int slot)
{
	struct kit k = kit_new(r, slot);

	kit_begin(&k);
	kit_run(&k, "./probe", "exit", "7");
	assert_exit(&k, 7);
	kit_end(&k);
}

/* Until the box is up again after it died; bounded by far more than that takes. */
static inline void await_healthy(struct sp_runtime *r)
{
	for (int i = 0; sp_runtime_healthy_slots(r) == 0; i++) {
		if (i == 3000) fail_msg("the box did not come back");
		usleep(10000);
	}
}

static inline int count_fds(pid_t pid)
{
	char path[64];
	int n = 0;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	assert_non_null(d);
	while (readdir(d)) n++;
	closedir(d);
	return n;
}

/* Parent and state of a process; false if there is none. */
static inline bool process_stat(pid_t pid, pid_t *parent, char *state)
{
	char path[64];
	struct sp_buf b;
	int ppid = 0;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	sp_buf_init(&b, 65536);
	bool ok = sp_read_file(path, 65536, &b, NULL) == 0 && b.len && sscanf(strrchr(b.data, ')') + 1, " %c %d", state, &ppid) == 2;
	sp_buf_fini(&b);
	*parent = ppid;
	return ok;
}

/* Every process below `root`, itself included; at most max. */
static inline int processes_below(pid_t root, pid_t *out, int max)
{
	int n = 1;

	out[0] = root;
	for (int i = 0; i < n; i++) {
		pid_t kids[64];
		int k = sp_starter_children(out[i], kids, 64);
		for (int j = 0; j < k && n < max; j++) out[n++] = kids[j];
	}
	return n;
}

#endif
