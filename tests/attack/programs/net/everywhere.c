/* SPDX-License-Identifier: MIT */
/*
 * wins: the cloud's metadata service (169.254.169.254: the machine's own credentials), private networks, link-local neighbours, name servers, the world
 * rule: design 4.4
 * expect: ok
 * says: ^held udp-169.254.169.254 ENETUNREACH$
 * control: bare
 * shows: ^WON udp-
 * core: yes
 */
#include "attack.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

int main(void)
{
	static const char *const v4[] = {"169.254.169.254", "169.254.170.2", "10.0.0.1", "172.17.0.1", "192.168.0.1", "192.0.2.1",
	        "100.100.100.200", "8.8.8.8", "255.255.255.255", "224.0.0.1", "0.0.0.1"};
	static const char *const v6[] = {"fd00:ec2::254", "fe80::1", "ff02::1", "2001:db8::1", "fd00::1", "::ffff:169.254.169.254"};
	char name[64];
	for (size_t i = 0; i < sizeof v4 / sizeof *v4; i++)
		for (int tcp = 0; tcp < 2; tcp++) {
			struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)};
			inet_pton(AF_INET, v4[i], &a.sin_addr);
			int s = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0), one = 1;
			setsockopt(s, SOL_SOCKET, SO_BROADCAST, &one, sizeof one);
			snprintf(name, sizeof name, "%s-%s", tcp ? "tcp" : "udp", v4[i]);
			long r = connect(s, (struct sockaddr *)&a, sizeof a);
			tried(name, r < 0 && errno == EINPROGRESS ? 0 : r);
			close(s);
		}
	for (size_t i = 0; i < sizeof v6 / sizeof *v6; i++) {
		struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(80), .sin6_scope_id = v6[i][1] == 'e' ? 1 : 0};
		inet_pton(AF_INET6, v6[i], &a.sin6_addr);
		int s = socket(AF_INET6, SOCK_DGRAM, 0);
		snprintf(name, sizeof name, "udp6-%s", v6[i]);
		/* What lo itself would take is sent to nobody: only other interfaces lead out. */
		long r = connect(s, (struct sockaddr *)&a, sizeof a);
		if (r == 0 && v6[i][0] == 'f' && (v6[i][1] == 'e' || v6[i][1] == 'f'))
			say("held %s lo-only", name);
		else
			tried(name, r);
		close(s);
	}
	struct addrinfo *found = NULL;
	int r = getaddrinfo("example.com", "80", NULL, &found);
	if (r == 0) say("WON name-resolved");
	return end();
}
