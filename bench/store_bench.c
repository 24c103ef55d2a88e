/* SPDX-License-Identifier: MIT */
/*
 * How many durable writes a second the store takes, with the disk's own figure beside it.
 *
 *     store_bench [DIRECTORY [SECONDS]]
 *
 * Makes and removes its database in DIRECTORY (default: the current one). Each figure is of SECONDS (default 3).
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "figures.h"
#include "store/accounts.h"
#include "store/store.h"

#define THREADS_MAX 64
#define SAMPLES 4000

/* What is measured: create alone; with a user, a key that has its bounds, and an Idempotency-Key; create, claim and finish. */
enum kind { CREATE, CREATE_KEYED, WHOLE, KINDS };
static const char *const kind_names[KINDS] = {"create", "create, user and key", "create+claim+finish"};
#define KEY_ID "0123456789abcdef"

struct work {
	struct sp_store *s;
	int64_t until;
	enum kind kind;
	struct sp_id user_id;
	_Atomic long done;
	_Atomic int failed;
	int64_t samples[THREADS_MAX][SAMPLES]; /* time of each operation; the first of each thread */
	int n_samples[THREADS_MAX];
	_Atomic int number;
};

static char request[600], output[200];

static int one(struct work *w)
{
	struct sp_new_evaluation in = {.id = sp_id_new(),
	        .language = "node",
	        .class_ = SP_CLASS_BULK,
	        .request = {request, sizeof(request)},
	        .max_waiting = 100000000};
	struct sp_evaluation row;
	char id[SP_ID_TEXT];

	if (w->kind == CREATE_KEYED) {
		sp_id_text(&in.id, id);
		in.user_id = &w->user_id;
		in.key_id = KEY_ID;
		in.key_max_waiting = 100000000;
		in.max_running = 4;
		in.idempotency_key = id;
		in.idempotency_keep_ms = 1000000;
	}
	enum sp_create_outcome created;
	if (sp_store_create(w->s, &in, &created, &row, NULL) != 0 || created != SP_CREATE_NEW) return -1;
	if (w->kind != WHOLE) return 0;
	struct sp_claim_request claim = {.id = in.id, .evaluator_id = "bench", .lease_ms = 15000, .max_lost = 3};
	struct sp_finish finish = {.id = in.id,
	        .claim_no = 1,
	        .status = SP_STATUS_FINISHED,
	        .verdict = "ok",
	        .stage = "run",
	        .has_exit_code = true,
	        .result = {output, sizeof(output)},
	        .output = {output, sizeof(output)}};
	enum sp_claim_outcome outcome;
	struct sp_stored st;
	bool applied;
	if (sp_store_claim(w->s, &claim, &outcome, &st, NULL) != 0) return -1;
	sp_stored_fini(&st);
	if (outcome != SP_CLAIM_MINE || sp_store_finish(w->s, &finish, &applied, NULL) != 0 || !applied) return -1;
	return 0;
}

static void *worker(void *cls)
{
	struct work *w = cls;
	int me = w->number++;

	for (int64_t now = sp_mono_ns(); now < w->until;) {
		int64_t began = now;
		if (one(w) != 0) {
			w->failed++;
			return NULL;
		}
		now = sp_mono_ns();
		if (w->n_samples[me] < SAMPLES) w->samples[me][w->n_samples[me]++] = now - began;
		w->done++;
	}
	return NULL;
}

static int measure(const char *url, int threads, enum kind kind, int seconds)
{
	struct sp_err err = {0};
	struct work *w = calloc(1, sizeof(*w));
	pthread_t t[THREADS_MAX];

	if (!w || !(w->s = sp_store_open(url, &err))) {
		fprintf(stderr, "%s\n", err.msg);
		free(w);
		return -1;
	}
	w->kind = kind;
	struct sp_new_key key = {.id = KEY_ID};
	struct sp_new_user user = {.id = sp_id_new(), .email = "bench@localhost", .key = &key};
	struct sp_user made;
	if (sp_store_user_add(w->s, &user, &made, &err) != 0) {
		fprintf(stderr, "%s\n", err.msg);
		sp_store_close(w->s);
		free(w);
		return -1;
	}
	w->user_id = made.id;
	int64_t began = sp_mono_ns();
	w->until = began + seconds * SP_NS_PER_S;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&t[i], NULL, worker, w) != 0) abort();
	for (int i = 0; i < threads; i++) pthread_join(t[i], NULL);
	double took = (double)(sp_mono_ns() - began) / 1e9;
	size_t n = 0;
	int64_t *all = calloc((size_t)threads * SAMPLES, sizeof(*all));
	for (int i = 0; i < threads && all; i++)
		for (int k = 0; k < w->n_samples[i]; k++) all[n++] = w->samples[i][k];
	if (all) figures_sort(all, n);
	printf("%-22s %3d threads  %8.0f/s  p50 %7.3f ms  p99 %7.3f ms%s\n", kind_names[kind], threads, (double)w->done / took,
	        figures_ms(all, n, 0.5), figures_ms(all, n, 0.99), w->failed ? "  FAILED" : "");
	fflush(stdout);
	free(all);
	sp_store_close(w->s);
	int failed = w->failed;
	free(w);
	return failed ? -1 : 0;
}

static void measure_disk(const char *dir)
{
	struct disk_figure d;

	if (figures_disk(dir, &d) != 0) return;
	printf("write 16 KiB + fdatasync   p50 %7.3f ms  p99 %7.3f ms  (%.0f/s one after the other)\n", d.p50_ms, d.p99_ms, d.per_second);
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : ".", *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	const int counts[] = {1, 8, 64};
	int seconds = argc > 2 ? atoi(argv[2]) : 3, failed = 0;
	char url[4096], path[4200];

	sp_log_setup(SP_LOG_ERROR, false);
	snprintf(url, sizeof(url), "sqlite:%s/bench.db", dir);
	memset(request, 'r', sizeof(request));
	memset(output, 'o', sizeof(output));
	measure_disk(dir);
	for (int kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < SP_COUNT(counts); i++) {
			for (size_t k = 0; k < SP_COUNT(suffixes); k++) {
				snprintf(path, sizeof(path), "%s/bench.db%s", dir, suffixes[k]);
				unlink(path);
			}
			failed |= measure(url, counts[i], (enum kind)kind, seconds) != 0;
		}
	for (size_t k = 0; k < SP_COUNT(suffixes); k++) {
		snprintf(path, sizeof(path), "%s/bench.db%s", dir, suffixes[k]);
		unlink(path);
	}
	measure_disk(dir);
	return failed;
}
