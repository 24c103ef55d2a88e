# SPDX-License-Identifier: MIT
"""`serapis doctor` says in one sentence what a host lacks, and one thing to do about it; each is really taken away here, from doctor alone: by mounts and namespaces of its own, a filter of
system calls, limits, capabilities, another user. Where the service could not start without it, `serapis serve` must end with the same sentence. With nothing taken away none of them is said.

Needs root, and a host that doctor finds ready (the first test)."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import subprocess
import tempfile

import pytest

from support.service import BUILD, SERAPIS, SOURCE

BOX = BUILD / "src" / "box" / "serapis-box"
WITHOUT = BUILD / "tests" / "e2e" / "without"
KERNEL = platform.release()
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
DOCKER_FILTER = "start the service without that filter (docker: --security-opt seccomp=unconfined)"
DOCKER_BOTH = "start the service without it (docker: --security-opt apparmor=unconfined --security-opt seccomp=unconfined)"
LIMITED = "without which programs cannot be limited"
ALL_IDS = 4294967295
V1 = pathlib.Path("/sys/fs/cgroup/memory/cgroup.procs").exists()


@pytest.fixture(autouse=True)
def directory():
    """Open to others, as pytest's own directories are not."""
    with tempfile.TemporaryDirectory(prefix="serapis-doctor-") as d:
        os.chmod(d, 0o755)
        yield pathlib.Path(d)


def write(path, text, mode=0o644):
    path.write_text(text)
    path.chmod(mode)
    return path


def mounted(script, *more):
    """A prefix: in a mount namespace of its own, after the shell script."""
    return [*more, "unshare", "--mount", "--propagation", "private", "sh", "-ec", script + '\nexec "$@"', "sh"]


def run(command, *args, prefix=(), env=None):
    return subprocess.run([*prefix, SERAPIS, command, *map(str, args)], capture_output=True, text=True, timeout=120, cwd="/", env=env)


@pytest.fixture(scope="module", autouse=True)
def one_language(tmp_path_factory):
    """To look at all would take most of the time."""
    with tempfile.TemporaryDirectory(prefix="serapis-doctor-") as d:
        os.chmod(d, 0o755)
        shutil.copy(SOURCE / "share" / "languages" / "c.yaml", d)
        DEFAULTS["--languages-dir"] = d
        yield


# Two slots, whatever the machine has, and no port or database that somebody else may have.
DEFAULTS = {"--slots": "2", "--store": "sqlite::memory:", "--http-listen": "127.0.0.1:0"}


def with_defaults(args):
    given = [str(a) for a in args]
    return [*given, *(x for k, v in DEFAULTS.items() if k not in given for x in (k, v))]


def doctor(*args, prefix=(), env=None):
    """(exit code, findings)"""
    r = run("doctor", "--json", *with_defaults(args), prefix=prefix, env=env)
    assert r.returncode in (0, 1), r.stderr
    answer = json.loads(r.stdout)
    assert answer["ready"] is (r.returncode == 0) is not any(f["kind"] == "missing" for f in answer["findings"])
    for f in answer["findings"]:
        assert f["kind"] in ("ok", "note", "missing") and (f["kind"] != "missing" or f["mend"]), f
        assert not re.search(r"Operation not permitted|Permission denied", f["text"] + (f["mend"] or "")), f
    return r.returncode, answer["findings"]


@pytest.fixture(scope="module")
def sound():
    """What doctor finds with nothing taken away."""
    code, findings = doctor()
    assert code == 0, findings
    return findings


def sentences(findings, name, kind="missing"):
    return [(f["text"], f["mend"]) for f in findings if (f["kind"], f["name"]) == (kind, name)]


