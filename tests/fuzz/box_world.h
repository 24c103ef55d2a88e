/* SPDX-License-Identifier: MIT */
/*
 * A host for the box's loop (src/box/box.c, slot*.c) that is made of nothing: no process is born, no time passes and nothing is signalled but what the target decides. The calls by which the box reaches the
 * host are taken over by the linker (--wrap); its sockets, descriptors and its epoll set are real.
 *
 * A launcher's pidfd is the read end of a pipe, which reads as its end when the launcher has died; which one is meant by a signal is told by the pipe's inode.
 */
#ifndef SP_TESTS_FUZZ_BOX_WORLD_H
#define SP_TESTS_FUZZ_BOX_WORLD_H

#include "fuzz.h"

#include <sys/types.h>

#include "box/slot.h"

#define BW_PROCS 512 /* of one input: launchers and containers' inits */

struct bw_proc {
	pid_t pid; /* 0: free */
	ino_t inode; /* of its pidfd */
	int life; /* write end: closed when it dies. -1: dead */
	int chan; /* a launcher's end of its channel; -1: none */
	bool launcher, killed; /* killed: SIGKILL was sent */
	bool stubborn; /* does not die of it */
	bool reaped;
};

struct bw_world {
	int64_t now_ns;
	unsigned fail_clones; /* so many are refused next */
	bool fail_maps;
	struct bw_proc procs[BW_PROCS];
	unsigned nprocs;
	int pair[2]; /* of the last socketpair() */
};
extern struct bw_world bw;

/* Called whenever the box waits and nothing is there for it: does something, or returns false for the end. */
typedef bool bw_script(void);

enum bw_end { BW_SCRIPT, BW_EXIT };
/* Runs the box until the script or the box itself ends. */
enum bw_end bw_run(const struct sp_box *b, bw_script *next);

/* A process of the world. *pidfd is the caller's, or given away. NULL: there are too many. */
struct bw_proc *bw_born(bool launcher, int *pidfd);
void bw_die(struct bw_proc *p);
/* Forgets everything of the last input; closes what the world holds. */
void bw_reset(void);

#endif
