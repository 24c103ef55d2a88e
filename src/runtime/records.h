/* SPDX-License-Identifier: MIT */
/*
 * The records of a COLLECT (box/protocol.h), read as they come, in pieces of any size. What sends them is a process of the box that has looked at files which
 * a program made: every word of it is checked, against the format and against what was asked for.
 *
 * Bytes in, callbacks out: no descriptors, no memory of its own. What is given to the callbacks is right even if an error follows, except that a file
 * which was begun is only whole when on_file_end() says so. Thread: any; one at a time.
 */
#ifndef SP_RUNTIME_RECORDS_H
#define SP_RUNTIME_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "box/pattern.h"
#include "box/protocol.h"
#include "runtime/runtime.h"

enum sp_records_state {
	SP_RECORDS_MAGIC,
	SP_RECORDS_HEAD,
	SP_RECORDS_PATH,
	SP_RECORDS_CHUNK, /* the length of one, or the file's end */
	SP_RECORDS_DATA,
	SP_RECORDS_TAIL, /* of END */
	SP_RECORDS_OVER, /* END has come: complete */
	SP_RECORDS_BROKEN
};

struct sp_records {
	const struct sp_collect *ask; /* callbacks, and what was asked for */
	const struct sp_patterns *patterns;
	enum sp_records_state state;
	unsigned char fixed[SP_BOX_END_BYTES]; /* what has come of a part of fixed size */
	size_t have, need;
	char path[SP_BOX_PATH_MAX + 1], before[SP_BOX_PATH_MAX + 1]; /* of this record, and of the last one */
	unsigned kind, detail;
	size_t path_len;
	uint64_t size, got; /* of the file: promised, come */
	uint32_t chunk; /* bytes that it still has */
	bool open; /* on_file() without its on_file_end() */
	uint32_t files, skipped; /* seen */
	uint64_t bytes; /* promised, of all files */
	uint32_t hits, all_skipped; /* from END */
};

/* Both must outlive *r. patterns are those of ask->patterns. */
void sp_records_init(struct sp_records *r, const struct sp_collect *ask, const struct sp_patterns *patterns);
/* The next bytes. NULL, or what is wrong with them, once and for all; a file that was begun is then ended, as not whole. */
const char *sp_records_feed(struct sp_records *r, const void *p, size_t n) SP_MUSTCHECK;
/* There are no more bytes: ends a file that was begun. True: END has come. */
bool sp_records_finish(struct sp_records *r);

#endif
