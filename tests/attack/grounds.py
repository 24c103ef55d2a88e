# SPDX-License-Identifier: MIT
"""
Where the corpus is run: as whom the service is started, with how many slots, and what the box can then hold a program to.

    root                 every slot has ids and cgroups of its own
    one id               an ordinary user of a machine that gave him nothing: one id, no cgroup, hence one slot
    two slots of one id  the same, with what the policy calls unsafe_rootless: for the attacks that need two slots
    own ids              a user with a range in /etc/subuid: ids for each slot, no cgroup

On a machine whose cgroups are version 1 nothing can be delegated to a user. In that case memory, processes and cpu time of a program are bounded by nothing
but rlimits, and the machine needs a fence of its own: a cgroup around the whole service, made here, by root. What the fence had to do is asked after.

SERAPIS_TEST_UID, SERAPIS_TEST_ENFORCED and SERAPIS_TEST_CGROUP, as in tests/box/boxclient.h, name one other ground in their place: that is how the emulated
machine of `make vm-check` has a user with a delegated cgroup. SERAPIS_TEST_GROUNDS, a list with commas, chooses among the four.
"""
import contextlib
import os
import pathlib
import pwd
import shutil
import tempfile

from baseline import Baseline, host
from support.service import BUILD, LONG, SERAPIS, SLOW, SOURCE, Service, wait_for

ALL = ("ids", "memory", "pids", "cpu", "seccomp", "net")
SECRET = "serapis-attack-secret-5d1f0c"
NOBODY = pwd.getpwnam("nobody").pw_uid
# More than any attack needs that ends by itself, and a part of what a small machine has. Processes: beyond what RLIMIT_NPROC allows a program.
FENCE_BYTES = 768 << 20
FENCE_TASKS = 400


class Fence:
    """A cgroup that keeps a service and all below it from the rest of the machine."""

    def __init__(self, name):
        self.dirs = {}
        for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for c in ("memory", "pids"):
                if c in controllers.split(","):
                    self.dirs[c] = pathlib.Path("/sys/fs/cgroup", controllers, path.lstrip("/"), name)
            if not controllers and not self.dirs:
                base = pathlib.Path("/sys/fs/cgroup", path.lstrip("/"))
                # A box that was started here before has moved all processes to a leaf: only a group without processes may have children with limits.
                base = base.parent if base.name == "serapis-self" else base
                if (base / "cgroup.subtree_control").exists() and "memory" in (base / "cgroup.controllers").read_text():
                    (base / "cgroup.subtree_control").write_text("+memory +pids")
                    self.dirs = {"memory": base / name, "pids": base / name}
        assert len(self.dirs) == 2, f"no place for a fence: {pathlib.Path('/proc/self/cgroup').read_text()}"
        self.v2 = self.dirs["memory"] == self.dirs["pids"]
        for d in set(self.dirs.values()):
            d.mkdir()
        (self.dirs["memory"] / ("memory.max" if self.v2 else "memory.limit_in_bytes")).write_text(str(FENCE_BYTES))
        (self.dirs["pids"] / "pids.max").write_text(str(FENCE_TASKS))

    def procs(self):
        return [str(d / "cgroup.procs") for d in dict.fromkeys(self.dirs.values())]

    def tasks_refused(self):
        """How often somebody in it was refused a process: never, as long as the box's own rlimit is what stops a bomb."""
        return int((self.dirs["pids"] / "pids.events").read_text().split()[1])

    def bytes_used(self):
        return int((self.dirs["memory"] / ("memory.current" if self.v2 else "memory.usage_in_bytes")).read_text())

    def close(self):
        for d in dict.fromkeys(self.dirs.values()):
            wait_for(lambda d=d: not (d / "cgroup.procs").read_text().split(), 30, f"the end of all processes in {d}")
            with contextlib.suppress(OSError):
                d.rmdir()


