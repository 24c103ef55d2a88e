/* SPDX-License-Identifier: MIT */
/*
 * What the box needs of the host, in sentences. Each of these functions looks, changes nothing, and returns 0, or -1 with an err whose message is what is missing,
 * in plain words, then "; " and one thing to do about it; nothing behind the last "; " of a message is anything else. The stub asks what is cheap to ask before it begins,
 * `serapis-box --check` asks all, so that both say the same; who is refused something later on asks why it may be.
 */
#ifndef SP_BOX_HOST_H
#define SP_BOX_HOST_H

#include "base/err.h"
#include "box/ids.h"
#include "box/policy.h"

/* system calls: those that this kernel lacks, or that a filter hides or forbids */
int sp_host_calls(struct sp_err *err) SP_MUSTCHECK;
/* of root: the capabilities that the stub uses */
int sp_host_capabilities(struct sp_err *err) SP_MUSTCHECK;
/* The limit of core dumps; see settle_core_limit() in main.c. For a hard limit of 0 that cannot be raised. */
int sp_host_core(struct sp_err *err) SP_MUSTCHECK;
/* Open files of the box, with so many slots. */
int sp_host_open_files(unsigned slots, struct sp_err *err) SP_MUSTCHECK;
/* The policy's ids exist where we are: a container's user namespace may have fewer than the host. */
int sp_host_ids(const struct sp_ids *ids, struct sp_err *err) SP_MUSTCHECK;

/* The limits user.max_*_namespaces of the user namespace that this process is in. */
#define SP_HOST_NAMESPACES 7
struct sp_host_limits {
	unsigned long namespaces[SP_HOST_NAMESPACES]; /* ULONG_MAX: not known */
};
void sp_host_read_limits(struct sp_host_limits *l);
/* Every kind of namespace is there, and so many slots fit into the limits. */
int sp_host_namespaces(const struct sp_host_limits *l, unsigned slots, struct sp_err *err) SP_MUSTCHECK;

/* Why a key ring was refused. Always -1. */
int sp_host_why_no_keyring(int errnum, struct sp_err *err);
/* Why a clone with new namespaces, or a mount in a new user namespace, was refused with this errno. Always -1. */
int sp_host_why_no_namespaces(int errnum, struct sp_err *err);
int sp_host_why_no_mount(const char *what, int errnum, struct sp_err *err);
/* The same of a new /proc, which the kernel refuses also where parts of the one below are covered. */
int sp_host_why_no_proc(int errnum, struct sp_err *err);

/* What the root "host" and the policy's other roots are made of: there, to be reached by everybody, with programs that may be executed; the nodes of /dev. */
int sp_host_directories(const struct sp_policy *p, struct sp_err *err) SP_MUSTCHECK;
int sp_host_devices(struct sp_err *err) SP_MUSTCHECK;
/* Sockets and named pipes that a program would see in the root "host", which a read-only mount does not keep it from using. likely: only where they may be expected, below
 * /usr/local and in what is mounted below /usr; all of /usr takes seconds, and no package puts one there. */
int sp_host_sockets(bool likely, struct sp_err *err) SP_MUSTCHECK;
/* Calls `tell` with each mount point below /usr. */
void sp_host_mounts_below_usr(void (*tell)(const char *point));

/* Whether who started us was root; a child of the process that asked first has its answer, whatever ids it has by then. */
bool sp_host_is_root(void);
/* First line of a file, without its end; false when there is none. */
bool sp_host_line(const char *path, char *out, size_t size);
/* Whether the running kernel is at least this one; true when it does not say what it is. */
bool sp_host_kernel_is(int major, int minor);

#endif
