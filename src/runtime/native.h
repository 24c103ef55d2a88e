/* SPDX-License-Identifier: MIT */
/*
 * The native runtime, private to src/runtime/native*.c and their tests. Theory of operation:
 *
 *   service ──socketpair──> starter ──fork, exec──> serapis-box
 *      └───control channel, one slot channel a slot────┘
 *
 * The *starter* is forked when the runtime is opened, before threads and before the service drops its privileges, and keeps the right to start
 * the box again after it died. It knows two requests ("start one box now", "kill it"); program and arguments are fixed at the fork.
 *
 * The *supervisor* thread owns the control channel. When the box dies, or a slot thread has declared it broken, it marks it as down, rings every slot's
 * doorbell, has the starter kill what is left, and starts a new one with a growing pause. Every box has a generation; a slot channel belongs to one.
 *
 * A *slot thread* (the caller of begin, step, end) is alone on the slot's channel, so that messages need no lock. Others reach it by the slot's doorbell
 * (an eventfd): interrupt sets a flag and rings; the supervisor rings when the generation is over. A slot's new channel waits in `next_chan` until
 * the slot's next begin takes it.
 *
 * Locks: `lock` guards what is marked below and is never held over a system call that can block.
 */
#ifndef SP_RUNTIME_NATIVE_H
#define SP_RUNTIME_NATIVE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "base/attr.h"
#include "box/pattern.h"
#include "box/protocol.h"
#include "runtime/runtime.h"

#define SP_NATIVE_READ_BYTES 65536
#define SP_NATIVE_FLOOD_FACTOR 16
/* So long a slot counts as unhealthy after the box said so: it tries every second, and nobody may be there to ask again. */
#define SP_NATIVE_DOWN_NS (5 * SP_NS_PER_S)

/* Bounds of waits. Not configuration: they exist so that tests of a box that misbehaves need not wait as long as users may. */
struct sp_native_tuning {
	int64_t start_ms; /* HELLO to READY */
	int64_t clean_ms; /* begin: for ENDED of the evaluation before */
	int64_t restart_ms; /* begin: for a box that is being started again */
	int64_t grace_ms; /* step: for DONE, over wall + cpu; and after KILL */
	int64_t drain_ms; /* step: after DONE, for end of file on the pipes */
	int64_t stop_ms; /* for the box to go away by itself before it is killed, and to be gone after it was */
	int64_t backoff_min_ms; /* pause before a box is started again, doubled after every attempt in vain */
	int64_t backoff_max_ms;
};
extern const struct sp_native_tuning sp_native_tuning_default;

enum sp_native_state {
	SP_SLOT_CLEAN, /* nothing is going on; the first state of a new channel */
	SP_SLOT_BEGIN, /* BEGIN was sent, BEGUN not yet read */
	SP_SLOT_BEGUN, /* steps may run */
	SP_SLOT_FAILED, /* the box answered ERROR: only END is left */
	SP_SLOT_END, /* END was sent, ENDED not yet read */
	SP_SLOT_LOST /* the channel is of no use; wait for the next generation */
};

struct sp_native_slot {
	/* slot thread */
	int chan; /* -1: none */
	uint64_t gen;
	enum sp_native_state state;
	char *buf; /* SP_NATIVE_READ_BYTES, made at the first step */
	/* under the runtime's lock */
	int next_chan; /* -1: none */
	/* any thread */
	int bell;
	atomic_bool interrupted;
	_Atomic int64_t down_ns; /* when the box last said that it cannot build the slot; 0: it works */
};

struct sp_native {
	struct sp_runtime super;
	struct sp_native_tuning t;
	int nslots;
	struct sp_native_slot *slots;
	unsigned enforced;
	unsigned cgroup_version;

	/* supervisor (and open and close, when there is none) */
	int starter;
	pid_t starter_pid;
	int control; /* -1: no box */
	pthread_t supervisor;
	bool supervised;
	int bell;

	pthread_mutex_t lock;
	/* under lock */
	pthread_cond_t changed; /* up or closing changed */
	bool up, closing, running;
	uint64_t gen; /* of the newest box; 0 is none */
	int gen_slots;
	int64_t up_since;
	pid_t stub; /* of the newest box; 0: none runs */
};

/* As sp_runtime_open("native", …) with other bounds. */
struct sp_runtime *sp_native_open(const struct sp_runtime_options *opt, const struct sp_native_tuning *t, struct sp_err *err) SP_MUSTCHECK;

/* For tests of what happens when processes die: 0 if there is none now. */
pid_t sp_native_starter_pid(struct sp_runtime *r);
pid_t sp_native_stub_pid(struct sp_runtime *r); /* what the starter started */
pid_t sp_native_box_pid(struct sp_runtime *r); /* its child, which holds the channels; the stub itself if it has no child */

/* --- native_starter.c ---------------------------------------------------- */

