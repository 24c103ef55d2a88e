/* SPDX-License-Identifier: MIT */
/*
 * wins: the machine's memory and disks by device nodes of its own making; a terminal to type into
 * rule: 34, nodev; design 4.3
 * expect: ok
 * says: ^held mknod-mem EPERM$
 * control: none: an unprivileged user cannot either; that root of the namespace left no right is what is tested
 */
#include "attack.h"

#include <sys/ioctl.h>
#include <sys/sysmacros.h>

int main(void)
{
	tried("mknod-mem", mknod("/tmp/mem", S_IFCHR | 0666, makedev(1, 1)));
	tried("mknod-disk", mknod("/tmp/disk", S_IFBLK | 0666, makedev(254, 0)));
	tried("mknod-null", mknodat(AT_FDCWD, "/box/null", S_IFCHR | 0666, makedev(1, 3)));
	/* overlayfs' whiteout: allowed to everybody, and a device all the same */
	tried("whiteout", mknod("/tmp/whiteout", S_IFCHR | 0666, makedev(0, 0)));
	tried("rename-whiteout",
	        (close(open("/tmp/a", O_CREAT | O_WRONLY, 0600)), syscall(SYS_renameat2, AT_FDCWD, "/tmp/a", AT_FDCWD, "/tmp/b", 4)) == 0 &&
	                        open("/tmp/a", O_RDWR) >= 0
	                ? 0
	                : -1);
	tried("ptmx", open("/dev/ptmx", O_RDWR));
	tried("tty", open("/dev/tty", O_RDWR));
	tried("console", open("/dev/console", O_RDWR));
	tried("type", ioctl(0, TIOCSTI, "x"));
	tried("session", ioctl(0, TIOCSCTTY, 1));
	tried("console-paste", ioctl(0, TIOCLINUX, "\3"));
	tried("pid-of-random", ioctl(open("/dev/urandom", O_RDONLY), 0x40045201 /* RNDADDTOENTCNT */, &(int){1}));
	return end();
}
