/* SPDX-License-Identifier: MIT */
#include "box/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/text.h"

#define POLICY_BYTES_MAX (64 * 1024)

/* Each slot generation takes three ids (root, init, run), and a quarantined slot keeps its own while a new one takes its place: with twice
 * the slots' need, and one for the box itself, a rebuild always finds ids that nothing alive uses. */
static uint32_t ids_needed(uint32_t slots) { return 1 + 2 * 3 * slots; }

static const struct sp_policy builtin = {
        .roots = {{.name = "host"}},
        .nroots = 1,
        /* Above what adduser and useradd give away as subordinate ids (from 100000 on) and what systemd takes for containers (to 1879048191), below
         * what some programs take for negative. */
        .ids_start = 1900000000,
        .ids_count = 65536,
        .slots_max = SP_BOX_SLOTS_MAX,
        .processes_max = 1024,
        .open_files_max = 4096,
        .memory_max = UINT64_C(4) << 30,
        .file_bytes_max = UINT64_C(1) << 30,
        .tree_bytes_max = UINT64_C(1) << 30,
        .stack_max = UINT64_C(64) << 20,
        .wall_max = UINT64_C(600) * 1000000000,
        .cpu_max = UINT64_C(600) * 1000000000,
};

enum kind { COUNT, BYTES, TIME };
static const struct {
	const char *key;
	enum kind kind;
	size_t offset;
	uint64_t min, max;
} numbers[] = {
        {"slots_max", COUNT, offsetof(struct sp_policy, slots_max), 1, SP_BOX_SLOTS_MAX},
        {"processes_max", COUNT, offsetof(struct sp_policy, processes_max), 1, 1 << 20},
        {"open_files_max", COUNT, offsetof(struct sp_policy, open_files_max), 16, 1 << 20},
        {"memory_max", BYTES, offsetof(struct sp_policy, memory_max), 1 << 20, UINT64_C(1) << 44},
        {"file_bytes_max", BYTES, offsetof(struct sp_policy, file_bytes_max), 4096, UINT64_C(1) << 44},
        {"tree_bytes_max", BYTES, offsetof(struct sp_policy, tree_bytes_max), 4096, UINT64_C(1) << 44},
        {"stack_max", BYTES, offsetof(struct sp_policy, stack_max), 64 << 10, UINT64_C(1) << 40},
        {"wall_max", TIME, offsetof(struct sp_policy, wall_max), 1000000, UINT64_C(86400) * 1000000000},
        {"cpu_max", TIME, offsetof(struct sp_policy, cpu_max), 1000000, UINT64_C(86400) * 1000000000},
};

static bool parse_u32(const char *s, uint32_t *out)
{
	uint64_t v = 0;
	if (!*s) return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9') return false;
		v = v * 10 + (uint64_t)(*s - '0');
		if (v > UINT32_MAX) return false;
	}
	*out = (uint32_t)v;
	return true;
}

static bool parse_number(struct sp_policy *p, size_t i, const char *word)
{
	uint64_t v;
	uint32_t count;
	int64_t wide;

	switch (numbers[i].kind) {
	case COUNT:
		if (!parse_u32(word, &count)) return false;
		v = count;
		break;
	case BYTES:
		if (!sp_parse_bytes(word, &wide) || wide < 0) return false;
		v = (uint64_t)wide;
		break;
	case TIME:
		if (!sp_parse_duration_ms(word, &wide) || wide < 0 || wide > INT64_MAX / 1000000) return false;
		v = (uint64_t)wide * 1000000;
		break;
	default: return false;
	}
	if (v < numbers[i].min || v > numbers[i].max) return false;
	void *field = (char *)p + numbers[i].offset;
	if (numbers[i].kind == COUNT)
		*(uint32_t *)field = (uint32_t)v;
	else
		*(uint64_t *)field = v;
	return true;
}

/* A path that can mean only one thing: absolute, no ".." component. Whether it exists is found out when the roots are built. */
static bool good_path(const char *s)
{
	if (s[0] != '/' || strlen(s) >= SP_POLICY_PATH_MAX) return false;
	for (const char *c = s; (c = strstr(c, "/..")); c += 3)
		if (c[3] == '/' || !c[3]) return false;
	return true;
}

