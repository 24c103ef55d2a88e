/* SPDX-License-Identifier: MIT */
/*
 * wins: process numbers that are never given back: dead children that nobody reaps, kept over the end of the run
 * rule: 5 (everything in the pid namespace dies and is reaped), 15
 * expect: process_limit
 * says: ^refused EAGAIN
 * limits: processes=32
 * needs: pids
 * else: nonzero_exit
 * else-says: ^refused EAGAIN
 * control: unsafe: fills the table
 */
#include "attack.h"

int main(void)
{
	for (int i = 0;; i++) {
		pid_t p = fork();
		if (p == 0) _exit(0);
		if (p < 0) {
			say("refused %s after %d", strerrorname_np(errno), i);
			return 1;
		}
	}
}
