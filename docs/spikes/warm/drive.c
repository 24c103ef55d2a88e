/* SPDX-License-Identifier: MIT */
/*
 * Spike: drives a box with sub-zygotes (box.patch), with the box tests' client.
 *
 *   drive run LANG FILE [ARG…]          one warm run, its output and what DONE says        cold LANG FILE …: the same, cold
 *   drive bench ROUNDS                  bare, cold and warm of each language in random order within each round
 *   drive many LANG FILE N SLOTS        N warm runs over all slots at once; counts what did not give the first run's output
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "boxclient.h"

static const char *const names[] = {"ruby", "python", "node"};
static const char *const programs[] = {"/usr/bin/ruby", "/usr/bin/python3", "/usr/bin/node"};
static const char *const entries[] = {"main.rb", "main.py", "main.js"};
static const char *const hellos[] = {"puts 'hello'\n", "print('hello')\n", "console.log('hello')\n"};
static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/box", "LANG=C.UTF-8", "TMPDIR=/tmp", NULL};

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int language(const char *s)
{
	for (int i = 0; i < 3; i++)
		if (strcmp(s, names[i]) == 0) return i;
	exit(2);
}

static char *slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "re");
	if (!f) {
		perror(path);
		exit(2);
	}
	char *b = malloc(1 << 20);
	*n = fread(b, 1, 1 << 20, f);
	fclose(f);
	return b;
}

static struct bx_run make(int lang, const char *text, size_t n, const char *const *args, bool warm)
{
	static struct bx_file files[8][1];
	static const char *argv[8][64];
	static int at;
	int k = at++ % 8, c = 0;
	files[k][0] = (struct bx_file){entries[lang], 0644, text, n};
	argv[k][c++] = warm ? names[lang] : programs[lang];
	if (strcmp(argv[k][0], "python") == 0) argv[k][0] = "python3";
	argv[k][c++] = entries[lang];
	for (; args && *args; args++) argv[k][c++] = *args;
	argv[k][c] = NULL;
	struct bx_run r = {.argv = argv[k], .env = env, .files = files[k], .nfiles = 1};
	r.step.memory_bytes = 512 << 20;
	if (getenv("MEMORY")) r.step.memory_bytes = strtoull(getenv("MEMORY"), NULL, 10) << 20;
	if (getenv("WALL")) r.step.wall_ns = strtoull(getenv("WALL"), NULL, 10) * 1000000;
	if (getenv("PROCESSES")) r.step.processes = (uint32_t)atoi(getenv("PROCESSES"));
	r.cwd = getenv("CWD");
	if (warm) r.step.flags = (uint32_t)(1 + lang) << 8;
	if (getenv("INPUT")) r.input = getenv("INPUT"), r.input_size = strlen(getenv("INPUT"));
	return r;
}

static int one(struct bx *b, bool warm, int lang, const char *file, const char *const *args)
{
	size_t n;
	char *text = slurp(file, &n);
	struct bx_run r = make(lang, text, n, args, warm);
	struct bx_result o;
	bx_run(b->slot[0], &r, &o);
	if (o.refused) {
		printf("REFUSED %u: %s\n", o.error.code, o.error.text);
		return 1;
	}
	fwrite(o.out, 1, o.out_len, stdout);
	fflush(stdout);
	fwrite(o.err, 1, o.err_len, stderr);
	printf("-- %s %d killed_by %u flags %x cpu %.2f wall %.2f setup %.2f ms peak %.1f MB; ended flags %x, teardown %.2f ms\n",
	        o.done.ended == SP_BOX_EXITED ? "exit" : "signal", o.done.code, o.done.killed_by, o.done.flags, (double)o.done.cpu_ns / 1e6,
	        (double)o.done.wall_ns / 1e6, (double)o.done.setup_ns / 1e6, (double)o.done.memory_peak / 1e6, o.ended.flags,
	        (double)o.ended.teardown_ns / 1e6);
	bx_free(&o);
	return 0;
}

/* ---- bench */

enum { BARE, COLD, WARM, WAYS };
enum { ANSWER, BOXTIME, CPU, KINDS }; /* client's wall; the launcher's arrival → reaped; CPU of the slot's cgroup, or of the child */
static const char *const ways[] = {"bare", "cold", "warm"};
static double *samples[3][WAYS][KINDS];
static char cpuacct[600];

