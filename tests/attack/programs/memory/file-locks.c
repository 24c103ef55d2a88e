/* SPDX-License-Identifier: MIT */
/*
 * wins: kernel memory for record locks, which the kernel charges to nobody: a lock of one byte costs 192 bytes, and no limit counts them (the
 *       accounting of file_lock_cache was taken back in 5.15); they are gone with the run, and cost cpu time, which is limited
 * rule: 4
 * expect: ok|memory_limit|cpu_limit
 * limits: memory_bytes=33554432 cpu_ms=9000
 * open: record-locks-over-the-limit
 * control: unsafe: takes the machine's memory
 */
#include "attack.h"

int main(void)
{
	long locks = 0;
	int64_t stop = now_ms() + 2500 * slow();
	for (int f = 0; f < 200 && now_ms() < stop; f++) {
		char name[32];
		snprintf(name, sizeof name, "/tmp/lock%d", f);
		int fd = open(name, O_RDWR | O_CREAT, 0600);
		for (int i = 1000; i > 0; i--) {
			struct flock l = {.l_type = F_WRLCK, .l_start = 2 * i, .l_len = 1};
			if (fcntl(fd, F_SETLK, &l) < 0) break;
			locks++;
		}
	}
	say("locks %ld", locks);
	/* 200,000 of them are 38 MiB, more than this run may have in all. */
	if (locks * 192 > 32 << 20) say("WON record-locks-over-the-limit");
	return end();
}
