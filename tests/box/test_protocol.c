/* SPDX-License-Identifier: MIT */
/* A service that does not keep to the protocol, or to the policy: it is answered with ERROR or loses the slot; the box and the other slots go on. */
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "boxclient.h"

#define POLICY \
	"# ceilings of this test\nslots_max 4\nwall_max 20s\ncpu_max 10s\nmemory_max 512MiB\nprocesses_max 100\nopen_files_max 512\n" \
	"file_bytes_max 64MiB\ntree_bytes_max 128MiB\nstack_max 16MiB\n"

static struct bx box;
static int slot;

static int start(void **state)
{
	bx_wall_max = UINT64_C(20000000000);
	bx_cpu_max = UINT64_C(10000000000);
	bx_start(&box, 2, POLICY);
	slot = box.slot[0];
	return 0;
}

static int stop(void **state)
{
	bx_stop(&box);
	return 0;
}

static void works(int ch)
{
	struct bx_result r;
	bx_run(ch, &BX_SH("echo fine"), &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "fine\n");
	bx_free(&r);
}

/* ---- archives */

static void refused_files(const struct bx_file *files, size_t n, const char *text)
{
	struct bx_run run = BX_SH("true");
	struct bx_result r;
	run.files = files;
	run.nfiles = n;
	bx_run(slot, &run, &r);
	assert_true(r.refused);
	assert_string_equal(r.error.text, text);
	assert_int_equal(r.error.code, SP_BOX_E_FILES);
	bx_free(&r);
}

