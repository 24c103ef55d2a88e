/* SPDX-License-Identifier: MIT */
/*
 * What the API takes: a real `serapis serve` on a database in a directory of a real disk, asked over loopback. Tables of Markdown.
 *
 *     api_bench SERAPIS [DIRECTORY [SECONDS]]     as root; the current directory; a burst of 10 s
 *
 * 1. Burst: asynchronous requests that are accepted, each durable before its answer (synchronous=FULL), with what a flush of the same disk takes before and after. Once while programs that sleep have
 *    all slots, so that the figure is the API's; once while the evaluator runs what comes, as it would.
 * 2. Callers who wait: many synchronous requests at the same time.
 * 3. What HTTP costs a request: one connection asks the service and a plain libmicrohttpd in turn, for answers of the same size; then many connections, for the processor's time.
 * 4. Memory of a service that has nothing to do. 5. From start to ready.
 *
 * On a machine that others use, too, processor times mean more than rates: both are told.
 */
#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "figures.h"
#include "load.h"
#include "service.h"

#define SLOTS 2
#define CALLERS 5000
#define PINGS 20000
#define STARTS 20

static const char *program, *dir;
static bool missed; /* something was not as it must be, whatever the figures */

static void wrong(const char *what, long got, long wanted)
{
	printf("\nWRONG: %s: %ld, wanted %ld\n", what, got, wanted);
	missed = true;
}

/* ---- directories and requests ---- */

/* An empty directory for a store. */
static void clean(void)
{
	static const char *const names[] = {"serapis.db", "serapis.db-wal", "serapis.db-shm", "serapis.db.lock", "port", "serve.log"};
	char path[4096];

	for (size_t i = 0; i < SP_COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
}

static char *post(const char *language, const char *body)
{
	return sp_asprintf(
	        "POST /v1/eval/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", language,
	        strlen(body), body);
}

static char *get(const char *path) { return sp_asprintf("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path); }

static void start(struct service *s, const char *const *more)
{
	clean();
	service_start(s, program, dir, more);
}

/* The sum of a metric's samples, of all labels. */
static double metric(const struct service *s, const char *name)
{
	static char text[1 << 20];
	sp_autofree char *request = get("/metrics");
	size_t n = strlen(name);
	double sum = 0;

	if (load_once(s->port, request, text, sizeof(text)) != 200) return -1;
	for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, name, n) != 0 || (line[n] != ' ' && line[n] != '{')) continue;
		const char *value = strrchr(line, ' ');
		sum += strtod(value, NULL);
	}
	return sum;
}

static void await_metric(const struct service *s, const char *name, double wanted)
{
	int64_t until = sp_mono_ns() + 30 * SP_NS_PER_S;

	while (metric(s, name) < wanted && sp_mono_ns() < until) usleep(20000);
}

/* Programs that do nothing have all slots. */
static void occupy(const struct service *s, int seconds)
{
	sp_autofree char *body = sp_asprintf("{\"async\":true,\"limits\":{\"wall_ms\":60000},\"code\":\"sleep %d\"}", seconds);
	sp_autofree char *request = post("bash", body);

	for (int i = 0; i < SLOTS; i++)
		if (load_once(s->port, request, NULL, 0) != 202) wrong("a program that sleeps: status", 0, 202);
	await_metric(s, "serapis_slots{state=\"busy\"}", SLOTS);
}

/* ---- 1. burst ---- */

