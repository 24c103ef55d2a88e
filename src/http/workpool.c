/* SPDX-License-Identifier: MIT */
#include "http/workpool.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "base/mem.h"

#define STACK_BYTES (1u << 20)

struct sp_workpool {
	pthread_mutex_t mu;
	pthread_cond_t cv;
	struct sp_work *head, **tail;
	size_t waiting, queue_max;
	bool stopping, drop;
	int nthreads;
	pthread_t threads[];
};

static void *work(void *cls)
{
	struct sp_workpool *p = cls;

	pthread_mutex_lock(&p->mu);
	for (;;) {
		while (!p->head && !p->stopping) pthread_cond_wait(&p->cv, &p->mu);
		if (!p->head || (p->stopping && p->drop)) break;
		struct sp_work *w = p->head;
		p->head = w->_next;
		if (!p->head) p->tail = &p->head;
		p->waiting--;
		pthread_mutex_unlock(&p->mu);
		w->fn(w);
		pthread_mutex_lock(&p->mu);
	}
	pthread_mutex_unlock(&p->mu);
	return NULL;
}

struct sp_workpool *sp_workpool_start(const char *name, int threads, size_t queue_max, struct sp_err *err)
{
	SP_BUG_ON(threads < 1 || queue_max < 1);
	struct sp_workpool *p = sp_calloc(1, sizeof(*p) + (size_t)threads * sizeof(p->threads[0]));
	pthread_mutex_init(&p->mu, NULL);
	pthread_cond_init(&p->cv, NULL);
	p->tail = &p->head;
	p->queue_max = queue_max;

	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	/* Signals are for the thread that waits for them: a SIGTERM must not be taken in the middle of a handler. */
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int e = 0;
	while (p->nthreads < threads && (e = pthread_create(&p->threads[p->nthreads], &attr, work, p)) == 0) {
		pthread_setname_np(p->threads[p->nthreads], name);
		p->nthreads++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (e) {
		sp_fail(err, SP_E_LIMIT, e, "start thread %d of %s", p->nthreads + 1, name);
		sp_workpool_stop(p, true);
		sp_workpool_free(p);
		return NULL;
	}
	return p;
}

bool sp_workpool_push(struct sp_workpool *p, struct sp_work *w)
{
	pthread_mutex_lock(&p->mu);
	bool ok = !p->stopping && p->waiting < p->queue_max;
	if (ok) {
		w->_next = NULL;
		*p->tail = w;
		p->tail = &w->_next;
		p->waiting++;
		pthread_cond_signal(&p->cv);
	}
	pthread_mutex_unlock(&p->mu);
	return ok;
}

void sp_workpool_stop(struct sp_workpool *p, bool drop)
{
	if (!p) return;
	pthread_mutex_lock(&p->mu);
	p->stopping = true;
	p->drop = drop;
	pthread_cond_broadcast(&p->cv);
	pthread_mutex_unlock(&p->mu);
	for (int i = 0; i < p->nthreads; i++) pthread_join(p->threads[i], NULL);
	p->nthreads = 0;
}

void sp_workpool_free(struct sp_workpool *p)
{
	if (!p) return;
	SP_BUG_ON(p->nthreads);
	pthread_cond_destroy(&p->cv);
	pthread_mutex_destroy(&p->mu);
	free(p);
}