def lacks(sound, name, text, mend, *args, prefix=(), env=None, kind="missing", together=True):
    """Doctor finds that, and found nothing like it before; the service does not start, and says so. Both at the same time, unless what is taken away is one thing for both."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        serve = pool.submit(run, "serve", *with_defaults(args), prefix=prefix, env=env) if kind == "missing" else None
        if serve and not together:
            serve.result()
        code, findings = doctor(*args, prefix=prefix, env=env)
    assert (text, mend) in sentences(findings, name, kind), json.dumps(findings, indent=1)
    assert text not in [f["text"] for f in sound]
    if serve:
        r = serve.result()
        assert code == 1
        assert (r.returncode, r.stderr.splitlines()[-1]) == (1, f"serapis: {text}; {mend}"), r.stderr
    return findings


def test_a_host_that_has_all(sound):
    assert {f["name"] for f in sound} >= {"root", "kernel", "capabilities", "open files", "policy", "namespaces", "proc", "ids", "cgroups", "directories", "host root", "containers", "language c", "store", "listen"}
    r = run("doctor", *with_defaults([]))
    assert r.returncode == 0 and r.stdout.endswith("\nThis host is ready.\n") and r.stderr == ""
    lines = r.stdout.splitlines()[:-1]
    assert [(x[:8].strip(), x[8:26].strip()) for x in lines] == [(f["kind"], f["name"]) for f in sound]


def test_it_changes_nothing(directory):
    doctor("--store", f"sqlite:{directory}/state/serapis.db", "--user", "nobody")
    assert list(directory.iterdir()) == []


# ---- the kernel

@pytest.mark.parametrize("call", ["clone3", "close_range", "epoll_pwait2", "memfd_create", "mount_setattr", "move_mount", "open_tree", "openat2", "pidfd_open", "pidfd_send_signal", "pivot_root", "seccomp", "unshare"])
def test_system_calls_that_are_hidden(sound, call):
    lacks(sound, "kernel", f"a filter of system calls answers {call} as if this kernel ({KERNEL}) did not have it", DOCKER_FILTER, prefix=[WITHOUT, "--call", f"{call}=ENOSYS"])


@pytest.mark.parametrize("call", ["clone3", "keyctl", "memfd_create", "mount_setattr", "open_tree", "openat2", "unshare"])
def test_system_calls_that_are_forbidden(sound, call):
    lacks(sound, "kernel", f"a filter of system calls forbids {call}", DOCKER_FILTER, prefix=[WITHOUT, "--call", f"{call}=EPERM"])


def test_several_system_calls_are_one_sentence(sound):
    lacks(sound, "kernel", "a filter of system calls forbids open_tree, openat2", DOCKER_FILTER, prefix=[WITHOUT, "--call", "openat2=EPERM", "--call", "open_tree=EPERM"])


# A process without a filter is told from one with it by prctl(PR_GET_SECCOMP): refused as well, the kernel itself looks old, or confined otherwise.
def test_a_kernel_that_is_too_old(sound):
    lacks(sound, "kernel", f"this kernel ({KERNEL}) has no mount_setattr, openat2", "boot Linux 5.12 or later, as Debian builds it",
          prefix=[WITHOUT, "--call", "prctl=EINVAL", "--call", "openat2=ENOSYS", "--call", "mount_setattr=ENOSYS"])


def test_a_security_module(sound):
    lacks(sound, "kernel", "a security module forbids openat2", "start the service without it (docker: --security-opt apparmor=unconfined)",
          prefix=[WITHOUT, "--call", "prctl=EINVAL", "--call", "openat2=EPERM"])


def test_a_kernel_without_filters(sound):
    lacks(sound, "kernel", "this kernel cannot filter system calls", "boot one that is built with CONFIG_SECCOMP_FILTER", prefix=[WITHOUT, "--call", "seccomp=EINVAL"])


def test_the_call_that_starts_the_box(sound):
    lacks(sound, "containers", "a filter of system calls refuses execveat, by which serapis-box is started", DOCKER_FILTER, prefix=[WITHOUT, "--call", "execveat=EPERM"])


@pytest.mark.parametrize("call,name,what", [("mount", "mounts", "a private tree"), ("move_mount", "containers", "dev/null"), ("pivot_root", "containers", "the launcher's root"), ("umount2", "containers", "a tree without the host's")])
def test_mounts_that_are_forbidden(sound, call, name, what):
    lacks(sound, name, f"{what} cannot be mounted: a security module or a filter of system calls forbids it", DOCKER_BOTH, prefix=[WITHOUT, "--call", f"{call}=EPERM"])


@pytest.mark.parametrize("call,what", [("setgroups", "taking the box's ids"), ("sethostname", "sethostname")])
def test_other_calls_that_are_forbidden(sound, call, what):
    """What nobody thought of has at least this."""
    lacks(sound, "containers", f"{what}: a security module or a filter of system calls refuses it",
          "start the service without that (docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined)", prefix=[WITHOUT, "--call", f"{call}=EPERM"])


@pytest.mark.parametrize("cap,what", [("CHOWN", "giving the box its cgroups"), ("DAC_OVERRIDE", "making the box's cgroups"), ("SETGID", "mapping the slots' group ids"), ("SETUID", "mapping the slots' user ids")])
def test_capabilities(sound, cap, what):
    lacks(sound, "capabilities", f"root has no capability CAP_{cap} here, which {what} takes", f"give it back (docker: --cap-add {cap}, systemd: CapabilityBoundingSet=)",
          prefix=["setpriv", f"--bounding-set=-{cap.lower()}"])


def test_no_other_capability_is_needed(sound):
    code, findings = doctor(prefix=["setpriv", "--bounding-set=-all,+chown,+dac_override,+setgid,+setuid"])
    assert code == 0, findings


def test_keys_used_up(sound, directory):
    lacks(sound, "containers", "this user has as many keys as kernel.keys.maxkeys allows, so that the box can have no key ring of its own", "sysctl -w kernel.keys.maxkeys=2000",
          "--slots", "1", together=False, prefix=[*NOBODY, WITHOUT, "--keys"], env={"PATH": "/usr/bin:/bin", "HOME": str(directory)})


# ---- namespaces and proc

def test_a_user_namespace_with_all_ids_does(sound):
    """Or the tests that take something away inside of one would prove nothing."""
    assert doctor(prefix=[WITHOUT, "--map", str(ALL_IDS)])[0] == 0


@pytest.mark.parametrize("kind,once,each", [("user", 1, 1), ("pid", 1, 4), ("mnt", 1, 24), ("ipc", 1, 3), ("uts", 1, 3), ("net", 1, 1), ("cgroup", 0, 3)])
def test_limits_of_namespaces(sound, kind, once, each):
    need = once + 2 * each
    prefix = [WITHOUT, "--map", str(ALL_IDS), "sh", "-ec", f'echo {need - 1} >/proc/sys/user/max_{kind}_namespaces; exec "$@"', "sh"]
    lacks(sound, "namespaces", f"user.max_{kind}_namespaces is {need - 1}, and 2 slots take {need}", f"sysctl -w user.max_{kind}_namespaces=1024", prefix=prefix)
    assert doctor("--slots", "1", prefix=prefix)[0] == 0, "what is said to be enough for one slot is"


def test_user_namespaces_switched_off(sound):
    lacks(sound, "namespaces", "user.max_user_namespaces is 0, and 1 slot takes 2", "sysctl -w user.max_user_namespaces=1024", "--slots", "1",
          prefix=[WITHOUT, "--map", str(ALL_IDS), "sh", "-ec", 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"', "sh"])


def test_a_limit_that_is_set_further_out(sound):
    """Which shows in the kernel's refusal alone."""
    inner = f'exec {WITHOUT} --map {ALL_IDS} "$@"'
    prefix = [WITHOUT, "--map", str(ALL_IDS), "sh", "-ec", f"echo 1 >/proc/sys/user/max_user_namespaces; {inner}", "sh"]
    lacks(sound, "namespaces", "no more namespaces may be made here, by a limit that is set further out", "raise user.max_user_namespaces and its like on the host of this container", prefix=prefix)


