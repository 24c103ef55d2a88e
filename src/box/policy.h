/* SPDX-License-Identifier: MIT */
/*
 * What the service may ask of the box: a file that belongs to root, read before the first byte from the service.
 *
 * One setting a line, words separated by blanks, '#' begins a comment:
 *
 *     root NAME dir PATH      an unpacked image directory under this name; "host" exists without a line
 *     ids START COUNT         the host's user and group ids that the box maps for itself and its slots; nobody else may have them (1900000000 65536)
 *     host_sockets allow      start although programs can reach sockets or named pipes of the host through the root "host"
 *     unsafe_rootless         several slots even where one user id is all there is for them (ids.h)
 *     slots_max N   processes_max N   open_files_max N
 *     memory_max SIZE   file_bytes_max SIZE   tree_bytes_max SIZE   stack_max SIZE        64KiB, 256MiB, 4GiB
 *     wall_max TIME   cpu_max TIME                                                        500ms, 15s, 10m, 1h
 *
 * Ceilings are what a request may ask at most; a request that asks more is refused, not lowered.
 */
#ifndef SP_BOX_POLICY_H
#define SP_BOX_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "box/protocol.h"

#define SP_POLICY_ROOTS_MAX 32
#define SP_POLICY_PATH_MAX 512
#define SP_POLICY_DEFAULT_FILE "/etc/serapis/box.policy"

struct sp_policy_root {
	char name[SP_BOX_NAME_MAX];
	char path[SP_POLICY_PATH_MAX]; /* absolute; empty for "host" */
};

struct sp_policy {
	struct sp_policy_root roots[SP_POLICY_ROOTS_MAX]; /* roots[0] is "host" */
	uint32_t nroots;
	uint32_t ids_start, ids_count;
	bool unsafe_rootless;
	uint32_t slots_max, processes_max, open_files_max;
	uint32_t host_sockets; /* 1: allowed */
	uint64_t memory_max, file_bytes_max, tree_bytes_max, stack_max; /* bytes */
	uint64_t wall_max, cpu_max; /* nanoseconds */
};

/* Reads `path`, or SP_POLICY_DEFAULT_FILE when path is NULL; only in the latter case may the file be absent, and the built-in policy holds. */
int sp_policy_load(struct sp_policy *p, const char *path, struct sp_err *err) SP_MUSTCHECK;

/* The parser alone, for tests: text must be NUL-terminated. `name` is what messages call the file. */
int sp_policy_parse(struct sp_policy *p, const char *name, const char *text, struct sp_err *err) SP_MUSTCHECK;

/* Whoever has one of the box's ids can signal it and owns its cgroups. -1: one of them is in /etc/passwd, group, subuid or subgid; err says which. */
int sp_policy_check_ids(const struct sp_policy *p, struct sp_err *err) SP_MUSTCHECK;

/* Index into roots, or -1. `name` need not be terminated: at most SP_BOX_NAME_MAX bytes are looked at. */
int sp_policy_root(const struct sp_policy *p, const char *name);

/* NULL when the request is within the policy, else what is wrong with it, as a sentence. */
const char *sp_policy_check_begin(const struct sp_policy *p, const struct sp_box_begin *b);
const char *sp_policy_check_step(const struct sp_policy *p, const struct sp_box_step *s);
const char *sp_policy_check_collect(const struct sp_policy *p, const struct sp_box_collect *c);

#endif
