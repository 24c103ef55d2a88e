/* SPDX-License-Identifier: MIT */
/*
 * A runtime in memory, for what the real one cannot be made to do on demand. The program that it "runs" is the text of the entry file:
 *
 *     print TEXT     prints TEXT
 *     exit N         ends with exit code N
 *     hold           waits for fake_release(), then prints "held"
 *     hang           waits until it is interrupted
 *     lose N         the runtime is lost under it, the first N times
 *     spurious N     is interrupted by nobody, the first N times; then prints "late"
 *     nocommand      the command is not found
 *     broken         an internal error of the runtime
 *     badcompile     the compiler ends with exit code 1; with any other text it prints "compiled"
 *     env            prints argv, environment and standard input
 *
 * A step without files is a version command: "missing" is not found, "old" prints no version, anything else prints "v1.2.3".
 *
 * Its tree holds the entry file alone, so that is what can be collected; one that begins with "lose" is lost then as well.
 */
#ifndef SP_TESTS_FAKE_RUNTIME_H
#define SP_TESTS_FAKE_RUNTIME_H

#include <pthread.h>
#include <stdbool.h>

#include "runtime/runtime.h"

#define FAKE_SLOTS_MAX 8

struct fake_slot {
	char program[256], path[64]; /* of the entry file */
	bool begun, interrupted, in_step;
};

struct fake_runtime {
	struct sp_runtime super;
	int slots;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under the lock */
	struct fake_slot slot[FAKE_SLOTS_MAX];
	int released; /* how many `hold` may go on */
	int healthy; /* what healthy_slots answers */
	int running, most; /* programs that run now, and most at the same time */
	int holding, hanging; /* how many are in that state */
	int times; /* how often lose or spurious has struck */
	int programs; /* how many were started */
	char order[256]; /* first letters after "print " of programs, in order of their start */
};

void fake_init(struct fake_runtime *f, int slots);
void fake_fini(struct fake_runtime *f);
void fake_release(struct fake_runtime *f, int more);
/* Waits until the counter (of this fake) has the value; fails the test if it never does. */
void fake_await(struct fake_runtime *f, const int *counter, int value);

#endif
