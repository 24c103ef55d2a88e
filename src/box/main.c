/* SPDX-License-Identifier: MIT */
/*
 * serapis-box: the sandbox helper. Theory of operation.
 *
 *   serapis            the service, without privileges of its own towards the containers; speaks protocol.h over a SEQPACKET pair
 *     └ stub           this file. The only process with power over the host, and only until the box runs: reads the policy, makes and gives away one
 *       │              cgroup directory a controller, clones the box, writes its id maps. Then it drops all but what it takes to remove those directories,
 *       │              waits for the box and removes them. It never reads a byte from the service.
 *       └ box          box.c, slot*.c. pid 1 of a pid namespace, root of a user namespace (Z) that maps none of the host's accounts. Checks requests, holds timers
 *         │            and pidfds.
 *         └ launcher   launcher.c, mounts.c. One a slot: pid 1 of the slot's pid namespace, root of the slot's user namespace (S), in the slot's cgroup and
 *           │          network namespace. Makes containers, reads counters, cleans up.
 *           └ init     container.c. One a step: pid 1 of the container. Mounts, then no powers.
 *             └ program  container.c, files.c. uid 1000 of S, no capability in any namespace, no_new_privs, seccomp; then files, arguments, exec.
 *
 * Each level is created with less than the one above it and cannot get more: a subverted program owns its container; a subverted launcher would own one
 * slot; a subverted box would own Z, which is some unprivileged ids of the host. None of them can be asked by the service for more than the policy says.
 *
 * How everything ends, whoever is killed:
 *   service  end of file on the control channel: the box exits, and the kernel kills all that its pid namespace holds
 *   stub     end of file on a pipe: likewise
 *   box      pid 1: the kernel kills all below; the stub removes the cgroups
 *   launcher pid 1 of the slot's namespace: the kernel kills the slot's processes; the box builds the slot again
 * Mounts exist in private mount namespaces only and go with them. Should the stub be killed too, empty cgroup directories stay; the next start on the
 * host removes them.
 *
 * Without root all of this is the same but for three things. The ids of Z are the user's own for the box itself and, where newuidmap and a range in
 * /etc/subuid give them, others for the slots; else there is one id for everything, hence one slot (ids.c). Cgroups exist only where version 2 was delegated
 * to the user. And the stub has nothing to drop. What therefore does not hold is left out of READY's `enforced`.
 *
 * Signals: no process of this program ever installs a handler or ignores a signal after the stub has put everything back to the default (the stub alone
 * blocks some later), so that a program starts with clean dispositions without 64 system calls a run.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "box/box.h"
#include "box/cgroup.h"
#include "box/check.h"
#include "box/die.h"
#include "box/ids.h"
#include "box/policy.h"
#include "box/sys.h"

static void control_sink(int fd, const struct sp_box_error *e)
{
	struct sp_box_msg m = {.type = SP_BOX_ERROR, .u.error = *e};
	(void)!sp_box_send(fd, &m, NULL, 0);
}

/* Nothing of what started us shall reach a program: dispositions, mask, umask, working directory, more descriptors than stdio and the channel. */
static void shed_inheritance(int control)
{
	sigset_t none;
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL); /* fails for SIGKILL, SIGSTOP and those that libc keeps, which are at their defaults */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) sp_die(SP_BOX_E_HOST, errno, "opening /dev/null");
	if (chdir("/") < 0) sp_die(SP_BOX_E_HOST, errno, "chdir /");
	if (control > 3) sp_sys_close_range(3, (unsigned)control - 1, 0);
	sp_sys_close_range((unsigned)control + 1, ~0U, 0);
	if (fcntl(control, F_SETFD, FD_CLOEXEC) < 0) sp_die(SP_BOX_E_HOST, errno, "the control channel");
}

/* ---- box: the first moments, in Z */

