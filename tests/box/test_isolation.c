/* SPDX-License-Identifier: MIT */
/* What a program may see and do, judged from inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "boxclient.h"

static struct bx box;
static int slot;

static int start(void **state)
{
	bx_start(&box, 2, NULL);
	slot = box.slot[0];
	return 0;
}

static int stop(void **state)
{
	bx_stop(&box);
	return 0;
}

/* Runs it and compares stdout. */
static void prints(struct bx_run run, const char *expected)
{
	struct bx_result r;
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, expected);
	bx_free(&r);
}

static void no_capability_anywhere(void **state)
{
	prints(BX_SH("grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:)' /proc/self/status | tr -s '\\t ' ' '"),
	        "Uid: 1000 1000 1000 1000\nGid: 1000 1000 1000 1000\nGroups: \n"
	        "CapInh: 0000000000000000\nCapPrm: 0000000000000000\nCapEff: 0000000000000000\nCapBnd: 0000000000000000\nCapAmb: "
	        "0000000000000000\n"
	        "NoNewPrivs: 1\nSeccomp: 2\n");
}

static void ids_are_of_the_slot_alone(void **state)
{
	/* from outside, the two slots' programs have different ids, and none that the host uses */
	struct bx_result a, b;
	if (!bx_enforces(&box, SP_BOX_ENF_IDS)) {
		/* relative to the box's namespace, where 0 is the user that started it, and the only one there is */
		prints(BX_SH("cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '"), " 1000 0 1\n 1000 0 1\n");
		return;
	}
	bx_run(slot, &BX_SH("cat /proc/self/uid_map; cat /proc/self/gid_map"), &a);
	bx_run(box.slot[1], &BX_SH("cat /proc/self/uid_map; cat /proc/self/gid_map"), &b);
	BX_EXITED(&a, 0);
	BX_EXITED(&b, 0);
	/* inside, the map is shown relative to the reader's parent namespace, the box's: below 65536, never 0 */
	unsigned in[3], out[3], other[3];
	assert_int_equal(sscanf(a.out, "%u %u 1 %u %u 1 %u %u 1", &in[0], &out[0], &in[1], &out[1], &in[2], &out[2]), 6);
	assert_int_equal(sscanf(b.out, "%u %u 1 %u %u 1 %u %u 1", &in[0], &other[0], &in[1], &other[1], &in[2], &other[2]), 6);
	assert_true(in[0] == 0 && in[1] == 1 && in[2] == 1000);
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++) assert_true(out[i] != 0 && other[i] != 0 && out[i] != other[k]);
	bx_free(&a);
	bx_free(&b);
}

/* The first word of a line of /proc/<pid>/status; "" when there is none. */
static void field(pid_t pid, const char *name, char out[64])
{
	char path[64], line[256];
	size_t n = strlen(name);
	out[0] = 0;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, name, n) == 0 && line[n] == ':') sscanf(line + n + 1, "%63s", out);
	if (f) fclose(f);
}

static bool field_is(pid_t pid, const char *name, const char *value)
{
	char is[64];
	field(pid, name, is);
	return strcmp(is, value) == 0;
}

static int program_uid(const struct bx_run *run, void *arg)
{
	/* from the box down: the first slot's launcher, its container's init, the program */
	pid_t program = bx_child_of(bx_child_of(bx_child_of(bx_child_of(box.stub))));
	char text[64];
	unsigned *uid = arg;
	field(program, "Uid", text);
	*uid = (unsigned)atoi(text);
	bool named = field_is(program, "Name", "probe");
	bx_send(slot, SP_BOX_KILL, NULL, NULL, 0);
	return named ? 0 : -1;
}

static void host_sees_an_unprivileged_id(void **state)
{
	struct bx_run run = BX_PROBE("sleep");
	struct bx_result r;
	unsigned uid = 0;
	run.probe = program_uid;
	run.probe_arg = &uid;
	bx_run(slot, &run, &r);
	BX_KILLED(&r, SP_BOX_KILLED_SERVICE);
	if (!(box.ready.enforced & SP_BOX_ENF_IDS))
		assert_int_equal(uid, bx_test_uid());
	else if (bx_test_uid())
		assert_in_range(uid, 100000, 165535); /* what /etc/subuid gives */
	else
		assert_in_range(uid, 1900000001, 1900065535);
	bx_free(&r);
}

/* ---- the container that waits for a request */

