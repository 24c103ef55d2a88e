/* SPDX-License-Identifier: MIT */
/*
 * wins: the other run's System V and POSIX objects, by key and by name
 * rule: own ipc namespace a run; 24 (/dev/shm in the run's own tmpfs)
 * expect: ok
 * mode: twice
 * control: bare
 * core: yes
 */
#include "attack.h"

#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

int main(void)
{
	static const key_t key = 0x5e4a915;
	from_now();
	int made = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0666);
	if (made < 0) say("WON shm-of-the-other");
	int q = msgget(key, IPC_CREAT | IPC_EXCL | 0666);
	if (q < 0) say("WON queue-of-the-other");
	int s = semget(key, 1, IPC_CREAT | IPC_EXCL | 0666);
	if (s < 0) say("WON semaphore-of-the-other");
	int fd = open("/dev/shm/serapis-attack-meet", O_CREAT | O_EXCL | O_RDWR, 0666);
	if (fd < 0) say("WON posix-shm-of-the-other");
	nap_ms(1000);
	until_now();
	/* bare there is only one of each */
	if (made >= 0) shmctl(made, IPC_RMID, NULL);
	if (q >= 0) msgctl(q, IPC_RMID, NULL);
	if (s >= 0) semctl(s, 0, IPC_RMID);
	if (fd >= 0) unlink("/dev/shm/serapis-attack-meet");
	return end();
}
