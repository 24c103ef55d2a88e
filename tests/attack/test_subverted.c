/* SPDX-License-Identifier: MIT */
/*
 * The attacker is the service itself: whoever has taken it over holds the box's channels and may send what he likes (box-rules.md 7: the box trusts the
 * service with nothing). What he would win is host root, another slot, or a box that is of no use to anybody. Each test says what; after each the other
 * slot works and the box has the descriptors that it had.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "boxclient.h"

static struct bx box;
static unsigned at_rest; /* the box's descriptors */

static unsigned descriptors(pid_t pid)
{
	char path[48];
	unsigned n = 0;
	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	while (d && readdir(d)) n++;
	if (d) closedir(d);
	return n;
}

static void works(int ch)
{
	struct bx_result r;
	bx_run(ch, &BX_SH("echo fine"), &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "fine\n");
	bx_free(&r);
}

static int start(void **state)
{
	bx_start(&box, 2, NULL);
	works(box.slot[0]);
	works(box.slot[1]);
	at_rest = descriptors(bx_child_of(box.stub));
	return 0;
}

/* Slot one may be lost, if its service broke the protocol; the rest may not. */
static int stop(void **state)
{
	works(box.slot[1]);
	/* a slot that is over has given back its channel and its launcher's */
	assert_in_range(descriptors(bx_child_of(box.stub)), 4, at_rest);
	bx_stop(&box);
	return 0;
}

/* What a run in slot one says, or "" when it is refused. Owned by the caller. */
static char *output_of(struct bx_run run, bool *refused)
{
	struct bx_result r;
	bx_run(box.slot[0], &run, &r);
	char *out = r.out ? strdup(r.out) : strdup("");
	*refused = r.refused;
	bx_free(&r);
	return out;
}

/* Wins: the launcher's tree, above every container of the slot, with its /proc and the other roots: CVE-2024-21626 of runc. Between its birth and its exec the
 * program-to-be has descriptors of them, and the service says in which directory it starts. */
static void working_directory_by_a_magic_link(void **state)
{
	static const char *const forms[][2] = {{"/proc/self/fd/", ""}, {"/proc/self/fd/", "/.."}, {"/proc/self/fd/", "/../.."},
	        {"/proc/thread-self/fd/", ""}, {"/proc/2/fd/", "/1"}, {"/dev/fd/", ""}};
	bool refused;
	for (size_t f = 0; f < sizeof forms / sizeof *forms; f++)
		for (int fd = 3; fd < 48; fd++) {
			char cwd[64];
			snprintf(cwd, sizeof cwd, "%s%d%s", forms[f][0], fd, forms[f][1]);
			struct bx_run run = BX_SH("echo started; ls -A . ..");
			run.cwd = cwd;
			char *out = output_of(run, &refused);
			if (!refused) bx_fail(__FILE__, __LINE__, "started in %s, where there is: %s", cwd, out);
			free(out);
		}
	works(box.slot[0]);
}

/* Wins: as above, with the program's path. */
static void program_by_a_magic_link(void **state)
{
	static const char *const ends[] = {"/self/exe", "/1/exe", "/roots/host/bin/sh", "/../roots/host/bin/sh", ""};
	bool refused;
	for (size_t f = 0; f < sizeof ends / sizeof *ends; f++)
		for (int fd = 3; fd < 48; fd++) {
			char name[64];
			snprintf(name, sizeof name, "/proc/self/fd/%d%s", fd, ends[f]);
			struct bx_run run = {.argv = (const char *const[]){name, "-c", "echo started", NULL}};
			char *out = output_of(run, &refused);
			if (!refused) bx_fail(__FILE__, __LINE__, "%s was run: %s", name, out);
			free(out);
		}
	/* and by what the kernel opens for the program: its "#!" line, which is the tenant's own */
	for (int fd = 3; fd < 48; fd++) {
		char text[96];
		int n = snprintf(text, sizeof text, "#!/proc/self/fd/%d/../roots/host/bin/sh\necho started\n", fd);
		struct bx_file script = {"script", 0755, text, (size_t)n};
		struct bx_run run = {.argv = (const char *const[]){"/box/script", NULL}, .files = &script, .nfiles = 1};
		char *out = output_of(run, &refused);
		if (!refused) bx_fail(__FILE__, __LINE__, "the interpreter of \"%s\" was run: %s", text, out);
		free(out);
	}
	works(box.slot[0]);
}

