/* SPDX-License-Identifier: MIT */
/*
 * wins: a meeting place of two runs: names of abstract sockets are one set a network namespace
 * rule: 9 (a network namespace a slot), design 4.4
 * expect: ok
 * mode: twice
 * says: ^held connect ECONNREFUSED$
 * control: bare
 * core: yes
 */
#include "attack.h"

#include <stddef.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	/* Each has a name that says who it is, and calls the other's. */
	int mine = strcmp(argv[1], "first") != 0, l = socket(AF_UNIX, SOCK_STREAM, 0);
	int n = snprintf(a.sun_path + 1, 100, "serapis-attack-%d", mine);
	bind(l, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n));
	listen(l, 5);
	from_now();
	int64_t stop = now_ms() + 1200;
	snprintf(a.sun_path + 1, 100, "serapis-attack-%d", !mine);
	long r = -1;
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	while (now_ms() < stop &&
	        (r = connect(s, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n))) < 0)
		nap_ms(10);
	tried("connect", r);
	nap_ms(100);
	until_now();
	return end();
}
