/* SPDX-License-Identifier: MIT */
/* What `eval` and `run` share: a program on the command line becomes a request body of the API, so that both mean the same by the same words. */
#ifndef SP_CMD_PROGRAM_H
#define SP_CMD_PROGRAM_H

#include <jansson.h>

#include "base/err.h"

struct sp_program {
	json_t *body; /* owned */
	const char *language; /* as given, or the extension of the first file; borrowed from argv */
};

/* Fills *p with an empty body. */
void sp_program_init(struct sp_program *p);
void sp_program_fini(struct sp_program *p);

/* Takes one argument of the program kind: FILE, --language L, --stdin FILE|-, --env NAME=VALUE, --limit NAME=VALUE, --merge-output, or `--` and all arguments after it.
 * 1 taken, 0 not of this kind, -1 wrong (message printed). */
int sp_program_take(struct sp_program *p, int argc, char **argv, int *i);
/* After all arguments: checks that there is a file, finds the language. -1 with a message. */
int sp_program_finish(struct sp_program *p);

/* Prints output fields of an evaluation object (base64 encoded) to stdout and stderr, a line about anything that is not a plain end to stderr, and returns the exit code of the command:
 * the program's own, 128 + n for a signal, 124 for a timeout, 125 when we failed. */
int sp_program_show(const json_t *evaluation);

#define SP_PROGRAM_HELP \
	"  FILE...            the program; the first file is the one that runs\n" \
	"  --language L       default: by the first file's extension\n" \
	"  --stdin FILE       file that the program reads; - is this command's own input\n" \
	"  --env NAME=VALUE   into the program's environment; may be repeated\n" \
	"  --limit NAME=N     wall_ms, cpu_ms, memory_bytes, processes, open_files, files_bytes, output_bytes, compile_wall_ms\n" \
	"  --merge-output     one pipe for both streams: exact order\n" \
	"  -- ARGS...         arguments of the program\n"

#endif
