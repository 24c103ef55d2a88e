/* SPDX-License-Identifier: MIT */
/*
 * wins: all process numbers and the scheduler of the machine, until somebody pulls the plug
 * rule: 11, 15 (pids cgroup, RLIMIT_NPROC behind it); design 4.5 (the end is certain)
 * expect: process_limit
 * says: ^refused EAGAIN
 * limits: processes=32 wall_ms=8000
 * needs: pids
 * else: nonzero_exit
 * else-says: ^refused EAGAIN
 * control: unsafe: a fork bomb outside a pids cgroup would stop this machine
 * core: yes
 */
#include "attack.h"

int main(void)
{
	volatile int *refused = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			for (;;)
				if (fork() < 0) *refused = errno;
	while (!*refused) nap_ms(1);
	say("refused %s", strerrorname_np(*refused));
	return 1;
}
