/* SPDX-License-Identifier: MIT */
/*
 * The runtime: runs steps (compile, run; later git, dependencies) in containers, and gives back files that they have left. Back-ends: native (drives serapis-box), later docker.
 *
 * A slot is a place where one evaluation is at a time, 0..slots-1. One thread at a time uses a slot: begin, steps one after the other, end. All steps of one begin/end see the same
 * tree (/box, /tmp, /dev/shm), each in a fresh container. After a step that was not refused files can be collected from /box,
 * any number of times, and further steps may follow. How a program ended is data (struct sp_step_result); an error means that *we* failed:
 *   SP_E_INVALID      the files, argv or patterns cannot be used (message says which and why)
 *   SP_E_UNAVAILABLE  the runtime lost the slot (the box died and is restarted): nothing was judged, try again
 *   SP_E_INTERNAL     anything else
 */
#ifndef SP_RUNTIME_RUNTIME_H
#define SP_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sp_runtime;
struct sp_patterns;

struct sp_limits {
	int64_t wall_ms, cpu_ms; /* wall counts from the program's start */
	int64_t memory_bytes;
	int64_t processes; /* processes and threads */
	int64_t open_files;
	int64_t files_bytes; /* everything written in the tree */
	int64_t output_bytes; /* a stream; the rest is read and thrown away; at 16 × the program is killed */
};

struct sp_source_file {
	const char *path;
	const char *data;
	size_t size;
	bool executable;
}; /* borrowed; path relative to /box */

struct sp_workspace {
	const char *root; /* name of a root known to the runtime: "host" */
	const struct sp_source_file *files;
	size_t nfiles;
	int64_t files_bytes; /* size of the tree */
};

enum sp_stream { SP_STDOUT = 0, SP_STDERR = 1 };

struct sp_step {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in `path`, inside the container */
	const char *path; /* directories with colons between them; NULL: PATH of env */
	const char *const *env; /* NULL-terminated NAME=value; the whole environment */
	const char *cwd; /* "/box" */
	const char *stdin_data; /* NULL: end of file at once */
	size_t stdin_size;
	bool merge_output; /* one pipe for both: everything arrives as SP_STDOUT in exact order */
	struct sp_limits limits;
	/* Called on the calling thread with each piece of output up to limits.output_bytes, in order of arrival. */
	void (*on_output)(void *cls, enum sp_stream stream, const char *p, size_t n);
	void *cls;
};

enum sp_killed_by { SP_KILLED_NOT, SP_KILLED_WALL, SP_KILLED_CPU, SP_KILLED_OUTPUT, SP_KILLED_CALLER };

struct sp_step_result {
	bool signaled;
	int code; /* exit code 0..255, or signal number */
	enum sp_killed_by killed_by;
	bool oom; /* the kernel ended a process of this step for memory, at the limit of this step */
	bool host_oom; /* the kernel ended one although this step was below its limit: a limit further out, or the machine, had no memory left. Nobody's fault here */
	bool tree_full; /* no block or inode was left at the end */
	bool pids_hit; /* a fork or thread was refused by the process limit */
	bool truncated[2]; /* by stream */
	int64_t output_total[2]; /* bytes printed, whether kept or not */
	int64_t cpu_ns, wall_ns, setup_ns;
	int64_t memory_peak_bytes;
};

/* Why a file that a pattern matches, or a directory that may hold one, is told of but not given. */
enum sp_missing {
	SP_MISSING_NOT, /* it is given */
	SP_MISSING_LARGE, /* over file_bytes_max, in what it holds or, as one with holes, in what it takes up when read */
	SP_MISSING_TOTAL, /* would go over total_bytes_max; smaller files after it may be given */
	SP_MISSING_LINK, /* a symbolic link. Hard links are files, each with the contents */
	SP_MISSING_SPECIAL, /* a named pipe, a socket */
	SP_MISSING_UNREADABLE, /* a file or directory that the program has closed to itself by its mode */
	SP_MISSING_DEEP /* a directory at depth_max that may hold more */
};

struct sp_artifact {
	/* Relative to /box, of 1..path_len bytes, terminated: any bytes but NUL, in parts of 1..255 bytes that are not "." or "..". The program chose it: it
	 * may be no UTF-8, and hold line breaks and control characters. No path comes twice, and none is below another. */
	const char *path;
	size_t path_len;
	int64_t size; /* what is not given: as far as it is known, else 0 */
	bool executable;
	enum sp_missing missing;
};

struct sp_collect {
	const char *const *patterns; /* box/pattern.h: exact paths, "*", "?", "**" */
	size_t npatterns; /* 1..64 */
	int64_t files_max; /* 1..4096 */
	int64_t file_bytes_max, total_bytes_max; /* of contents; 0 is allowed */
	int64_t depth_max; /* parts of a path, 1..32 */
	int64_t wall_ms, cpu_ms; /* of the collecting; wall includes the time that the callbacks take */
	/* All on the calling thread, in the order of paths (part by part, by bytes). on_file, then, unless it is missing, its contents in pieces and
	 * on_file_end; whole: `size` bytes have come. To stop, call sp_runtime_interrupt. */
	void (*on_file)(void *cls, const struct sp_artifact *a);
	void (*on_data)(void *cls, const char *p, size_t n);
	void (*on_file_end)(void *cls, bool whole);
	void *cls;
};