static void SP_NORETURN become_box(struct sp_box *b, int go, int tell_stub)
{
	close(tell_stub);
	sp_cgroup_close_parents(b->cgroups);
	sp_die_to(control_sink, b->control, true);
	if (read(go, b->ids, sizeof *b->ids) != sizeof *b->ids) _exit(1); /* the stub is gone */
	sp_ids_fit_policy(b->ids, b->unsafe_rootless, b->policy);

	/* Root of Z, which is an unprivileged id of the host; the process was born with all capabilities in Z and with none outside of it. With a single
	 * id the kernel keeps the user's groups in force (box-rules.md 25). */
	if ((b->ids->kind != SP_IDS_SINGLE && syscall(SYS_setgroups, 0, NULL) < 0) || syscall(SYS_setresgid, 0, 0, 0) < 0 ||
	        syscall(SYS_setresuid, 0, 0, 0) < 0)
		sp_die(SP_BOX_E_HOST, errno, "taking the box's ids");
	/* For all that follows: no exec below here gives a privilege, whatever file it meets. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) sp_die(SP_BOX_E_HOST, errno, "PR_SET_NO_NEW_PRIVS");
	/* Or the id maps of the launchers, which share our dumpability at birth, would belong to the host's root and could not be written. Nothing
	 * else on the host has our uid (sp_policy_check_ids), and whoever could trace us by privilege could do so anyway. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) sp_die(SP_BOX_E_HOST, errno, "PR_SET_DUMPABLE");
	if (sp_sys_join_session_keyring() < 0 && errno != ENOSYS) sp_die(SP_BOX_E_HOST, errno, "joining a new session keyring");
	/* Inherited by all containers with their uts namespaces; the host's name is none of their business. */
	if (sethostname("serapis", 7) < 0) sp_die(SP_BOX_E_HOST, errno, "sethostname");

	/* Our pid namespace's proc over the host's: the launchers and the id maps need it, and the host's processes leave our sight. Possible only where
	 * the proc below is complete; in a container of Docker or Kubernetes parts of it are covered. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) sp_die(SP_BOX_E_HOST, errno, "making the mount tree private");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		sp_die(SP_BOX_E_HOST, errno,
		        "a new /proc cannot be mounted; in a container give it an unmasked one (docker: --security-opt "
		        "systempaths=unconfined, "
		        "kubernetes: procMount: Unmasked)");
	sp_box_main(b);
}

/* ---- stub */

/* What is left is one capability, to remove directories that belong to the box's root id; and an empty bounding set. Without root there is none to begin
 * with. */
static void drop_privileges(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	uint32_t left = geteuid() == 0 ? 1u << CAP_DAC_OVERRIDE : 0;
	struct __user_cap_data_struct d[2] = {{.effective = left, .permitted = left}};
	for (int cap = 0; cap <= 63; cap++) prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (syscall(SYS_capset, &h, d) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		sp_die(SP_BOX_E_HOST, errno, "dropping the stub's privileges");
}

/* Until the box has ended; a request to terminate is passed on as the one thing that cannot be ignored. Returns its wait status. */
static int wait_for_box(pid_t box, int box_fd)
{
	sigset_t mask;
	int status;

	/* A terminal's interrupt goes to the whole foreground group: the service decides what it means, and then closes the channel. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGQUIT);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	for (;;) {
		pid_t p = waitpid(box, &status, WNOHANG);
		if (p == box) return status;
		if (sigwaitinfo(&mask, NULL) == SIGTERM) sp_sys_pidfd_kill(box_fd);
	}
}

/*
 * Core dumps of programs must not reach the host's handler (box-rules.md 21): a limit of exactly 1 stops it, a limit of 0 does not. A service that was started with a hard limit of 0 (sudo and
 * su do that) can only be raised to 1 here, while there may be a capability for it; where that is refused it does no harm unless the host hands core dumps to a program.
 */
static void settle_core_limit(void)
{
	struct rlimit now;
	char first = 0;
	if (setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1}) == 0) return;
	if (getrlimit(RLIMIT_CORE, &now) < 0) sp_die(SP_BOX_E_HOST, errno, "RLIMIT_CORE");
	sp_autoclose int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &first, 1) != 1 || first == '|' || first == '@')
		sp_die(SP_BOX_E_HOST, 0,
		        "this host hands core dumps to a program (kernel.core_pattern) and the service was started with a hard core limit "
		        "of 0, which does not stop that: start it with "
		        "LimitCORE=1 or more (prlimit --core=1)");
}