/* Wins: the box's own program file, which the host's root runs next time: CVE-2019-5736. /proc/self/exe is, until the exec, the host's serapis-box. */
static void the_box_own_binary(void **state)
{
	const char *exe = getenv("SERAPIS_BOX");
	struct stat before, after;
	bool refused;
	assert_int_equal(stat(exe, &before), 0);
	/* It may be run: it is nobody's secret and has no power there. What must not be is a way to write to it. */
	struct bx_run run = {.argv = (const char *const[]){"/proc/self/exe", "--version", NULL}};
	free(output_of(run, &refused));
	struct bx_file script = {"script", 0755, "#!/proc/self/exe --control-fd\n", 30};
	run = BX_SH("/box/script & for i in 1 2 3 4 5 6 7 8 9; do for p in /proc/[0-9]*; do (exec 3<>$p/exe) 2>/dev/null && echo writable "
	            "$p; done; done; true");
	run.files = &script;
	run.nfiles = 1;
	char *out = output_of(run, &refused);
	assert_false(refused);
	assert_string_equal(out, "");
	free(out);
	run = (struct bx_run){.argv = (const char *const[]){"/box/script", NULL}, .files = &script, .nfiles = 1};
	free(output_of(run, &refused));
	assert_int_equal(stat(exe, &after), 0);
	assert_true(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec && before.st_size == after.st_size && before.st_ino == after.st_ino);
	works(box.slot[0]);
}

/* Wins: a way out by descriptor: a directory of the host's, a socket or a device to talk through, a file that changes after it was checked. */
static void stdin_and_files_of_other_kinds(void **state)
{
	int pair[2], pipes[2], fds[24];
	unsigned n = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(pipe(pipes), 0);
	fds[n++] = open("/", O_RDONLY | O_DIRECTORY);
	fds[n++] = open("/", O_PATH);
	fds[n++] = open("/etc/shadow", O_RDONLY);
	fds[n++] = open("/etc/passwd", O_PATH);
	fds[n++] = open("/dev/null", O_RDWR);
	fds[n++] = open("/dev/zero", O_RDWR);
	fds[n++] = open("/proc/self/mem", O_RDWR);
	fds[n++] = open("/proc/self/ns/mnt", O_RDONLY);
	fds[n++] = pair[0];
	fds[n++] = pair[1];
	fds[n++] = pipes[0];
	fds[n++] = pipes[1];
	fds[n++] = eventfd(1, 0);
	fds[n++] = (int)syscall(SYS_pidfd_open, getpid(), 0);
	fds[n++] = dup(box.control);
	fds[n++] = dup(box.slot[1]);
	fds[n++] = bx_memfd("x", 1, false);
	/* almost sealed, in each way */
	static const int seals[] = {F_SEAL_WRITE, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL,
	        0x10 /* FUTURE_WRITE */ | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL};
	for (size_t i = 0; i < sizeof seals / sizeof *seals; i++) {
		fds[n] = bx_memfd("x", 1, false);
		assert_int_equal(fcntl(fds[n], F_ADD_SEALS, seals[i]), 0);
		n++;
	}
	for (unsigned i = 0; i < n; i++) {
		struct bx_run run = BX_SH("ls -l /proc/self/fd/0; cat");
		struct sp_box_msg m = {.u.begin = bx_default_begin(&run)};
		struct bx_result r = {0};
		int none[SP_BOX_FDS_MAX];
		assert_true(fds[i] >= 0);
		for (int as = 0; as < 3; as++) { /* as the files, as the spec, as stdin */
			int give[2] = {fds[i], fds[i]};
			m.u.begin = bx_default_begin(&run);
			bx_send(box.slot[0], SP_BOX_BEGIN, &m, give, as == 0);
			bx_recv(box.slot[0], &m, none);
			assert_int_equal(m.type, as == 0 ? SP_BOX_ERROR : SP_BOX_BEGUN);
			if (as) {
				int spec = bx_spec(run.argv, (const char *const[]){NULL}, "/box");
				m = (struct sp_box_msg){.u.step = bx_default_step(&run)};
				if (as == 2) give[0] = spec;
				bx_send(box.slot[0], SP_BOX_STEP, &m, give, (unsigned)as);
				close(spec);
				bx_recv(box.slot[0], &m, none);
				if (m.type != SP_BOX_ERROR)
					bx_fail(__FILE__, __LINE__, "descriptor %u was taken as %s", i, as == 1 ? "spec" : "stdin");
			}
			bx_end(box.slot[0], &r);
		}
		close(fds[i]);
	}
	works(box.slot[0]);
}