def kernel_setting(name, value):
    """/proc/sys/kernel with one more file in it, which this kernel need not have."""
    return f"""mount -t tmpfs none /mnt; for f in core_pattern ostype osrelease; do cat /proc/sys/kernel/$f >/mnt/$f; done
echo {value} >/mnt/{name}; mount --move /mnt /proc/sys/kernel"""


CHROOT = 'mkdir -p /mnt/x; %s; for d in /*; do case $d in /mnt|/lost+found) continue;; esac; if [ -L "$d" ]; then cp -P "$d" "/mnt/x$d"; elif [ -d "$d" ]; then mkdir "/mnt/x$d"; mount --rbind "$d" "/mnt/x$d"; fi; done'


def in_chroot(before, chroot="chroot /mnt/x"):
    """Where no user namespace can be made; before it, the script that makes /mnt/x. As a child, so that the first process of its pid namespace is outside."""
    script = f'mount -t tmpfs none /mnt; {CHROOT % before}; mount -t proc proc /mnt/x/proc; {chroot} "$@"; exit $?'
    return ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "sh", "-ec", script, "sh"]


def test_a_chroot(sound):
    lacks(sound, "namespaces", "this program runs in a chroot, where no user namespace can be made", "start it outside, or in a container", prefix=in_chroot("mount -t tmpfs none /mnt/x"))