static double slot_cpu(void)
{
	char t[32] = "";
	int fd = open(cpuacct, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, t, 31) <= 0) exit(3);
	close(fd);
	return (double)strtoull(t, NULL, 10) / 1e6;
}

static void bare(int lang, const char *path, double out[KINDS])
{
	int p[2], st;
	char sink[4096];
	struct rusage u;
	posix_spawn_file_actions_t fa;
	const char *argv[] = {programs[lang], path, NULL};
	pid_t pid;
	double t = now_ms();
	if (pipe2(p, O_CLOEXEC) < 0) exit(1);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, p[1], 1);
	if (posix_spawn(&pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env)) exit(1);
	close(p[1]);
	while (read(p[0], sink, sizeof sink) > 0) continue;
	wait4(pid, &st, 0, &u);
	out[ANSWER] = out[BOXTIME] = now_ms() - t;
	out[CPU] = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
	posix_spawn_file_actions_destroy(&fa);
	close(p[0]);
	if (st) exit(4);
}

static int boxed(struct bx *b, int lang, bool warm, double out[KINDS])
{
	struct bx_run r = make(lang, hellos[lang], strlen(hellos[lang]), NULL, warm);
	struct bx_result o = {0};
	double cpu = slot_cpu(), t = now_ms();
	bx_begin(b->slot[0], &r);
	bx_step(b->slot[0], &r);
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	bx_expect(b->slot[0], SP_BOX_BEGUN, &m, fds);
	bx_collect(b->slot[0], &r, &o);
	out[ANSWER] = now_ms() - t;
	bx_end(b->slot[0], &o);
	usleep(3000); /* the next container is made meanwhile, as between two requests */
	out[CPU] = slot_cpu() - cpu;
	int bad = o.refused || o.done.ended != SP_BOX_EXITED || o.done.code != 0 || strcmp(o.out, "hello\n") != 0 || o.ended.flags;
	if (bad)
		fprintf(stderr, "%s %s: refused %d %s ended %u code %d flags %x\n", names[lang], ways[warm ? WARM : COLD], o.refused,
		        o.error.text, o.done.ended, o.done.code, o.ended.flags);
	out[BOXTIME] = (double)(o.done.setup_ns + o.done.wall_ns) / 1e6;
	bx_free(&o);
	return bad;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* bx_cgroup_path() takes the box's first child for a launcher; with masters it need not be one. */
static void find_slot(struct bx *b)
{
	char path[64], list[512] = "", line[512];
	pid_t box = bx_child_of(b->stub);
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)box, (int)box);
	FILE *f = fopen(path, "re");
	if (f && fgets(list, sizeof list, f)) fclose(f);
	for (char *p = strtok(list, " "); p; p = strtok(NULL, " ")) {
		snprintf(path, sizeof path, "/proc/%s/cgroup", p);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof line, f)) {
			char *dir = strstr(line, ":cpuacct:");
			if (!dir || !strstr(dir, "/s0-0")) continue;
			dir[strcspn(dir, "\n")] = 0;
			snprintf(cpuacct, sizeof cpuacct, "/sys/fs/cgroup/cpuacct%s/cpuacct.usage", dir + 9);
		}
		if (f) fclose(f);
	}
}

