/* SPDX-License-Identifier: MIT */
/*
 * The protocol between the service (src/runtime/native) and serapis-box.
 *
 * Transport: SOCK_SEQPACKET Unix sockets; one message is one packet of exactly sizeof(struct sp_box_msg) bytes, host byte order (both
 * ends are one build on one machine), with at most SP_BOX_FDS_MAX descriptors (SCM_RIGHTS, received with MSG_CMSG_CLOEXEC). A packet of
 * another size, another version, MSG_CTRUNC, an unknown type, or a descriptor count that does not fit the type is a protocol error: surplus
 * descriptors are closed, and the box ends the channel's slot (service side: the runtime restarts the box).
 *
 * Two kinds of channel:
 *   control  one, given to the box as a descriptor at start. HELLO → READY (with one descriptor a slot: the service's end of its channel). End
 *            of file on it means that the service is gone: the box exits, and with it (it is pid 1) everything below it.
 *   slot     one a slot. BEGIN, then one or more STEPs one after the other, then END; after a STEP also COLLECT, any number of times. KILL at any time
 *            while a STEP or COLLECT runs. The service may send the next request before the last was answered (BEGIN, STEP back to back); the box
 *            works them off in order.
 *
 *   service → box                       box → service
 *   BEGIN  [files memfd]                BEGUN | ERROR
 *   STEP   [spec memfd, (stdin memfd)]  STARTED [stdout pipe, (stderr pipe)]  then DONE | ERROR instead of either
 *   COLLECT [request memfd]             STARTED [records pipe]  then DONE | ERROR instead of either
 *   KILL                                (DONE of what runs says killed_by; a KILL while nothing runs is ignored)
 *   END                                 ENDED   (the slot is clean again: cgroup back at its baseline, tree unmounted, or slot replaced)
 *
 * Every BEGIN, STEP, COLLECT and END gets its own answer, in order: a STEP that follows a refused BEGIN is answered with ERROR as well. The files are
 * unpacked inside the container, so what is wrong with them (SP_BOX_E_FILES) is told by the first STEP, not by BEGIN.
 * At most SP_BOX_PENDING_MAX requests of a slot may wait for their answers; one more is a protocol error.
 *
 * COLLECT reads files out of /box. The pid namespaces of all steps are dead then, and the files are read by a process of its own, as the run's id,
 * in new namespaces (collect.h). Its DONE is that process's: exit code 0 says that the pipe holds everything up to the END record; killed, that it
 * may end anywhere. The pipe reaches its end of file in any case.
 *
 * After ERROR to BEGIN, STEP or COLLECT the service sends END. The box trusts nothing that arrives here: roots are named, limits are capped by the policy, argv
 * and files only ever act as the run's unprivileged uid inside the container.
 */
#ifndef SP_BOX_PROTOCOL_H
#define SP_BOX_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#define SP_BOX_VERSION 2u
#define SP_BOX_MAGIC 0x53504258u /* "SPBX" */
#define SP_BOX_SLOTS_MAX 64
#define SP_BOX_FDS_MAX 64 /* READY carries one a slot; every other message at most 2 */
#define SP_BOX_NAME_MAX 32
#define SP_BOX_TEXT_MAX 512
#define SP_BOX_PENDING_MAX 16

/* Bounds of the sealed memfds. A larger one is refused before it is mapped. */
#define SP_BOX_FILES_BYTES_MAX (64u << 20)
#define SP_BOX_FILES_COUNT_MAX 4096u
#define SP_BOX_PATH_MAX 1024u
#define SP_BOX_PATH_DEPTH_MAX 32u
#define SP_BOX_SPEC_BYTES_MAX (512u << 10)
#define SP_BOX_ARGV_MAX 1024u
#define SP_BOX_ENV_MAX 256u
#define SP_BOX_STDIN_BYTES_MAX (64u << 20)
#define SP_BOX_PATTERNS_MAX 64u
#define SP_BOX_REQUEST_BYTES_MAX (8 + SP_BOX_PATTERNS_MAX * (SP_BOX_PATH_MAX + 1))

