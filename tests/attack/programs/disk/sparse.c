/* SPDX-License-Identifier: MIT */
/*
 * wins: files that look like a terabyte: whoever collects, copies or measures them by size is stopped for hours
 * rule: 11 (FSIZE), 20 (by allocated and streamed size)
 * expect: ok
 * says: ^held truncate EFBIG$
 * control: none: the file system of the machine's /tmp decides there
 * core: yes
 */
#include "attack.h"

int main(void)
{
	signal(SIGXFSZ, SIG_IGN);
	int fd = open("/tmp/sparse", O_RDWR | O_CREAT, 0600);
	tried("truncate", ftruncate(fd, 1L << 40));
	tried("allocate", fallocate(fd, 0, 0, 1L << 40));
	tried("allocate-hidden", fallocate(fd, 1 /* KEEP_SIZE */, 0, 1L << 40));
	tried("write-far", pwrite(fd, "x", 1, 1L << 40));
	int m = memfd_create("m", 0);
	tried("memfd", ftruncate(m, 1L << 40));
	/* What is allowed, many times: nothing of it is allocated. */
	for (int i = 0; i < 1000; i++) {
		char name[32];
		snprintf(name, sizeof name, "/tmp/s%d", i);
		int f = open(name, O_RDWR | O_CREAT, 0600);
		if (ftruncate(f, 64 << 20) < 0) say("allowed size refused %s", strerrorname_np(errno));
		close(f);
	}
	return end();
}
