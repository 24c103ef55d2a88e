/* SPDX-License-Identifier: MIT */
/*
 * cgroup v1. Four controllers, each with a hierarchy and a path of its own: this process may sit at / in one and at /system.slice/… in another,
 * so each path is read, never assumed (box-rules.md 37). A slot's groups are kept: entering one costs milliseconds, so it is done once, by the launcher.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attr.h"
#include "box/cgroup_impl.h"

static const char *const controllers[SP_CG_COUNT] = {"memory", "cpuacct", "pids", "cpu"};

/* Of one slot's group among the others: all get the same, however many processes and sessions are in each. The kernel's own default. */
#define SLOT_SHARES "1024"
/* Buffers of all sockets in a slot, 16 MiB, of UDP too in spite of the file's name; a connection at full speed has use for some megabytes. */
#define SLOT_SOCKET_BYTES "16777216"

int sp_cg1_find(struct sp_cgroup_base *b, struct sp_err *err)
{
	struct sp_err why;
	int rc = 0;

	for (int i = 0; i < SP_CG_COUNT; i++) {
		bool root;
		if (sp_cg_locate(controllers[i], b->path[i], sizeof b->path[i], &root, &why) == 0) {
			b->version = 1; /* even if it cannot be used: it is what this host has */
			if (access(b->path[i], W_OK) == 0) continue;
			sp_cg_fail_unwritable(b->path[i], errno, "start the service as root", &why);
		} else {
			b->path[i][0] = 0;
			if (i == SP_CG_CPU) continue;
		}
		if (rc == 0) *err = why;
		rc = -1;
	}
	for (int i = 0; rc < 0 && i < SP_CG_COUNT; i++) b->path[i][0] = 0;
	return rc;
}

int sp_cg1_make_box(struct sp_cgroup_base *b, int i, uid_t uid, gid_t gid, struct sp_err *err)
{
	static const char *const files[] = {"cgroup.procs", NULL};
	if (sp_cg_give(b->dir[i], files, uid, gid) < 0) return sp_fail(err, SP_E_IO, errno, "giving %s/%s to the box", b->path[i], b->id);
	return 0;
}

int sp_cg1_enter(const struct sp_cgroup_base *b, const char *name, struct sp_cgroup *cg, struct sp_err *err)
{
	int at[SP_CG_COUNT];

	for (int i = 0; i < SP_CG_COUNT; i++) {
		at[i] = -1;
		if (b->dir[i] < 0) continue;
		if (mkdirat(b->dir[i], name, 0755) < 0 && errno != EEXIST)
			return sp_fail(err, SP_E_IO, errno, "making the slot's %s cgroup", controllers[i]);
		at[i] = openat(b->dir[i], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (at[i] < 0) return sp_fail(err, SP_E_IO, errno, "opening the slot's %s cgroup", controllers[i]);
	}
	const struct {
		int *fd;
		int dir;
		const char *file;
		int flags;
		bool optional;
	} files[] = {
	        {&cg->usage, SP_CG_MEMORY, "memory.usage_in_bytes", O_RDONLY, false},
	        {&cg->limit, SP_CG_MEMORY, "memory.limit_in_bytes", O_WRONLY, false},
	        {&cg->memsw, SP_CG_MEMORY, "memory.memsw.limit_in_bytes", O_WRONLY, true}, /* only with swap accounting */
	        {&cg->peak, SP_CG_MEMORY, "memory.max_usage_in_bytes", O_RDWR, false},
	        {&cg->oom, SP_CG_MEMORY, "memory.oom_control", O_RDONLY, false},
	        {&cg->force_empty, SP_CG_MEMORY, "memory.force_empty", O_WRONLY, false},
	        {&cg->cpu, SP_CG_CPUACCT, "cpuacct.usage", O_RDONLY, false},
	        {&cg->pids_max, SP_CG_PIDS, "pids.max", O_WRONLY, false},
	        {&cg->pids_events, SP_CG_PIDS, "pids.events", O_RDONLY, true},
	};
	for (size_t i = 0; i < SP_COUNT(files); i++) {
		*files[i].fd = openat(at[files[i].dir], files[i].file, files[i].flags | O_CLOEXEC);
		if (*files[i].fd < 0 && !files[i].optional)
			return sp_fail(err, SP_E_UNSUPPORTED, errno, "the cgroup file %s", files[i].file);
	}

	/* No swap for runs: the limit is one of memory, and swapped pages would outlive it on the host's disk. */
	sp_autoclose int swappiness = openat(at[SP_CG_MEMORY], "memory.swappiness", O_WRONLY | O_CLOEXEC);
	if (swappiness >= 0 && sp_cg_write(swappiness, "0") < 0) return sp_fail(err, SP_E_IO, errno, "memory.swappiness");

	/* Socket buffers are not charged to memory.limit_in_bytes: a program on the loopback interface could fill the host's. Held against
	 * its slot instead, and sends then wait as for a slow reader. A kernel without the file counts none. */
	if (sp_cg_write_at(at[SP_CG_MEMORY], "memory.kmem.tcp.limit_in_bytes", SLOT_SOCKET_BYTES) < 0 && errno != ENOENT)
		return sp_fail(err, SP_E_IO, errno, "memory.kmem.tcp.limit_in_bytes");

	/* A task outside of the root group is in no autogroup, where each session would have a share of its own. */
	if (at[SP_CG_CPU] >= 0 && sp_cg_write_at(at[SP_CG_CPU], "cpu.shares", SLOT_SHARES) < 0 && errno != ENOENT)
		return sp_fail(err, SP_E_IO, errno, "cpu.shares");

	for (int i = 0; i < SP_CG_COUNT; i++) {
		if (at[i] < 0) continue;
		if (sp_cg_write_at(at[i], "cgroup.procs", "0") < 0)
			return sp_fail(err, SP_E_IO, errno, "entering the slot's %s cgroup", controllers[i]);
		close(at[i]);
	}
	return 0;
}

int sp_cg1_set_memory(struct sp_cgroup *cg, uint64_t bytes)
{
	/* memory ≤ memory+swap must hold at every moment: the outer limit moves first on the way up, last on the way down. */
	bool up = bytes > cg->limit_now;
	if ((!up || cg->memsw < 0 || sp_cg_write_number(cg->memsw, bytes, "-1") == 0) && sp_cg_write_number(cg->limit, bytes, "-1") == 0 &&
	        (up || cg->memsw < 0 || sp_cg_write_number(cg->memsw, bytes, "-1") == 0)) {
		cg->limit_now = bytes;
		return 0;
	}
	/* Half-written: back to none, which is always possible, so that limit_now is true again. The caller runs nothing after a failure. */
	int why = errno;
	if (cg->memsw >= 0) (void)!sp_cg_write(cg->memsw, "-1");
	(void)!sp_cg_write(cg->limit, "-1");
	cg->limit_now = UINT64_MAX;
	errno = why;
	return -1;
}
