/* SPDX-License-Identifier: MIT */
/* Loaded into a program by test_doctor.py (LD_PRELOAD): every file system is NFS. The headers make of the name what the program calls, statfs64. */
#include <stddef.h>
#include <sys/vfs.h>

#define NFS_SUPER_MAGIC 0x6969

int statfs(const char *path, struct statfs *out)
{
	*out = (struct statfs){.f_type = NFS_SUPER_MAGIC};
	return 0;
}
