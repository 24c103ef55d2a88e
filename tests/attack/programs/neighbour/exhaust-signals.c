/* SPDX-License-Identifier: MIT */
/*
 * wins: the neighbour's timers and real-time signals: queued signals are counted per user, over all user namespaces up to the first
 * rule: 11 (SIGPENDING 256)
 * expect: ok
 * says: ^queued (25[0-9]|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9])$
 * beside: neighbour/victim.c
 * control: unsafe: the user's own limit on this machine
 * core: yes
 */
#include "attack.h"

int main(void)
{
	sigset_t all;
	int n = 0;
	from_now();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	while (n < 100000 && sigqueue(getpid(), SIGRTMIN + n % 20, (union sigval){0}) == 0) n++;
	say("queued %d", n);
	nap_ms(2200);
	until_now();
	return end();
}