static long rows(void)
{
	sp_autofree char *path = sp_asprintf("%s/serapis.db", dir);
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	long n = -1;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	        sqlite3_prepare_v2(db, "SELECT count(*) FROM evaluations", -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = (long)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

struct burst {
	const char *name;
	size_t connections;
	bool occupied;
};

static void measure_burst(const struct burst *b, int seconds, struct thread_cpu threads[THREADS_MAX], int *nthreads, double *accepted)
{
	static const char *const more[] = {"--slots", "2", "--queue-max-waiting", "10000000", "--log-level", "info", NULL};
	sp_autofree char *request = post("bash", "{\"async\":true,\"code\":\"echo hello\"}");
	struct disk_figure before = {0}, after = {0};
	struct machine m0, m1;
	struct load_figures f;
	struct service s;

	start(&s, more);
	if (b->occupied) occupy(&s, 55);
	figures_disk(dir, &before);
	machine_look(&m0);
	int64_t cpu = cpu_of(s.pid);
	struct load *l = load_new(s.port, request, strlen(request), 202, b->connections, 0);
	load_run(l, seconds * SP_NS_PER_S);
	cpu = cpu_of(s.pid) - cpu;
	machine_look(&m1);
	*nthreads = cpu_by_thread(s.pid, threads);
	load_figures(l, &f);
	figures_disk(dir, &after);
	struct memory mem;
	memory_of(s.pid, &mem);
	/* Whoever sent without having got an answer is accepted, too: the service ends after those. */
	long in_flight = (long)b->connections;
	load_free(l);
	service_stop(&s);
	double wall = (double)f.wall_ns / 1e9;
	printf("| %s | %zu | **%.0f** | %.1f | %.1f | %.0f | %.0f | %.0f | %.2f, %.2f | %.0f |\n", b->name, b->connections,
	        (double)f.wanted / wall, figures_ms(f.ns, f.n, 0.5), figures_ms(f.ns, f.n, 0.99), (double)cpu / 1e3 / (double)f.answers,
	        100.0 * (double)f.cpu_ns / (double)f.wall_ns, machine_busy_percent(&m0, &m1), before.p50_ms, after.p50_ms,
	        (double)mem.peak_kib / 1024);
	fflush(stdout);
	*accepted = (double)f.answers;
	if (f.wanted != f.answers) wrong("answers that are 202", f.wanted, f.answers);
	long stored = rows(), least = f.answers + (b->occupied ? SLOTS : 0);
	if (stored < least || stored > least + in_flight) wrong("evaluations in the store", stored, least);
}

static void measure_bursts(int seconds)
{
	static const struct burst bursts[] = {
	        {"API alone (slots taken)", 64, true}, {"API alone (slots taken)", 256, true}, {"evaluator at work", 64, false}};
	struct thread_cpu threads[SP_COUNT(bursts)][THREADS_MAX];
	int n[SP_COUNT(bursts)];
	double accepted[SP_COUNT(bursts)];

	printf("### Accepted asynchronous requests, bursts of %d s\n\n", seconds);
	puts("| | connections | accepted/s | p50 ms | p99 ms | service µs a request | generator % of a core | machine busy % | fdatasync "
	     "of 16 KiB p50 ms, before and after | peak MiB |\n"
	     "|---|---|---|---|---|---|---|---|---|---|");
	for (size_t i = 0; i < SP_COUNT(bursts); i++) measure_burst(&bursts[i], seconds, threads[i], &n[i], &accepted[i]);
	puts("\nThe service's processor time in the first of these, by thread:\n\n| thread | threads | µs a request |\n|---|---|---|");
	for (int i = 0; i < n[0] && threads[0][i].ns; i++)
		printf("| %s | %d | %.1f |\n", threads[0][i].name, threads[0][i].threads, (double)threads[0][i].ns / 1e3 / accepted[0]);
	putchar('\n');
}

/* ---- 2. callers who wait ---- */

static void measure_callers(void)
{
	static const char *const more[] = {"--slots", "2", NULL};
	sp_autofree char *request = post("bash", "{\"code\":\"echo hello\"}");
	struct memory idle, waiting, below, over;
	struct load_figures f;
	struct service s;

	start(&s, more);
	sleep(1);
	memory_of(s.pid, &idle);
	occupy(&s, 15);
	int64_t began = sp_mono_ns();
	struct load *l = load_new(s.port, request, strlen(request), 200, CALLERS, 1);
	while (load_unsent(l)) load_run(l, 20 * SP_NS_PER_MS);
	await_metric(&s, "serapis_http_waiters", CALLERS);
	double waiters = metric(&s, "serapis_http_waiters");
	double took = (double)(sp_mono_ns() - began) / 1e9;
	memory_of(s.pid, &waiting);
	memory_below(s.pid, &below);
	load_run(l, 60 * SP_NS_PER_S);
	load_figures(l, &f);
	memory_of(s.pid, &over);
	load_free(l);
	service_stop(&s);
	printf("### %d synchronous callers at once\n\n| | |\n|---|---|\n", CALLERS);
	printf("| waiting at the same time | %.0f, %.1f s after the first |\n", waiters, took);
	printf("| answered with their result (200) | %ld of %d |\n", f.wanted, CALLERS);
	printf("| resident, PSS of the service while they wait | %.1f MiB, %.1f MiB |\n", (double)waiting.rss_kib / 1024,
	        (double)waiting.pss_kib / 1024);
	printf("| its peak until the last answer | %.1f MiB |\n", (double)over.peak_kib / 1024);
	printf("| a waiting caller | %.1f KiB |\n", (double)(waiting.rss_kib - idle.rss_kib) / CALLERS);
	printf("| box and launchers beside it, PSS | %.1f MiB |\n\n", (double)below.pss_kib / 1024);
	if ((long)waiters != CALLERS) wrong("callers that wait", (long)waiters, CALLERS);
	if (f.wanted != CALLERS) wrong("callers that were answered", f.wanted, CALLERS);
	fflush(stdout);
}

/* ---- 3. what HTTP costs ---- */

struct target {
	const char *name;
	char *request;
	size_t size; /* of the answer's body */
	const struct service *s;
	int fd;
	int64_t ns[PINGS];
};

static void throughput(struct target *t, double *us, double *per_second)
{
	struct load_figures f;
	struct load *l = load_new(t->s->port, t->request, strlen(t->request), 200, 32, 0);
	int64_t cpu = cpu_of(t->s->pid);

	load_run(l, 3 * SP_NS_PER_S);
	cpu = cpu_of(t->s->pid) - cpu;
	load_figures(l, &f);
	load_free(l);
	*us = (double)cpu / 1e3 / (double)f.answers;
	*per_second = (double)f.answers * 1e9 / (double)f.wall_ns;
	if (f.wanted != f.answers) wrong("answers that are 200", f.wanted, f.answers);
}

static void measure_http(void)
{
	static const char *const more[] = {"--slots", "2", NULL};
	static struct target t[4];
	static char text[1 << 16];
	struct service s, echo;
	sp_autofree char *request = post("bash", "{\"code\":\"echo hello\"}");

	start(&s, more);
	if (load_once(s.port, request, text, sizeof(text)) != 200) wrong("an evaluation: status", 0, 200);
	char *id = strstr(text, "\"id\":\"");
	sp_autofree char *path = sp_asprintf("/v1/evaluations/%.36s", id ? id + 6 : "");
	t[0] = (struct target){.name = "GET /healthz", .request = get("/healthz"), .s = &s};
	t[1] = (struct target){.name = "libmicrohttpd, as much", .request = get("/0"), .s = &echo};
	t[2] = (struct target){.name = "GET /v1/evaluations/{id}", .request = get(path), .s = &s};
	t[3] = (struct target){.name = "libmicrohttpd, as much", .request = get("/1"), .s = &echo};
	size_t sizes[2];
	for (int i = 0; i < 2; i++) {
		if (load_once(s.port, t[2 * i].request, text, sizeof(text)) != 200) wrong(t[2 * i].name, 0, 200);
		sizes[i] = strlen(text);
	}
	echo_start(&echo, sizes);
	for (size_t i = 0; i < SP_COUNT(t); i++) {
		t[i].size = sizes[i / 2];
		t[i].fd = load_connect(t[i].s->port);
	}
	for (int n = -200; n < PINGS; n++)
		for (size_t i = 0; i < SP_COUNT(t); i++) {
			int64_t began = sp_mono_ns();
			if (load_ask(t[i].fd, t[i].request, strlen(t[i].request), NULL, 0) != 200) wrong(t[i].name, 0, 200);
			if (n >= 0) t[i].ns[n] = sp_mono_ns() - began;
		}
	printf("### What HTTP costs a request\n\nOne connection asks in turn, %d times each; then 32 connections for 3 s each.\n\n", PINGS);
	puts("| | body | p50 ms | p95 ms | p99 ms | p50, p95, p99 to the plain server | CPU µs a request | to the plain server | "
	     "requests/s |\n|---|---|---|---|---|---|---|---|---|");
	double us[SP_COUNT(t)], per_second[SP_COUNT(t)];
	for (size_t i = 0; i < SP_COUNT(t); i++) {
		close(t[i].fd);
		figures_sort(t[i].ns, PINGS);
		throughput(&t[i], &us[i], &per_second[i]);
	}
	for (size_t i = 0; i < SP_COUNT(t); i++) {
		double p[3], q[3];
		const double at[3] = {0.5, 0.95, 0.99};
		for (int k = 0; k < 3; k++) {
			p[k] = figures_ms(t[i].ns, PINGS, at[k]);
			q[k] = figures_ms(t[i | 1].ns, PINGS, at[k]);
		}
		printf("| %s | %zu | %.3f | %.3f | %.3f | %.2f, %.2f, %.2f | %.1f | %.2f | %.0f |\n", t[i].name, t[i].size, p[0], p[1],
		        p[2], p[0] / q[0], p[1] / q[1], p[2] / q[2], us[i], us[i] / us[i | 1], per_second[i]);
		free(t[i].request);
	}
	putchar('\n');
	fflush(stdout);
	service_stop(&echo);
	service_stop(&s);
}

/* ---- 4. memory, 5. start ---- */

static void measure_idle(void)
{
	static const char *const more[] = {"--slots", "2", NULL};
	struct service s;
	struct memory service, below;

	start(&s, more);
	sleep(3);
	memory_of(s.pid, &service);
	int n = memory_below(s.pid, &below);
	printf("### Memory of a service that has nothing to do, 2 slots\n\n| | resident MiB | PSS MiB |\n|---|---|---|\n");
	printf("| serapis serve | %.1f | %.1f |\n", (double)service.rss_kib / 1024, (double)service.pss_kib / 1024);
	printf("| box, launchers, containers (%d processes) | %.1f | %.1f |\n\n", n, (double)below.rss_kib / 1024,
	        (double)below.pss_kib / 1024);
	fflush(stdout);
	service_stop(&s);
}

static void measure_start(void)
{
	static const char *const more[] = {"--slots", "2", NULL};
	int64_t accepts[STARTS], ready[STARTS];
	struct service s;

	clean();
	for (int i = 0; i < STARTS; i++) {
		service_start(&s, program, dir, more);
		accepts[i] = s.accepts_ns;
		ready[i] = s.ready_ns;
		service_stop(&s);
	}
	figures_sort(accepts, STARTS);
	figures_sort(ready, STARTS);
	printf("### From start to ready, %d starts\n\n| | min ms | p50 ms | max ms |\n|---|---|---|---|\n", STARTS);
	printf("| accepts connections | %.0f | %.0f | %.0f |\n", figures_ms(accepts, STARTS, 0), figures_ms(accepts, STARTS, 0.5),
	        figures_ms(accepts, STARTS, 1));
	printf("| /readyz says yes | %.0f | %.0f | %.0f |\n\n", figures_ms(ready, STARTS, 0), figures_ms(ready, STARTS, 0.5),
	        figures_ms(ready, STARTS, 1));
}

int main(int argc, char **argv)
{
	struct rlimit files = {16384, 16384};
	double load[3] = {0};

	if (argc < 2 || argc > 4) {
		fputs("usage: api_bench SERAPIS [DIRECTORY [SECONDS]]\n", stderr);
		return 2;
	}
	program = argv[1];
	sp_autofree char *made = sp_asprintf("%s/serapis-bench-XXXXXX", argc > 2 ? argv[2] : ".");
	int seconds = argc > 3 ? atoi(argv[3]) : 10;
	if (!mkdtemp(made) || !(dir = realpath(made, NULL))) {
		perror(made);
		return 1;
	}
	if (setrlimit(RLIMIT_NOFILE, &files) < 0) fprintf(stderr, "descriptors: %s\n", strerror(errno));
	if (getloadavg(load, 1) == 1)
		printf("Load of the machine at the beginning: %.2f; %ld processors.\n\n", load[0], sysconf(_SC_NPROCESSORS_ONLN));
	measure_idle();
	measure_start();
	measure_http();
	measure_callers();
	measure_bursts(seconds);
	clean();
	rmdir(dir);
	if (getloadavg(load, 1) == 1) printf("Load at the end: %.2f.\n", load[0]);
	return missed ? 1 : 0;
}