/* What its descriptors are, as one letter each, in order of their numbers: d(irectory), f(ile), p(ipe), s(ocket), n(amespace), o(ther). Below `from`: left out. */
static void descriptors(pid_t pid, int from, char out[64])
{
	size_t n = 0;
	for (int fd = from; fd < 256 && n < 63; fd++) {
		char path[64], to[128];
		struct stat st;
		snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
		ssize_t len = readlink(path, to, sizeof to - 1);
		if (len < 0) continue;
		to[len] = 0;
		if (stat(path, &st) < 0)
			out[n++] = 'o';
		else
			out[n++] = strstr(to, ":[") && S_ISREG(st.st_mode) ? 'n'
			           : S_ISDIR(st.st_mode)                   ? 'd'
			           : S_ISFIFO(st.st_mode)                  ? 'p'
			           : S_ISSOCK(st.st_mode)                  ? 's'
			           : S_ISREG(st.st_mode)                   ? 'f'
			                                                   : 'o';
	}
	out[n] = 0;
}

static bool has_stepped_down(pid_t pid, bool filter, size_t nfds)
{
	char fds[64];
	descriptors(pid, 0, fds);
	return field_is(pid, "CapPrm", "0000000000000000") && (!filter || field_is(pid, "Seccomp", "2")) && strlen(fds) == nfds;
}

/* Both processes of a container that is made ahead have given up everything before there is a request, and the one that will read it holds nothing. */
static void a_waiting_container_has_no_powers(void **state)
{
	pid_t launcher = bx_child_of(bx_child_of(box.stub)), init = -1, program = -1;
	bool filter = bx_enforces(&box, SP_BOX_ENF_SECCOMP), cpu = bx_enforces(&box, SP_BOX_ENF_CPU);
	char text[64];

	assert_true(launcher > 0);
	for (int tries = BX_WAIT_MS / 5; tries--; usleep(5000)) {
		init = bx_child_of(launcher);
		program = init > 0 ? bx_child_of(init) : -1;
		if (program > 0 && has_stepped_down(program, filter, cpu ? 6 : 5) && has_stepped_down(init, false, 1)) break;
	}
	assert_true(program > 0);
	const pid_t both[] = {init, program};
	const char *const none[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < sizeof none / sizeof none[0]; k++) {
			field(both[i], none[k], text);
			assert_string_equal(text, "0000000000000000");
		}
		assert_true(field_is(both[i], "NoNewPrivs", "1"));
	}
	if (filter) assert_true(field_is(program, "Seccomp", "2"));
	if (bx_enforces(&box, SP_BOX_ENF_IDS)) {
		char uid[3][64];
		field(launcher, "Uid", uid[0]);
		field(init, "Uid", uid[1]);
		field(program, "Uid", uid[2]);
		assert_int_equal(atoi(uid[1]), atoi(uid[0]) + 1);
		assert_int_equal(atoi(uid[2]), atoi(uid[0]) + 2);
	}
	/* init: the pipe for its report. program: 0 to 2, which the step's take the place of, then feed, ready, and the cgroup's cpu time, in any order. */
	descriptors(init, 0, text);
	assert_string_equal(text, "p");
	descriptors(program, 3, text);
	assert_int_equal(strlen(text), cpu ? 3 : 2);
	assert_int_equal(strspn(text, "spf"), strlen(text));
	assert_non_null(strchr(text, 's'));
	assert_non_null(strchr(text, 'p'));
	if (cpu) assert_non_null(strchr(text, 'f'));

	snprintf(text, sizeof text, "/proc/%d/oom_score_adj", (int)program);
	FILE *f = fopen(text, "re");
	assert_true(f && fgets(text, sizeof text, f));
	fclose(f);
	assert_int_equal(atoi(text), 1000);
}

static void nothing_of_the_host_is_in_sight(void **state)
{
	prints(BX_SH("ls -A /; for p in /root /home /sys /var /run /opt /srv /etc/shadow /etc/hostname /etc/ssh /boot /mnt; do [ -e $p ] "
	             "&& echo seen $p; done; true"),
	        access("/lib32", F_OK) == 0 ? "bin\nbox\ndev\netc\nlib\nlib32\nlib64\nproc\nsbin\ntmp\nusr\n"
	                                    : "bin\nbox\ndev\netc\nlib\nlib64\nproc\nsbin\ntmp\nusr\n");
}

static void only_the_tree_is_writable(void **state)
{
	prints(BX_SH("for d in / /usr /usr/bin /etc /dev /proc /etc/ssl/certs /etc/alternatives /dev/shm /tmp /box; do touch $d/x "
	             "2>/dev/null && echo $d; done; true"),
	        "/dev/shm\n/tmp\n/box\n");
}