static void bad_paths(void **state)
{
	static char long_name[300], deep[200], long_path[1100];
	memset(long_name, 'n', 256);
	memset(long_path, 'p', 1025);
	for (int i = 0; i < 99; i += 2) memcpy(deep + i, "d/", 2);
	deep[99] = 0;
	const struct {
		const char *path, *text;
	} cases[] = {{"../x", "the path of file 1 has a \".\" or \"..\" component"},
	        {"a/../../x", "the path of file 1 has a \".\" or \"..\" component"},
	        {"a/..", "the path of file 1 has a \".\" or \"..\" component"},
	        {"./x", "the path of file 1 has a \".\" or \"..\" component"}, {"/etc/passwd", "the path of file 1 is absolute"},
	        {"", "the path of file 1 is empty"}, {"a//b", "the path of file 1 has an empty component"},
	        {"a/", "the path of file 1 has an empty component"},
	        {long_name, "the path of file 1 has a component of more than 255 bytes"}, {deep, "the path of file 1 is too deep"},
	        {long_path, "the path of file 1 is too long"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		refused_files(&(struct bx_file){cases[i].path, 0644, "x", 1}, 1, cases[i].text);
	works(slot);
}

static void names_that_collide(void **state)
{
	refused_files(
	        (struct bx_file[]){{"a", 0644, "x", 1}, {"a", 0644, "y", 1}}, 2, "\"a\" comes twice, or is a file and a directory at once");
	refused_files((struct bx_file[]){{"a", 0644, "x", 1}, {"a/b", 0644, "y", 1}}, 2, "\"a\" is a file and a directory at once");
	refused_files((struct bx_file[]){{"a/b", 0644, "x", 1}, {"a", 0644, "y", 1}}, 2,
	        "\"a\" comes twice, or is a file and a directory at once");
	refused_files((struct bx_file[]){{"a", 04755, "x", 1}}, 1, "the mode of file 1 is not 0644 or 0755");
	works(slot);
}

/* An archive given byte for byte. */
static void refused_archive(const void *p, size_t n, uint32_t code, const char *text)
{
	struct bx_run run = BX_SH("true");
	struct sp_box_msg m = {.u.begin = bx_default_begin(&run)};
	struct bx_result r = {0};
	int fds[SP_BOX_FDS_MAX], fd = bx_memfd(p, n, true);
	bx_send(slot, SP_BOX_BEGIN, &m, &fd, 1);
	close(fd);
	bx_recv(slot, &m, fds);
	if (m.type == SP_BOX_BEGUN) {
		bx_step(slot, &run);
		bx_recv(slot, &m, fds);
	}
	assert_int_equal(m.type, SP_BOX_ERROR);
	assert_string_equal(m.u.error.text, text);
	assert_int_equal(m.u.error.code, code);
	bx_end(slot, &r);
}

static void broken_archives(void **state)
{
	static const char nul_path[] = "SPF1\1\0\0\0\3\0\244\1\0\0\0\0a\0b";
	refused_archive("", 0, SP_BOX_E_REQUEST, "the files are not a sealed memfd of an acceptable size");
	refused_archive("SPF", 3, SP_BOX_E_FILES, "the archive of files has no header");
	refused_archive("ZIP!\0\0\0\0", 8, SP_BOX_E_FILES, "the archive of files has no header");
	refused_archive("SPF1\377\377\377\377", 8, SP_BOX_E_FILES, "more than 4096 files");
	refused_archive("SPF1\1\0\0\0", 8, SP_BOX_E_FILES, "the archive of files ends inside file 1");
	refused_archive("SPF1\1\0\0\0\1\0\244\1\2\0\0\0ab", 18, SP_BOX_E_FILES, "the archive of files ends inside file 1");
	refused_archive("SPF1\1\0\0\0\1\0\244\1\377\377\377\377ab", 18, SP_BOX_E_FILES, "the archive of files ends inside file 1");
	refused_archive("SPF1\1\0\0\0\377\377\244\1\0\0\0\0ab", 18, SP_BOX_E_FILES, "the archive of files ends inside file 1");
	refused_archive("SPF1\1\0\0\0\1\0\244\1\0\0\0\0ab", 18, SP_BOX_E_FILES, "the archive of files has bytes after its last file");
	refused_archive(nul_path, sizeof nul_path - 1, SP_BOX_E_FILES, "the path of file 1 has a NUL byte");
	works(slot);
}

static void archives_that_do_not_fit(void **state)
{
	static char big[3 << 20];
	struct bx_file file = {"big", 0644, big, sizeof big}, many[64];
	struct bx_run run = BX_SH("true");
	struct bx_result r;
	run.files = &file;
	run.nfiles = 1;
	run.begin.tree_bytes = 1 << 20;
	bx_run(slot, &run, &r);
	assert_true(r.refused);
	assert_int_equal(r.error.code, SP_BOX_E_FILES);
	assert_string_equal(r.error.text, "writing \"big\": No space left on device");

	char names[64][8];
	for (int i = 0; i < 64; i++) {
		snprintf(names[i], sizeof names[i], "f%d", i);
		many[i] = (struct bx_file){names[i], 0644, "", 0};
	}
	run = BX_SH("true");
	run.files = many;
	run.nfiles = 64;
	run.begin.tree_inodes = 32;
	bx_run(slot, &run, &r);
	assert_true(r.refused);
	assert_int_equal(r.error.code, SP_BOX_E_FILES);

	if (!bx_enforces(&box, SP_BOX_ENF_MEMORY)) return;
	/* more than the step's memory: killed while they are put in place, and the slot goes on */
	run = BX_SH("true");
	static char huge[20 << 20];
	file = (struct bx_file){"huge", 0644, huge, sizeof huge};
	run.files = &file;
	run.nfiles = 1;
	run.step.memory_bytes = 8 << 20;
	bx_run(slot, &run, &r);
	assert_true(r.refused);

	int fd = memfd_create("test", MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, SP_BOX_FILES_BYTES_MAX + 1), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL), 0);
	struct sp_box_msg m = {.u.begin = bx_default_begin(&run)};
	int fds[SP_BOX_FDS_MAX];
	bx_send(slot, SP_BOX_BEGIN, &m, &fd, 1);
	close(fd);
	bx_expect(slot, SP_BOX_ERROR, &m, fds);
	bx_end(slot, &r);
	works(slot);
}

/* ---- spec */

static void refused_spec(const void *p, size_t n, const char *text)
{
	struct bx_run run = BX_SH("true");
	struct sp_box_msg m = {.u.step = bx_default_step(&run)};
	struct bx_result r = {0};
	int fds[SP_BOX_FDS_MAX], fd = bx_memfd(p, n, true);
	bx_begin(slot, &run);
	bx_send(slot, SP_BOX_STEP, &m, &fd, 1);
	close(fd);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	bx_expect(slot, SP_BOX_ERROR, &m, fds);
	assert_string_equal(m.u.error.text, text);
	assert_int_equal(m.u.error.code, SP_BOX_E_REQUEST);
	bx_end(slot, &r);
}

