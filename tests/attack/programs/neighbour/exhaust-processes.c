/* SPDX-License-Identifier: MIT */
/*
 * wins: the neighbour's processes: RLIMIT_NPROC counts per user, and with a shared user the one's bomb is the other's EAGAIN
 * rule: 15, design 4.3 (ids of the slot alone)
 * expect: process_limit
 * limits: processes=64
 * beside: neighbour/victim.c
 * needs: pids
 * else: nonzero_exit
 * control: unsafe: a fork bomb
 */
#include "attack.h"

int main(void)
{
	pid_t main_pid = getpid();
	from_now();
	for (int64_t stop = now_ms() + 2500; now_ms() < stop;)
		if (fork() < 0) nap_ms(1);
	if (getpid() != main_pid) _exit(0);
	until_now();
	return 1;
}
