/* SPDX-License-Identifier: MIT */
/*
 * wins: one number that the filter forgot to look at on the 32-bit and x32 doors, or a third door: 32-bit code in a 64-bit process, with its own ways in
 * rule: 34 (foreign architectures: kill)
 * expect: ok
 * says: ^killed 1536$
 * limits: cpu_ms=20000 wall_ms=40000
 * control: none: half of these calls, by accident right, would change this machine; foreign-int80.c shows that the door is open bare
 */
#include "attack.h"

#define CALLS 512

enum door { INT80, X32, COMPAT, DOORS };
static const char *const names[] = {"int80", "x32", "32-bit-code"};

/* Below 4 GiB, where 32-bit code can be and has its stack: mov eax, nr; ebx, ecx and edx -1; int 0x80; hlt, which dies by another signal. */
static unsigned char *low;

static void enter(enum door door, int nr)
{
	long r = -1;
	if (door == INT80)
		__asm__ volatile("int $0x80"
		                 : "=a"(r)
		                 : "0"(nr), "b"(-1), "c"(-1), "d"(-1), "S"(-1), "D"(-1)
		                 : "memory", "r8", "r9", "r10", "r11");
	else if (door == X32)
		r = syscall(nr | 0x40000000, -1L, -1L, -1L, -1L, -1L, -1L);
	else {
		unsigned char code[] = {0xb8, (unsigned char)nr, (unsigned char)(nr >> 8), 0, 0, 0xbb, 0xff, 0xff, 0xff, 0xff, 0xb9, 0xff,
		        0xff, 0xff, 0xff, 0xba, 0xff, 0xff, 0xff, 0xff, 0xcd, 0x80, 0xf4};
		memcpy(low, code, sizeof code);
		/* a far return to the 32-bit code segment that every process of the kernel has */
		__asm__ volatile("movq %0, %%rsp; pushq $0x23; pushq %1; lretq" ::"r"(low + 8192), "r"((long)low) : "memory");
	}
	_exit(r == -1 && errno == ENOSYS ? 2 : 1);
}

int main(void)
{
	int killed = 0;
	low = mmap(NULL, 12288, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (low == MAP_FAILED) return 1;
	for (enum door d = 0; d < DOORS; d++)
		for (int nr = 0; nr < CALLS; nr++) {
			int status;
			pid_t p = fork();
			if (p == 0) enter(d, nr);
			if (p < 0 || waitpid(p, &status, 0) != p) return 1;
			/* SIGSEGV: an emulator without the door, and hlt's own end, which would mean that the call came back */
			if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
				killed++;
			else
				say("WON %s-%d status %x", names[d], nr, status);
		}
	say("killed %d", killed);
	return end();
}