static void mounts_have_their_flags(void **state)
{
	/* every mount is nosuid; all but the five device nodes and what they mask are nodev; all but the tree are read-only */
	prints(BX_SH("while read dev at type opts rest; do"
	             " case ,$opts, in *,nosuid,*) ;; *) echo suid $at;; esac;"
	             " case $type,$opts, in devtmpfs,*|*,nodev,*) ;; *) echo dev $at;; esac;"
	             " case $opts, in ro,*) ;; *) echo rw $at;; esac; done < /proc/mounts"),
	        "rw /box\nrw /tmp\nrw /dev/shm\n");
}

static void proc_is_masked_and_read_only(void **state)
{
	prints(BX_SH("for f in kcore kallsyms kmsg keys key-users timer_list sched_debug latency_stats slabinfo vmallocinfo modules "
	             "cmdline bootconfig config.gz interrupts softirqs"
	             " acpi asound bus driver fs irq scsi; do"
	             " [ -e /proc/$f ] || continue; if [ -d /proc/$f ]; then ls -A /proc/$f; else cat /proc/$f; fi; done;"
	             "echo 0 2>/dev/null > /proc/self/oom_score_adj && echo lowered; cat /proc/self/oom_score_adj;"
	             "cat /proc/sys/kernel/hostname; grep -c processor /proc/cpuinfo > /dev/null && echo cpuinfo; ls -d /proc/[0-9]* | "
	             "grep -v -e /proc/2$ -e /proc/self | head -1 > /dev/null;"
	             "[ -e /proc/1 ] && echo init seen; cat /proc/self/environ > /dev/null && echo environ; exec 3< /proc/self/mem && echo "
	             "mem"),
	        "1000\nserapis\ncpuinfo\nenviron\nmem\n");
}

static void only_loopback(void **state)
{
	prints(BX_PROBE("net"), "interface lo\nroutes 0\nconnect ENETUNREACH\npacket EAFNOSUPPORT\nraw EPERM\nalg EAFNOSUPPORT\nvsock "
	                        "EAFNOSUPPORT\nunix ok\n");
}

static void descriptors_are_three(void **state) { prints(BX_PROBE("fds"), "fd 0 20000\nfd 1 10000\nfd 2 10000\n"); }

static void powers_are_refused(void **state)
{
	struct bx_result r;
	struct bx_run run = BX_PROBE("forbidden");
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	/* With one id init is the run's own. The kernel does not deliver it: a first process hears no signal of its own namespace that it did not ask for. */
	if (!(box.ready.enforced & SP_BOX_ENF_IDS)) {
		char *kill_init = strstr(r.out, "kill-init ok\n");
		assert_non_null(kill_init);
		memmove(kill_init, strchr(kill_init, '\n'), strlen(strchr(kill_init, '\n')) + 1);
		assert_null(strstr(r.out, " ok\n"));
		bx_free(&r);
		return;
	}
	assert_null(strstr(r.out, " ok\n"));
	assert_non_null(strstr(r.out, "unshare-user EPERM\n"));
	assert_non_null(strstr(r.out, "clone3 ENOSYS\n"));
	assert_non_null(strstr(r.out, "oom EROFS\n"));
	assert_non_null(strstr(r.out, "kill-init EPERM\n"));
	bx_free(&r);
}

static void namespaces_are_fresh(void **state)
{
	const char *const links = "cd /proc/self/ns; readlink cgroup ipc mnt pid uts";
	const char *const kept = "cd /proc/self/ns; readlink user net";
	struct bx_result a, b;
	char host[64];

	bx_run(slot, &BX_SH(links), &a);
	bx_run(slot, &BX_SH(links), &b);
	BX_EXITED(&a, 0);
	BX_EXITED(&b, 0);
	char *save_a, *save_b, *x = strtok_r(a.out, "\n", &save_a), *y = strtok_r(b.out, "\n", &save_b);
	int n = 0;
	for (; x && y; x = strtok_r(NULL, "\n", &save_a), y = strtok_r(NULL, "\n", &save_b), n++) {
		char path[32];
		snprintf(path, sizeof path, "/proc/self/ns/%.*s", (int)strcspn(x, ":"), x);
		ssize_t len = readlink(path, host, sizeof host - 1);
		assert_true(len > 0);
		host[len] = 0;
		assert_string_not_equal(x, host);
	}
	assert_int_equal(n, 5);
	bx_free(&a);
	bx_free(&b);

	/* user and network namespace are the slot's; not the host's and not the other slot's */
	bx_run(slot, &BX_SH(kept), &a);
	bx_run(box.slot[1], &BX_SH(kept), &b);
	assert_string_not_equal(a.out, b.out);
	for (const char *const *name = (const char *const[]){"user", "net", NULL}; *name; name++) {
		char path[32];
		snprintf(path, sizeof path, "/proc/self/ns/%s", *name);
		ssize_t len = readlink(path, host, sizeof host - 1);
		assert_true(len > 0);
		host[len] = 0;
		assert_null(strstr(a.out, host));
	}
	bx_free(&a);
	bx_free(&b);
}

