/* SPDX-License-Identifier: MIT */
#ifndef SP_BOX_GEN_SECCOMP_BPF_H
#define SP_BOX_GEN_SECCOMP_BPF_H

#include <linux/filter.h>
#include <stddef.h>

#include "seccomp_rules.h"

enum { SP_SECCOMP_BPF_MAX = 4096 }; /* BPF_MAXINSNS: what the kernel takes in one filter */

/* How a filter finds a call's decision: among runs of equal neighbours, or libseccomp's ways, a tree of all calls or one after the other. */
enum sp_seccomp_frame { SP_SECCOMP_RUNS, SP_SECCOMP_LIB_TREE, SP_SECCOMP_LIB_LINEAR };

/*
 * Turns checked rules into a filter for x86_64, in prog[]; every frame gives a filter with the same answers. Returns the number of
 * instructions, or 0 with a sentence on `diag`.
 */
size_t sp_rules_compile(const struct sp_rules *rules, enum sp_seccomp_frame frame, struct sock_filter prog[SP_SECCOMP_BPF_MAX], FILE *diag);

#endif
