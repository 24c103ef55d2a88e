/* SPDX-License-Identifier: MIT */
/* What the attacks in C share. The runner puts it beside every one of them. A line that begins with WON is a lost battle; END says that all was tried. */
#ifndef ATTACK_H
#define ATTACK_H

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline __attribute__((format(printf, 1, 2))) void say(const char *fmt, ...)
{
	char line[4096];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof line - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof line - 2) n = sizeof line - 2;
	line[n++] = '\n';
	(void)!write(1, line, (size_t)n);
}

/* One attempt: success is WON, a refusal is held, with its errno. Gives the call's result back. */
static inline long tried(const char *what, long r)
{
	int why = errno;
	if (r >= 0)
		say("WON %s (%ld)", what, r);
	else
		say("held %s %s", what, strerrorname_np(why) ? strerrorname_np(why) : "?");
	errno = why;
	return r;
}

static inline int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline void nap_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

/* For attacks that run in two slots at once: the runner compares these two and runs both again if they did not overlap. The clock is the machine's. */
static inline void from_now(void) { say("FROM %lld", (long long)now_ms()); }
static inline void until_now(void) { say("UNTIL %lld", (long long)now_ms()); }

static inline int end(void)
{
	say("END");
	return 0;
}

/*
 * For bombs. Where the box can bound the memory of a run (`enforced`), that is what ends them, and this only counts. Where it cannot, the runner says in the
 * environment how much is enough to show it, and the bomb stops there, whichever of its processes gets to it: it has won, and the machine is unharmed.
 */
static struct {
	long bytes;
	pid_t main;
} *bomb;

static __attribute__((constructor)) void bomb_begins(void)
{
	bomb = mmap(NULL, sizeof *bomb, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bomb->main = getpid();
}

static inline long enough(void)
{
	const char *s = getenv("ATTACK_ENOUGH");
	return s ? atol(s) : INT64_MAX;
}

static inline void took(long bytes)
{
	long before = __atomic_fetch_add(&bomb->bytes, bytes, __ATOMIC_SEQ_CST);
	if (before + bytes < enough()) return;
	if (before < enough()) {
		say("WON memory-over-the-limit");
		end();
		if (getpid() == bomb->main) exit(0);
		kill(bomb->main, SIGTERM);
	}
	for (;;) pause();
}

#endif
