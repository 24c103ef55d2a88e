/* SPDX-License-Identifier: MIT */
/* Limits of an evaluation and bounds of a request body. Defaults: design.md section 4, service-rules.md section 4. */
#ifndef SP_CORE_LIMITS_H
#define SP_CORE_LIMITS_H

#include <stdint.h>

#include "runtime/runtime.h"

/* Limits that a request may set: those of the program, and the compile step's wall time (its other limits are the configured maxima of design.md: cpu = wall, memory max(run, 512 MiB)). */
struct sp_eval_limits {
	struct sp_limits run;
	int64_t compile_wall_ms;
};

/* A compiler needs this much whatever its program may use. */
#define SP_COMPILE_MEMORY_MIN_BYTES (INT64_C(512) << 20)
#define SP_COMPILE_PROCESSES_MIN 32

/* What holds for each stage. processes_extra: threads that the language's runtime itself starts (struct sp_language). */
struct sp_limits sp_limits_of_compile(const struct sp_eval_limits *l);
struct sp_limits sp_limits_of_run(const struct sp_eval_limits *l, int64_t processes_extra);

/* Bounds of what a request may bring; each is named in the error that it causes. */
struct sp_bounds {
	int64_t code_bytes; /* 1 MiB */
	int64_t files; /* 256 */
	int64_t decoded_bytes; /* all files and code, 6 MiB */
	int64_t stdin_bytes; /* 4 MiB */
	int64_t args, args_bytes; /* 256, 64 KiB */
	int64_t env, env_bytes; /* 64, 32 KiB */
	int64_t expected_bytes; /* expected_output, 4 MiB */
};

#endif