/* Wins: root over a directory that the policy does not name. */
static void roots_that_are_paths(void **state)
{
	static const char *const names[] = {"../host", "/", "", ".", "..", "host/", "host/..", "host/../host", "/roots/host", "h\xc3\xb6st",
	        "host\n", "proc", "tree", "empty"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct bx_run run = BX_SH("ls -A /");
		bool refused;
		run.root = names[i];
		char *out = output_of(run, &refused);
		if (!refused) bx_fail(__FILE__, __LINE__, "root \"%s\" was taken: %s", names[i], out);
		free(out);
	}
	/* no end */
	struct sp_box_msg m = {.u.begin = {.tree_bytes = 1 << 20}};
	struct bx_result r = {0};
	int fds[SP_BOX_FDS_MAX];
	memset(m.u.begin.root, 'h', sizeof m.u.begin.root);
	bx_send(box.slot[0], SP_BOX_BEGIN, &m, NULL, 0);
	bx_expect(box.slot[0], SP_BOX_ERROR, &m, fds);
	bx_end(box.slot[0], &r);
	works(box.slot[0]);
}

/* Wins: a run without limits. Every number at its ends. */
static void limits_at_their_ends(void **state)
{
	static const uint64_t ends[] = {0, UINT64_MAX, UINT64_MAX - 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX / 1000};
	for (size_t field = 0; field < 6; field++)
		for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
			struct bx_run run = BX_SH("true");
			struct sp_box_step s = bx_default_step(&run);
			struct sp_box_begin b = bx_default_begin(&run);
			if (field == 4 && ends[i] == 0) continue; /* no file may be written: that is a limit */
			uint64_t *const numbers[] = {&s.wall_ns, &s.cpu_ns, &s.memory_bytes, &b.tree_bytes, &s.file_bytes, &s.stack_bytes};
			if (field == 5 && ends[i] == 0) continue; /* the default */
			*numbers[field] = ends[i];
			struct sp_box_msg m = {.u.begin = b};
			struct bx_result r = {0};
			int fds[SP_BOX_FDS_MAX], spec = bx_spec(run.argv, (const char *const[]){NULL}, "/box");
			bx_send(box.slot[0], SP_BOX_BEGIN, &m, NULL, 0);
			bx_recv(box.slot[0], &m, fds);
			bool refused = m.type == SP_BOX_ERROR;
			m = (struct sp_box_msg){.u.step = s};
			bx_send(box.slot[0], SP_BOX_STEP, &m, &spec, 1);
			close(spec);
			bx_recv(box.slot[0], &m, fds);
			if (m.type != SP_BOX_ERROR || refused != (field == 3))
				bx_fail(__FILE__, __LINE__, "field %zu took %llu", field, (unsigned long long)ends[i]);
			bx_end(box.slot[0], &r);
		}
	works(box.slot[0]);
}

