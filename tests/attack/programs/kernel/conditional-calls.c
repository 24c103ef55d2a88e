/* SPDX-License-Identifier: MIT */
/*
 * wins: calls that every program needs, by the one argument that nobody may use: keystrokes for another's terminal, huge pages that nothing counts, merged
 *       pages that tell what the neighbour holds, BPF through a socket, the page cache's memory of what was read, an executable that changes its shape
 * rule: 34; share/seccomp/run.rules (each rule with a condition, from inside of the real container)
 * expect: ok
 * says: ^held sticky-keys EPERM$
 * says: ^held filter EPERM$
 * control: bare
 * shows: ^WON (filter|set-mm|merge|no-wait)
 * core: yes
 */
#include "attack.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/uio.h>
#include <termios.h>

static long map(int flags)
{
	return mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0) == MAP_FAILED ? -1 : 0;
}

int main(void)
{
	char c = 'x', line = 0;
	int tty = open("/dev/tty", O_RDWR), pair[2], ldisc = 3;
	tried("sticky-keys", ioctl(tty < 0 ? 0 : tty, TIOCSTI, &c));
	tried("selection", ioctl(0, TIOCLINUX, &line));
	tried("discipline", ioctl(0, TIOCSETD, &ldisc));
	tried("huge", map(MAP_HUGETLB));
	tried("huge-memfd", memfd_create("x", MFD_HUGETLB));
	tried("huge-shm", shmget(IPC_PRIVATE, 2 << 20, IPC_CREAT | SHM_HUGETLB | 0600));
	void *page = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	tried("merge", madvise(page, 1 << 16, MADV_MERGEABLE));
	tried("poison", madvise(page, 4096, MADV_HWPOISON));
	struct sock_filter all = {.code = BPF_RET | BPF_K, .k = 0xffffffff};
	struct sock_fprog prog = {1, &all};
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0) return 1;
	tried("filter", setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog));
	tried("mark", setsockopt(pair[0], SOL_SOCKET, SO_MARK, &(int){7}, sizeof(int)));
	tried("big-buffer", setsockopt(pair[0], SOL_SOCKET, SO_RCVBUFFORCE, &(int){1 << 28}, sizeof(int)));
	tried("zero-copy", setsockopt(socket(AF_INET, SOCK_STREAM, 0), SOL_SOCKET, 60, &(int){1}, sizeof(int)));
	struct ip_mreq m = {.imr_multiaddr.s_addr = htonl(0xe0000101), .imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
	tried("group", setsockopt(socket(AF_INET, SOCK_DGRAM, 0), IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof m));
	tried("out-of-band", send(pair[0], "x", 1, MSG_OOB));
	int sh = open("/bin/sh", O_RDONLY);
	struct iovec v = {&c, 1};
	tried("no-wait", preadv2(sh, &v, 1, 0, RWF_NOWAIT));
	tried("set-mm", prctl(PR_SET_MM, 1 /* START_CODE */, 0x400000, 0, 0));
	tried("strict-seccomp", prctl(PR_SET_SECCOMP, 2, &prog, 0, 0));
	/* What the machine answers to this one is the same for all who lack the right; here it must not even be asked. */
	tried("read-implies-exec", personality(READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE));
	tried("sibling", syscall(SYS_clone, 0x8000 /* CLONE_PARENT */ | SIGCHLD, 0, 0, 0, 0));
	return end();
}
