/* SPDX-License-Identifier: MIT */
/* Threads that run small pieces of work which may block. The pieces are intrusive: pushing allocates nothing and can fail only on the bound or after stop. */
#ifndef SP_HTTP_WORKPOOL_H
#define SP_HTTP_WORKPOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct sp_workpool;

struct sp_work {
	struct sp_work *_next;
	void (*fn)(struct sp_work *w); /* on a thread of the pool; w belongs to fn from here on */
};

/* name: of the threads, at most 15 characters. queue_max: pieces that wait at the same time. NULL + err. */
struct sp_workpool *sp_workpool_start(const char *name, int threads, size_t queue_max, struct sp_err *err) SP_MUSTCHECK;
/* Any thread. false: the bound is reached or the pool is stopping; w stays the caller's. */
bool sp_workpool_push(struct sp_workpool *p, struct sp_work *w) SP_MUSTCHECK;
/* Waits for what runs. What waits is run first, or with drop left alone (its owners must know how to find it). Once; not from a thread of the pool. NULL is fine. Afterwards pushing fails. */
void sp_workpool_stop(struct sp_workpool *p, bool drop);
/* After stop, when nobody pushes any more. NULL is fine. */
void sp_workpool_free(struct sp_workpool *p);

#endif
