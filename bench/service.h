/* SPDX-License-Identifier: MIT */
/* A `serapis serve` of the measurements' own, and what it takes of memory and processor; and a server that does nothing, to compare with. What cannot be started ends the program. */
#ifndef SP_BENCH_SERVICE_H
#define SP_BENCH_SERVICE_H

#include <stdint.h>
#include <sys/types.h>

struct service {
	pid_t pid;
	int port;
	int64_t accepts_ns, ready_ns; /* from fork to the port file, and to /readyz saying yes */
};

/* On a store and a log file in `dir`, which stay; more: further arguments, ended by NULL. */
void service_start(struct service *s, const char *program, const char *dir, const char *const *more);
void service_stop(struct service *s);

struct memory {
	long rss_kib, pss_kib, peak_kib; /* peak: of rss since the start */
};
void memory_of(pid_t pid, struct memory *out);
/* Of all processes below pid: how many, and their sums (no peak). */
int memory_below(pid_t pid, struct memory *out);

/* Processor time, user and system, in ns; granularity of a tick (10 ms). */
int64_t cpu_of(pid_t pid);
#define THREADS_MAX 64
struct thread_cpu {
	char name[16];
	int threads;
	int64_t ns;
};
/* By name of thread, largest first; returns how many names. */
int cpu_by_thread(pid_t pid, struct thread_cpu out[THREADS_MAX]);

/* A plain libmicrohttpd with as many threads as the service has by default; its answers have no body but `sizes[i]` bytes for the path /i. */
void echo_start(struct service *s, const size_t sizes[2]);

#endif
