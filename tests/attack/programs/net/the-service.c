/* SPDX-License-Identifier: MIT */
/*
 * wins: the API of the service itself, its health port, the host's other servers: by loopback and by every address that the host has (CVE-2024-29021, where
 *       a run reached the database and the workers of its own judge over the network)
 * rule: design 4.4 (no route, own loopback)
 * expect: ok
 * args: {port} {addresses}
 * says: ^held 127.0.0.1 ECONNREFUSED$
 * control: bare
 * shows: ^WON 127.0.0.1
 * core: yes
 */
#include "attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>

int main(int argc, char **argv)
{
	for (char *host = strtok(argv[2], ","); host; host = strtok(NULL, ",")) {
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
		if (inet_pton(AF_INET, host, &a.sin_addr) != 1) continue;
		int s = socket(AF_INET, SOCK_STREAM, 0);
		tried(host, connect(s, (struct sockaddr *)&a, sizeof a));
		close(s);
	}
	return end();
}
