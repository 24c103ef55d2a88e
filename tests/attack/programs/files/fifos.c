/* SPDX-License-Identifier: MIT */
/*
 * wins: a reader that hangs: FIFOs and sockets named as files that somebody will open after the run
 * rule: 20 (O_NONBLOCK, regular files only), design 4.1
 * expect: ok
 * control: none: there is no collector bare
 */
#include "attack.h"

#include <sys/un.h>

int main(void)
{
	static const char *const names[] = {"/box/out.txt", "/box/result.json", "/box/core", "/tmp/x", "/box/a.out"};
	for (int i = 0; i < 5; i++) tried("", mkfifo(names[i], 0666) == 0 ? -1 : 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/box/sock"};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(s, (struct sockaddr *)&a, sizeof a) < 0) say("bind %s", strerrorname_np(errno));
	return end();
}
