/* SPDX-License-Identifier: MIT */
/*
 * Without root the kernel lets a user map his own id and nothing else. newuidmap and newgidmap of Debian's package uidmap, which have the right to map more,
 * do so for ranges that the administrator gave the user in /etc/subuid and /etc/subgid; that makes separate ids for the slots possible again.
 */
#include "box/ids.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/attr.h"

/* As in policy.c: three a slot, twice. */
#define IDS_A_SLOT 6
static const char *const mappers[] = {"/usr/bin/newuidmap", "/usr/bin/newgidmap"};

/* From /etc/passwd alone: this is no moment to load modules that look elsewhere. */
static bool own_name(char *out, size_t size)
{
	FILE *f = fopen("/etc/passwd", "re");
	bool found = false;
	for (struct passwd *p; f && !found && (p = fgetpwent(f));)
		found = p->pw_uid == getuid() && (size_t)snprintf(out, size, "%s", p->pw_name) < size;
	if (f) fclose(f);
	return found;
}

/* The first of our ranges in /etc/subuid or /etc/subgid ("name:start:count", or the uid in place of the name) that a slot fits in. */
static bool own_range(const char *file, uint32_t *start, uint32_t *count)
{
	char line[512], name[256] = "", number[16];
	bool found = false;
	FILE *f = fopen(file, "re");

	own_name(name, sizeof name);
	snprintf(number, sizeof number, "%u", (unsigned)getuid());
	while (f && !found && fgets(line, sizeof line, f)) {
		unsigned long s, n;
		char *rest = strchr(line, ':');
		if (!rest) continue;
		*rest++ = 0;
		if ((!name[0] || strcmp(line, name) != 0) && strcmp(line, number) != 0) continue;
		found = sscanf(rest, "%lu:%lu", &s, &n) == 2 && s >= 1000 && n >= IDS_A_SLOT && s + n < UINT32_MAX;
		if (found) *start = (uint32_t)s, *count = (uint32_t)n;
	}
	if (f) fclose(f);
	return found;
}

static void be_single(struct sp_ids *ids, const char *why)
{
	*ids = (struct sp_ids){.kind = SP_IDS_SINGLE, .uid = geteuid(), .gid = getegid(), .count = 1};
	snprintf(ids->why, sizeof ids->why, "%s", why);
}

/* Why the mappers cannot do what they are there for, or NULL. */
static const char *powerless(void)
{
	for (size_t i = 0; i < SP_COUNT(mappers); i++) {
		struct stat st;
		struct statvfs fs;
		if (access(mappers[i], X_OK) < 0 || stat(mappers[i], &st) < 0)
			return "there is no newuidmap or newgidmap; apt-get install uidmap";
		if (!(st.st_mode & S_ISUID) && getxattr(mappers[i], "security.capability", NULL, 0) <= 0)
			return "newuidmap or newgidmap has lost its set-uid bit; apt-get install --reinstall uidmap";
		if (statvfs(mappers[i], &fs) == 0 && fs.f_flag & ST_NOSUID)
			return "newuidmap is on a file system that is mounted nosuid; mount -o remount,suid /usr";
	}
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return "newuidmap has no power under no_new_privs; start the service without that (systemd: NoNewPrivileges=no)";
	return NULL;
}

void sp_ids_find(struct sp_ids *ids, const struct sp_policy *p)
{
	uint32_t uids = 0, gids = 0;

	*ids = (struct sp_ids){.kind = SP_IDS_POLICY, .uid = p->ids_start, .gid = p->ids_start, .count = p->ids_count};
	if (geteuid() == 0) return;
	const char *without = powerless();
	if (without)
		be_single(ids, without);
	else if (!own_range("/etc/subuid", &ids->uid, &uids) || !own_range("/etc/subgid", &ids->gid, &gids))
		be_single(ids,
		        "the user has no range of ids in /etc/subuid and /etc/subgid; usermod --add-subuids 100000-165535 --add-subgids "
		        "100000-165535 USER");
	else
		ids->kind = SP_IDS_SUBORDINATE, ids->count = 1 + (uids < gids ? uids : gids);
}

void sp_ids_fit_policy(const struct sp_ids *ids, bool unsafe, struct sp_policy *p)
{
	uint32_t slots = SP_BOX_SLOTS_MAX;
	p->ids_count = ids->count;
	if (ids->kind == SP_IDS_SINGLE)
		slots = unsafe ? SP_BOX_SLOTS_MAX : 1;
	else if (ids->kind == SP_IDS_SUBORDINATE)
		slots = (ids->count - 1) / IDS_A_SLOT;
	if (p->slots_max > slots) p->slots_max = slots;
}

static int write_proc(pid_t pid, const char *file, const char *text)
{
	char path[48];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	sp_autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

/* "newuidmap PID 0 OWN 1 1 START COUNT" */
static bool run_mapper(const char *program, pid_t pid, uint32_t own, uint32_t start, uint32_t count)
{
	char text[4][16], zero[] = "0", one[] = "1";
	char *argv[] = {(char *)(uintptr_t)program, text[0], zero, text[1], one, one, text[2], text[3], NULL}, *envp[] = {NULL};
	int status;

	snprintf(text[0], sizeof text[0], "%d", (int)pid);
	snprintf(text[1], sizeof text[1], "%u", own);
	snprintf(text[2], sizeof text[2], "%u", start);
	snprintf(text[3], sizeof text[3], "%u", count);
	pid_t child = fork();
	if (child == 0) {
		execve(program, argv, envp);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int sp_ids_write(struct sp_ids *ids, pid_t pid, struct sp_err *err)
{
	char map[2][64];

	if (ids->kind == SP_IDS_SUBORDINATE) {
		if (!run_mapper(mappers[0], pid, geteuid(), ids->uid, ids->count - 1)) {
			be_single(ids, "newuidmap refuses the user's range in /etc/subuid, as its message says; correct that line");
		} else {
			if (run_mapper(mappers[1], pid, getegid(), ids->gid, ids->count - 1)) return 0;
			return sp_fail(err, SP_E_UNSUPPORTED, 0,
			        "newgidmap refuses the user's range in /etc/subgid, as its message says; correct that line");
		}
	}
	/* Safe: the policy's range starts at 1000 or above, so the host's root is never in it, and the child can only become what is mapped. */
	snprintf(map[0], sizeof map[0], "0 %u %u\n", ids->uid, ids->count);
	snprintf(map[1], sizeof map[1], "0 %u %u\n", ids->gid, ids->count);
	/* Without root the kernel asks for it: or a process could drop a group that is there to take rights away. */
	if (ids->kind == SP_IDS_SINGLE && write_proc(pid, "setgroups", "deny") < 0)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "the kernel does not let the box give up setgroups (%s); start the service as root", strerrordesc_np(errno));
	if (write_proc(pid, "uid_map", map[0]) < 0 || write_proc(pid, "gid_map", map[1]) < 0)
		return sp_fail(err, SP_E_UNSUPPORTED, 0, "the kernel does not map the ids %u to %u for the box (%s); %s", ids->uid,
		        ids->uid + ids->count - 1, strerrordesc_np(errno),
		        ids->kind == SP_IDS_POLICY ? "choose others by \"ids START COUNT\" in the policy" : "start the service as root");
	return 0;
}