/* Bounds of a COLLECT's answer. */
#define SP_BOX_COLLECT_FILES_MAX 4096u /* that a request may ask for */
#define SP_BOX_SKIPS_MAX 256u /* that are told one by one */
#define SP_BOX_CHUNK_MAX 65536u

enum sp_box_type {
	SP_BOX_HELLO = 1,
	SP_BOX_BEGIN,
	SP_BOX_STEP,
	SP_BOX_KILL,
	SP_BOX_END,
	SP_BOX_COLLECT,
	SP_BOX_READY = 65,
	SP_BOX_BEGUN,
	SP_BOX_STARTED,
	SP_BOX_DONE,
	SP_BOX_ENDED,
	SP_BOX_ERROR
};

/* What the box can hold programs to on this host: a bit set in READY, names in `enforced` lists of results. */
enum sp_box_enforced {
	SP_BOX_ENF_IDS = 1u << 0, /* each slot has user ids of its own */
	SP_BOX_ENF_MEMORY = 1u << 1, /* memory limit and peak by cgroup */
	SP_BOX_ENF_PIDS = 1u << 2, /* process limit by cgroup */
	SP_BOX_ENF_CPU = 1u << 3, /* cpu time by cgroup */
	SP_BOX_ENF_SECCOMP = 1u << 4,
	SP_BOX_ENF_NET = 1u << 5 /* network namespace with loopback only */
};

struct sp_box_hello {
	uint32_t slots; /* wanted: 1..SP_BOX_SLOTS_MAX, and at most the policy's slots_max */
};
struct sp_box_ready {
	uint32_t slots;
	uint32_t enforced;
	uint32_t cgroup_version; /* 0 none, 1, 2 */
};

struct sp_box_begin {
	char root[SP_BOX_NAME_MAX]; /* a root named in the policy; "host" always exists */
	uint64_t tree_bytes; /* size of the run's one tmpfs: /box, /tmp and /dev/shm together */
	uint32_t tree_inodes; /* 0: the box's default of 8192 */
};

enum sp_box_step_flags { SP_BOX_STEP_MERGE = 1u << 0 /* stdout and stderr are one pipe; STARTED then carries one descriptor */ };

struct sp_box_step {
	uint32_t flags;
	uint32_t processes; /* processes and threads of the program at most, 1.. */
	uint64_t wall_ns; /* from the program's exec; 0 is refused, no "unlimited" */
	uint64_t cpu_ns;
	uint64_t memory_bytes;
	uint64_t file_bytes; /* RLIMIT_FSIZE */
	uint32_t open_files; /* RLIMIT_NOFILE */
	uint64_t stack_bytes; /* RLIMIT_STACK; 0: 8 MiB. "unlimited" is not offered: it changes the address layout */
};

struct sp_box_collect {
	uint64_t wall_ns, cpu_ns; /* of the collector, as for a step; its memory is bounded by the box */
	uint64_t file_bytes; /* a larger file, in what it holds or in what it would take to send, is not sent */
	uint64_t total_bytes; /* of all files' contents; one that would go over it is not sent, smaller ones after it may be */
	uint32_t files; /* 1..SP_BOX_COLLECT_FILES_MAX; the first ones in the order of the records */
	uint32_t depth; /* parts of a path, 1..SP_BOX_PATH_DEPTH_MAX; deeper directories are not looked into */
};

enum sp_box_ended { SP_BOX_EXITED = 1, SP_BOX_SIGNALED };
enum sp_box_killer { SP_BOX_KILLED_NOT = 0, SP_BOX_KILLED_WALL, SP_BOX_KILLED_CPU, SP_BOX_KILLED_SERVICE };
enum sp_box_done_flags {
	SP_BOX_DONE_OOM = 1u << 0, /* the cgroup's oom killer ended a process of this step */
	SP_BOX_DONE_BLOCKS_FULL = 1u << 1, /* the tree had no block left at the end */
	SP_BOX_DONE_INODES_FULL = 1u << 2,
	SP_BOX_DONE_PIDS_HIT = 1u << 3, /* a fork or thread was refused by the cgroup's process limit */
	SP_BOX_DONE_MEMORY_HIT = 1u << 4 /* usage reached the memory limit (reclaim was needed), whether or not anything was killed */
};

