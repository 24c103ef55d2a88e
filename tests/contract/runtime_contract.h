/* SPDX-License-Identifier: MIT */
/* The suite that every runtime back-end has to pass, in parts: runtime/runtime.h, sentence by sentence. */
#ifndef SP_TESTS_RUNTIME_CONTRACT_H
#define SP_TESTS_RUNTIME_CONTRACT_H

#include "runtime_kit.h"

extern struct sp_runtime *R; /* with two slots */

/* A test that failed in the midst of an evaluation must not take those after it along. */
int end_slots(void **state);
#define contract_test(f) cmocka_unit_test_teardown(f, end_slots)

struct runtime_suite {
	const struct CMUnitTest *plain; /* for every back-end, even fake_box */
	size_t nplain;
	const struct CMUnitTest *isolated; /* what needs limits or namespaces */
	size_t nisolated;
};
extern const struct runtime_suite program_suite; /* runtime_programs.c: what a program gets, prints and leaves */
extern const struct runtime_suite limit_suite; /* runtime_limits.c: how it is stopped */
extern const struct runtime_suite collect_suite; /* runtime_collect.c: what is given back of its files */
extern const struct runtime_suite life_suite; /* runtime_contract.c: many runs, dying boxes, open and close */

#endif
