/* SPDX-License-Identifier: MIT */
/*
 * wins: descriptors beyond NOFILE: sent through Unix sockets and never received, sockets inside of sockets in a circle, which only a collector frees
 * rule: 11; ids of the slot alone, since the kernel counts descriptors in flight per user
 * expect: ok|memory_limit
 * says: ^held in-flight ETOOMANYREFS$
 * control: unsafe: the machine's limit of open files
 */
#include "attack.h"

int main(void)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int) * 64)];
	} c;
	char x = 0;
	struct iovec v = {&x, 1};
	long sent = 0, r;
	do {
		int p[2];
		if (socketpair(AF_UNIX, SOCK_DGRAM, 0, p) < 0) break;
		for (;;) {
			struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};
			c.h = (struct cmsghdr){CMSG_LEN(sizeof(int) * 64), SOL_SOCKET, SCM_RIGHTS};
			for (int i = 0; i < 64; i++) memcpy(CMSG_DATA(&c.h) + i * sizeof(int), &p[i % 2], sizeof(int));
			r = sendmsg(p[0], &m, MSG_DONTWAIT);
			if (r < 0) break;
			sent += 64;
		}
		int why = errno;
		close(p[0]);
		close(p[1]);
		errno = why;
	} while (errno == EAGAIN || errno == ENOBUFS);
	tried("in-flight", r);
	say("sent %ld", sent);
	if (sent > 4096) say("WON in-flight-over-the-limit");
	return end();
}
