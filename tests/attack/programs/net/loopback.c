/* SPDX-License-Identifier: MIT */
/*
 * wins: the other run's server on 127.0.0.1, ::1 and every address of 127/8; or its port, taken before it comes, or shared by SO_REUSEPORT
 * rule: 9, design 4.4
 * expect: ok
 * mode: twice
 * says: ^bound 4$
 * control: bare
 * core: yes
 */
#include "attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>

int main(int argc, char **argv)
{
	int mine = strcmp(argv[1], "first") != 0, bound = 0, one = 1;
	/* The same two ports in both: binding proves that nobody else has them. */
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in a = {
		        .sin_family = AF_INET, .sin_port = htons((uint16_t)(28713 + i)), .sin_addr.s_addr = htonl(INADDR_ANY)};
		int s = socket(AF_INET, i ? SOCK_DGRAM : SOCK_STREAM, 0);
		if (bind(s, (struct sockaddr *)&a, sizeof a) == 0)
			bound++;
		else
			say("WON port-taken %s", strerrorname_np(errno));
		struct sockaddr_in6 b = {
		        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)(28723 + i)), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
		s = socket(AF_INET6, i ? SOCK_DGRAM : SOCK_STREAM, 0);
		if (bind(s, (struct sockaddr *)&b, sizeof b) == 0)
			bound++;
		else
			say("WON port6-taken %s", strerrorname_np(errno));
	}
	/* And one of its own, where the other looks for it. */
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(28800 + mine)), .sin_addr.s_addr = htonl(INADDR_ANY)};
	int l = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(l, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
	bind(l, (struct sockaddr *)&a, sizeof a);
	listen(l, 5);
	from_now();
	int64_t stop = now_ms() + 1200;
	a.sin_port = htons((uint16_t)(28800 + !mine));
	long r = -1;
	for (int i = 0; now_ms() < stop && r < 0; i++) {
		int s = socket(AF_INET, SOCK_STREAM, 0);
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(i % 3));
		r = connect(s, (struct sockaddr *)&a, sizeof a);
		close(s);
		nap_ms(10);
	}
	if (r == 0) say("WON connected");
	say("bound %d", bound);
	nap_ms(100);
	until_now();
	return end();
}
