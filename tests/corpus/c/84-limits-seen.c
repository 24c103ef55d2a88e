/* The limits that a program can read of itself. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

int main(void)
{
	struct rlimit r;
	getrlimit(RLIMIT_STACK, &r);
	printf("stack %lu %lu\n", (unsigned long)r.rlim_cur, (unsigned long)r.rlim_max);
	getrlimit(RLIMIT_NOFILE, &r);
	printf("files %lu %lu\n", (unsigned long)r.rlim_cur, (unsigned long)r.rlim_max);
	getrlimit(RLIMIT_AS, &r);
	printf("address space %d\n", r.rlim_cur == RLIM_INFINITY);
	printf("%ld %d %ld\n", sysconf(_SC_PAGESIZE), getpriority(PRIO_PROCESS, 0), sysconf(_SC_CLK_TCK));
	printf("%d %d\n", getsid(0) == getpid(), getpgrp() == getpid());
}
