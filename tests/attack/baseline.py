# SPDX-License-Identifier: MIT
"""Everything of a service, its box and the host that an attack could leave behind or break."""
import collections
import concurrent.futures
import contextlib
import os
import pathlib
import re

from support.service import descendants, processes, wait_for

# A number that nobody has, of this test run alone: all its processes are ours to end.
BARE_UID = 1_500_000_000 + os.getpid() % 1_000_000


def host():
    """What of the host no attack may change."""
    out = {f: pathlib.Path(f).read_text() for f in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/randomize_va_space", "/etc/passwd", "/proc/sys/net/ipv4/ip_forward")}
    for f in ("/usr/bin/gcc", "/bin/sh", "/usr/bin/env", "/usr/bin/python3"):
        s = os.stat(f)
        out[f] = (s.st_ino, s.st_mode, s.st_uid, s.st_size, s.st_mtime_ns)
    for kind in ("shm", "sem", "msg"):
        rows = pathlib.Path(f"/proc/sysvipc/{kind}").read_text().splitlines()
        out[kind] = [r for r in rows if str(BARE_UID) in r.split()]
    return out


class Baseline:
    """As numbers that do not depend on pids."""

    def __init__(self, ground):
        self.service = ground.service
        self.nslots = ground.slots
        wait_for(lambda: self.sound() is None, 60, "a service that works")
        # Connections of the hellos are closed a moment after their answers: the same three times is what stays.
        seen = []

        def settled():
            seen.append(self.look())
            return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]

        wait_for(settled, 30, "a service at rest", pause=0.3)
        self.facts = seen[-1]

    def tree(self):
        """(role, pid) of the service and all its descendants; a role is the names from the service down."""
        table = processes()
        root = self.service.process.pid
        out = []
        for pid in [root, *descendants(root, table)]:
            names, p = [], pid
            while p != root and p in table:
                names.append(table[p][1])
                p = table[p][0]
            out.append(("/".join(reversed(names)), pid))
        return sorted(out)

    def slots(self):
        """The slots' cgroup directories of this box alone, by controller."""
        out = {}
        for _, pid in self.tree():
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
                    _, controller, path = line.split(":", 2)
                    m = re.match(r"(.*/serapis-box-[0-9a-f]+)", path)
                    if m:
                        v2 = "" if pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists() else "unified"
                        out[controller] = pathlib.Path("/sys/fs/cgroup", controller or v2, m[1].lstrip("/"))
        return out

    def look(self):
        facts = collections.Counter()
        host = os.readlink("/proc/self/ns/mnt")
        spaces = collections.defaultdict(set)
        for role, pid in self.tree():
            try:
                facts[f"process {role}"] += 1
                # The store opens connections to its file as it needs them, up to a bound; they are not the run's.
                facts[f"fds {role}"] += sum(".db" not in os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
                # Those that share the host's mounts are looked at below: others on the machine may mount things meanwhile.
                if os.readlink(f"/proc/{pid}/ns/mnt") != host:
                    facts[f"mounts {role}"] += len(pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
                facts[f"threads {role}"] += len(os.listdir(f"/proc/{pid}/task"))
                for name in os.listdir(f"/proc/{pid}/ns"):
                    spaces[name].add(os.readlink(f"/proc/{pid}/ns/{name}"))
            except OSError:
                facts["processes that come and go"] += 1
        for name, found in spaces.items():
            facts[f"namespaces {name}"] = len(found)
        for controller, base in self.slots().items():
            with contextlib.suppress(OSError):
                for d in base.glob("*/**"):
                    facts[f"cgroups {controller}"] += 1
                    facts[f"tasks {controller}"] += len((d / "cgroup.procs").read_text().split())
        facts["our mounts on the host"] = pathlib.Path("/proc/self/mountinfo").read_text().count("serapis")
        return dict(facts)

    def sound(self):
        """None if all slots say hello, at the same time; else what is wrong. Slots are told apart by their network namespaces."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            def hello(_):
                r = self.service.eval("shell", code="echo hello $(readlink /proc/self/ns/net); sleep 0.15")
                return r.json() if r.status_code == 200 else {"verdict": r.text, "stdout": ""}
            answers = list(pool.map(hello, range(self.nslots)))
        bad = [a for a in answers if a["verdict"] != "ok" or not a["stdout"].startswith("hello net:")]
        if bad:
            return f"hello world gives {bad}"
        return None if len({a["stdout"] for a in answers}) == self.nslots else "one of the slots does not answer"

    def unchanged(self):
        """Waits until all is as it was; fails with the difference."""
        # Twice over the slots: two hellos that by chance came one after the other say nothing of the second slot.
        wait_for(lambda: self.sound() is None, 60, "hello world in all slots")
        now = {}

        def same():
            now.clear()
            now.update(self.look())
            return now == self.facts

        try:
            wait_for(same, 15, "the baseline", pause=0.05)
        except AssertionError:
            changed = {k: (self.facts.get(k), now.get(k)) for k in sorted(set(now) | set(self.facts)) if now.get(k) != self.facts.get(k)}
            raise AssertionError(f"left behind or lost (before, now): {changed}\n{self.service.log()[-600:]}") from None
