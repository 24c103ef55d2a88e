/* SPDX-License-Identifier: MIT */
/*
 * wins: the page cache: what a run reads of the host's files stays charged to it, or pushes the others' pages out
 * rule: 12, 13 (force_empty before the next run)
 * expect: ok|memory_limit
 * limits: memory_bytes=33554432 wall_ms=30000
 * control: none: reading files is no secret
 */
#include "attack.h"

#include <dirent.h>

static char block[1 << 20];
static long total;

static void walk(const char *dir, int depth)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	while (d && total < 300 << 20 && (e = readdir(d))) {
		char path[4096];
		if (e->d_name[0] == '.' || snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path) continue;
		if (e->d_type == DT_DIR && depth < 6) walk(path, depth + 1);
		if (e->d_type != DT_REG) continue;
		int fd = open(path, O_RDONLY);
		ssize_t n;
		while (fd >= 0 && (n = read(fd, block, sizeof block)) > 0) total += n;
		if (fd >= 0) close(fd);
	}
	if (d) closedir(d);
}

int main(void)
{
	walk("/usr/lib", 0);
	say("read %ld MiB", total >> 20);
	return end();
}
