/* SPDX-License-Identifier: MIT */
/* cmocka with what it wants before it, and what most tests need. */
#ifndef SP_TESTS_UNIT_H
#define SP_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"

/* Runs fn(arg) in a child whose stderr is read back into out (cut to size, NUL-terminated). Returns the wait status. A child that
 * returns from fn exits with 0. */
static inline int in_child(void (*fn)(void *), void *arg, char *out, size_t size)
{
	int p[2], status = -1;
	size_t n = 0;
	ssize_t got;

	assert_int_equal(pipe(p), 0);
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(p[1], STDERR_FILENO);
		close(p[0]);
		close(p[1]);
		fn(arg);
		_exit(0);
	}
	close(p[1]);
	while (n + 1 < size && (got = read(p[0], out + n, size - 1 - n)) > 0) n += (size_t)got;
	out[n] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static inline void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part)) fail_msg("no \"%s\" in \"%s\"", part, text);
}

#endif