static void bench(struct bx *b, int rounds)
{
	char dir[] = "/tmp/warm-XXXXXX", path[3][64];
	int bad = 0;
	if (!mkdtemp(dir)) exit(1);
	for (int l = 0; l < 3; l++) {
		snprintf(path[l], sizeof path[l], "%s/%s", dir, entries[l]);
		FILE *f = fopen(path[l], "we");
		fputs(hellos[l], f);
		fclose(f);
		for (int w = 0; w < WAYS; w++)
			for (int k = 0; k < KINDS; k++) samples[l][w][k] = calloc((size_t)rounds, sizeof(double));
	}
	find_slot(b);
	srand(1);
	for (int i = -3; i < rounds; i++) {
		int order[9];
		for (int k = 0; k < 9; k++) order[k] = k;
		for (int k = 8; k > 0; k--) {
			int j = rand() % (k + 1), swap = order[k];
			order[k] = order[j];
			order[j] = swap;
		}
		for (int k = 0; k < 9; k++) {
			int l = order[k] / 3, w = order[k] % 3;
			double out[KINDS];
			if (w == BARE)
				bare(l, path[l], out);
			else
				bad += boxed(b, l, w == WARM, out);
			if (i >= 0)
				for (int q = 0; q < KINDS; q++) samples[l][w][q][i] = out[q];
		}
	}
	static const char *const kinds[] = {"answer", "in the box", "CPU"};
	printf("| language | way | what | min | median | p95 | median to bare |\n|---|---|---|---|---|---|---|\n");
	for (int l = 0; l < 3; l++)
		for (int q = 0; q < KINDS; q++) {
			double base = 1;
			for (int w = 0; w < WAYS; w++) {
				double *v = samples[l][w][q];
				qsort(v, (size_t)rounds, sizeof *v, by_value);
				if (w == BARE) base = v[rounds / 2];
				if (w == BARE && q == BOXTIME) continue;
				printf("| %s | %s | %s | %.2f | %.2f | %.2f | %.3f |\n", names[l], ways[w], kinds[q], v[0], v[rounds / 2],
				        v[rounds * 95 / 100], v[rounds / 2] / base);
			}
		}
	printf("bad %d of %d boxed\n", bad, (rounds + 3) * 6);
	for (int l = 0; l < 3; l++) unlink(path[l]);
	rmdir(dir);
}

/* ---- many */

static int many(struct bx *b, int lang, const char *file, int n)
{
	size_t size;
	char *text = slurp(file, &size), *first = NULL;
	int bad = 0, replaced = 0;
	pid_t kids[8];
	int per = n / (int)b->nslots;
	double t = now_ms();
	for (unsigned s = 0; s < b->nslots; s++) {
		kids[s] = fork();
		if (kids[s]) continue;
		for (int i = 0; i < per; i++) {
			struct bx_run r = make(lang, text, size, NULL, true);
			struct bx_result o = {0};
			bx_run(b->slot[s], &r, &o);
			replaced += o.ended.flags != 0;
			if (o.refused || o.done.ended != SP_BOX_EXITED || o.done.code != 0 || !(o.done.flags & 256)) {
				bad++;
				fprintf(stderr, "slot %u run %d: refused %d (%s), %u %d killed %u flags %x\n%s\n", s, i, o.refused,
				        o.error.text, o.done.ended, o.done.code, o.done.killed_by, o.done.flags, o.err ? o.err : "");
			} else if (getenv("PRINT")) {
				printf("%s", o.out);
				fflush(stdout);
			} else if (!first) {
				first = strdup(o.out);
			} else if (strcmp(first, o.out) != 0) {
				bad++;
				fprintf(stderr, "slot %u run %d differs: %s\n", s, i, o.out);
			}
			bx_free(&o);
		}
		fprintf(stderr, "slot %u: %d runs, %d bad, %d times replaced\n", s, per, bad, replaced);
		_exit(bad != 0);
	}
	for (unsigned s = 0; s < b->nslots; s++) {
		int st;
		waitpid(kids[s], &st, 0);
		bad |= st;
	}
	t = now_ms() - t;
	fprintf(stderr, "%d %s runs, %u slots, %.1f s, %.0f a second%s\n", per * (int)b->nslots, names[lang], b->nslots, t / 1e3,
	        per * b->nslots * 1e3 / t, bad ? ", NOT ALL GOOD" : "");
	return bad != 0;
}

int main(int argc, char **argv)
{
	struct bx b;
	if (argc < 3) return 2;
	bool is_many = strcmp(argv[1], "many") == 0;
	bx_start(&b, is_many ? (unsigned)atoi(argv[5]) : 1, "slots_max 8\nhost_sockets allow\n");
	int rc = 0;
	if (getenv("SPIKE_WAIT")) sleep((unsigned)atoi(getenv("SPIKE_WAIT"))); /* for a debugger */
	if (strcmp(argv[1], "bench") == 0)
		bench(&b, atoi(argv[2]));
	else if (is_many)
		rc = many(&b, language(argv[2]), argv[3], atoi(argv[4]));
	else
		for (int i = getenv("TIMES") ? atoi(getenv("TIMES")) : 1; i > 0; i--)
			rc |= one(&b, strcmp(argv[1], "run") == 0, language(argv[2]), argv[3], (const char *const *)(uintptr_t)argv + 4);
	bx_stop(&b);
	return rc;
}
