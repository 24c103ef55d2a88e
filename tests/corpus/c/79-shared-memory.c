#define _GNU_SOURCE
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOW(call) printf("%s: %ld\n", #call, (long)(call))

int main(void)
{
	int *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!fork()) {
		*shared = 42;
		_exit(0);
	}
	wait(0);
	SHOW(*shared);
	char name[32];
	snprintf(name, sizeof name, "/corpus-%d", getpid());
	int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	SHOW(fd >= 0);
	SHOW(ftruncate(fd, 4096));
	SHOW(shm_unlink(name));
	sem_t *s = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
	SHOW(s != SEM_FAILED);
	SHOW(sem_wait(s));
	SHOW(sem_trywait(s));
	SHOW(sem_unlink(name));
	int id = shmget(IPC_PRIVATE, 4096, 0600);
	char *p = shmat(id, 0, 0);
	strcpy(p, "system five");
	puts(p);
	SHOW(shmctl(id, IPC_RMID, 0));
	SHOW(write(memfd_create("name", 0), "abc", 3));
	SHOW(mprotect(shared, 4096, PROT_READ));
	SHOW(munmap(shared, 4096));
}