/* Times and bytes of a DONE are at most this: 104 days in nanoseconds, and more bytes than any machine has. A launcher that says more lies. */
#define SP_BOX_FIGURE_MAX (UINT64_C(1) << 53)

struct sp_box_done {
	uint32_t ended; /* enum sp_box_ended: the program's main process; killed with the container counts as signaled */
	int32_t code; /* exit code 0..255, or signal number */
	uint32_t killed_by; /* enum sp_box_killer: who ended the container before its main process did */
	uint32_t flags;
	uint64_t cpu_ns; /* user and system of everything in the container, from the cgroup */
	uint64_t wall_ns; /* from exec to the end of the main process or the kill */
	uint64_t setup_ns; /* from STEP's arrival at the launcher to exec */
	uint64_t memory_peak; /* bytes over the slot's baseline */
};

enum sp_box_ended_flags {
	SP_BOX_ENDED_REPLACED = 1u << 0,
	SP_BOX_ENDED_QUARANTINED = 1u << 1,
	/* The host does not let the slot be built again. It is tried once a second; until then BEGIN and STEP are answered by SP_BOX_E_SETUP, EAGAIN. */
	SP_BOX_ENDED_DOWN = 1u << 2
};
struct sp_box_end_report {
	uint32_t flags;
	uint64_t teardown_ns;
};

enum sp_box_error_code {
	SP_BOX_E_REQUEST = 1, /* the request is malformed or over a bound of the policy: a bug or a subverted service */
	SP_BOX_E_FILES, /* the files do not fit: bad path, duplicate, over tree_bytes or tree_inodes */
	SP_BOX_E_EXEC, /* argv[0] cannot be executed in that root; errnum says why */
	SP_BOX_E_SETUP, /* a system call of the set-up failed; errnum and text say which */
	SP_BOX_E_HOST /* at start: this host lacks something; text is the sentence for people */
};
struct sp_box_error {
	uint32_t code;
	int32_t errnum;
	char text[SP_BOX_TEXT_MAX];
};

struct sp_box_msg {
	uint32_t magic, version;
	uint32_t type; /* enum sp_box_type */
	uint32_t nfds; /* descriptors that travel with this message */
	union {
		struct sp_box_hello hello;
		struct sp_box_ready ready;
		struct sp_box_begin begin;
		struct sp_box_step step;
		struct sp_box_collect collect;
		struct sp_box_done done;
		struct sp_box_end_report ended;
		struct sp_box_error error;
	} u;
};
_Static_assert(sizeof(struct sp_box_msg) <= 4096, "box-rules.md rule 7: a message is at most 4 KiB");

/*
 * Format of the three memfds. All integers little-endian, no padding.
 *
 * files  u32 magic "SPF1", u32 count, then count × { u16 path length, u16 mode (0644 or 0755), u32 size, path bytes, content bytes }.
 *        Paths are relative to /box, components of 1–255 bytes, none "." or "..", no NUL, no duplicate, none a directory of another's path and a file at once.
 *        BEGIN without a descriptor means no files.
 * spec   u32 magic "SPX1", u32 argc, u32 envc, then argc + envc + 1 NUL-terminated strings: argv, NAME=value environment, working directory
 *        (absolute inside the container, e.g. "/box"); and, where argv[0] shall not be looked up by the environment's PATH, one more: the directories that it is
 *        looked up in, as PATH has them.
 * request  u32 magic "SPC1", u32 count (1..SP_BOX_PATTERNS_MAX), then count NUL-terminated patterns (pattern.h).
 */
#define SP_BOX_FILES_MAGIC 0x31465053u
#define SP_BOX_SPEC_MAGIC 0x31585053u
#define SP_BOX_REQUEST_MAGIC 0x31435053u