static bool good_name(const char *s)
{
	size_t n = strlen(s);
	return n > 0 && n < SP_BOX_NAME_MAX && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == n && s[0] != '.';
}

static int parse_root(struct sp_policy *p, const char *at, char *const *w, size_t n, struct sp_err *err)
{
	if (n != 4 || strcmp(w[2], "dir") != 0) return sp_fail(err, SP_E_INVALID, 0, "%s: a root is written \"root NAME dir PATH\"", at);
	if (!good_name(w[1]) || sp_policy_root(p, w[1]) >= 0)
		return sp_fail(err, SP_E_INVALID, 0, "%s: root name \"%s\" is taken or has other characters than a-z 0-9 - _ .", at, w[1]);
	if (!good_path(w[3])) return sp_fail(err, SP_E_INVALID, 0, "%s: the root's path must be absolute, without \"..\"", at);
	if (p->nroots == SP_POLICY_ROOTS_MAX) return sp_fail(err, SP_E_LIMIT, 0, "%s: more than %d roots", at, SP_POLICY_ROOTS_MAX);
	struct sp_policy_root *r = &p->roots[p->nroots++];
	memcpy(r->name, w[1], strlen(w[1]) + 1);
	memcpy(r->path, w[3], strlen(w[3]) + 1);
	return 0;
}

static int parse_line(struct sp_policy *p, const char *at, char *line, struct sp_err *err)
{
	char *w[5], *save = NULL;
	size_t n = 0;

	line[strcspn(line, "#")] = 0;
	for (char *t = strtok_r(line, " \t\r", &save); t; t = strtok_r(NULL, " \t\r", &save)) {
		if (n == SP_COUNT(w)) return sp_fail(err, SP_E_INVALID, 0, "%s: too many words", at);
		w[n++] = t;
	}
	if (n == 0) return 0;
	if (strcmp(w[0], "root") == 0) return parse_root(p, at, w, n, err);
	if (strcmp(w[0], "ids") == 0) {
		/* Host root must never be in the range: the whole design rests on ids that own nothing on the host. */
		if (n != 3 || !parse_u32(w[1], &p->ids_start) || !parse_u32(w[2], &p->ids_count) || p->ids_start < 1000 ||
		        (uint64_t)p->ids_start + p->ids_count > UINT32_MAX)
			return sp_fail(err, SP_E_INVALID, 0,
			        "%s: ids are written \"ids START COUNT\", with START at least 1000 and all of them below 4294967295", at);
		return 0;
	}
	if (strcmp(w[0], "unsafe_rootless") == 0) {
		if (n != 1) return sp_fail(err, SP_E_INVALID, 0, "%s: unsafe_rootless has no value", at);
		p->unsafe_rootless = true;
		return 0;
	}
	if (strcmp(w[0], "host_sockets") == 0) {
		if (n != 2 || strcmp(w[1], "allow") != 0)
			return sp_fail(err, SP_E_INVALID, 0, "%s: this is written \"host_sockets allow\"", at);
		p->host_sockets = 1;
		return 0;
	}
	for (size_t i = 0; i < SP_COUNT(numbers); i++) {
		if (strcmp(w[0], numbers[i].key) != 0) continue;
		if (n != 2 || !parse_number(p, i, w[1]))
			return sp_fail(err, SP_E_INVALID, 0, "%s: %s has no value, or one that is not acceptable", at, numbers[i].key);
		return 0;
	}
	return sp_fail(err, SP_E_INVALID, 0, "%s: unknown setting \"%.40s\"", at, w[0]);
}

