/* SPDX-License-Identifier: MIT */
/*
 * wins: the host's root above the container's: by "..", by descriptors and working directories that were left open (CVE-2024-21626), by magic links, by a
 *       directory that is renamed under one's feet, by one's own binary (CVE-2019-5736)
 * rule: 3, 6 (nothing is open but 0-2), design 4.1; pivot_root, not chroot
 * expect: ok
 * says: ^descriptors 3$
 * control: bare
 * shows: ^WON ..-
 * core: yes
 */
#include "attack.h"

#include <dirent.h>

static void look(const char *what)
{
	/* Things that a host has and a container must not show. */
	static const char *const signs[] = {"root", "home", "var", "sys", "boot", "srv", "opt", "roots", "tree", "empty"};
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
		if (access(signs[i], F_OK) == 0) say("WON %s-%s", what, signs[i]);
}

int main(void)
{
	int n = 0;
	for (int fd = 0; fd < 4096; fd++) n += fcntl(fd, F_GETFD) >= 0;
	say("descriptors %d", n);
	for (int i = 0; i < 64; i++) (void)!chdir("..");
	look("..");
	for (int fd = 0; fd < 64; fd++) {
		char name[64];
		snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
		if (chdir(name) == 0) say("WON directory-descriptor %d", fd);
		snprintf(name, sizeof name, "/proc/self/fd/%d/..", fd);
		if (chdir(name) == 0) say("WON parent-of-descriptor %d", fd);
	}
	(void)!chdir("/proc/self/root/..");
	look("own-root");
	(void)!chdir("/proc/self/cwd/../..");
	look("own-cwd");
	if (chdir("/proc/1/root") == 0) say("WON root-of-init");
	/* Out of a directory that moves. */
	mkdir("/tmp/a", 0700);
	mkdir("/tmp/a/b", 0700);
	(void)!chdir("/tmp/a/b");
	(void)!rename("/tmp/a/b", "/box/b");
	for (int i = 0; i < 64; i++) (void)!chdir("..");
	look("moved");
	tried("own-binary", open("/proc/self/exe", O_WRONLY));
	/* Of what is mapped, only our own program and the shared libraries. */
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	while (maps && fgets(line, sizeof line, maps))
		if (strstr(line, "serapis-box")) say("WON the-box-is-mapped");
	return end();
}