static void cgroup_is_the_root_of_what_is_seen(void **state)
{
	if (box.ready.cgroup_version == 2)
		prints(BX_SH("cat /proc/self/cgroup"), "0::/\n");
	else if (access("/sys/fs/cgroup/memory", F_OK) == 0)
		prints(BX_SH("grep -E ':(memory|pids|cpuacct):' /proc/self/cgroup | cut -d: -f2- | sort"), "cpuacct:/\nmemory:/\npids:/\n");
}

static void nothing_is_left_for_the_next_run(void **state)
{
	prints(BX_PROBE("leave"), "shm ok\nbox ok\ntmp ok\ndev-shm ok\n");
	prints(BX_PROBE("look"), "shm ENOENT\nbox ENOENT\ntmp ENOENT\ndev-shm ENOENT\n");
}

static void a_used_loopback_is_replaced(void **state)
{
	struct bx_result r;
	for (int i = 0; i < 2; i++) { /* the same port twice: a TIME_WAIT of the first would refuse the second */
		bx_run(slot, &BX_PROBE("loopback", "4242"), &r);
		BX_EXITED(&r, 0);
		assert_string_equal(r.out, "bind ok\nlisten ok\nconnect ok\naccept ok\n");
		assert_int_equal(r.ended.flags, SP_BOX_ENDED_REPLACED);
		bx_free(&r);
	}
	bx_run(slot, &BX_SH("grep lo: /proc/net/dev | tr -s ' ' | cut -d' ' -f 3,4; wc -l < /proc/net/tcp"), &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "0 0\n1\n");
	assert_int_equal(r.ended.flags, 0);
	bx_free(&r);
}

static void two_slots_at_once(void **state)
{
	struct bx_run wait = BX_SH("cat; echo one"), other = BX_SH("ls -A /box /tmp; ls /proc | grep -c '^[0-9]'; echo two");
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	struct bx_result a = {0}, b;
	struct bx_file file = {"of-slot-one", 0644, "x", 1};

	wait = BX_PROBE("sleep");
	struct bx_file both[2] = {*bx_probe_file(), file};
	wait.files = both;
	wait.nfiles = 2;
	bx_begin(slot, &wait);
	bx_step(slot, &wait);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	/* while slot one sleeps, slot two works and sees nothing of it: only its own shell, ls and grep */
	bx_run(box.slot[1], &other, &b);
	BX_EXITED(&b, 0);
	assert_string_equal(b.out, "/box:\n\n/tmp:\n3\ntwo\n");
	bx_free(&b);
	bx_send(slot, SP_BOX_KILL, NULL, NULL, 0);
	bx_collect(slot, &wait, &a);
	BX_KILLED(&a, SP_BOX_KILLED_SERVICE);
	bx_end(slot, &a);
	bx_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(no_capability_anywhere),
	        cmocka_unit_test(ids_are_of_the_slot_alone),
	        cmocka_unit_test(host_sees_an_unprivileged_id),
	        cmocka_unit_test(a_waiting_container_has_no_powers),
	        cmocka_unit_test(nothing_of_the_host_is_in_sight),
	        cmocka_unit_test(only_the_tree_is_writable),
	        cmocka_unit_test(mounts_have_their_flags),
	        cmocka_unit_test(proc_is_masked_and_read_only),
	        cmocka_unit_test(only_loopback),
	        cmocka_unit_test(descriptors_are_three),
	        cmocka_unit_test(powers_are_refused),
	        cmocka_unit_test(namespaces_are_fresh),
	        cmocka_unit_test(cgroup_is_the_root_of_what_is_seen),
	        cmocka_unit_test(nothing_is_left_for_the_next_run),
	        cmocka_unit_test(a_used_loopback_is_replaced),
	        cmocka_unit_test(two_slots_at_once),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
