/* SPDX-License-Identifier: MIT */
/* Descriptors and files: whole reads and writes, sealed memfds. Everything opened here is O_CLOEXEC. */
#ifndef SP_BASE_FILE_H
#define SP_BASE_FILE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the whole file. Longer than max, or than out may hold: SP_E_LIMIT; no such file: SP_E_NOT_FOUND. On failure out has its old content. */
int sp_read_file(const char *path, size_t max, struct sp_buf *out, struct sp_err *err) SP_MUSTCHECK; /* init and fini of out: caller */
int sp_write_all(int fd, const void *p, size_t n, struct sp_err *err) SP_MUSTCHECK; /* restarts on EINTR and short writes */
/* A memfd that holds exactly these bytes, sealed against write, grow, shrink and further seals; offset 0. Returns the descriptor. */
int sp_memfd_sealed(const char *name, const void *p, size_t n, struct sp_err *err) SP_MUSTCHECK;
int sp_mkdir_p(const char *path, unsigned mode, struct sp_err *err) SP_MUSTCHECK; /* existing directories are fine */

#endif
