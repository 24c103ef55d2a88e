/* SPDX-License-Identifier: MIT */
/*
 * wins: the reader through the pipe that it shares with the program: the pipe's size, non-blocking mode, a signal owner, its read end, a link to itself
 * rule: 3 (the pipe belongs to the run's uid, and nothing but bytes goes through it)
 * expect: ok
 * says: ^END$
 * control: none: no reader to hurt
 * core: yes
 */
#include "attack.h"

#include <sys/ioctl.h>

int main(void)
{
	say("first");
	/* Signals to others: the kernel lets the owner be only a process that we can name. */
	fcntl(1, F_SETOWN, 1);
	fcntl(1, F_SETSIG, SIGKILL);
	fcntl(1, F_SETFL, O_ASYNC | O_NONBLOCK | O_APPEND);
	fcntl(1, F_SETPIPE_SZ, 4096);
	/* Our own read end takes our own bytes only. */
	int r = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK);
	char c[16];
	if (r >= 0) (void)!read(r, c, sizeof c);
	close(r);
	fcntl(1, F_SETFL, 0);
	fcntl(1, F_SETPIPE_SZ, 1 << 20);
	int d = open("/dev/stdout", O_WRONLY);
	if (d >= 0) dup2(d, 1);
	for (int i = 0; i < 1000; i++) tee(1, 2, 100, SPLICE_F_NONBLOCK);
	return end();
}
