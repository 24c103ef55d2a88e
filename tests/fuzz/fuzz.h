/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share. A target is one file, target_<name>.c, that defines LLVMFuzzerTestOneInput and says on its top what a byte of its input means and
 * what must hold. It is linked twice: with libFuzzer (build option `fuzz`, clang) and with replay.c, which runs seeds/<name>/. How to add one: README.md.
 *
 * A target keeps nothing from one input to the next, and leaves nothing behind: descriptors, files, memory.
 */
#ifndef SP_TESTS_FUZZ_H
#define SP_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* 0: fine; what is not ends the process */
int LLVMFuzzerInitialize(int *argc, char ***argv); /* once, before the first input; a target that needs none leaves it out */

/* What must hold. Ends the process, so that libFuzzer keeps the input and the replay fails. */
void fz_failed(const char *file, int line, const char *what) SP_NORETURN;
#define FZ_CHECK(cond) \
	do { \
		if (!(cond)) fz_failed(__FILE__, __LINE__, #cond); \
	} while (0)

/* Values out of the input, from its beginning. What is not there any more reads as zero, so that every input means something. */
struct fz {
	const uint8_t *p;
	size_t n;
};

uint8_t fz_u8(struct fz *z);
uint32_t fz_u32(struct fz *z); /* little-endian */
uint64_t fz_u64(struct fz *z);
bool fz_flag(struct fz *z); /* lowest bit of a byte: '0' and '1' are what they look like */
/* At most max bytes; as many as the next byte (or, with wide, two) says. Points into the input. */
struct fz fz_piece(struct fz *z, size_t max, bool wide);
/* The bytes up to the next `end`, which is skipped, or all that is left. Points into the input. */
struct fz fz_until(struct fz *z, uint8_t end);
/* A copy that ends exactly where its bytes do, so that the address sanitizer sees one byte too many; and one with a NUL behind them. free() */
void *fz_exact(const void *p, size_t n);
char *fz_text(const void *p, size_t n);

/* Text for people: something, and UTF-8. */
void fz_check_message(const char *s);

/* Descriptors from `from` on that are open, at most max of them; returns how many. */
size_t fz_open_fds(int from, int *out, size_t max);

#endif