/* Wins: a box that leaks, stumbles or stops under random packets: any type, any size, any number of descriptors. The seed is fixed: a failure repeats. */
static void random_packets(void **state)
{
	unsigned seed = 20261122;
	struct bx b;
	for (int round = 0; round < 12; round++) {
		bx_start(&b, 2, NULL);
		unsigned before = descriptors(bx_child_of(b.stub));
		fcntl(b.slot[0], F_SETFL, O_NONBLOCK);
		for (int i = 0; i < 300; i++) {
			struct sp_box_msg m;
			char *bytes = (char *)&m;
			int give[8], sink[SP_BOX_FDS_MAX];
			for (size_t k = 0; k < sizeof m; k++) bytes[k] = (char)(rand_r(&seed) % 7 ? 0 : rand_r(&seed));
			m.magic = rand_r(&seed) % 16 ? SP_BOX_MAGIC : m.magic;
			m.version = rand_r(&seed) % 16 ? SP_BOX_VERSION : m.version;
			m.type = (uint32_t)(rand_r(&seed) % 8 ? 2 + rand_r(&seed) % 4 : rand_r(&seed) % 80);
			if (rand_r(&seed) % 2) memcpy(m.u.begin.root, "host", 5);
			unsigned nfds = (unsigned)rand_r(&seed) % 4;
			m.nfds = rand_r(&seed) % 8 ? nfds : (uint32_t)rand_r(&seed);
			for (unsigned k = 0; k < nfds; k++)
				give[k] = rand_r(&seed) % 2 ? bx_memfd("SPX1\1\0\0\0\0\0\0\0x\0/\0", 16, true) : open("/", O_RDONLY);
			union {
				struct cmsghdr h;
				char space[CMSG_SPACE(sizeof(int) * 8)];
			} c;
			struct iovec v = {&m, rand_r(&seed) % 16 ? sizeof m : (size_t)rand_r(&seed) % sizeof m};
			struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};
			if (nfds) {
				h.msg_control = &c;
				h.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
				c.h = (struct cmsghdr){CMSG_LEN(sizeof(int) * nfds), SOL_SOCKET, SCM_RIGHTS};
				memcpy(CMSG_DATA(&c.h), give, sizeof(int) * nfds);
			}
			ssize_t sent = sendmsg(b.slot[0], &h, MSG_NOSIGNAL);
			int why = errno;
			for (unsigned k = 0; k < nfds; k++) close(give[k]);
			if (sent < 0 && why == EPIPE) break; /* the slot is over: as it should be */
			struct sp_box_msg answer;
			while (sp_box_recv(b.slot[0], &answer, sink) == 0)
				for (unsigned k = 0; k < answer.nfds; k++) close(sink[k]);
		}
		works(b.slot[1]);
		assert_in_range(descriptors(bx_child_of(b.stub)), 4,
		        before + 8); /* what the slot's pending requests may hold at this moment, and no more */
		bx_stop(&b);
	}
}

/* Wins: a box that waits for us, and so for nobody else: answers are not read, output is not read, pipes are kept. */
static void a_service_that_does_not_read(void **state)
{
	struct bx b;
	struct bx_run flood = BX_SH("yes");
	bx_start(&b, 2, NULL);
	fcntl(b.slot[0], F_SETFL, O_NONBLOCK);
	bx_begin(b.slot[0], &flood);
	bx_step(b.slot[0], &flood);
	for (int i = 0; i < 3; i++) {
		works(b.slot[1]);
		bx_send(b.slot[0], SP_BOX_KILL, NULL, NULL, 0);
	}
	works(b.slot[1]);
	/* as many answers as it takes to fill the socket, none of them read */
	for (int i = 0; i < 5000; i++) {
		struct sp_box_msg m = {.type = SP_BOX_END};
		if (sp_box_send(b.slot[0], &m, NULL, 0) < 0) break;
	}
	works(b.slot[1]);
	bx_stop(&b);
}

