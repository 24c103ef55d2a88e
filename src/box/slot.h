/* SPDX-License-Identifier: MIT */
/*
 * What the files of the box's one thread share: the slots and their state. box.c has the loop, slot.c a slot's life, slot_request.c what the service asks,
 * slot_answer.c what the launcher answers, slot_time.c deadlines and the killing of steps.
 *
 * None of these functions waits for anything. A slot may end (SP_BOXSLOT_OVER) or begin to die in any of them; whoever goes on with it afterwards looks at
 * its state first.
 */
#ifndef SP_BOX_SLOT_H
#define SP_BOX_SLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "box/box.h"
#include "box/inner.h"
#include "box/protocol.h"

#define SP_NEVER INT64_MAX
#define SP_BOXSLOT_REAP_NS (1 * SP_NS_PER_S) /* of a container's init, from SIGKILL to reaped (box-rules.md 28) */
/* Of a launcher. What keeps an init longer than its second is mostly work that ends; and a slot that is late is better than ids that are lost. */
#define SP_BOXSLOT_LOST_NS (4 * SP_NS_PER_S)
#define SP_BOXSLOT_AGAIN_NS (1 * SP_NS_PER_S) /* until a launcher that did not start is tried again */
#define SP_BOXSLOT_ANSWER_NS (30 * SP_NS_PER_S) /* for whatever a launcher does while no program runs */
#define SP_BOXLOST_MAX SP_BOX_SLOTS_MAX

enum sp_boxslot_state { SP_BOXSLOT_STARTING, SP_BOXSLOT_UP, SP_BOXSLOT_DYING, SP_BOXSLOT_DOWN, SP_BOXSLOT_OVER };

struct sp_boxslot_held {
	struct sp_inner m;
	int fds[2];
	unsigned nfds;
};

struct sp_boxslot {
	enum sp_boxslot_state state;
	unsigned index, generation, ids; /* ids: the lowest of three */
	pid_t pid;
	int chan, lchan, pidfd; /* service's channel, launcher's channel, launcher */
	int cpu, run; /* of the step or collector that runs: cpu time of its cgroup, its init; or -1 */
	struct sp_boxslot_pending {
		uint32_t type; /* inner type that the launcher owes an answer to */
		uint64_t wall_ns, cpu_ns; /* of a STEP or COLLECT */
		unsigned pipes; /* that its STARTED brings */
	} pending[SP_BOX_PENDING_MAX];
	unsigned npending, nheld;
	struct sp_boxslot_held held[SP_BOX_PENDING_MAX];
	uint32_t killed_by; /* of the step that runs, or is about to */
	bool kill_wanted;
	uint64_t cpu_base, cpu_ns;
	int64_t exec_ns, killed_ns; /* of the step that runs */
	int64_t wall_at, cpu_at, answer_at, reap_at, again_at;
	bool stillborn; /* this launcher was given up before it was up: its end does not start the next one at once */
	bool owes_ended; /* an END whose answer waits for the new generation */
	struct sp_box_end_report ended;
};

struct sp_boxlost { /* a launcher that does not die: until it does, nobody else gets its ids */
	pid_t pid; /* 0: the entry is free */
	int pidfd;
	unsigned ids, slot, generation;
};

/* The box's state: one thread, hence one of it. */
struct sp_box_state {
	const struct sp_box *b;
	int epoll;
	unsigned nslots, cpus;
	unsigned instances, watches; /* of inotify, a slot */
	bool ready, told; /* told: of a start that failed, by the launcher itself */
	unsigned next_ids;
	int service_end[SP_BOX_SLOTS_MAX]; /* until READY is sent */
	struct sp_boxslot slots[SP_BOX_SLOTS_MAX];
	struct sp_boxlost lost[SP_BOXLOST_MAX];
};
extern struct sp_box_state sp_the_box;

/* Requests that make something run, which has a pidfd, limits and a DONE. What is said of steps below holds for the collector as well. */
static inline bool sp_boxslot_runs(uint32_t inner) { return inner == SP_IN_STEP || inner == SP_IN_COLLECT; }

