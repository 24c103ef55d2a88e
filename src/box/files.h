/* SPDX-License-Identifier: MIT */
/* The two memfds that the service passes (formats: protocol.h). Both parsers trust nothing in them but the size. */
#ifndef SP_BOX_FILES_H
#define SP_BOX_FILES_H

#include <stddef.h>

#include "base/attr.h"
#include "box/protocol.h"

/*
 * Puts the files of an archive below `dir`, owned by the caller's ids. Called by a container's program-to-be, with no more power than the program will
 * have, before any code of the run exists, on an empty file system that nobody else has seen. Returns 0, or -1 with *e (SP_BOX_E_FILES: a sentence that may be shown to whoever sent the files).
 */
int sp_files_unpack(const void *archive, size_t n, int dir, struct sp_box_error *e) SP_MUSTCHECK;

/* argv, envp: NULL-terminated, pointing into the spec, which must stay mapped. */
struct sp_spec {
	char *argv[SP_BOX_ARGV_MAX + 1];
	char *envp[SP_BOX_ENV_MAX + 1];
	const char *cwd;
};

/* Returns NULL, or what is wrong with it. The bytes are not written to; argv has char * only because execve wants it so. */
const char *sp_spec_parse(struct sp_spec *s, char *bytes, size_t n) SP_MUSTCHECK;

#endif