class Ground:
    def __init__(self, name, enforced=ALL, *, uid=0, slots=2, unsafe=False, subids=False, cgroup=None):
        self.name = name
        self.enforced = set(enforced)
        self.uid = uid
        self.slots = slots
        self.unsafe = unsafe
        self.subids = subids
        self.cgroup = cgroup
        self.fence = self.service = self.base = None

    def __str__(self):
        return self.name

    def lacks(self, attack):
        """What this attack needs and the box cannot enforce here."""
        return attack.needs - self.enforced

    def wants(self, attack):
        """Whether there is something to learn that another ground does not show: of what slots with one id, or with ids, do to each other."""
        neighbours = attack.mode != "once" or attack.beside is not None
        return neighbours or not (self.unsafe or self.subids and not LONG)

    def open(self):
        """Starts a service with the product's language definitions, and looks at it and at the host before the first attack."""
        env = {**{k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TMPDIR")}, "SERAPIS_SECRET": SECRET}
        # Where whoever we become may go, and where nothing else of ours is.
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="serapis-attack-"))
        self.home.chmod(0o755)
        languages, programs, state = (self.home / d for d in ("languages", "programs", "state"))
        shutil.copytree(SOURCE / "share" / "languages", languages)
        state.mkdir(mode=0o700)
        program = SERAPIS
        if self.uid:
            # The build tree may be in a directory that is not for him.
            programs.mkdir()
            for f in (SERAPIS, BUILD / "src" / "box" / "serapis-box"):
                shutil.copy(f, programs)
            program = programs / "serapis"
        args = ["--slots", str(self.slots), "--languages-dir", str(languages)]
        if SLOW > 1:
            for what, ms in (("wall_ms", 15000), ("cpu_ms", 10000), ("compile_wall_ms", 30000)):
                option = what.replace("_", "-")
                args += [f"--limits-default-{option}", f"{ms * SLOW}ms", f"--limits-max-{option}", f"{60000 * SLOW}ms"]
        if self.unsafe:
            policy = self.home / "policy"
            policy.write_text("unsafe_rootless\n")
            os.chown(policy, self.uid, -1)
            args += ["--box-policy", str(policy)]
        if self.uid:
            os.chown(state, self.uid, gid_of(self.uid))
            if not self.cgroup:
                self.fence = Fence(f"serapis-attack-{os.getpid()}")
        self.service = Service(*args, directory=state, env=env, prefix=self.prefix(), program=program).start()
        self.base = Baseline(self)
        self.host = host()

    def unchanged(self):
        self.base.unchanged()
        now = host()
        assert now == self.host, f"the host was changed: {[k for k in now if now[k] != self.host[k]]}"

    def prefix(self):
        """The way down: into the cgroup, the private view of /etc, the user. Each execs the next, so that the service is the process that was started."""
        if not self.uid:
            return []
        into = self.fence.procs() if self.fence else [self.cgroup_leaf()]
        script = "".join(f'echo $$ >"{p}" || exit 120; ' for p in into)
        out = []
        if self.subids:
            # Nothing of the host is changed: the files are covered in a mount namespace that only this service is in.
            out = ["/usr/bin/unshare", "--mount", "--propagation", "private"]
            for f in ("subuid", "subgid"):
                (self.home / f).write_text(f"{pwd.getpwuid(self.uid).pw_name}:1900300000:65536\n")
                script += f'mount --bind {self.home}/{f} /etc/{f} || exit 121; '
        script += 'exec "$@"'
        return [*out, "/bin/sh", "-c", script, "sh", "/usr/bin/setpriv", f"--reuid={self.uid}", f"--regid={gid_of(self.uid)}", "--clear-groups", "--"]

    def cgroup_leaf(self):
        leaf = pathlib.Path(self.cgroup, "serapis-self", "cgroup.procs")
        return leaf if leaf.exists() else pathlib.Path(self.cgroup, "cgroup.procs")

    def close(self):
        try:
            status = self.service.stop()
            assert status == 0, f"serve ended with {status}: {self.service.log()[-4000:]}"
        finally:
            self.service.close()
            if self.fence:
                self.fence.close()
            shutil.rmtree(self.home, ignore_errors=True)


def gid_of(uid):
    return pwd.getpwuid(uid).pw_gid


def grounds():
    named, some = os.environ.get("SERAPIS_TEST_UID"), ("seccomp", "net")
    if named:
        enforced = {w for w in os.environ["SERAPIS_TEST_ENFORCED"].split(",") if w}
        own = "ids" in enforced
        user = pwd.getpwuid(int(named)).pw_name
        return [Ground(f"as {user}", enforced, uid=int(named), slots=2 if own else 1, cgroup=os.environ.get("SERAPIS_TEST_CGROUP"))]
    found = [
        Ground("root"),
        Ground("one id", some, uid=NOBODY, slots=1),
        Ground("two slots of one id", some, uid=NOBODY, unsafe=True),
        Ground("own ids", ("ids", *some), uid=NOBODY, subids=True),
    ]
    wanted = os.environ.get("SERAPIS_TEST_GROUNDS")
    assert not wanted or set(wanted.split(",")) <= {g.name for g in found}, f"SERAPIS_TEST_GROUNDS: {wanted}"
    return [g for g in found if not wanted or g.name in wanted.split(",")]
