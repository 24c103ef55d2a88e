/* SPDX-License-Identifier: MIT */
/*
 * Test library: starts serapis-box as the service would, speaks the protocol, runs commands. Whatever is wrong with the box itself fails the test at
 * once (bx_fail); what the program did is in struct bx_result. Every wait has a bound, so that a hang is a failure and not a stuck test run.
 *
 * SERAPIS_TEST_SLOW=N: this machine is N times slower than most (an emulated one). The waits and the default limits of steps grow by that; what is
 * asserted does not change.
 *
 * SERAPIS_TEST_UID=U: the box is started as this user, without root (and with --unsafe-rootless, as most tests use several slots). Then
 * SERAPIS_TEST_ENFORCED says what the host can enforce so, as names like "seccomp,net"; test_run asserts that it is exactly this, and a test whose
 * subject is not enforced asserts that nothing is claimed: it begins with bx_enforces(). SERAPIS_TEST_CGROUP=DIRECTORY: a cgroup v2 that was
 * delegated to that user, and that the box is started in.
 */
#ifndef SP_TEST_BOXCLIENT_H
#define SP_TEST_BOXCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "box/protocol.h"

int bx_slow(void); /* N, at least 1 */
#define BX_WAIT_MS (20000 * bx_slow())

struct bx {
	pid_t stub;
	int control;
	unsigned nslots;
	int slot[SP_BOX_SLOTS_MAX];
	struct sp_box_ready ready;
};

void bx_fail(const char *file, int line, const char *fmt, ...) __attribute__((noreturn, format(printf, 3, 4)));
#define BX_CHECK(cond) \
	do { \
		if (!(cond)) bx_fail(__FILE__, __LINE__, "%s", #cond); \
	} while (0)
#define BX_CHECK_MSG(cond, ...) \
	do { \
		if (!(cond)) bx_fail(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

/* Start and stop. policy NULL: a default one with the root "host" alone. */
void bx_spawn(struct bx *b, const char *policy_text); /* the process alone: no HELLO yet */
void bx_hello(struct bx *b, unsigned slots); /* HELLO → READY */
void bx_start(struct bx *b, unsigned slots, const char *policy_text);
void bx_stop(struct bx *b); /* closes the channels; the stub must end with status 0 */
int bx_wait_stub(struct bx *b); /* its wait status, whatever it is */
pid_t bx_child_of(pid_t parent); /* the one child of a process; -1: none */
uint32_t bx_expected(void); /* the bits of enum sp_box_enforced that this start must have */
bool bx_enforces(const struct bx *b, uint32_t bits); /* says on stderr what is left out */
int bx_test_uid(void); /* 0: the box runs as root */
void bx_become_test_user(void); /* in a child, before the exec */
void bx_cgroup_path(const struct bx *b, const char *controller, char *out,
        size_t size); /* of the running box; v2: the same for all; without cgroups: "pid:" and the box's pid */

/* Messages. */
void bx_send(int ch, uint32_t type, const struct sp_box_msg *m, const int *fds, unsigned nfds);
void bx_recv(int ch, struct sp_box_msg *m, int fds[SP_BOX_FDS_MAX]); /* waits at most BX_WAIT_MS */
void bx_expect(int ch, uint32_t type, struct sp_box_msg *m, int fds[SP_BOX_FDS_MAX]);
bool bx_ended(int ch); /* end of file arrives within BX_WAIT_MS, whatever was sent before it */

/* Memfds. */
int bx_memfd(const void *p, size_t n, bool sealed);
int bx_spec(const char *const *argv, const char *const *env, const char *cwd);
struct bx_file {
	const char *path;
	unsigned mode;
	const void *data;
	size_t size;
};
int bx_files(const struct bx_file *files, size_t n);

struct bx_run {
	const char *const *argv;
	const char *const *env; /* NULL: PATH and HOME */
	const char *cwd; /* NULL: /box */
	const struct bx_file *files;
	size_t nfiles;
	const char *root; /* NULL: host */
	const void *input; /* NULL: no stdin */
	size_t input_size;
	struct sp_box_begin begin; /* zero fields: defaults */
	struct sp_box_step step;
	int (*probe)(const struct bx_run *run, void *arg); /* called when the program was started, before its output is read */
	void *probe_arg;
};

struct bx_result {
	bool refused; /* then `error` is the answer to BEGIN or STEP */
	struct sp_box_error error;
	struct sp_box_done done;
	struct sp_box_end_report ended;
	char *out, *err; /* NUL-terminated; err is NULL when merged. Owned: bx_free */
	size_t out_len, err_len;
};

struct sp_box_begin bx_default_begin(const struct bx_run *r);
struct sp_box_step bx_default_step(const struct bx_run *r);
extern uint64_t bx_wall_max, bx_cpu_max; /* of the test's policy: what the defaults keep to; 600 s unless set */

void bx_begin(int ch, const struct bx_run *r); /* sends */
void bx_step(int ch, const struct bx_run *r); /* sends */
void bx_collect(int ch, const struct bx_run *r, struct bx_result *o); /* STARTED, output, DONE; or ERROR */
void bx_end(int ch, struct bx_result *o); /* END → ENDED */
/* The whole of it. */
void bx_run(int ch, const struct bx_run *r, struct bx_result *o);
void bx_free(struct bx_result *o);

/* /bin/sh -c script, with the defaults above. */
#define BX_SH(script) ((struct bx_run){.argv = (const char *const[]){"/bin/sh", "-c", script, NULL}})

/* A step that runs the test program (probe.c) with these arguments; it is put in place as /box/probe. */
#define BX_PROBE(...) \
	((struct bx_run){.argv = (const char *const[]){"/box/probe", __VA_ARGS__, NULL}, .files = bx_probe_file(), .nfiles = 1})
const struct bx_file *bx_probe_file(void);

/* Asserts on results, with the program's output in the message. */
void bx_check_exit(const struct bx_result *r, int code, const char *file, int line);
void bx_check_killed(const struct bx_result *r, enum sp_box_killer by, const char *file, int line);
#define BX_EXITED(r, code) bx_check_exit(r, code, __FILE__, __LINE__)
#define BX_KILLED(r, by) bx_check_killed(r, by, __FILE__, __LINE__)

#endif
