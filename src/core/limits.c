/* SPDX-License-Identifier: MIT */
#include "core/limits.h"

struct sp_limits sp_limits_of_compile(const struct sp_eval_limits *l)
{
	struct sp_limits c = l->run;

	c.wall_ms = c.cpu_ms = l->compile_wall_ms;
	if (c.memory_bytes < SP_COMPILE_MEMORY_MIN_BYTES) c.memory_bytes = SP_COMPILE_MEMORY_MIN_BYTES;
	if (c.processes < SP_COMPILE_PROCESSES_MIN) c.processes = SP_COMPILE_PROCESSES_MIN;
	/* A compiler with fewer descriptors than its includes are deep fails in ways that no student understands. */
	if (c.open_files < 64) c.open_files = 64;
	return c;
}

struct sp_limits sp_limits_of_run(const struct sp_eval_limits *l, int64_t processes_extra)
{
	struct sp_limits r = l->run;

	r.processes += processes_extra;
	return r;
}