/*
 * Format of a COLLECT's pipe, of the same integers: u32 magic "SPR1", then records. A record is a head of SP_BOX_HEAD_BYTES,
 * { u8 kind, u8 detail, u16 path length, u64 size }, the path, and then by its kind:
 *
 *   FILE     detail 1: its owner may execute it, else 0. The contents in chunks { u32 length 1..SP_BOX_CHUNK_MAX, bytes } of `size` bytes together, then
 *            a u32 0. Fewer bytes than `size` mean that it could not be read to its end.
 *   SKIPPED  nothing. detail: enum sp_box_skip. The first SP_BOX_SKIPS_MAX of what a pattern matched and is not sent.
 *   END      no path, detail 0, size 0; { u32 hits (enum sp_box_hit), u32 files, u32 skipped (told or not), u64 bytes of contents }. Nothing follows.
 *
 * Paths are relative to /box, of 1..SP_BOX_PATH_MAX bytes, as in the archive of files, but may hold every byte except NUL: a program chose them. They
 * come in the order of sp_box_path_order() (path.h), each once, and nothing below a FILE or SKIPPED.
 */
#define SP_BOX_RECORDS_MAGIC 0x31525053u
#define SP_BOX_HEAD_BYTES 12
#define SP_BOX_END_BYTES 20

enum sp_box_record { SP_BOX_RECORD_FILE = 1, SP_BOX_RECORD_SKIPPED, SP_BOX_RECORD_END };

enum sp_box_skip {
	SP_BOX_SKIP_LARGE = 1, /* over file_bytes */
	SP_BOX_SKIP_TOTAL, /* would go over total_bytes */
	SP_BOX_SKIP_LINK, /* a symbolic link: never followed */
	SP_BOX_SKIP_SPECIAL, /* a named pipe, a socket, a device */
	SP_BOX_SKIP_UNREADABLE, /* a file or directory whose mode the program has set so that it could not read it either */
	SP_BOX_SKIP_DEEP, /* a directory at the bound of depth that may hold more */
	SP_BOX_SKIP_LAST_ = SP_BOX_SKIP_DEEP
};

enum sp_box_hit { /* what is missing from the records */
	SP_BOX_HIT_FILES = 1u << 0, /* more files match than `files`; what comes after them was not looked at */
	SP_BOX_HIT_TOTAL = 1u << 1, /* a file was skipped for total_bytes */
	SP_BOX_HIT_DEEP = 1u << 2, /* a directory was not looked into for its depth, or a path is longer than SP_BOX_PATH_MAX */
	SP_BOX_HIT_UNREADABLE = 1u << 3, /* a directory could not be read */
	SP_BOX_HIT_NAMES = 1u << 4, /* a directory has more names than the collector has memory for */
	SP_BOX_HIT_SKIPS = 1u << 5, /* more than SP_BOX_SKIPS_MAX were skipped */
	SP_BOX_HIT_ALL_ = (1u << 6) - 1
};

/*
 * Both sides' transport (wire.c). Return 0, or -1 with errno: EPROTO for anything the header above calls a protocol error (received
 * descriptors are closed then), ECONNRESET at end of file, else the socket's own. fds[] of a received message are O_CLOEXEC and the caller's.
 */
int sp_box_send(
        int sock, struct sp_box_msg *msg, const int *fds, unsigned nfds); /* sets magic, version, nfds; blocks only if the socket does */
int sp_box_recv(int sock, struct sp_box_msg *msg, int fds[SP_BOX_FDS_MAX]);
/* 0 if fd is a memfd with F_SEAL_WRITE|GROW|SHRINK|SEAL and 0 < size ≤ max; its size goes to *size. -1 with errno EPROTO otherwise. */
int sp_box_check_sealed(int fd, uint64_t max, uint64_t *size);
/* Whether a DONE says what can be: how it ended fits the code, and no figure is over SP_BOX_FIGURE_MAX. */
bool sp_box_check_done(const struct sp_box_done *d);

#endif
