/* SPDX-License-Identifier: MIT */
/* Between cgroup.c and the two versions; nobody else's. */
#ifndef SP_BOX_CGROUP_IMPL_H
#define SP_BOX_CGROUP_IMPL_H

#include "box/cgroup.h"

/* /proc/self/cgroup and /proc/self/mountinfo: the directory of this process in the hierarchy of `controller` (NULL: version 2's). root: it is the whole
 * hierarchy's or this cgroup namespace's top. -1: there is none, or it is out of sight. */
int sp_cg_locate(const char *controller, char *out, size_t size, bool *root, struct sp_err *err) SP_MUSTCHECK;

/* Why there is no such controller; why a group cannot be written to, and what a user who lacks the right has to do. Always -1. */
int sp_cg_fail_absent(const char *controller, struct sp_err *err);
int sp_cg_fail_unwritable(const char *path, int errnum, const char *who, struct sp_err *err);

int sp_cg_write(int fd, const char *text) SP_MUSTCHECK; /* -1 with errno */
int sp_cg_write_at(int dir, const char *file, const char *text) SP_MUSTCHECK;
int sp_cg_write_number(int fd, uint64_t v, const char *unlimited) SP_MUSTCHECK; /* `unlimited` stands for UINT64_MAX */
uint64_t sp_cg_read_number(int fd);
uint64_t sp_cg_read_keyed(int fd, const char *key); /* the number behind "key " at the beginning of a line; 0 when there is none */
int sp_cg_give(int dir, const char *const *files, uid_t uid, gid_t gid) SP_MUSTCHECK; /* the directory and those files in it */
void sp_cg_slot_name(char out[48], unsigned slot, unsigned generation);

int sp_cg1_find(struct sp_cgroup_base *b, struct sp_err *err) SP_MUSTCHECK;
int sp_cg1_make_box(struct sp_cgroup_base *b, int i, uid_t uid, gid_t gid, struct sp_err *err) SP_MUSTCHECK;
int sp_cg1_enter(const struct sp_cgroup_base *b, const char *name, struct sp_cgroup *cg, struct sp_err *err) SP_MUSTCHECK;
int sp_cg1_set_memory(struct sp_cgroup *cg, uint64_t bytes) SP_MUSTCHECK;

int sp_cg2_find(struct sp_cgroup_base *b, struct sp_err *err) SP_MUSTCHECK;
int sp_cg2_clear_place(struct sp_cgroup_base *b, struct sp_err *err) SP_MUSTCHECK; /* no process in it, controllers on */
int sp_cg2_make_box(struct sp_cgroup_base *b, uid_t uid, gid_t gid, struct sp_err *err) SP_MUSTCHECK;
int sp_cg2_slot_make(int dir, const char *name, unsigned owner, int *home) SP_MUSTCHECK;
int sp_cg2_make(struct sp_cgroup_slot *s, struct sp_cgroup *cg) SP_MUSTCHECK;
int sp_cg2_unmake(struct sp_cgroup_slot *s, struct sp_cgroup *cg);

#endif
