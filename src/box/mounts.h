/* SPDX-License-Identifier: MIT */
/*
 * What a run sees of the file system. A launcher builds, once, a small private tree of its own:
 *
 *     /roots/<name>   one template a root of the policy: a read-only tmpfs with read-only binds, empty mount points proc, box, tmp, dev/shm
 *     /proc           of the slot's pid namespace, complete: the kernel lets an unprivileged mount namespace make a new proc only where one is visible
 *     /tree           where the run's tmpfs is mounted, with box, tmp and shm in it; a new one for each evaluation
 *     /view           where a collector attaches its own view of that tmpfs, in its own mount namespace; empty in this one
 *     /dev, /empty    five of the host's device nodes; /dev/null and /empty are bound over the parts of proc that tell of the host
 *
 * and each container's init gets a copy of it with its mount namespace, adds proc and the tree to the template, and makes that its root.
 * Every function returns 0 or -1 with errno and, in *what, the step that failed (a static string).
 */
#ifndef SP_BOX_MOUNTS_H
#define SP_BOX_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "box/policy.h"

#define SP_RUN_UID 1000
#define SP_INIT_UID 1

#define SP_MASKS_MAX 48
struct sp_mounts {
	int proc; /* O_PATH of that proc */
	const char *masks[SP_MASKS_MAX]; /* those parts of proc that this kernel has, "acpi" … */
	bool mask_is_dir[SP_MASKS_MAX];
	unsigned nmasks;
};

/* Launcher, once: leaves the host's mounts behind for ever. */
int sp_mounts_build(struct sp_mounts *m, const struct sp_policy *p, struct sp_err *err) SP_MUSTCHECK;

/* What a run's tree may hold. inodes 0: 8192. */
struct sp_tree_size {
	uint64_t bytes;
	uint32_t inodes;
};

/* Launcher: mounts an empty tree, ahead of the request; gives it another size, while it is still empty; unmounts it. */
int sp_mounts_tree_open(const struct sp_tree_size *size, const char **what) SP_MUSTCHECK;
int sp_mounts_tree_resize(const struct sp_tree_size *size) SP_MUSTCHECK;
int sp_mounts_tree_close(void) SP_MUSTCHECK;
/* Launcher: a second mount of the run's /box, attached nowhere, through which nothing can be written, executed or led astray (box-rules.md 19). Returns
 * its descriptor, the caller's. */
int sp_mounts_tree_view(const char **what) SP_MUSTCHECK;
/* *blocks, *inodes: none is left. */
uint64_t sp_mounts_tree_used(void); /* bytes of its files */
int sp_mounts_tree_full(bool *blocks, bool *inodes) SP_MUSTCHECK;

/* Init, in its new namespaces: makes the named template the root. The working directory is then /. */
int sp_mounts_enter(const struct sp_mounts *m, const char *root, const char **what) SP_MUSTCHECK;
/* Collector, in its new namespaces: makes the view the root, and all that it has. The working directory is then /. */
int sp_mounts_enter_view(int view, const char **what) SP_MUSTCHECK;

#endif
