/* SPDX-License-Identifier: MIT */
/*
 * wins: other things at the same paths: the host's disk, a writable /proc, its own /etc; or the old root below the new one
 * rule: 22, 23, 34; design 4.1
 * expect: ok
 * says: ^held tmpfs EPERM$
 * control: none: an unprivileged user cannot either; that no capability came with the namespace is what is tested
 * core: yes
 */
#include "attack.h"

#include <sys/mount.h>

int main(void)
{
	tried("tmpfs", mount("x", "/tmp", "tmpfs", 0, NULL));
	tried("proc", mount("proc", "/tmp", "proc", 0, NULL));
	tried("sysfs", mount("sys", "/tmp", "sysfs", 0, NULL));
	tried("cgroup", mount("cg", "/tmp", "cgroup2", 0, NULL));
	tried("overlay", mount("o", "/tmp", "overlay", 0, "lowerdir=/usr,upperdir=/tmp,workdir=/tmp"));
	tried("bind", mount("/usr", "/tmp", NULL, MS_BIND, NULL));
	tried("remount-rw", mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL));
	tried("shared", mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL));
	tried("move", mount("/proc", "/tmp", NULL, MS_MOVE, NULL));
	tried("umount", umount2("/proc/kcore", MNT_DETACH));
	tried("umount-usr", umount2("/usr", MNT_DETACH));
	tried("pivot", syscall(SYS_pivot_root, ".", "."));
	tried("chroot", chroot("/tmp"));
	tried("open_tree", syscall(428, AT_FDCWD, "/", 1));
	tried("move_mount", syscall(429, AT_FDCWD, "/tmp", AT_FDCWD, "/box", 0));
	tried("fsopen", syscall(430, "tmpfs", 0));
	tried("fspick", syscall(433, AT_FDCWD, "/", 0));
	tried("mount_setattr", syscall(442, AT_FDCWD, "/usr", 0, NULL, 0));
	tried("by-handle", syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, O_RDONLY));
	tried("handle", syscall(SYS_name_to_handle_at, AT_FDCWD, "/", NULL, NULL, 0));
	tried("swapon", syscall(SYS_swapon, "/tmp/x", 0));
	tried("quota", syscall(SYS_quotactl, 0, NULL, 0, NULL));
	return end();
}