int sp_policy_parse(struct sp_policy *p, const char *name, const char *text, struct sp_err *err)
{
	sp_autofree char *copy = sp_strdup(text);
	*p = builtin;
	unsigned line = 1;
	for (char *s = copy; s; line++) {
		char *end = strchr(s, '\n');
		if (end) *end = 0;
		char at[SP_POLICY_PATH_MAX + 24];
		snprintf(at, sizeof at, "%s:%u", name, line);
		if (parse_line(p, at, s, err) < 0) return -1;
		s = end ? end + 1 : NULL;
	}
	if (p->ids_count < ids_needed(p->slots_max))
		return sp_fail(err, SP_E_INVALID, 0, "%s: %u ids are too few for %u slots, which need %u", name, p->ids_count, p->slots_max,
		        ids_needed(p->slots_max));
	return 0;
}

static int cannot_open(const char *name, int errnum, struct sp_err *err)
{
	if (errnum == ENOENT)
		return sp_fail(err, SP_E_NOT_FOUND, 0, "the policy %s is not there; write it, or name none (--box-policy)", name);
	if (errnum == ELOOP)
		return sp_fail(err, SP_E_INVALID, 0,
		        "the policy %s is a symbolic link, which may be turned elsewhere; name the file itself", name);
	if (errnum == EACCES) return sp_fail(err, SP_E_IO, 0, "the policy %s may not be read by this user; chmod 644 %s", name, name);
	return sp_fail(err, SP_E_IO, errnum, "policy %s", name);
}

int sp_policy_load(struct sp_policy *p, const char *path, struct sp_err *err)
{
	const char *name = path ? path : SP_POLICY_DEFAULT_FILE;
	sp_autoclose int fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT && !path) {
		*p = builtin;
		return 0;
	}
	if (fd < 0) return cannot_open(name, errno, err);

	/* Whoever can write this file decides what the service may do as the box: it must be somebody who could do so anyway. */
	struct stat st;
	if (fstat(fd, &st) < 0) return sp_fail(err, SP_E_IO, errno, "policy %s", name);
	if (!S_ISREG(st.st_mode))
		return sp_fail(err, SP_E_INVALID, 0, "the policy %s is not a regular file; name one that is (--box-policy)", name);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return sp_fail(err, SP_E_INVALID, 0, "the policy %s does not belong to root; chown root %s", name, name);
	if (st.st_mode & 022)
		return sp_fail(err, SP_E_INVALID, 0, "the policy %s can be written by others than its owner; chmod go-w %s", name, name);

	sp_autofree char *text = malloc(POLICY_BYTES_MAX + 1);
	if (!text) return sp_fail(err, SP_E_LIMIT, ENOMEM, "policy %s", name);
	size_t n = 0;
	for (;;) {
		ssize_t r = read(fd, text + n, POLICY_BYTES_MAX + 1 - n);
		if (r < 0 && errno == EINTR) continue;
		if (r < 0) return sp_fail(err, SP_E_IO, errno, "policy %s", name);
		if (r == 0) break;
		n += (size_t)r;
		if (n > POLICY_BYTES_MAX) return sp_fail(err, SP_E_LIMIT, 0, "policy %s is larger than %d bytes", name, POLICY_BYTES_MAX);
	}
	if (memchr(text, 0, n)) return sp_fail(err, SP_E_INVALID, 0, "policy %s contains a NUL byte", name);
	text[n] = 0;
	if (sp_policy_parse(p, name, text, err) == 0) return 0;
	return sp_fail(err, err->code, 0, "%s; correct it (serapis-box(8) lists the settings)", err->msg);
}

/* One file of lines "name:…:number:…": first ≤ number < first + count of any line within the policy's ids? count comes from `count_at`, or is 1. */
static int check_ids_file(const struct sp_policy *p, const char *path, int number_at, int count_at, struct sp_err *err)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	int rc = 0;

	while (f && rc == 0 && getline(&line, &cap, f) > 0) {
		uint32_t first = 0, count = 1;
		bool found = false;
		char *rest = line, *name = line;
		line[strcspn(line, "\n")] = 0;
		for (int i = 0; rest; i++) {
			char *field = strsep(&rest, ":");
			if (i == number_at) found = parse_u32(field, &first);
			if (i == count_at && !parse_u32(field, &count)) found = false;
		}
		if (found && first < (uint64_t)p->ids_start + p->ids_count && p->ids_start < (uint64_t)first + count)
			rc = sp_fail(err, SP_E_INVALID, 0,
			        "the box's ids %u to %u are not free: %s gives %u%s to %.40s, who could then end the box and lift limits; "
			        "choose "
			        "others by \"ids START COUNT\" in the policy",
			        p->ids_start, p->ids_start + p->ids_count - 1, path, first, count > 1 ? " and more" : "", name);
	}
	free(line);
	if (f) fclose(f);
	return rc;
}

