/* SPDX-License-Identifier: MIT */
/*
 * wins: keys of the operator's session, keys that stay for the next run, and request_key, which starts a program of the host as root
 * rule: 35, 34
 * expect: ok
 * says: ^held add EPERM$
 * control: bare
 * shows: ^WON add
 */
#include "attack.h"

int main(void)
{
	for (long ring = -5; ring < 0; ring++) {
		char name[32];
		snprintf(name, sizeof name, "ring%ld", ring);
		tried(name, syscall(SYS_keyctl, 0, ring, 1, 0, 0));
	}
	tried("add", syscall(SYS_add_key, "user", "serapis", "x", 1, -3L));
	tried("request", syscall(SYS_request_key, "user", "serapis", "x", 0));
	tried("join", syscall(SYS_keyctl, 1, NULL, 0, 0, 0));
	tried("keys", open("/proc/keys", O_RDONLY) < 0 ? -1 : read(open("/proc/keys", O_RDONLY), (char[64]){0}, 64) > 0 ? 0 : -1);
	return end();
}