static void broken_specs(void **state)
{
	refused_spec("SPX1", 4, "the spec has no header");
	refused_spec("SPY1\1\0\0\0\0\0\0\0a\0/\0", 16, "the spec has no header");
	refused_spec("SPX1\0\0\0\0\0\0\0\0/\0", 14, "the spec has no arguments, or too many");
	refused_spec("SPX1\1\4\0\0\0\0\0\0/\0", 14, "the spec has no arguments, or too many");
	refused_spec("SPX1\1\0\0\0\1\1\0\0a\0/\0", 16, "the spec has too many environment variables");
	refused_spec("SPX1\1\0\0\0\0\0\0\0a\0", 14, "the spec ends inside a string");
	refused_spec("SPX1\1\0\0\0\0\0\0\0a\0/", 15, "the spec ends inside a string");
	refused_spec("SPX1\1\0\0\0\0\0\0\0a\0/\0x", 17, "the spec ends inside a string");
	refused_spec("SPX1\1\0\0\0\0\0\0\0a\0/\0/bin\0x", 22, "the spec has bytes after its last string");
	refused_spec("SPX1\1\0\0\0\0\0\0\0a\0rel\0", 18, "the working directory is not absolute");
	refused_spec("SPX1\1\0\0\0\0\0\0\0\0/\0", 15, "the program's name is empty");
	refused_spec("SPX1\1\0\0\0\1\0\0\0a\0NOVALUE\0/\0", 24, "an environment entry is not NAME=value");
	refused_spec("SPX1\1\0\0\0\1\0\0\0a\0=x\0/\0", 19, "an environment entry is not NAME=value");
	works(slot);
}

/* ---- the policy */

static void refused_step(struct bx_run run, const char *text)
{
	struct bx_result r = {0};
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	bx_begin(slot, &run);
	bx_step(slot, &run);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	bx_expect(slot, SP_BOX_ERROR, &m, fds);
	assert_string_equal(m.u.error.text, text);
	assert_int_equal(m.u.error.code, SP_BOX_E_REQUEST);
	bx_end(slot, &r);
}

static const char *const true_argv[] = {"true", NULL};
#define STEP(field, value) ((struct bx_run){.argv = true_argv, .step.field = (value)})

static void over_the_ceilings(void **state)
{
	refused_step(STEP(wall_ns, UINT64_C(20000000001)), "wall_ns is 0 or over the policy's wall_max");
	refused_step(STEP(wall_ns, UINT64_MAX), "wall_ns is 0 or over the policy's wall_max");
	refused_step(STEP(cpu_ns, UINT64_C(10000000001)), "cpu_ns is 0 or over the policy's cpu_max");
	refused_step(STEP(memory_bytes, (UINT64_C(512) << 20) + 1), "memory_bytes is below 1 MiB or over the policy's memory_max");
	refused_step(STEP(memory_bytes, 4096), "memory_bytes is below 1 MiB or over the policy's memory_max");
	refused_step(STEP(processes, 101), "processes is 0 or over the policy's processes_max");
	refused_step(STEP(open_files, 513), "open_files is below 4 or over the policy's open_files_max");
	refused_step(STEP(file_bytes, (64 << 20) + 1), "file_bytes is over the policy's file_bytes_max");
	refused_step(STEP(stack_bytes, (16 << 20) + 1), "stack_bytes is below 64 KiB or over the policy's stack_max");
	refused_step(STEP(flags, 0x80), "unknown flag");

	struct bx_run run = BX_SH("true");
	struct bx_result r;
	run.root = "nowhere";
	bx_run(slot, &run, &r);
	assert_true(r.refused);
	assert_int_equal(r.error.code, SP_BOX_E_REQUEST);
	assert_string_equal(r.error.text, "the policy has no root of that name");
	run.root = "../roots/host";
	bx_run(slot, &run, &r);
	assert_string_equal(r.error.text, "the policy has no root of that name");
	run = BX_SH("true");
	run.begin.tree_bytes = (128 << 20) + 1;
	bx_run(slot, &run, &r);
	assert_string_equal(r.error.text, "tree_bytes is below 4096 or over the policy's tree_bytes_max");
	run = BX_SH("true");
	run.begin.tree_inodes = UINT32_MAX;
	bx_run(slot, &run, &r);
	assert_string_equal(r.error.text, "tree_inodes is over 1048576");

	struct sp_box_msg m = {.u.begin = bx_default_begin(&run)};
	int fds[SP_BOX_FDS_MAX];
	m.u.begin.tree_inodes = 0;
	memset(m.u.begin.root, 'x', sizeof m.u.begin.root); /* not terminated */
	bx_send(slot, SP_BOX_BEGIN, &m, NULL, 0);
	bx_expect(slot, SP_BOX_ERROR, &m, fds);
	bx_end(slot, &r);
	works(slot);
}

