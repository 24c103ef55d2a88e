/* SPDX-License-Identifier: MIT */
/*
 * wins: kernel memory beside the tree's size: extended attributes of a tmpfs; and attributes that mean something (capabilities, ACLs)
 * rule: 34
 * expect: ok
 * says: ^held user EOPNOTSUPP$
 * control: none: the file system of the machine's /tmp decides there
 */
#include "attack.h"

#include <sys/xattr.h>

int main(void)
{
	static char value[60000];
	char cap[20] = {0, 0, 0, 2};
	close(open("/tmp/x", O_CREAT | O_WRONLY, 0700));
	tried("user", setxattr("/tmp/x", "user.x", value, sizeof value, 0));
	tried("trusted", setxattr("/tmp/x", "trusted.x", value, 10, 0));
	tried("capability", setxattr("/tmp/x", "security.capability", cap, sizeof cap, 0));
	tried("acl", setxattr("/tmp/x", "system.posix_acl_access", value, 28, 0));
	return end();
}