static void SP_NORETURN stub(const char *policy_file, int control, bool unsafe_rootless)
{
	static struct sp_policy policy;
	static struct sp_cgroup_base cgroups;
	static struct sp_ids ids;
	struct sp_err err;
	int alive[2], go[2], box_fd = -1, home;

	sp_die_to(control_sink, control, true);
	shed_inheritance(control);
	bool root = geteuid() == 0;
	settle_core_limit();
	if (sp_policy_load(&policy, policy_file, &err) < 0 || (root && sp_policy_check_ids(&policy, &err) < 0))
		sp_die(SP_BOX_E_HOST, 0, "%s", err.msg);
	if (!policy.host_sockets && sp_box_check_likely(&err) < 0) sp_die(SP_BOX_E_HOST, 0, "%s", err.msg);

	/* Safe: own cgroup only, names chosen here; see cgroup.c. */
	sp_ids_find(&ids, &policy);
	uid_t owner = root ? ids.uid : geteuid();
	gid_t group = root ? ids.gid : getegid();
	if ((sp_cgroup_find(&cgroups, &err) < 0 && root) || sp_cgroup_delegate(&cgroups, owner, group, &err) < 0) {
		sp_cgroup_remove(&cgroups);
		sp_die(SP_BOX_E_HOST, 0, "%s", err.msg);
	}
	if (pipe2(alive, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0) sp_die(SP_BOX_E_HOST, errno, "making a pipe");

	/* Safe: the child's namespaces belong to a new user namespace in which it is root over nothing that exists. Its network namespace is empty and
	 * stays so: the box needs none. */
	struct sp_box box = {.policy = &policy,
	        .cgroups = &cgroups,
	        .ids = &ids,
	        .control = control,
	        .stub = alive[0],
	        .unsafe_rootless = unsafe_rootless || policy.unsafe_rootless};
	home = sp_cgroup_box_home(&cgroups);
	pid_t pid = sp_sys_clone(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET, &box_fd, home);
	if (home >= 0) close(home);
	if (pid == 0) {
		close(go[1]);
		close(box_fd);
		become_box(&box, go[0], alive[1]);
	}
	if (pid < 0) {
		int why = errno;
		sp_cgroup_remove(&cgroups);
		sp_die(SP_BOX_E_HOST, why, "making the box's namespaces (is user.max_user_namespaces 0, or unprivileged_userns_clone?)");
	}
	if (sp_ids_write(&ids, pid, &err) < 0 || write(go[1], &ids, sizeof ids) != sizeof ids) {
		sp_sys_pidfd_kill(box_fd);
		waitpid(pid, NULL, 0);
		sp_cgroup_remove(&cgroups);
		sp_die(SP_BOX_E_HOST, 0, "%s", err.msg);
	}
	close(go[0]);
	close(go[1]);
	close(alive[0]);
	close(control);
	sp_die_to(NULL, -1, true);
	drop_privileges();
	int status = wait_for_box(pid, box_fd);

	/* All tasks are dead, but the kernel may take a moment to take the last out of its group. */
	for (int tries = 0; tries < 50 && !sp_cgroup_remove(&cgroups); tries++) {
		struct timespec nap = {.tv_nsec = 10000000};
		nanosleep(&nap, NULL);
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void SP_NORETURN usage(void)
{
	fputs("usage: serapis-box --control-fd N [--policy FILE] [--unsafe-rootless]\n"
	      "       serapis-box --check [--policy FILE]\n"
	      "       serapis-box --version\n",
	        stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	const char *policy = NULL, *fd_text = NULL;
	bool check = false, unsafe_rootless = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--control-fd") == 0 && i + 1 < argc) {
			fd_text = argv[++i];
		} else if (strcmp(argv[i], "--policy") == 0 && i + 1 < argc) {
			policy = argv[++i];
		} else if (strcmp(argv[i], "--unsafe-rootless") == 0) {
			unsafe_rootless = true;
		} else if (strcmp(argv[i], "--check") == 0) {
			check = true;
		} else if (strcmp(argv[i], "--version") == 0) {
			puts("serapis-box " SERAPIS_VERSION);
			return 0;
		} else {
			usage();
		}
	}
	if (check) return sp_box_check(policy);
	if (!fd_text) usage();

	char *end;
	errno = 0;
	long fd = strtol(fd_text, &end, 10);
	int type;
	socklen_t len = sizeof type;
	if (errno || *end || end == fd_text || fd < 3 || fd > 1 << 20 || getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	        type != SOCK_SEQPACKET) {
		fputs("serapis-box: --control-fd must name a SOCK_SEQPACKET socket above 2\n", stderr);
		return 2;
	}
	stub(policy, (int)fd, unsafe_rootless);
}