int sp_policy_check_ids(const struct sp_policy *p, struct sp_err *err)
{
	if (check_ids_file(p, "/etc/subuid", 1, 2, err) < 0 || check_ids_file(p, "/etc/subgid", 1, 2, err) < 0 ||
	        check_ids_file(p, "/etc/passwd", 2, -1, err) < 0 || check_ids_file(p, "/etc/group", 2, -1, err) < 0)
		return -1;
	return 0;
}

int sp_policy_root(const struct sp_policy *p, const char *name)
{
	if (strnlen(name, SP_BOX_NAME_MAX) == SP_BOX_NAME_MAX) return -1;
	for (uint32_t i = 0; i < p->nroots; i++)
		if (strcmp(p->roots[i].name, name) == 0) return (int)i;
	return -1;
}

const char *sp_policy_check_begin(const struct sp_policy *p, const struct sp_box_begin *b)
{
	if (sp_policy_root(p, b->root) < 0) return "the policy has no root of that name";
	if (b->tree_bytes < 4096 || b->tree_bytes > p->tree_bytes_max)
		return "tree_bytes is below 4096 or over the policy's tree_bytes_max";
	/* An inode costs about a kilobyte of the slot's memory, so their number needs a bound as much as the blocks do. */
	if (b->tree_inodes > 1u << 20) return "tree_inodes is over 1048576";
	return NULL;
}

const char *sp_policy_check_step(const struct sp_policy *p, const struct sp_box_step *s)
{
	if (s->flags & ~(uint32_t)SP_BOX_STEP_MERGE) return "unknown flag";
	if (s->processes < 1 || s->processes > p->processes_max) return "processes is 0 or over the policy's processes_max";
	if (s->wall_ns < 1 || s->wall_ns > p->wall_max) return "wall_ns is 0 or over the policy's wall_max";
	if (s->cpu_ns < 1 || s->cpu_ns > p->cpu_max) return "cpu_ns is 0 or over the policy's cpu_max";
	if (s->memory_bytes < 1 << 20 || s->memory_bytes > p->memory_max)
		return "memory_bytes is below 1 MiB or over the policy's memory_max";
	if (s->file_bytes > p->file_bytes_max) return "file_bytes is over the policy's file_bytes_max";
	if (s->open_files < 4 || s->open_files > p->open_files_max) return "open_files is below 4 or over the policy's open_files_max";
	if (s->stack_bytes && (s->stack_bytes < 64 << 10 || s->stack_bytes > p->stack_max))
		return "stack_bytes is below 64 KiB or over the policy's stack_max";
	return NULL;
}

/* No ceilings of its own: what is collected is as large as what a step may write, and takes as long as a step may. */
const char *sp_policy_check_collect(const struct sp_policy *p, const struct sp_box_collect *c)
{
	if (c->wall_ns < 1 || c->wall_ns > p->wall_max) return "wall_ns is 0 or over the policy's wall_max";
	if (c->cpu_ns < 1 || c->cpu_ns > p->cpu_max) return "cpu_ns is 0 or over the policy's cpu_max";
	if (c->file_bytes > p->file_bytes_max) return "file_bytes is over the policy's file_bytes_max";
	if (c->total_bytes > p->tree_bytes_max) return "total_bytes is over the policy's tree_bytes_max";
	if (c->files < 1 || c->files > SP_BOX_COLLECT_FILES_MAX) return "files is 0 or over 4096";
	if (c->depth < 1 || c->depth > SP_BOX_PATH_DEPTH_MAX) return "depth is 0 or over 32";
	return NULL;
}