def test_user_namespaces_forbidden(sound):
    """By something that cannot be told: another chroot, which looks like the root."""
    script = 'mount --rbind / /mnt; mount -t proc proc /mnt/proc; chroot /mnt "$@"; exit $?'
    lacks(sound, "namespaces", "new user namespaces are forbidden here, by a security module or a filter of system calls",
          "start the service without it (docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined)",
          prefix=["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "sh", "-ec", script, "sh"])


def test_user_namespaces_for_root_only(sound, directory):
    """The refusal is the chroot's; the setting is what then comes to mind first."""
    setting = kernel_setting("unprivileged_userns_clone", 0).replace("/mnt", "/mnt/k").replace("mount -t", "mkdir -p /mnt/k; mount -t", 1).replace("/proc/sys/kernel", "/mnt/x/proc/sys/kernel", 99).replace("cat /mnt/x/proc", "cat /proc")
    script = f'mount -t tmpfs none /mnt; {CHROOT % "mount -t tmpfs none /mnt/x"}; mount -t proc proc /mnt/x/proc; {setting}; chroot /mnt/x setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; exit $?'
    lacks(sound, "namespaces", "only root may make user namespaces here (kernel.unprivileged_userns_clone is 0)", "sysctl -w kernel.unprivileged_userns_clone=1", "--slots", "1",
          prefix=["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "sh", "-ec", script, "sh"], env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(directory)})


def test_apparmor_of_ubuntu(sound, directory):
    """A user namespace can be made, and in it nothing mounted."""
    lacks(sound, "mounts", "a private tree cannot be mounted: AppArmor leaves users other than root no power in their user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)",
          "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0", "--slots", "1",
          prefix=[*mounted(kernel_setting("apparmor_restrict_unprivileged_userns", 1)), *NOBODY, WITHOUT, "--call", "mount=EACCES"], env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(directory)})


def test_a_covered_proc(sound):
    lacks(sound, "proc", "parts of /proc are covered (/proc/kallsyms), and then the kernel lets containers mount none of their own",
          "give this container a complete one (docker: --security-opt systempaths=unconfined, Kubernetes: procMount: Unmasked)", prefix=mounted("mount --bind /dev/null /proc/kallsyms"))


# ---- ids

def test_ids_that_this_user_namespace_has_not(sound):
    lacks(sound, "ids", "the ids 1900000000 to 1900065535 of the policy do not exist in this user namespace (see /proc/self/uid_map)", 'choose others by "ids START COUNT" in the policy',
          prefix=[WITHOUT, "--map", "65536"])


def test_ids_of_accounts(sound, directory):
    policy = write(directory / "p", "ids 65000 1000\n")
    lacks(sound, "ids", "the box's ids 65000 to 65999 are not free: /etc/passwd gives 65534 to nobody, who could then end the box and lift limits", 'choose others by "ids START COUNT" in the policy',
          "--box-policy", policy)


RANGE = 'echo "nobody:200000:65536" >/mnt/range; mount --bind /mnt/range /etc/subuid; mount --bind /mnt/range /etc/subgid'
MAPPERS = "mount -t tmpfs none /mnt; cp -p /usr/bin/newuidmap /usr/bin/newgidmap /mnt"


def as_nobody(script="", *also):
    """A user with a range of ids and the programs that map it, less what the script takes away."""
    return [*mounted(f"{MAPPERS}; {RANGE}; {script}"), *NOBODY, *also]


@pytest.fixture
def home(directory):
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(directory)}


def one_id(sound, why, mend, home, prefix):
    """Two slots are too many then, and one is enough."""
    same = "slots would all have the same user id, so that programs could reach each other (one slot can be had"
    code, findings = doctor(prefix=prefix, env=home)
    assert code == 1 and (f"2 {same}): {why}", mend) in sentences(findings, "ids"), findings
    r = run("serve", *with_defaults([]), prefix=prefix, env=home)
    assert (r.returncode, r.stderr.splitlines()[-1]) == (1, f"serapis: 2 {same}, and more with unsafe_rootless in the policy): {why}; {mend}")
    code, findings = doctor("--slots", "1", prefix=prefix, env=home)
    assert code == 0 and (f"one id for everything, hence one slot: {why}", mend) in sentences(findings, "ids", "note"), findings


def test_an_ordinary_user_with_a_range(home):
    code, findings = doctor(prefix=as_nobody(), env=home)
    assert code == 0 and ("200000 to 265535, of /etc/subuid", None) in sentences(findings, "ids", "ok"), findings


@pytest.mark.parametrize("script,also,why,mend", [
    ("mount --bind /dev/null /usr/bin/newuidmap", [], "there is no newuidmap or newgidmap", "apt-get install uidmap"),
    ("mount --bind /dev/null /usr/bin/newgidmap", [], "there is no newuidmap or newgidmap", "apt-get install uidmap"),
    ("echo >/mnt/range", [], "the user has no range of ids in /etc/subuid and /etc/subgid", "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER"),
    ("chmod u-s /mnt/newuidmap; mount --bind /mnt/newuidmap /usr/bin/newuidmap", [], "newuidmap or newgidmap has lost its set-uid bit", "apt-get install --reinstall uidmap"),
    ("mount -o remount,nosuid /mnt; mount --bind /mnt/newuidmap /usr/bin/newuidmap", [], "newuidmap is on a file system that is mounted nosuid", "mount -o remount,suid /usr"),
    ("", ["setpriv", "--no-new-privs"], "newuidmap has no power under no_new_privs", "start the service without that (systemd: NoNewPrivileges=no)"),
    ("printf '#!/bin/sh\\nexit 1\\n' >/mnt/newuidmap; chmod 4755 /mnt/newuidmap; mount --bind /mnt/newuidmap /usr/bin/newuidmap", [], "newuidmap refuses the user's range in /etc/subuid, as its message says", "correct that line"),
], ids=["no-newuidmap", "no-newgidmap", "no-range", "no-set-uid", "nosuid", "no-new-privs", "refused"])
def test_one_id_for_everything(sound, home, script, also, why, mend):
    one_id(sound, why, mend, home, as_nobody(script, *also))


def test_a_range_of_groups_that_is_refused(sound, home):
    lacks(sound, "namespaces", "newgidmap refuses the user's range in /etc/subgid, as its message says", "correct that line", env=home,
          prefix=as_nobody("printf '#!/bin/sh\\nexit 1\\n' >/mnt/newgidmap; chmod 4755 /mnt/newgidmap; mount --bind /mnt/newgidmap /usr/bin/newgidmap"))


def test_groups_that_stay_in_force(home):
    code, findings = doctor("--slots", "1", prefix=["setpriv", "--reuid=65534", "--regid=65534", "--groups=65534,4,24"], env=home)
    assert code == 0 and ("programs keep the rights of this user's 3 groups", "start the service as root") in sentences(findings, "ids", "note"), findings


# ---- the policy

@pytest.mark.parametrize("make,text,mend", [
    (lambda p: os.chown(write(p, ""), 1000, 0), "the policy {} does not belong to root", "chown root {}"),
    (lambda p: write(p, "", 0o666), "the policy {} can be written by others than its owner", "chmod go-w {}"),
    (lambda p: p.symlink_to("/etc/hostname"), "the policy {} is a symbolic link, which may be turned elsewhere", "name the file itself"),
    (lambda p: p.mkdir(), "the policy {} is not a regular file", "name one that is (--box-policy)"),
    (lambda p: write(p, "slots_max 1\n"), "2 slots: the policy allows 1 to 1", "set slots to what it allows, or raise its slots_max"),
    (lambda p: write(p, "slots_mx 4\n"), '{}:1: unknown setting "slots_mx"', "correct it (serapis-box(8) lists the settings)"),
    (lambda p: write(p, "ids 1900000000 10\n"), "{}: 10 ids are too few for 64 slots, which need 385", "correct it (serapis-box(8) lists the settings)"),
], ids=["owner", "mode", "link", "directory", "slots", "unknown", "few-ids"])
def test_the_policy(sound, directory, make, text, mend):
    policy = directory / "box.policy"
    make(policy)
    lacks(sound, "policy", text.format(policy), mend.format(policy), "--box-policy", policy)


def test_a_policy_that_is_not_there(sound, directory):
    code, findings = doctor("--box-policy", directory / "none")
    assert code == 1 and sentences(findings, "policy") == [(f"the policy {directory}/none is not there", "write it, or name none (--box-policy)")]


def test_a_policy_that_may_not_be_read(sound, directory, home):
    policy = write(directory / "p", "", 0o600)
    lacks(sound, "policy", f"the policy {policy} may not be read by this user", f"chmod 644 {policy}", "--box-policy", policy, "--slots", "1", prefix=NOBODY, env=home)


# ---- roots

@pytest.mark.parametrize("script,text,mend", [
    ("", 'the root "img" needs {}/img, which is not there', "make it, or take that root out of the policy"),
    ("mkdir -p {}/img; chmod 700 {}/img", 'the root "img" needs {}/img, which is closed to other users than its owner (mode 0700)', "chmod o+rx {}/img"),
    ("mkdir -p {}/img; chmod 700 {}", 'the root "img" needs {}, which is closed to other users than its owner (mode 0700)', "chmod o+x {}"),
    ("mkdir -p {}/img; mount -t tmpfs -o noexec none {}/img", 'the root "img" needs {}/img, which is mounted noexec, so that no program in it can be started', "mount -o remount,exec {}/img"),
], ids=["absent", "closed", "closed-above", "noexec"])
def test_a_root_of_the_policy(sound, directory, script, text, mend):
    policy = write(directory / "p", f"root img dir {directory}/sub/img\n")
    (directory / "sub").mkdir()
    sub = f"{directory}/sub"
    lacks(sound, "directories", text.replace("{}", sub), mend.replace("{}", sub), "--box-policy", policy, prefix=mounted(script.replace("{}", sub) or "true"))


def test_a_root_of_the_host_that_is_closed(sound):
    lacks(sound, "directories", 'the root "host" needs /, which is closed to other users than its owner (mode 0700)', "chmod o+x /",
          prefix=in_chroot("mount -t tmpfs -o mode=700 none /mnt/x"))


def test_devices(sound):
    lacks(sound, "devices", "/dev/full is not that device", "rm -f /dev/full && mknod -m 666 /dev/full c 1 7", prefix=mounted("mount --bind /dev/null /dev/full"))


SOCKETS = "mount -t tmpfs none /usr/local; mkdir /usr/local/lib; mkfifo /usr/local/lib/fifo"


def test_sockets_and_pipes(sound, directory):
    text, mend = "programs could talk to the host through /usr/local/lib/fifo, a socket or named pipe", 'move it to /run, or write "host_sockets allow" into the policy'
    lacks(sound, "host root", text, mend, prefix=mounted(SOCKETS))
    allowing = write(directory / "p", "host_sockets allow\n")
    code, findings = doctor("--box-policy", allowing, prefix=mounted(SOCKETS))
    assert code == 0 and (f"allowed by the policy's host_sockets: {text}", mend) in sentences(findings, "host root", "note")
    assert ("/usr/local is a mount of its own and is shown to programs, read-only", None) in sentences(findings, "host root", "note")


USR = "mount -t tmpfs none /mnt; mkdir /mnt/u /mnt/w; mount -t overlay none -o lowerdir=/usr,upperdir=/mnt/u,workdir=/mnt/w /usr"


@pytest.mark.parametrize("pipes,text", [("x", "/usr/share/doc/x, a socket or named pipe"), ("x x.d/y x.d/z", r"/usr/share/doc/x(\.d/[yz])?, a socket or named pipe, and 2 more")], ids=["one", "three"])
def test_sockets_far_down(pipes, text):
    """Where none is expected; looking for them takes too long for a start."""
    code, findings = doctor(prefix=mounted(f"{USR}; cd /usr/share/doc; mkdir x.d; mkfifo {pipes}"))
    said = sentences(findings, "host root")
    assert code == 1 and len(said) == 1 and re.fullmatch(f"programs could talk to the host through {text}", said[0][0]), findings


# ---- cgroups

def absent(controller):
    return f'the cgroup controller "{controller}", {LIMITED}, is mounted nowhere'


def mount_it(controller):
    return f"mkdir -p /sys/fs/cgroup/{controller} && mount -t cgroup -o {controller} cgroup /sys/fs/cgroup/{controller}"


def own_cgroup(controller):
    """Directory of this process in a hierarchy of version 1."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return pathlib.Path("/sys/fs/cgroup", controller + path)
    raise AssertionError(f"no cgroup controller {controller}")


@contextlib.contextmanager
def cgroup_with(controller, file, value):
    """A prefix: in a cgroup of its own with this limit."""
    d = own_cgroup(controller) / f"serapis-doctor-{os.getpid()}"
    d.mkdir()
    try:
        (d / file).write_text(str(value))
        yield ["sh", "-ec", f'echo $$ >{d}/cgroup.procs; exec "$@"', "sh"]
    finally:
        d.rmdir()


if V1:
    @pytest.mark.parametrize("controller", ["memory", "pids", "cpuacct"])
    def test_controllers(sound, controller):
        lacks(sound, "cgroups", absent(controller), mount_it(controller), prefix=mounted(f"umount /sys/fs/cgroup/{controller}"))

    @pytest.mark.parametrize("controller", ["memory", "pids", "cpuacct"])
    def test_cgroups_that_are_read_only(sound, controller):
        lacks(sound, "cgroups", f"the cgroups at {own_cgroup(controller)} are mounted read-only".replace("//", "/").rstrip("/"),
              "mount them read-write (docker: --cgroupns=host -v /sys/fs/cgroup:/sys/fs/cgroup:rw)", prefix=mounted(f"mount -o remount,bind,ro /sys/fs/cgroup/{controller}"))

    def test_no_share_of_the_processors(sound):
        lacks(sound, "cgroups", 'no controller "cpu": a program of many processes takes processor time from those in other slots', mount_it("cpu"), kind="note",
              prefix=mounted("umount /sys/fs/cgroup/cpu"))

    def test_version_two_without_controllers(sound):
        """With version 1 out of sight it is version 2 that is looked at."""
        lacks(sound, "cgroups", absent("memory"), mount_it("memory"), prefix=mounted("for c in memory pids cpuacct cpu; do umount /sys/fs/cgroup/$c; done"))

    @pytest.mark.parametrize("line,text,mend", [
        ("pids 0 1 0", f'the cgroup controller "pids", {LIMITED}, was switched off at boot', "take cgroup_disable=pids off the kernel's command line (some boards need cgroup_enable=pids instead)"),
        ("cpuset 0 1 1", f'this kernel has no cgroup controller "pids", {LIMITED}', "boot Debian's, without cgroup_disable=pids"),
    ], ids=["switched-off", "not-built"])
    def test_controllers_that_the_kernel_has_not(sound, directory, line, text, mend):
        f = write(directory / "cgroups", f"#subsys_name hierarchy num_cgroups enabled\n{line}\n")
        lacks(sound, "cgroups", text, mend, prefix=mounted(f"umount /sys/fs/cgroup/pids; mount --bind {f} /proc/cgroups"))

    def test_a_cgroup_out_of_sight(sound):
        with cgroup_with("memory", "memory.swappiness", 0):
            inner = own_cgroup("memory") / f"serapis-doctor-{os.getpid()}"
            point = "/sys/fs/cgroup/unified"
            lacks(sound, "cgroups", f"the cgroup {str(own_cgroup('memory')).removeprefix('/sys/fs/cgroup/memory') or '/'} of memory is not to be seen below {point}",
                  "start this container with a cgroup namespace of its own (docker: --cgroupns=private), or mount that hierarchy whole",
                  prefix=mounted(f"umount {point}; mount --bind {inner} {point}; umount /sys/fs/cgroup/memory"))

    def test_cgroups_without_root(home):
        code, findings = doctor("--slots", "1", prefix=NOBODY, env=home)
        text = f"limits of memory, processes and cpu time are not enforced: the cgroup {str(own_cgroup('memory')).rstrip('/')} may not be written to by this user"
        assert code == 0 and (text, "start the service as root") in sentences(findings, "cgroups", "note"), findings

    def test_swap_that_is_not_counted(sound, directory):
        swaps = write(directory / "swaps", "Filename Type Size Used Priority\n/dev/x partition 1 0 -2\n")
        lacks(sound, "swap", "this host swaps, and its kernel does not count swap by cgroup, so programs get more than their memory limit", "boot with swapaccount=1, or swapoff -a", kind="note",
              prefix=mounted(f"mount -t tmpfs none {own_cgroup('memory')}; mount --bind {swaps} /proc/swaps"))
        findings = doctor(prefix=mounted(f"mount --bind {swaps} /proc/swaps"))[1]
        assert not sentences(findings, "swap", "note"), "counted swap is none of anybody's business"

    def test_favordynmods(sound, directory):
        text = "mounted without favordynmods: building a slot waits some milliseconds for the kernel, running a program does not"
        mend = "where slots are built often, mount them with it, which makes every fork of this machine dearer"
        assert (text, mend) in sentences(sound, "cgroups", "note") or int(KERNEL.split(".")[0]) < 6
        with_it = write(directory / "m", re.sub(r"( - cgroup \S+ rw)", r"\1,favordynmods", pathlib.Path("/proc/self/mountinfo").read_text()))
        r = subprocess.run([*mounted(f"mount --bind {with_it} /proc/$$/mountinfo"), BOX, "--check"], capture_output=True, text=True, timeout=60)
        assert "ok      cgroups           v1" in r.stdout and "favordynmods" not in r.stdout

    @pytest.mark.parametrize("slots,said", [(2, True), (1, False)])
    def test_a_limit_of_tasks(sound, slots, said):
        with cgroup_with("pids", "pids.max", 100) as prefix:
            findings = doctor("--slots", slots, prefix=prefix)[1]
        assert (("this service's cgroup may have 100 tasks, and 2 slots of 64 processes take more", "raise pids.max (systemd: TasksMax=)") in sentences(findings, "cgroups", "note")) is said

    @pytest.mark.parametrize("slots,said", [(2, True), (1, False)])
    def test_a_limit_of_memory(sound, slots, said):
        with cgroup_with("memory", "memory.limit_in_bytes", 400 << 20) as prefix:
            findings = doctor("--slots", slots, prefix=prefix)[1]
        text, mend = "this service's cgroup may use 400 MiB, and 2 slots of 256 MiB take more, so one program can end another", "raise its limit (systemd: MemoryMax=), or have fewer slots"
        assert ((text, mend) in sentences(findings, "cgroups", "note")) is said


def test_no_cgroups_at_all(sound):
    lacks(sound, "cgroups", f"there are no cgroups here, {LIMITED}", "mount -t cgroup2 cgroup2 /sys/fs/cgroup", prefix=mounted("umount -R /sys/fs/cgroup"))


# ---- limits

def core_pattern(text, directory):
    return mounted(f"mount --bind {write(directory / 'pattern', text)} /proc/sys/kernel/core_pattern")


def test_core_dumps(sound, directory):
    hard_zero = ["setpriv", "--bounding-set=-sys_resource", "prlimit", "--core=0:0"]
    text = "this host hands core dumps to a program (kernel.core_pattern) and the hard core limit is 0, which does not stop that"
    lacks(sound, "core dumps", text, "start the service with LimitCORE=1 or more (prlimit --core=1:1 COMMAND)", prefix=[*core_pattern("|/usr/lib/handler %p\n", directory), *hard_zero])
    # Either alone does no harm.
    assert doctor(prefix=hard_zero)[0] == 0
    findings = doctor(prefix=[*core_pattern("|/usr/lib/handler %p\n", directory), "prlimit", "--core=1:1"])[1]
    assert sentences(findings, "core dumps") == []
    assert sentences(findings, "core dumps", "note") == [("those of the host go to a program (|/usr/lib/handler %p), which programs in the box are kept from", "sysctl -w kernel.core_pattern=core if nothing needs it")]


@pytest.mark.parametrize("slots,need", [(1, 72), (2, 80)])
def test_open_files(sound, slots, need):
    few = need - 1
    lacks(sound, "open files", f"the limit of open files is {few}, and {slots} slot{'s' * (slots > 1)} take{'s' * (slots == 1)} {need}",
          f"start the service with LimitNOFILE={need} or more (prlimit --nofile={need} COMMAND)", "--slots", slots, prefix=["prlimit", f"--nofile={few}:4096"])
    assert doctor("--slots", slots, prefix=["prlimit", f"--nofile={need}:4096"])[0] == 0, "what is said to be enough is"


@pytest.mark.parametrize("name,few,need,what,option", [
    ("sigpending", 511, 512, "queued signals", "LimitSIGPENDING"), ("memlock", 65536, 131072, "bytes of locked memory", "LimitMEMLOCK"), ("nproc", 127, 128, "processes", "LimitNPROC")])
def test_limits_that_slots_share(sound, name, few, need, what, option):
    text, mend = f"slots share {few} {what}, and 2 would use {need}", f"start the service with {option}={need} (prlimit --{name}={need} COMMAND)"
    lacks(sound, "limits", text, mend, kind="note", prefix=["prlimit", f"--{name}={few}"])
    assert (text, mend) not in sentences(doctor("--slots", "1", prefix=["prlimit", f"--{name}={few}"])[1], "limits", "note")


def test_inotify(sound, directory):
    few = write(directory / "instances", "31\n")
    lacks(sound, "inotify", "slots share 15 instances, half of what this host allows, and 2 would use 16", "sysctl -w fs.inotify.max_user_instances=32", kind="note",
          prefix=mounted(f"mount --bind {few} /proc/sys/fs/inotify/max_user_instances"))


def test_connections(sound):
    lacks(sound, "connections", "the hard limit of open files is 4000, so that fewer connections than http.connections_max (8192) are held",
          "start the service with LimitNOFILE=16384 (prlimit --nofile=16384 COMMAND)", kind="note", prefix=["prlimit", "--nofile=4000:4000"])


# ---- the box itself

def test_a_box_that_is_not_there(sound):
    lacks(sound, "serapis-box", "there is no serapis-box at /nonexistent/serapis-box", "name it with --box-path", "--box-path", "/nonexistent/serapis-box")


def test_a_box_that_is_a_directory(sound):
    lacks(sound, "serapis-box", "/usr is not a program", "name serapis-box with --box-path", "--box-path", "/usr")


def test_a_box_that_is_nowhere(sound, directory):
    """Found beside serapis, in libexec and in PATH: a copy elsewhere, and a PATH without it."""
    shutil.copy(SERAPIS, directory / "serapis")
    env = {"PATH": "/usr/bin:/bin", "HOME": str(directory)}
    args = with_defaults([])
    said = re.compile(r"serapis-box was not found beside this program, in \S+ or in PATH; install it, or name it with --box-path")
    r = subprocess.run([directory / "serapis", "doctor", *args], capture_output=True, text=True, timeout=60, env=env)
    assert r.returncode == 1 and said.search(r.stdout), r.stdout
    r = subprocess.run([directory / "serapis", "serve", *args], capture_output=True, text=True, timeout=60, env=env)
    assert r.returncode == 1 and said.search(r.stderr.splitlines()[-1]), r.stderr


@pytest.mark.parametrize("mode,script,name,text,mend", [
    (0o644, "", "serapis-box", "serapis-box at {} may not be executed by this user", "chmod 755 {}"),
    (0o755, "mount -t tmpfs -o noexec,mode=755 none {d}; cp {b} {}", "serapis-box", "serapis-box at {} is on a file system that is mounted noexec", "mount -o remount,exec it, or put the program elsewhere"),
    (0o755, "echo text >{}", "containers", "serapis-box cannot be started (Exec format error)", "install the one of this version and machine"),
], ids=["mode", "noexec", "format"])
def test_a_box_that_cannot_be_started(sound, directory, mode, script, name, text, mend):
    where = directory / "bin"
    where.mkdir()
    box = shutil.copy(BOX, where / "serapis-box")
    box.chmod(mode)

    def fill(s):
        return s.replace("{d}", str(where)).replace("{b}", str(BOX)).replace("{}", str(box))

    lacks(sound, name, fill(text), fill(mend), "--box-path", box, prefix=mounted(fill(script) or "true"))


# ---- the service

def test_a_port_that_is_taken(sound):
    with socket.create_server(("127.0.0.1", 0)) as s:
        address = "127.0.0.1:%d" % s.getsockname()[1]
        who = pathlib.Path("/proc/self/comm").read_text().strip()
        lacks(sound, "listen", f"{address} is taken by {who} (pid {os.getpid()})", "listen on another HOST:PORT (--http-listen, port 0: any free one)", "--http-listen", address)


def test_a_port_of_metrics_that_is_taken(sound):
    with socket.create_server(("127.0.0.1", 0)) as s:
        address = "127.0.0.1:%d" % s.getsockname()[1]
        who = pathlib.Path("/proc/self/comm").read_text().strip()
        lacks(sound, "listen", f"http.metrics_listen: {address} is taken by {who} (pid {os.getpid()})", "listen on another HOST:PORT (--http-listen, port 0: any free one)", "--http-metrics-listen", address)


def test_a_port_that_serapis_has(server, sound):
    code, findings = doctor("--http-listen", f"127.0.0.1:{server.port}")
    assert code == 0 and sentences(findings, "listen", "note")[0][0] == f"127.0.0.1:{server.port} is taken by serapis (pid {server.process.pid})"


def test_a_port_of_root(sound):
    lacks(sound, "listen", "this user may not listen on port 81 (net.ipv4.ip_unprivileged_port_start)", "choose a port above 1023",
          "--http-listen", "127.0.0.1:81", "--user", "nobody")


def test_an_address_of_others(sound):
    lacks(sound, "listen", "this host has not the address of 192.0.2.1:8080", "listen on one that it has", "--http-listen", "192.0.2.1:8080")


ELSEWHERE = "or name another place with --store sqlite:PATH"


def test_a_directory_that_is_not_ours(sound, directory, home):
    for also in ([], ["--user", "nobody"]):
        lacks(sound, "store", f"the directory {directory} may not be written to by this user (id 65534)", f"chown 65534 {directory}, {ELSEWHERE}", "--store", f"sqlite:{directory}/x.db", "--slots", "1", *also,
              prefix=[] if also else NOBODY, env=home)


def test_a_directory_that_cannot_be_made(sound, directory, home):
    lacks(sound, "store", f"the database's directory is not there, and {directory} may not be written to by this user (id 65534)", f"make it as root (install -d -o 65534 DIRECTORY), {ELSEWHERE}",
          "--store", f"sqlite:{directory}/a/b/x.db", "--slots", "1", prefix=NOBODY, env=home)


def test_a_directory_that_root_makes(directory):
    """As root with --user the service makes it, so it is no lack."""
    assert doctor("--store", f"sqlite:{directory}/state/x.db", "--user", "nobody")[0] == 0


def test_a_database_that_is_not_ours(sound, directory, home):
    directory.chmod(0o777)
    db = write(directory / "x.db", "")
    lacks(sound, "store", f"the database {db} may not be written to by this user (id 65534)", f"chown 65534 {db}, {ELSEWHERE}", "--store", f"sqlite:{db}", "--slots", "1", prefix=NOBODY, env=home)


def test_a_read_only_file_system(sound, directory):
    lacks(sound, "store", f"the directory {directory} is on a file system that is mounted read-only", ELSEWHERE.removeprefix("or "), "--store", f"sqlite:{directory}/x.db",
          prefix=mounted(f"mount -t tmpfs -o ro none {directory}"))


def test_a_network_file_system(sound, directory):
    lacks(sound, "store", f"{directory} is on a network file system (NFS), where SQLite's locks do not hold and a database gets damaged", "put it on a local disk, or use PostgreSQL",
          "--store", f"sqlite:{directory}/x.db", env={**os.environ, "LD_PRELOAD": str(BUILD / "tests" / "e2e" / "network_fs.so")})


def test_a_user_that_is_not_there(sound):
    lacks(sound, "user", "user: there is no user 'nonesuch' on this host", "useradd --system nonesuch, or name another with --user", "--user", "nonesuch")


# ---- languages

KLINGON = 'id: klingon\nname: Klingon\nsource: main.k\nrun: [tlhIngan, "{entry}"]\nversion: {command: [tlhIngan, --version], pattern: "([0-9]+)"}\n'


@pytest.mark.parametrize("more,mend", [("package: qonos-dev qonos\n", "apt-get install qonos-dev qonos"), ("", "install it where programs see it (/usr)"), ("root: img\npackage: qonos\n", 'put it into the root "img"')],
                         ids=["package", "nothing", "root"])
def test_a_language_that_is_not_installed(sound, directory, more, mend):
    """Nobody needs all: a note as long as there is another."""
    languages = directory / "languages"
    languages.mkdir()
    (directory / "img").mkdir()
    policy = write(directory / "p", f"root img dir {directory}/img\n")
    write(languages / "klingon.yaml", KLINGON + more)
    shutil.copy(SOURCE / "share" / "languages" / "c.yaml", languages)
    args = ["--languages-dir", languages, "--box-policy", policy]
    code, findings = doctor(*args)
    assert code == 0 and sentences(findings, "language klingon", "note") == [("there is no tlhIngan where programs look for it", mend)], findings
    (languages / "c.yaml").unlink()
    code, findings = doctor(*args)
    assert code == 1 and sentences(findings, "languages") == [("none of the 1 that are defined can be run", "install the interpreter of one of them")]


def test_an_interpreter_that_does_not_work(directory):
    write(directory / "klingon.yaml", KLINGON.replace("tlhIngan", '"false"') + "package: qonos\n")
    shutil.copy(SOURCE / "share" / "languages" / "c.yaml", directory)
    code, findings = doctor("--languages-dir", directory)
    assert code == 0 and sentences(findings, "language klingon", "note") == [("false ended with exit code 1 when asked for its version", "apt-get install qonos")]


def test_a_root_that_the_policy_has_not(directory):
    write(directory / "klingon.yaml", KLINGON + "root: img\n")
    code, findings = doctor("--languages-dir", directory)
    assert code == 1 and ('its root "img" is not in the box\'s policy', 'add "root img dir PATH" to that') in sentences(findings, "language klingon"), findings


def test_definitions_that_are_not_there(sound, directory):
    lacks(sound, "languages", f"there is no directory {directory}/x of language definitions", "name it with --languages-dir", "--languages-dir", directory / "x")
    lacks(sound, "languages", f"languages.dir {directory} has no *.yaml", "name the directory of the definitions with --languages-dir", "--languages-dir", directory)


def test_a_definition_that_is_wrong(directory):
    write(directory / "klingon.yaml", "id: ferengi\n")
    code, findings = doctor("--languages-dir", directory)
    assert code == 1 and sentences(findings, "languages") == [('klingon.yaml:1: id: "ferengi" must be the name of its file', "correct that file")]


def test_every_shipped_language_names_its_package():
    packages = [p for f in (SOURCE / "share" / "languages").iterdir() for p in re.search(r"^package: (.+)$", f.read_text(), re.M)[1].split()]
    installed = set(subprocess.run(["dpkg-query", "-W", "-f", "${Package}\n", *packages], capture_output=True, text=True).stdout.split())
    absent = [p for p in packages if p not in installed]
    # The lists of a fresh container may be empty; then what is not installed cannot be looked up.
    if absent and list(pathlib.Path("/var/lib/apt/lists").glob("*_Packages*")):
        assert subprocess.run(["apt-cache", "show", "--no-all-versions", *absent], capture_output=True).returncode == 0, absent
    assert {"gcc", "ruby", "python3"} <= installed
