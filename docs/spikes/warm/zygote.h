/* SPDX-License-Identifier: MIT */
/* Spike, no product code (docs/warm-spike.md): what the launcher and a sub-zygote say to each other, and what the glue of an interpreter calls. */
#ifndef SPIKE_ZYGOTE_H
#define SPIKE_ZYGOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ZY_CHANNEL 3 /* SOCK_SEQPACKET to the launcher, in the interpreter */
#define ZY_PID_MIN 1000 /* box-rules.md 1 */
#define ZY_FDS 16

enum zy_flags {
	ZY_HAS_IN = 1u << 0,
	ZY_MERGE = 1u << 1,
	ZY_HAS_CPU = 1u << 2,
	ZY_HAS_CGROUP = 1u << 3, /* v2 */
	ZY_NSFDS = 1u << 4, /* five namespace descriptors in place of init's pidfd */
	ZY_DROP_GROUPS = 1u << 5
};
enum { ZY_NS_PID, ZY_NS_MNT, ZY_NS_IPC, ZY_NS_UTS, ZY_NS_CGROUP, ZY_NS_COUNT };

/* launcher → sub-zygote, with descriptors in this order: pidfd | five namespaces, spec, stdout, (stderr), (stdin), sync, ready, (cpu), (cgroup) */
struct zy_order {
	uint32_t flags, open_files;
	uint64_t file_bytes, stack_bytes;
	uint32_t processes, cpu_seconds; /* the two backstops, as rlimits */
};

enum zy_what { ZY_UP = 1, ZY_FORKED, ZY_FAILED };
/* sub-zygote → launcher */
struct zy_answer {
	uint32_t what;
	int32_t pid; /* UP: the sub-zygote; FORKED: the run. Both as the launcher sees them */
	int32_t errnum;
	char text[64];
};

/* box → master: a sub-zygote for a slot. Descriptors: the launcher's pidfd, the sub-zygote's channel to it, the slot's cgroup directories */
struct zy_plant {
	uint32_t cgroups;
	uint32_t single; /* the slot has one id only (SP_IDS_SINGLE) */
};

/* ---- for the glue */

/* Master, booted and warmed up. Returns in a sub-zygote only: with ZY_MASTER in the environment it makes one for each order of the box, else one, and
 * leaves. fork_with_hooks calls libc's fork(), which is ours, between whatever the runtime does around a fork: every fork here goes through it.
 * keep_open: the runtime's own descriptors are replaced by /dev/null in a run, since the runtime goes on using their numbers. */
void zy_sub(bool keep_open, pid_t (*fork_with_hooks)(void));
/* Sub-zygote: waits for orders, makes runs. Returns in a run only, confined in all but the filter. */
void zy_serve(pid_t (*fork_with_hooks)(void));
/* Run: the filter, dumpable, READY. After it the first untrusted byte may be read. */
void zy_seal(void);
void zy_fail(const char *what); /* before it: the step is refused with these words */

extern int zy_argc;
extern char **zy_argv, **zy_envp;
void zy_random(void *p, size_t n);

#endif
