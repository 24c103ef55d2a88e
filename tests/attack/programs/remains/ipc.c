/* SPDX-License-Identifier: MIT */
/*
 * wins: System V and POSIX objects of the last run, which outlive their makers
 * rule: 13, own ipc namespace a run
 * expect: ok
 * mode: leave-look
 * control: bare
 * core: yes
 */
#include "attack.h"

#include <mqueue.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

int main(int argc, char **argv)
{
	static const key_t key = 0x5e4a916;
	bool leave = strcmp(argv[argc - 1], "leave") == 0;
	int flags = leave ? IPC_CREAT | 0600 : 0600;
	int shm = shmget(key, 8 << 20, flags), msg = msgget(key, flags), sem = semget(key, 1, flags);
	if (leave) {
		char *p = shm < 0 ? (char *)-1 : shmat(shm, NULL, 0);
		if (p != (char *)-1) memset(p, 's', 8 << 20);
		if (shm < 0 || msg < 0 || sem < 0) say("WON cannot-leave %s", strerrorname_np(errno));
		return end();
	}
	if (shm >= 0) say("WON shm");
	if (msg >= 0) say("WON msg");
	if (sem >= 0) say("WON sem");
	char line[256];
	static const char *const tables[] = {"/proc/sysvipc/shm", "/proc/sysvipc/msg", "/proc/sysvipc/sem"};
	for (int i = 0; i < 3; i++) {
		FILE *f = fopen(tables[i], "r");
		for (int n = 0; f && fgets(line, sizeof line, f); n++)
			if (n > 0) say("WON listed %s", tables[i]);
	}
	return end();
}
