/* SPDX-License-Identifier: MIT */
/*
 * wins: names that do not exist: each look-up leaves a dentry in the kernel, of a shared read-only file system too, and their number has no limit
 * rule: 4 (charged), 13 (a slot is free only when its memory is)
 * expect: ok|memory_limit|cpu_limit
 * limits: memory_bytes=33554432 cpu_ms=6000
 * control: none: that a look-up is remembered is how the kernel works
 */
#include "attack.h"

int main(void)
{
	struct stat s;
	for (int i = 0; i < 400000; i++) {
		char name[64];
		snprintf(name, sizeof name, i % 2 ? "/usr/lib/serapis-nothing-%d" : "/tmp/serapis-nothing-%d", i);
		stat(name, &s);
	}
	return end();
}