/* Wins: a run that escapes in the gap between two messages: the kill comes before, during and after each state. */
static void kills_at_every_moment(void **state)
{
	struct bx b;
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	bx_start(&b, 2, NULL);
	for (int i = 0; i < 60; i++) {
		struct bx_run run = BX_SH("sleep 1000 & sleep 1000");
		bx_send(b.slot[0], SP_BOX_KILL, NULL, NULL, 0);
		bx_begin(b.slot[0], &run);
		if (i % 3 == 0) bx_send(b.slot[0], SP_BOX_KILL, NULL, NULL, 0);
		bx_step(b.slot[0], &run);
		if (i % 2) usleep((unsigned)i * 100);
		bx_send(b.slot[0], SP_BOX_KILL, NULL, NULL, 0);
		bx_send(b.slot[0], SP_BOX_END, NULL, NULL, 0);
		bx_send(b.slot[0], SP_BOX_KILL, NULL, NULL, 0);
		do {
			bx_recv(b.slot[0], &m, fds);
			for (unsigned k = 0; k < m.nfds; k++) close(fds[k]);
		} while (m.type != SP_BOX_ENDED);
	}
	works(b.slot[0]);
	works(b.slot[1]);
	bx_stop(&b);
}

/* Wins: bytes that were checked and then changed, a directory in the place of a request, a way for the collector to read something else. */
static void requests_of_other_kinds(void **state)
{
	static const char pattern[] = "SPC1\1\0\0\0**";
	struct sp_box_msg m, collect = {.u.collect = {UINT64_C(1) << 30, UINT64_C(1) << 30, 1 << 20, 1 << 20, 10, 10}};
	int fds[SP_BOX_FDS_MAX], pipes[2];
	struct bx_run run = BX_SH("printf x > x");
	struct bx_result r = {0};

	bx_begin(box.slot[0], &run);
	bx_step(box.slot[0], &run);
	bx_expect(box.slot[0], SP_BOX_BEGUN, &m, fds);
	bx_collect(box.slot[0], &run, &r);
	BX_EXITED(&r, 0);
	bx_free(&r);
	assert_int_equal(pipe(pipes), 0);
	const int kinds[] = {open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), open("/etc/passwd", O_RDONLY | O_CLOEXEC),
	        open("/dev/null", O_RDWR | O_CLOEXEC), open("/", O_PATH | O_CLOEXEC), pipes[0], eventfd(0, EFD_CLOEXEC),
	        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), bx_memfd(pattern, sizeof pattern, false)};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		assert_true(kinds[i] >= 0);
		bx_send(box.slot[0], SP_BOX_COLLECT, &collect, &kinds[i], 1);
		bx_expect(box.slot[0], SP_BOX_ERROR, &m, fds);
		assert_int_equal(m.u.error.code, SP_BOX_E_REQUEST);
		close(kinds[i]);
	}
	close(pipes[1]);
	/* one that is as it should be, through a descriptor that was moved and may not be written through */
	int good = bx_memfd(pattern, sizeof pattern, true);
	assert_int_equal(write(good, "x", 1), -1);
	bx_send(box.slot[0], SP_BOX_COLLECT, &collect, &good, 1);
	close(good);
	bx_expect(box.slot[0], SP_BOX_STARTED, &m, fds);
	assert_int_equal(m.nfds, 1);
	/* what it is given is the end of a pipe that can only be read */
	assert_int_equal(write(fds[0], "x", 1), -1);
	assert_int_equal(errno, EBADF);
	close(fds[0]);
	bx_expect(box.slot[0], SP_BOX_DONE, &m, fds);
	bx_end(box.slot[0], &r);
}