static void step_with(int fd_spec, int fd_stdin, const char *text)
{
	struct bx_run run = BX_SH("true");
	struct sp_box_msg m = {.u.step = bx_default_step(&run)};
	struct bx_result r = {0};
	int fds[SP_BOX_FDS_MAX], pass[2] = {fd_spec, fd_stdin};
	bx_begin(slot, &run);
	bx_send(slot, SP_BOX_STEP, &m, pass, fd_stdin < 0 ? 1 : 2);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	bx_expect(slot, SP_BOX_ERROR, &m, fds);
	assert_string_equal(m.u.error.text, text);
	bx_end(slot, &r);
}

static void descriptors_of_other_kinds(void **state)
{
	const char *const bad_spec = "the spec is not a sealed memfd of an acceptable size",
	                  *const bad_stdin = "stdin is not a sealed memfd of an acceptable size";
	int spec = bx_spec((const char *const[]){"true", NULL}, (const char *const[]){NULL}, "/");
	int dir = open("/", O_RDONLY | O_DIRECTORY), file = open("/etc/passwd", O_RDONLY), null = open("/dev/null", O_RDWR);
	int unsealed = bx_memfd("x", 1, false), half = bx_memfd("x", 1, false), pipes[2], socks[2];
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
	assert_int_equal(fcntl(half, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
	const int all[] = {dir, file, null, unsealed, half, pipes[0], socks[0]};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		step_with(spec, all[i], bad_stdin); /* a directory here is the CVE-2024-21626 class */
		step_with(all[i], -1, bad_spec);
		close(all[i]);
	}
	close(pipes[1]), close(socks[1]), close(spec);
	works(slot);
}

static void requests_out_of_order(void **state)
{
	struct bx_run run = BX_SH("true");
	struct sp_box_msg m;
	struct bx_result r = {0};
	int fds[SP_BOX_FDS_MAX];

	bx_step(slot, &run);
	bx_expect(slot, SP_BOX_ERROR, &m, fds);
	assert_string_equal(m.u.error.text, "STEP without a BEGIN that succeeded");
	bx_begin(slot, &run);
	bx_begin(slot, &run);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	bx_expect(slot, SP_BOX_ERROR, &m, fds);
	assert_string_equal(m.u.error.text, "BEGIN before the END of the last");
	bx_end(slot, &r);
	bx_end(slot, &r); /* an END of nothing is answered like any other */
	assert_int_equal(r.ended.flags, 0);
	run.begin.tree_bytes = 8192;
	run.begin.tree_inodes = 2;
	bx_begin(slot, &run);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	bx_end(slot, &r); /* without a step */
	assert_int_equal(r.ended.flags, 0);
	works(slot);

	run.argv = (const char *const[]){"/no/such", NULL};
	bx_begin(slot, &run);
	bx_step(slot, &run);
	bx_step(slot, &run);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	bx_expect(slot, SP_BOX_ERROR, &m, fds);
	bx_expect(slot, SP_BOX_ERROR, &m, fds);
	assert_string_equal(m.u.error.text, "STEP after a refused one: END is due");
	bx_end(slot, &r);
	works(slot);
}

/* ---- what ends a slot, and only it: each on a box of its own */

static void slot_ends(void (*abuse)(int ch))
{
	struct bx b;
	bx_start(&b, 2, NULL);
	abuse(b.slot[0]);
	assert_true(bx_ended(b.slot[0]));
	works(b.slot[1]);
	bx_stop(&b);
}

static void raw_send(int ch, const void *p, size_t n, const int *fds, unsigned nfds)
{
	char control[CMSG_SPACE(100 * sizeof(int))] = {0};
	struct iovec iov = {(void *)(uintptr_t)p, n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	if (nfds) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	assert_true(sendmsg(ch, &m, MSG_NOSIGNAL) >= 0);
}

static void send_header(int ch, uint32_t magic, uint32_t version, uint32_t type, uint32_t nfds)
{
	struct sp_box_msg m = {.magic = magic, .version = version, .type = type, .nfds = nfds};
	raw_send(ch, &m, sizeof m, NULL, 0);
}

static void short_packet(int ch) { raw_send(ch, "hello", 5, NULL, 0); }
static void empty_packet(int ch) { raw_send(ch, "", 0, NULL, 0); }
static void long_packet(int ch)
{
	static char p[sizeof(struct sp_box_msg) + 1];
	raw_send(ch, p, sizeof p, NULL, 0);
}
static void bad_magic(int ch) { send_header(ch, 1, SP_BOX_VERSION, SP_BOX_END, 0); }
static void bad_version(int ch) { send_header(ch, SP_BOX_MAGIC, SP_BOX_VERSION + 1, SP_BOX_END, 0); }
static void bad_type(int ch) { send_header(ch, SP_BOX_MAGIC, SP_BOX_VERSION, 4711, 0); }
static void own_type(int ch) { send_header(ch, SP_BOX_MAGIC, SP_BOX_VERSION, SP_BOX_DONE, 0); }
static void hello_on_a_slot(int ch) { send_header(ch, SP_BOX_MAGIC, SP_BOX_VERSION, SP_BOX_HELLO, 0); }
static void missing_descriptor(int ch) { send_header(ch, SP_BOX_MAGIC, SP_BOX_VERSION, SP_BOX_STEP, 1); }

static void surplus_descriptors(int ch)
{
	struct sp_box_msg m = {.magic = SP_BOX_MAGIC, .version = SP_BOX_VERSION, .type = SP_BOX_END, .nfds = 3};
	int fds[100];
	for (int i = 0; i < 100; i++) fds[i] = 2;
	raw_send(ch, &m, sizeof m, fds, 3);
}

static void far_too_many_descriptors(int ch)
{
	struct sp_box_msg m = {.magic = SP_BOX_MAGIC, .version = SP_BOX_VERSION, .type = SP_BOX_END, .nfds = 100};
	int fds[100];
	for (int i = 0; i < 100; i++) fds[i] = 2;
	raw_send(ch, &m, sizeof m, fds, 100);
}

static void flood(int ch)
{
	struct bx_run run = BX_PROBE("sleep");
	bx_begin(ch, &run);
	bx_step(ch, &run);
	for (int i = 0; i < 100; i++) {
		struct sp_box_msg m = {.type = SP_BOX_END};
		if (sp_box_send(ch, &m, NULL, 0) < 0) break; /* the box has ended the channel */
	}
}

static void hang_up(int ch)
{
	struct bx_run run = BX_PROBE("sleep");
	bx_begin(ch, &run);
	bx_step(ch, &run);
	shutdown(ch, SHUT_WR);
}

static void protocol_errors_end_the_slot(void **state)
{
	void (*const all[])(int) = {short_packet, empty_packet, long_packet, bad_magic, bad_version, bad_type, own_type, hello_on_a_slot,
	        missing_descriptor, surplus_descriptors, far_too_many_descriptors, flood, hang_up};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) slot_ends(all[i]);
}

static void garbage_does_not_crash_the_box(void **state)
{
	/* the same bytes every time */
	unsigned seed = 20261122;
	struct bx b;
	for (int round = 0; round < 4; round++) {
		bx_start(&b, 4, NULL);
		for (int i = 0; i < 3; i++) {
			struct sp_box_msg m;
			unsigned char *p = (unsigned char *)&m;
			for (size_t k = 0; k < sizeof m; k++) p[k] = (unsigned char)rand_r(&seed);
			if (i) m.magic = SP_BOX_MAGIC, m.version = SP_BOX_VERSION, m.nfds = 0;
			if (i == 2) m.type = SP_BOX_BEGIN;
			raw_send(b.slot[i], &m, sizeof m, NULL, 0);
		}
		works(b.slot[3]);
		bx_stop(&b);
	}
}

/* ---- the control channel and the start */

static void control_ends(uint32_t slots, const char *text)
{
	struct bx b;
	struct sp_box_msg m = {.u.hello.slots = slots};
	int fds[SP_BOX_FDS_MAX];
	bx_spawn(&b, POLICY);
	bx_send(b.control, SP_BOX_HELLO, &m, NULL, 0);
	bx_expect(b.control, SP_BOX_ERROR, &m, fds);
	assert_string_equal(m.u.error.text, text);
	assert_true(bx_ended(b.control));
	int status = bx_wait_stub(&b);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	close(b.control);
}

static void hello_is_checked(void **state)
{
	control_ends(0, "0 slots: the policy allows 1 to 4; set slots to what it allows, or raise its slots_max");
	control_ends(5, "5 slots: the policy allows 1 to 4; set slots to what it allows, or raise its slots_max");
	control_ends(UINT32_MAX, "4294967295 slots: the policy allows 1 to 4; set slots to what it allows, or raise its slots_max");
}

static void a_second_hello_ends_the_box(void **state)
{
	struct bx b;
	struct sp_box_msg m = {.u.hello.slots = 1};
	int fds[SP_BOX_FDS_MAX];
	bx_start(&b, 1, NULL);
	bx_send(b.control, SP_BOX_HELLO, &m, NULL, 0);
	bx_expect(b.control, SP_BOX_ERROR, &m, fds);
	assert_true(bx_ended(b.control));
	assert_true(bx_ended(b.slot[0]));
	int status = bx_wait_stub(&b);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	close(b.control), close(b.slot[0]);
}

static void start_fails(const char *policy, const char *text)
{
	struct bx b;
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	bx_spawn(&b, policy);
	bx_expect(b.control, SP_BOX_ERROR, &m, fds);
	assert_int_equal(m.u.error.code, SP_BOX_E_HOST);
	assert_non_null(strstr(m.u.error.text, text));
	assert_true(bx_ended(b.control));
	int status = bx_wait_stub(&b);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	close(b.control);
}

static void policies_are_read_strictly(void **state)
{
	start_fails("slots_mx 4\n", ":1: unknown setting \"slots_mx\"");
	start_fails("\nslots_max\n", ":2: slots_max has no value");
	start_fails("slots_max 65\n", ":1: slots_max has no value, or one that is not acceptable");
	start_fails("slots_max -1\n", ":1: slots_max has no value, or one that is not acceptable");
	start_fails("slots_max 4 5\n", ":1: slots_max has no value, or one that is not acceptable");
	start_fails("wall_max soon\n", ":1: wall_max has no value, or one that is not acceptable");
	start_fails("memory_max 1\n", ":1: memory_max has no value, or one that is not acceptable");
	start_fails("ids 0 65536\n", ":1: ids are written \"ids START COUNT\"");
	/* Without root the ids of the policy are not used, hence not looked up. */
	if (!bx_test_uid()) start_fails("ids 65000 1000\n", "the box's ids 65000 to 65999 are not free: /etc/passwd gives 65534 to nobody");
	start_fails("ids 1900000000 10\n", "10 ids are too few for 64 slots");
	start_fails("ids 100000 4294967295\n", ":1: ids are written \"ids START COUNT\"");
	start_fails("unsafe_rootless no\n", ":1: unsafe_rootless has no value");
	start_fails("root host dir /srv\n", ":1: root name \"host\" is taken");
	start_fails("root ../x dir /srv\n", ":1: root name");
	start_fails("root a dir relative\n", ":1: the root's path must be absolute");
	start_fails("root a dir /srv/../etc\n", ":1: the root's path must be absolute, without \"..\"");
	start_fails("root a image /srv\n", ":1: a root is written \"root NAME dir PATH\"");
}

static void policy_files_that_others_can_write(void **state)
{
	/* started by hand, since the library writes a proper file */
	const char *exe = getenv("SERAPIS_BOX");
	char path[] = "/tmp/sp-box-policy-XXXXXX", link[64];
	int fd = mkstemp(path);
	assert_true(fd >= 0 && fchmod(fd, 0666) == 0 && fchown(fd, (uid_t)bx_test_uid(), (gid_t)bx_test_uid()) == 0);
	close(fd);
	snprintf(link, sizeof link, "%s.link", path);
	assert_int_equal(symlink("/etc/hostname", link), 0);
	const char *const bad[] = {path, link, "/dev/null", "/tmp/no-such-policy"};
	for (int i = 0; i < 4; i++) {
		int pair[2];
		struct sp_box_msg m;
		int fds[SP_BOX_FDS_MAX];
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		pid_t pid = fork();
		if (pid == 0) {
			char number[16];
			snprintf(number, sizeof number, "%d", fcntl(pair[1], F_DUPFD, 100));
			bx_become_test_user();
			execl(exe, exe, "--control-fd", number, "--policy", bad[i], (char *)NULL);
			_exit(127);
		}
		close(pair[1]);
		bx_expect(pair[0], SP_BOX_ERROR, &m, fds);
		assert_int_equal(m.u.error.code, SP_BOX_E_HOST);
		assert_non_null(strstr(m.u.error.text, "policy /"));
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		close(pair[0]);
	}
	unlink(path);
	unlink(link);
}

/* With one id for all slots, and no cgroup on v1; what a user with subordinate ids or a delegated cgroup gets is up to the host. */
static void without_root_one_slot(void **state)
{
	const char *exe = getenv("SERAPIS_BOX");
	for (uint32_t slots = 1; slots <= 2; slots++) {
		int pair[2], fds[SP_BOX_FDS_MAX], file = open(exe, O_PATH), status;
		struct sp_box_msg m = {.u.hello.slots = slots};
		char number[16];
		char *const args[] = {(char *)(uintptr_t)exe, (char *)(uintptr_t) "--control-fd", number, NULL}, *const none[] = {NULL};
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		pid_t pid = fork();
		if (pid == 0) {
			snprintf(number, sizeof number, "%d", fcntl(pair[1], F_DUPFD, 100));
			if (setgroups(0, NULL) == 0 && setgid(65533) == 0 && setuid(65533) == 0)
				fexecve(file, args, none); /* no account, hence no range */
			_exit(127);
		}
		close(pair[1]), close(file);
		bx_send(pair[0], SP_BOX_HELLO, &m, NULL, 0);
		if (slots == 1) {
			struct bx_result r;
			bx_expect(pair[0], SP_BOX_READY, &m, fds);
			assert_int_equal(m.u.ready.enforced & ~(uint32_t)(SP_BOX_ENF_SECCOMP | SP_BOX_ENF_NET), 0);
			assert_int_equal(m.u.ready.cgroup_version, 0);
			bx_run(fds[0], &BX_SH("id -u; id -G"), &r);
			BX_EXITED(&r, 0);
			assert_string_equal(r.out, "1000\n1000\n");
			bx_free(&r);
			close(fds[0]);
		} else {
			bx_expect(pair[0], SP_BOX_ERROR, &m, fds);
			assert_int_equal(m.u.error.code, SP_BOX_E_HOST);
			assert_non_null(strstr(m.u.error.text, "2 slots would all have the same user id"));
		}
		close(pair[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == (slots == 1 ? 0 : 1));
	}
}

static void a_root_of_the_policy(void **state)
{
	/* an "image": busybox-like, with nothing but the test program and what must not be shown or may not be used */
	char dir[] = "/tmp/sp-box-root-XXXXXX", cmd[1024], policy[256];
	struct bx b;
	struct bx_result r;
	assert_non_null(mkdtemp(dir));
	snprintf(cmd, sizeof cmd,
	        "set -e; cd %s; chmod 755 .; mkdir -p opt/x etc proc/x sys/x run/x tmp/x box/x; cp $SERAPIS_BOX_PROBE opt/probe; chmod 755 "
	        "opt/probe;"
	        "ln -s opt alias; echo image > etc/passwd; echo image > etc/motd; mkfifo -m 666 opt/fifo",
	        dir);
	assert_int_equal(system(cmd), 0);
	snprintf(policy, sizeof policy, "root tiny dir %s\nslots_max 4\n", dir);
	bx_start(&b, 1, policy);
	struct bx_run run = {.argv = (const char *const[]){"/alias/probe", "args", NULL}, .root = "tiny"};
	bx_run(b.slot[0], &run, &r);
	BX_EXITED(&r, 0);
	bx_free(&r);
	run.argv = (const char *const[]){"/opt/probe", "fill", "/opt/new", "1", NULL};
	bx_run(b.slot[0], &run, &r);
	BX_EXITED(&r, 1);
	assert_string_equal(r.out, "open EROFS\n");
	bx_free(&r);
	run.argv = (const char *const[]){"/bin/sh", NULL};
	bx_run(b.slot[0], &run, &r);
	assert_true(r.refused && r.error.errnum == 2); /* this root has no shell, and the host's is out of sight */
	bx_free(&r);
	works(b.slot[0]); /* and "host" is there beside it */
	bx_stop(&b);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

/* A TCP socket whose last close would wait for a peer that does not read. */
static int lingering_socket(int *peer)
{
	static char block[65536];
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	struct linger wait = {.l_onoff = 1, .l_linger = 15};
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(l, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(listen(l, 1), 0);
	(void)!connect(s, (struct sockaddr *)&a, len);
	*peer = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	assert_true(*peer >= 0);
	close(l);
	while (write(s, block, sizeof block) > 0) {}
	assert_int_equal(setsockopt(s, SOL_SOCKET, SO_LINGER, &wait, sizeof wait), 0);
	return s;
}

/* The box never waits: while it refuses such a socket, in a request or with a packet that is none, it keeps another slot's time limit. */
static void sockets_that_linger_do_not_hold_the_box(void **state)
{
	for (int garbage = 0; garbage < 2; garbage++) {
		struct bx b;
		struct bx_result r = {0};
		struct sp_box_msg m = {.u.begin = bx_default_begin(&BX_SH("true"))};
		struct bx_run sleep = BX_PROBE("sleep");
		int fds[SP_BOX_FDS_MAX], peer, s = lingering_socket(&peer);

		bx_start(&b, 2, NULL);
		sleep.step.wall_ns = 500000000;
		bx_begin(b.slot[0], &sleep);
		bx_step(b.slot[0], &sleep);
		bx_expect(b.slot[0], SP_BOX_BEGUN, &m, fds);
		m.u.begin = bx_default_begin(&BX_SH("true"));
		/* BEGIN takes one file; with END a descriptor is a fault of the protocol */
		bx_send(b.slot[1], garbage ? SP_BOX_END : SP_BOX_BEGIN, &m, &s, 1);
		close(s);
		bx_collect(b.slot[0], &sleep, &r);
		BX_KILLED(&r, SP_BOX_KILLED_WALL);
		assert_in_range(r.done.wall_ns, 500000000, 7000000000);
		bx_end(b.slot[0], &r);
		bx_free(&r);
		close(peer);
		bx_stop(&b);
	}
}

/* The last test: this process has a view of its own of the host from here on. */
static void sockets_of_the_host_are_refused(void **state)
{
	struct bx b;
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("test", "/usr/local", "tmpfs", 0, NULL), 0);
	assert_int_equal(mkdir("/usr/local/lib", 0755), 0);
	bx_start(&b, 1, NULL);
	bx_stop(&b);
	assert_int_equal(mkfifo("/usr/local/lib/fifo", 0666), 0);
	start_fails("slots_max 4\n", "programs could talk to the host through /usr/local/lib/fifo");
	start_fails("host_sockets maybe\n", ":1: this is written \"host_sockets allow\"");
	bx_start(&b, 1, "host_sockets allow\n");
	bx_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bad_paths),
	        cmocka_unit_test(names_that_collide),
	        cmocka_unit_test(broken_archives),
	        cmocka_unit_test(archives_that_do_not_fit),
	        cmocka_unit_test(broken_specs),
	        cmocka_unit_test(over_the_ceilings),
	        cmocka_unit_test(descriptors_of_other_kinds),
	        cmocka_unit_test(requests_out_of_order),
	        cmocka_unit_test(protocol_errors_end_the_slot),
	        cmocka_unit_test(garbage_does_not_crash_the_box),
	        cmocka_unit_test(hello_is_checked),
	        cmocka_unit_test(a_second_hello_ends_the_box),
	        cmocka_unit_test(policies_are_read_strictly),
	        cmocka_unit_test(policy_files_that_others_can_write),
	        cmocka_unit_test(sockets_that_linger_do_not_hold_the_box),
	        cmocka_unit_test(a_root_of_the_policy),
	        cmocka_unit_test(without_root_one_slot),
	        cmocka_unit_test(sockets_of_the_host_are_refused),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
