/* SPDX-License-Identifier: MIT */
/*
 * wins: all ports of loopback, so that the neighbour gets none
 * rule: 9
 * expect: ok
 * limits: processes=40
 * beside: neighbour/victim.c
 * control: none: the machine's own ports are left alone
 */
#include "attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>

int main(void)
{
	from_now();
	for (int k = 0; k < 30; k++)
		if (fork() == 0) {
			for (int i = 0; i < 250; i++) {
				struct sockaddr_in a = {.sin_family = AF_INET};
				int s = socket(AF_INET, SOCK_STREAM, 0);
				bind(s, (struct sockaddr *)&a, sizeof a);
			}
			for (;;) pause();
		}
	nap_ms(2500);
	until_now();
	return end();
}