/* Wins: a collector beside a program, or one that outlives its evaluation: requests, kills and ends in every order that the protocol allows. */
static void collections_at_every_moment(void **state)
{
	static const char pattern[] = "SPC1\1\0\0\0**";
	struct sp_box_msg m, collect = {.u.collect = {UINT64_C(1) << 34, UINT64_C(1) << 34, 1 << 24, 1 << 24, 10, 10}};
	struct bx b;
	int fds[SP_BOX_FDS_MAX];
	unsigned collected = 0;

	bx_start(&b, 2, NULL);
	for (int i = 0; i < 60; i++) {
		struct bx_run run = BX_SH("head -c 3000000 /dev/zero > x; exec >&- 2>&-; sleep 0.0$0");
		int request = bx_memfd(pattern, sizeof pattern, true), owed = 2;
		bool stepping = false, ended = false;
		bx_begin(b.slot[0], &run);
		if (i % 4 == 0) bx_send(b.slot[0], SP_BOX_COLLECT, &collect, &request, 1), owed++;
		bx_step(b.slot[0], &run);
		if (i % 3 == 0) usleep((unsigned)i * 300);
		if (i % 5 == 0) bx_send(b.slot[0], SP_BOX_KILL, NULL, NULL, 0);
		for (int k = 0; k < 3; k++) bx_send(b.slot[0], SP_BOX_COLLECT, &collect, &request, 1), owed++;
		if (i % 2) usleep((unsigned)i * 200);
		if (i % 7 == 0) bx_send(b.slot[0], SP_BOX_KILL, NULL, NULL, 0);
		bx_send(b.slot[0], SP_BOX_END, NULL, NULL, 0);
		close(request);
		while (!ended) {
			bx_recv(b.slot[0], &m, fds);
			/* one thing at a time: nothing starts before what ran has been answered */
			if (m.type == SP_BOX_STARTED) {
				assert_false(stepping);
				stepping = true;
				if (m.nfds == 1 && i % 2) collected++;
			} else if (m.type == SP_BOX_DONE) {
				assert_true(stepping);
				stepping = false;
				owed--;
			} else if (m.type == SP_BOX_ENDED) {
				ended = true;
			} else {
				owed--;
			}
			for (unsigned k = 0; k < m.nfds; k++) close(fds[k]);
		}
		assert_false(stepping);
		assert_int_equal(owed, 0);
	}
	assert_true(collected > 20);
	works(b.slot[0]);
	works(b.slot[1]);
	bx_stop(&b);
}

/* Wins: processes and cgroups that nobody owns: the channels are closed in the midst of everything. */
static void gone_in_the_midst(void **state)
{
	for (int i = 0; i < 8; i++) {
		struct bx b;
		char memory[4096];
		struct bx_run run = BX_SH("trap '' TERM HUP INT; (setsid sleep 1000 &) ; sleep 1000");
		bx_start(&b, 2, NULL);
		bx_cgroup_path(&b, "memory", memory, sizeof memory);
		for (int s = 0; s < 2; s++) {
			bx_begin(b.slot[s], &run);
			bx_step(b.slot[s], &run);
		}
		usleep((unsigned)i * 3000);
		bx_stop(&b); /* checks the stub's status; it has removed the cgroups by then */
		assert_int_equal(access(memory, F_OK), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(working_directory_by_a_magic_link, start, stop),
	        cmocka_unit_test_setup_teardown(program_by_a_magic_link, start, stop),
	        cmocka_unit_test_setup_teardown(the_box_own_binary, start, stop),
	        cmocka_unit_test_setup_teardown(stdin_and_files_of_other_kinds, start, stop),
	        cmocka_unit_test_setup_teardown(roots_that_are_paths, start, stop),
	        cmocka_unit_test_setup_teardown(limits_at_their_ends, start, stop),
	        cmocka_unit_test(random_packets),
	        cmocka_unit_test(a_service_that_does_not_read),
	        cmocka_unit_test(kills_at_every_moment),
	        cmocka_unit_test_setup_teardown(requests_of_other_kinds, start, stop),
	        cmocka_unit_test(collections_at_every_moment),
	        cmocka_unit_test(gone_in_the_midst),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