/* ---- box.c */

enum sp_box_source {
	SP_BOX_FROM_CONTROL,
	SP_BOX_FROM_STUB,
	SP_BOX_FROM_SERVICE,
	SP_BOX_FROM_LAUNCHER,
	SP_BOX_FROM_LAUNCHER_END,
	SP_BOX_FROM_LOST
};

/* The loop tells of it from now on; index: of the slot, or of what is lost. */
void sp_box_watch(int fd, enum sp_box_source source, unsigned index);
/* For descriptors that are watched: a launcher that is stuck may share them, and then closing alone would not end the watching. */
void sp_box_unwatch(int *fd);
/* Both leave -1 behind, and take -1 as nothing to do. */
void sp_box_close(int *fd);
/* On the service's control channel, for sp_die_to(). */
void sp_box_control_sink(int fd, const struct sp_box_error *e);
/* Answers HELLO, once, when every slot is up. */
void sp_box_maybe_ready(void);
/* All slots have one id, the box's own. */
bool sp_box_single(void);

/* ---- slot.c */

/* A new generation. -1 with errno: this host refuses it now; if it was born nevertheless (pidfd), its end will be told by the loop. */
int sp_boxslot_start(struct sp_boxslot *s);
/* The same for a slot whose service waits; what fails is tried again a second later. */
void sp_boxslot_start_again(struct sp_boxslot *s);
/* Ends the launcher and with it, by its pid namespace, everything of the slot. Goes on in sp_boxslot_launcher_gone(). */
void sp_boxslot_kill_launcher(struct sp_boxslot *s);
void sp_boxslot_launcher_gone(struct sp_boxslot *s);
/* The service's channel is closed and everything ends; why: for the log, NULL when it is in order. */
void sp_boxslot_over(struct sp_boxslot *s, const char *why);
/* What was killed is not reaped in its time. */
void sp_boxslot_quarantine(struct sp_boxslot *s);
void sp_boxslot_lost_gone(struct sp_boxlost *l);
/* Forgets the step that ran: descriptors, deadlines, who killed it. */
void sp_boxslot_clear_step(struct sp_boxslot *s);

/* ---- slot_request.c */

/* Reads what has come on the service's channel. */
void sp_boxslot_from_service(struct sp_boxslot *s);
/* Passes on what was held, as far as that is possible now; or forgets it. */
void sp_boxslot_release_held(struct sp_boxslot *s);
void sp_boxslot_drop_held(struct sp_boxslot *s);

/* ---- slot_answer.c */

/* Reads one message of the launcher's. */
void sp_boxslot_from_launcher(struct sp_boxslot *s);
/* To the service. The descriptors stay the caller's. A channel that is full ends the slot. */
void sp_boxslot_reply(struct sp_boxslot *s, struct sp_box_msg *m, const int *fds, unsigned nfds);
void sp_boxslot_reply_error(struct sp_boxslot *s, enum sp_box_error_code code, const char *text);
/* ENDED, with what has gathered in s->ended. */
void sp_boxslot_send_ended(struct sp_boxslot *s);
/* Of a slot that is down: whatever is asked (inner: its type) has its answer at once. */
void sp_boxslot_refuse(struct sp_boxslot *s, uint32_t inner);
/* The oldest of what the launcher owes is answered. */
void sp_boxslot_shift_pending(struct sp_boxslot *s);

/* ---- slot_time.c */

/* Ends the step that runs, if one does and nobody has ended it before. */
void sp_boxslot_kill_run(struct sp_boxslot *s, enum sp_box_killer by);
/* Answers a step that was killed but whose init does not end; no answer when that is not what happened. */
void sp_boxslot_done_without_launcher(struct sp_boxslot *s);
/* CLOCK_MONOTONIC, or SP_NEVER. */
int64_t sp_box_next_deadline(void);
void sp_box_check_deadlines(void);

#endif
