/* SPDX-License-Identifier: MIT */
/*
 * wins: the memory and registers of init or of any process of its uid: another run's, with a shared uid
 * rule: 22 (hidepid), 34 (ptrace, process_vm_*, pidfd_getfd, kcmp refused), 38
 * expect: ok
 * says: ^held attach-child EPERM$
 * control: bare
 * shows: ^WON attach-child
 * core: yes
 */
#include "attack.h"

#include <sys/ptrace.h>
#include <sys/uio.h>

int main(void)
{
	char there[64] = "secret", here[64];
	pid_t child = fork();
	if (child == 0)
		for (;;) pause();
	tried("attach-child", ptrace(PTRACE_ATTACH, child, 0, 0));
	tried("seize-init", ptrace(PTRACE_SEIZE, 1, 0, 0));
	tried("traceme", ptrace(PTRACE_TRACEME, 0, 0, 0));
	struct iovec l = {here, sizeof here}, r = {there, sizeof there};
	tried("read-memory", process_vm_readv(child, &l, 1, &r, 1, 0));
	tried("write-memory", process_vm_writev(child, &l, 1, &r, 1, 0));
	tried("kcmp", syscall(SYS_kcmp, getpid(), child, 0, 0, 0));
	int fd = (int)syscall(SYS_pidfd_open, child, 0);
	tried("take-descriptor", syscall(SYS_pidfd_getfd, fd, 1, 0));
	tried("init-mem", open("/proc/1/mem", O_RDONLY));
	tried("init-environ", open("/proc/1/environ", O_RDONLY));
	tried("init-root", open("/proc/1/root/etc/shadow", O_RDONLY));
	tried("init-cwd", open("/proc/1/cwd", O_RDONLY));
	tried("init-ns", open("/proc/1/ns/mnt", O_RDONLY));
	kill(child, SIGKILL);
	return end();
}
