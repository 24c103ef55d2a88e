/* SPDX-License-Identifier: MIT */
/*
 * wins: the neighbour's inotify: instances and watches are counted per user namespace and added up on its creators, at last the host's root (128)
 * rule: 11
 * expect: ok
 * says: ^instances 8, watches [0-9]{3,4}$
 * limits: files_bytes=67108864
 * beside: neighbour/victim.c
 * control: unsafe: the host's own inotify limits
 * core: yes
 */
#include "attack.h"

#include <sys/inotify.h>

int main(void)
{
	int instances = 0, watches = 0, last = -1, fd;
	from_now();
	while ((fd = inotify_init1(IN_NONBLOCK)) >= 0) last = fd, instances++;
	for (int i = 0; i < 6000; i++) {
		char name[32];
		snprintf(name, sizeof name, "/tmp/d%d", i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
		if (inotify_add_watch(last, name, IN_ALL_EVENTS) < 0) break;
		watches++;
	}
	say("instances %d, watches %d", instances, watches);
	/* A small machine has fewer to share out. */
	if (instances > 8 || watches > 4096) say("WON more-than-its-part");
	nap_ms(2000);
	until_now();
	return end();
}
