/* SPDX-License-Identifier: MIT */
/*
 * What a cold container costs: each program is started bare (posix_spawn), through bubblewrap, and through the native runtime, one after the other in
 * random order within each round, in the same clean environment; its output is read to the end and it is reaped. Figures are ratios to bare of the same run.
 *
 *     SERAPIS_BOX=build/src/box/serapis-box bench/box_bench [ROUNDS]     as root; default 100
 *
 * "serapis" is from begin to the step's result, what a caller waits for; "cycle" is until the slot can begin again. A second table says where the time of
 * "serapis" goes, as far as results tell: from the step's arrival at the launcher to the exec, from there to the end of the main process, and the rest,
 * which is the messages to and fro and the end of the container.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "runtime/runtime.h"

#define ROUNDS_MAX 10000

struct program {
	const char *name, *file, *text;
	const char *argv[4];
};

static const struct program programs[] = {
        {"true", NULL, NULL, {"/bin/true"}},
        {"node", "h.js", "console.log('hello')\n", {"/usr/bin/node", "h.js"}},
        {"ruby", "h.rb", "puts 'hello'\n", {"/usr/bin/ruby", "h.rb"}},
        {"python", "h.py", "print('hello')\n", {"/usr/bin/python3", "h.py"}},
};

enum way { BARE, BWRAP, BOX, WAYS };
static const char *const way_names[WAYS] = {"bare", "bubblewrap", "serapis"};
static char *const env[] = {
        (char[]){"PATH=/usr/local/bin:/usr/bin:/bin"}, (char[]){"LANG=C.UTF-8"}, (char[]){"HOME=/box"}, (char[]){"TMPDIR=/tmp"}, NULL};

static double samples[SP_COUNT(programs)][WAYS][ROUNDS_MAX];
static double cycles[SP_COUNT(programs)][ROUNDS_MAX];

enum stage { SETUP, PROGRAM, REST, STAGES };
static double stages[SP_COUNT(programs)][STAGES][ROUNDS_MAX];

static double spawned(const char *const *argv)
{
	int out[2];
	pid_t pid;
	char sink[4096];
	posix_spawn_file_actions_t fa;

	int64_t t = sp_mono_ns();
	if (pipe2(out, O_CLOEXEC) < 0) exit(1);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, out[1], 1);
	if (posix_spawn(&pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, env) != 0) {
		fprintf(stderr, "cannot start %s\n", argv[0]);
		exit(1);
	}
	close(out[1]);
	while (read(out[0], sink, sizeof sink) > 0) continue;
	int status;
	waitpid(pid, &status, 0);
	double ms = (double)(sp_mono_ns() - t) / 1e6;
	posix_spawn_file_actions_destroy(&fa);
	close(out[0]);
	if (status != 0) {
		fprintf(stderr, "%s ended with status %d\n", argv[0], status);
		exit(1);
	}
	return ms;
}

static double wrapped(const struct program *p)
{
	/* What its manual shows for running a program without network in a read-only system; no cgroup and no filter, which it does not do by itself. */
	const char *argv[40] = {"/usr/bin/bwrap", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64",
	        "/lib64", "--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--bind", ".", "/box",
	        "--chdir", "/box", "--unshare-all", "--die-with-parent"};
	int n = 26;
	for (int i = 0; p->argv[i]; i++) argv[n++] = p->argv[i];
	return spawned(argv);
}

static void drop(void *cls, enum sp_stream s, const char *b, size_t n) {}

