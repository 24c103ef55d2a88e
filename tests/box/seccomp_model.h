/* SPDX-License-Identifier: MIT */
/*
 * What the seccomp tests hold the filter against: the meaning of the rules, written down a second time and without BPF, and a machine that
 * runs classic BPF as seccomp(2) describes it.
 */
#ifndef SP_TESTS_BOX_SECCOMP_MODEL_H
#define SP_TESTS_BOX_SECCOMP_MODEL_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seccomp_rules.h"

/* The rule that decides a call: rules->fallback and rules->foreign included. */
const struct sp_rule *model_decide(const struct sp_rules *rules, const struct seccomp_data *data);

/* The value that seccomp's BPF returns for a rule. */
uint32_t model_return(const struct sp_rule *rule);

/* Runs prog; ends the test program on an instruction that seccomp would not take or a jump out of the program. */
uint32_t model_run(const struct sock_filter *prog, size_t count, const struct seccomp_data *data);

/* Argument values that matter to the conditions on one argument of a call: hits, near misses, and rubbish where nobody looks. */
enum { MODEL_CANDIDATES_MAX = 256 };
size_t model_candidates(const struct sp_rules *rules, int nr, unsigned arg, uint64_t values[MODEL_CANDIDATES_MAX]);

/* Finds arguments that make exactly this rule decide. False: no combination of candidates does, so the rule is dead. */
bool model_witness(const struct sp_rules *rules, const struct sp_rule *rule, uint64_t args[6]);

#endif
