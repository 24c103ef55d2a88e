/* SPDX-License-Identifier: MIT */
/*
 * wins: threads are tasks: a limit that counts processes alone would not see 30,000 of them
 * rule: 15 (pids cgroup counts threads)
 * expect: process_limit
 * says: ^refused EAGAIN after ([1-9]|[1-5][0-9])$
 * limits: processes=40
 * needs: pids
 * else: nonzero_exit
 * else-says: ^refused EAGAIN after [1-9][0-9]?$
 * control: unsafe: a fork bomb by another name
 */
#include "attack.h"

#include <pthread.h>

static void *sleeper(void *arg)
{
	for (;;) pause();
	return arg;
}

int main(void)
{
	pthread_attr_t a;
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 16384);
	for (int i = 0;; i++) {
		pthread_t t;
		int r = pthread_create(&t, &a, sleeper, NULL);
		if (r) {
			say("refused %s after %d", strerrorname_np(r), i);
			_exit(1);
		}
	}
}
