/* SPDX-License-Identifier: MIT */
/*
 * wins: pages that can never be taken back, of the machine and not of the run; huge pages from a pool that no cgroup counts
 * rule: 11 (MEMLOCK 64 KiB), 34 (MAP_HUGETLB)
 * expect: ok
 * says: ^held lock-1-MiB ENOMEM$
 * control: none: the usual limit is 8 MiB; that no limit is missing is what is tested
 */
#include "attack.h"

#include <sys/shm.h>

int main(void)
{
	char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	tried("lock-1-MiB", mlock(p, 1 << 20));
	tried("lock-all", mlockall(MCL_CURRENT | MCL_FUTURE));
	tried("map-locked", mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) == MAP_FAILED ? -1 : 0);
	tried("huge-pages",
	        mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) == MAP_FAILED ? -1 : 0);
	tried("huge-shm", shmget(IPC_PRIVATE, 2 << 20, IPC_CREAT | SHM_HUGETLB | 0600));
	tried("huge-memfd", memfd_create("x", MFD_HUGETLB));
	tried("secret", syscall(447, 0));
	return end();
}