static double boxed(struct sp_runtime *rt, const struct program *p, double *cycle, double stage[STAGES])
{
	struct sp_err err;
	struct sp_step_result r;
	struct sp_source_file f = {.path = p->file, .data = p->text, .size = p->text ? strlen(p->text) : 0};
	struct sp_workspace w = {.root = "host", .files = &f, .nfiles = p->file ? 1 : 0, .files_bytes = 64 << 20};
	struct sp_step st = {.argv = p->argv,
	        .env = (const char *const *)env,
	        .cwd = "/box",
	        .on_output = drop,
	        .limits = {.wall_ms = 15000,
	                .cpu_ms = 10000,
	                .memory_bytes = 512 << 20,
	                .processes = 64,
	                .open_files = 256,
	                .files_bytes = 64 << 20,
	                .output_bytes = 1 << 20}};

	int64_t t = sp_mono_ns();
	if (sp_runtime_begin(rt, 0, &w, &err) < 0 || sp_runtime_step(rt, 0, &st, &r, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	int64_t answered = sp_mono_ns();
	sp_runtime_end(rt, 0);
	if (r.signaled || r.code != 0) {
		fprintf(stderr, "%s in the box: code %d\n", p->name, r.code);
		exit(1);
	}
	/* The next begin waits for a clean slot: an empty one shows how long that takes. */
	if (sp_runtime_begin(rt, 0, &(struct sp_workspace){.root = "host", .files_bytes = 1 << 20}, &err) < 0) exit(1);
	*cycle = (double)(sp_mono_ns() - t) / 1e6;
	sp_runtime_end(rt, 0);
	/* An idle gap, as between requests: the container made ahead is ready again. */
	usleep(3000);
	double ms = (double)(answered - t) / 1e6;
	stage[SETUP] = (double)r.setup_ns / 1e6;
	stage[PROGRAM] = (double)r.wall_ns / 1e6;
	stage[REST] = ms - stage[SETUP] - stage[PROGRAM];
	return ms;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double quantile(double *v, int n, double q) { return v[(int)((n - 1) * q)]; }

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 100;
	if (rounds < 1 || rounds > ROUNDS_MAX) return 2;
	struct sp_err err;
	struct sp_runtime *rt =
	        sp_runtime_open("native", &(struct sp_runtime_options){.slots = 1, .box_path = getenv("SERAPIS_BOX")}, &err);
	if (!rt) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	char dir[] = "/tmp/box-bench-XXXXXX";
	if (!mkdtemp(dir) || chdir(dir) < 0) return 1;
	bool have[SP_COUNT(programs)], bwrap = access("/usr/bin/bwrap", X_OK) == 0;
	for (size_t i = 0; i < SP_COUNT(programs); i++) {
		have[i] = access(programs[i].argv[0], X_OK) == 0;
		if (!programs[i].file) continue;
		FILE *f = fopen(programs[i].file, "we");
		if (!f || fputs(programs[i].text, f) < 0 || fclose(f) != 0) return 1;
	}
	srand(1);
	for (int r = -2; r < rounds; r++) /* two rounds warm the caches */
		for (size_t i = 0; i < SP_COUNT(programs); i++) {
			int order[WAYS] = {BARE, BWRAP, BOX}, k = rand() % WAYS, swap = order[0];
			order[0] = order[k];
			order[k] = swap;
			for (int j = 0; have[i] && j < WAYS; j++) {
				double cycle = 0, ms = 0, stage[STAGES] = {0};
				if (order[j] == BARE)
					ms = spawned(programs[i].argv);
				else if (order[j] == BOX)
					ms = boxed(rt, &programs[i], &cycle, stage);
				else if (bwrap)
					ms = wrapped(&programs[i]);
				if (r < 0) continue;
				samples[i][order[j]][r] = ms;
				if (order[j] != BOX) continue;
				cycles[i][r] = cycle;
				for (int s = 0; s < STAGES; s++) stages[i][s][r] = stage[s];
			}
		}
	sp_runtime_close(rt);
	for (size_t i = 0; i < SP_COUNT(programs); i++)
		if (programs[i].file) unlink(programs[i].file);
	if (chdir("/") == 0) rmdir(dir);

	printf("| program | way | min ms | p50 ms | p95 ms | p99 ms | p50 to bare |\n|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < SP_COUNT(programs); i++) {
		double bare = 0;
		for (int w = 0; have[i] && w < WAYS; w++) {
			double *v = samples[i][w];
			if (w == BWRAP && !bwrap) continue;
			qsort(v, (size_t)rounds, sizeof *v, by_value);
			if (w == BARE) bare = quantile(v, rounds, 0.5);
			printf("| %s | %s | %.2f | %.2f | %.2f | %.2f | %.2f |\n", programs[i].name, way_names[w], v[0],
			        quantile(v, rounds, 0.5), quantile(v, rounds, 0.95), quantile(v, rounds, 0.99),
			        quantile(v, rounds, 0.5) / bare);
		}
		if (!have[i]) continue;
		qsort(cycles[i], (size_t)rounds, sizeof(double), by_value);
		printf("| %s | serapis, cycle | %.2f | %.2f | %.2f | %.2f | %.2f |\n", programs[i].name, cycles[i][0],
		        quantile(cycles[i], rounds, 0.5), quantile(cycles[i], rounds, 0.95), quantile(cycles[i], rounds, 0.99),
		        quantile(cycles[i], rounds, 0.5) / bare);
	}
	printf("\n| program | to the exec, p50 ms | program | messages, end |\n|---|---|---|---|\n");
	for (size_t i = 0; i < SP_COUNT(programs); i++) {
		if (!have[i]) continue;
		for (int s = 0; s < STAGES; s++) qsort(stages[i][s], (size_t)rounds, sizeof(double), by_value);
		printf("| %s | %.2f | %.2f | %.2f |\n", programs[i].name, quantile(stages[i][SETUP], rounds, 0.5),
		        quantile(stages[i][PROGRAM], rounds, 0.5), quantile(stages[i][REST], rounds, 0.5));
	}
	return 0;
}