/* What on_file does not tell of. */
enum sp_collect_more {
	SP_MORE_FILES = 1, /* more than files_max files match */
	SP_MORE_TOTAL = 2, /* a file was left out for total_bytes_max (it was told of) */
	SP_MORE_DEEP = 4, /* directories are deeper than depth_max, or paths longer than 1024 bytes */
	SP_MORE_UNREADABLE = 8, /* a directory, /box itself perhaps, could not be read */
	SP_MORE_NAMES = 16, /* a directory had more names than there was memory for */
	SP_MORE_UNTOLD = 32 /* more than 256 are missing; the first ones were told of */
};

struct sp_collect_result {
	bool complete; /* it came to its end: what on_file and `more` do not tell of does not exist */
	enum sp_killed_by
	        killed_by; /* when it is not complete; SP_KILLED_NOT then: it ran out of memory, or of cpu time where no cgroup counts it */
	unsigned more; /* enum sp_collect_more */
	int64_t files, missing, bytes; /* given; not given, told of or not; of contents */
	int64_t cpu_ns, wall_ns, setup_ns, memory_peak_bytes;
};

enum {
	SP_ENFORCED_IDS = 1,
	SP_ENFORCED_MEMORY = 2,
	SP_ENFORCED_PIDS = 4,
	SP_ENFORCED_CPU = 8,
	SP_ENFORCED_SECCOMP = 16,
	SP_ENFORCED_NETWORK = 32
};

struct sp_runtime_info {
	int slots;
	unsigned enforced;
	char name[32]; /* "native" */
	char isolation[64]; /* "cgroup v1, root", for people */
};

struct sp_runtime_ops {
	const char *name;
	void (*info)(struct sp_runtime *r, struct sp_runtime_info *out);
	/* Slot thread. Waits until the slot is clean (an end before may still be under way), and at most 2 s for a box that is being started again. What
	 * is wrong with the workspace may be told by the first step instead. */
	int (*begin)(struct sp_runtime *r, int slot, const struct sp_workspace *w, struct sp_err *err);
	/* Slot thread: blocks until the step has ended and its output is read. */
	int (*step)(struct sp_runtime *r, int slot, const struct sp_step *st, struct sp_step_result *out, struct sp_err *err);
	/* Slot thread, after a step: blocks until all is read. Changes nothing in the tree. The patterns are c's, parsed. */
	int (*collect)(struct sp_runtime *r, int slot, const struct sp_collect *c, const struct sp_patterns *patterns,
	        struct sp_collect_result *out, struct sp_err *err);
	/* Slot thread. Returns at once; the clean-up goes on in the background. Also after a failed begin, step or collect. */
	void (*end)(struct sp_runtime *r, int slot);
	/* Any thread: the step or collect that runs in the slot, if any, ends as SP_KILLED_CALLER; one that starts before the slot's `end` does so too. */
	void (*interrupt)(struct sp_runtime *r, int slot);
	/* Any thread: how many slots can take work now (readiness). */
	int (*healthy_slots)(struct sp_runtime *r);
	void (*close)(struct sp_runtime *r); /* no slot in use */
};
struct sp_runtime {
	const struct sp_runtime_ops *ops;
};

struct sp_runtime_options {
	int slots; /* 1..64 */
	const char *box_path; /* serapis-box; NULL: beside this program, then PATH */
	const char *policy_path; /* NULL: the box's default */
};

/* url: "native". Starts the box. NULL + err: SP_E_UNSUPPORTED carries doctor's sentence. If privileges are to be dropped by the caller, open the runtime first. */
struct sp_runtime *sp_runtime_open(const char *url, const struct sp_runtime_options *opt, struct sp_err *err) SP_MUSTCHECK;

void sp_runtime_info(struct sp_runtime *r, struct sp_runtime_info *out);
int sp_runtime_begin(struct sp_runtime *r, int slot, const struct sp_workspace *w, struct sp_err *err) SP_MUSTCHECK;
int sp_runtime_step(struct sp_runtime *r, int slot, const struct sp_step *st, struct sp_step_result *out, struct sp_err *err) SP_MUSTCHECK;
int sp_runtime_collect(
        struct sp_runtime *r, int slot, const struct sp_collect *c, struct sp_collect_result *out, struct sp_err *err) SP_MUSTCHECK;
void sp_runtime_end(struct sp_runtime *r, int slot);
void sp_runtime_interrupt(struct sp_runtime *r, int slot);
int sp_runtime_healthy_slots(struct sp_runtime *r);
void sp_runtime_close(struct sp_runtime *r);

#endif
