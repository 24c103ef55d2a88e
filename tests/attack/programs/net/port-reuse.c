/* SPDX-License-Identifier: MIT */
/*
 * wins: the next run's port, and who calls there: listeners with SO_REUSEPORT on TCP and UDP, a connection that was never accepted, a datagram that was never
 *       read and half-closed connections, all left by a run that ended with them open
 * rule: 9, 10 (a namespace that was used is replaced)
 * expect: ok
 * mode: leave-look
 * control: bare
 * shows: ^WON (tcp-port-taken|udp-port-taken|stranger)
 * core: yes
 */
#include "attack.h"

#include <netinet/in.h>

static const struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = 0x4f71, .sin_addr.s_addr = 0x0100007f};

static int bound(int type, bool share)
{
	int s = socket(AF_INET, type, 0);
	if (share) setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
	if (bind(s, (const struct sockaddr *)&here, sizeof here) < 0) {
		close(s);
		return -1;
	}
	if (type == SOCK_STREAM) listen(s, 16);
	return s;
}

int main(int argc, char **argv)
{
	if (strcmp(argv[argc - 1], "leave") == 0) {
		/* A process that the run leaves behind serves for as long as it is let. */
		if (fork() == 0) {
			setsid();
			int l = bound(SOCK_STREAM, true), u = bound(SOCK_DGRAM, true);
			for (int i = 0; i < 8; i++) {
				int c = socket(AF_INET, SOCK_STREAM, 0);
				connect(c, (const struct sockaddr *)&here, sizeof here);
				if (i % 2) shutdown(accept(l, NULL, NULL), SHUT_WR);
				(void)!write(c, "stranger", 8);
			}
			int out = socket(AF_INET, SOCK_DGRAM, 0);
			sendto(out, "stranger", 8, 0, (const struct sockaddr *)&here, sizeof here);
			close(1), close(2);
			(void)u;
			alarm(5);
			for (;;) pause();
		}
		nap_ms(300);
		return end();
	}
	/* Alone: whoever else had it, in whatever state, would stop this. */
	char text[64];
	int l = bound(SOCK_STREAM, false), u = bound(SOCK_DGRAM, false);
	if (l < 0) say("WON tcp-port-taken %s", strerrorname_np(errno));
	if (u < 0) say("WON udp-port-taken %s", strerrorname_np(errno));
	if (l >= 0 && fcntl(l, F_SETFL, O_NONBLOCK) == 0 && accept(l, NULL, NULL) >= 0) say("WON stranger-connected");
	if (u >= 0 && recv(u, text, sizeof text, MSG_DONTWAIT) > 0) say("WON stranger-wrote");
	return end();
}
