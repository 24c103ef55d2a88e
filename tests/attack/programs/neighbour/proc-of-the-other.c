/* SPDX-License-Identifier: MIT */
/*
 * wins: the other run's arguments, environment, memory map, files and name, by /proc and what in it is about the whole machine
 * rule: 22 (own /proc, hidepid), own pid namespace, design 4.3
 * expect: ok
 * mode: twice
 * args: argument-of-a-run
 * says: ^processes 2$
 * control: bare
 * shows: ^WON (argument|environment)
 * core: yes
 */
#include "attack.h"

#include <ctype.h>
#include <dirent.h>

/* Bare, only the other one's: this machine's other processes are nobody's business, this program's output included. */
static bool has(const char *path, const char *what)
{
	static char text[1 << 16];
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	if (fd >= 0) close(fd);
	return n > 0 && memmem(text, (size_t)n, what, strlen(what)) != NULL;
}

int main(int argc, char **argv)
{
	const char *me = argv[argc - 1], *other = strcmp(me, "first") == 0 ? "second" : "first";
	char mark[64], name[300];
	int most = 0;
	from_now();
	/* What is set in this process by itself would not be in its /proc: a child's is. */
	snprintf(mark, sizeof mark, "serapis-mark-of-%s", me);
	if (!getenv("MARK")) {
		pid_t p = fork();
		if (p == 0) {
			setenv("MARK", mark, 1);
			setenv("FROM", "set", 1);
			execl("/proc/self/exe", "looker", mark, me, NULL);
			_exit(1);
		}
		waitpid(p, NULL, 0);
		until_now();
		return end();
	}
	bool argument = false, environment = false, elsewhere = false;
	snprintf(mark, sizeof mark, "serapis-mark-of-%s", other);
	for (int64_t stop = now_ms() + 1200; now_ms() < stop; nap_ms(20)) {
		DIR *d = opendir("/proc");
		int seen = 0;
		for (struct dirent *e; (e = readdir(d));) {
			if (!isdigit(e->d_name[0])) continue;
			seen++;
			if (atoi(e->d_name) == getpid()) continue;
			snprintf(name, sizeof name, "/proc/%s/cmdline", e->d_name);
			argument |= has(name, mark);
			snprintf(name, sizeof name, "/proc/%s/environ", e->d_name);
			environment |= has(name, mark);
		}
		closedir(d);
		if (seen > most) most = seen;
		/* and where the kernel speaks of more than one process */
		static const char *const whole[] = {
		        "/proc/sched_debug", "/proc/timer_list", "/proc/locks", "/proc/net/unix", "/proc/keys", "/proc/sysvipc/shm"};
		for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) elsewhere |= has(whole[i], mark);
	}
	if (argument) say("WON argument-of-the-other");
	if (environment) say("WON environment-of-the-other");
	if (elsewhere) say("WON mark-of-the-other");
	say("processes %d", most);
	return 0;
}