/* From the starter. */
enum { SP_STARTER_STARTED = 1, SP_STARTER_FAILED, SP_STARTER_EXITED };
struct sp_starter_msg {
	uint32_t what;
	int32_t value; /* pid, errno, wait status */
};

/* Looks for serapis-box: the path given, beside this program, in the build tree, in libexec, in PATH. Returns a descriptor of the program (O_PATH). */
int sp_starter_find_box(const char *given, struct sp_err *err) SP_MUSTCHECK;
/* Forks the starter. box: the program's descriptor, borrowed. Returns the socket to it. */
int sp_starter_fork(int box, const char *policy, pid_t *pid, int64_t stop_ms, struct sp_err *err) SP_MUSTCHECK;
int sp_starter_start(
        int starter, int control_end, struct sp_err *err) SP_MUSTCHECK; /* answered by STARTED or FAILED; control_end is borrowed */
void sp_starter_kill(int starter); /* answered by EXITED once the box is gone */
int sp_starter_recv(int starter, struct sp_starter_msg *m); /* 0, or -1 with errno; ECONNRESET: the starter is gone */
/* The children of a process as the kernel lists them, at most max; 0 if there are none. Makes no allocation. */
int sp_starter_children(pid_t pid, pid_t *out, int max);

/* --- native_pack.c ------------------------------------------------------- */

/* The sealed memfds of protocol.h. files: -1 in *fd when there are none. SP_E_INVALID says what cannot be used. */
int sp_native_pack_files(const struct sp_source_file *files, size_t n, int *fd, struct sp_err *err) SP_MUSTCHECK;
int sp_native_pack_spec(const struct sp_step *st, int *fd, struct sp_err *err) SP_MUSTCHECK;
int sp_native_pack_request(const struct sp_patterns *patterns, int *fd, struct sp_err *err) SP_MUSTCHECK;

/* --- native_io.c: slot thread -------------------------------------------- */

/* Sends one message within the bound; the descriptors are borrowed. -1: the channel is lost (the state says so), err is filled. */
int sp_native_send(struct sp_native *n, struct sp_native_slot *s, struct sp_box_msg *m, const int *fds, unsigned nfds,
        struct sp_err *err) SP_MUSTCHECK;
/* Reads until ENDED; throws away what is before it. */
int sp_native_await_ended(struct sp_native *n, struct sp_native_slot *s, struct sp_err *err) SP_MUSTCHECK;
int sp_native_step(struct sp_native *n, struct sp_native_slot *s, const struct sp_step *st, struct sp_step_result *out,
        struct sp_err *err) SP_MUSTCHECK;
/* The channel is of no use any more; the box is declared broken. Fills err, returns -1. */
int sp_native_lose(struct sp_native *n, struct sp_native_slot *s, const char *why, struct sp_err *err);

/* Something that runs in the box, from its request to the last byte of its pipes. */
struct sp_native_io {
	struct sp_native *n;
	struct sp_native_slot *s;
	struct sp_step_result *out; /* of DONE */
	const char *what; /* "step", for messages */
	unsigned pipes_due; /* how many STARTED has to bring: 1 or 2 */
	/* With each piece that a pipe brings. */
	int (*take)(struct sp_native_io *io, int pipe, const char *p, size_t n, struct sp_err *err);
	int64_t deadline; /* DONE must be here by then, or the box is unfit; set when the request is sent */
	/* the rest is set by sp_native_io_open */
	int pipes[2]; /* read ends; -1: not there, or at their end. `take` may close its own */
	bool begun, started, done;
	enum sp_killed_by asked; /* why KILL was sent; SP_KILLED_NOT: it was not */
};
/* -1: the slot is in no state to take a request. */
int sp_native_io_open(struct sp_native_io *io, struct sp_err *err) SP_MUSTCHECK;
/* When the request has been sent. -1: lost, or refused by the box; *out counts when it is 0. Closes the pipes. */
int sp_native_io_run(struct sp_native_io *io, struct sp_err *err) SP_MUSTCHECK;
/* KILL, by whose wish. */
int sp_native_io_kill(struct sp_native_io *io, enum sp_killed_by why, struct sp_err *err);

/* --- native_collect.c: slot thread --------------------------------------- */

int sp_native_collect(struct sp_native *n, struct sp_native_slot *s, const struct sp_collect *c, const struct sp_patterns *patterns,
        struct sp_collect_result *out, struct sp_err *err) SP_MUSTCHECK;

/* --- native.c: any thread ------------------------------------------------ */

/* Declares that generation's box unfit: it is killed and replaced. */
void sp_native_broken(struct sp_native *n, uint64_t gen, const char *why);
bool sp_native_gone(struct sp_native *n, uint64_t gen); /* that generation's box is down */

void sp_native_ring(int bell);
void sp_native_hush(int bell);

#endif
