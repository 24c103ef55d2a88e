# SPDX-License-Identifier: MIT
"""Runs the programs of tests/attack/programs against a real service, says who won, and looks at what is left. tests/attack/README.md is about the programs."""
import base64
import collections
import concurrent.futures
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from support.service import LONG, SOURCE, Service, descendants, processes, wait_for

HERE = pathlib.Path(__file__).resolve().parent
LANGUAGES = {".c": "c", ".rb": "ruby", ".js": "node", ".sh": "shell", ".py": "python"}
INTERPRETERS = {"ruby": ["ruby"], "node": ["node"], "shell": ["/bin/sh"], "python": ["/usr/bin/python3"]}
# A number that nobody has, of this test run alone: all its processes are ours to end.
BARE_UID = 1_500_000_000 + os.getpid() % 1_000_000
SECRET = "serapis-attack-secret-5d1f0c"
KEYS = {"wins", "rule", "expect", "says", "limits", "args", "stdin", "mode", "beside", "control", "shows", "core", "usage", "open", "exit"}


class Attack:
    """One program and what its header says of it."""

    def __init__(self, path):
        self.path = path
        self.name = str(path.relative_to(HERE / "programs"))
        self.language = LANGUAGES[path.suffix]
        self.text = path.read_bytes()
        fields = collections.defaultdict(list)
        key = None
        for line in self.text.decode("utf-8", "replace").splitlines()[1:]:
            words = re.sub(r"^\s*(/\*|\*/|\*|//|#)?\s?", "", line).rstrip()
            if "*/" in line or not re.match(r"\s*(/\*|\*|//|#)", line):
                break
            m = re.match(r"([a-z]+): (.*)", words)
            if m and m[1] in KEYS:
                key = m[1]
                fields[key].append(m[2].strip())
            elif key and words:
                fields[key][-1] += " " + words.strip()
        one = {k: v[0] for k, v in fields.items()}
        missing = {"wins", "rule", "expect", "control"} - set(one)
        assert not missing, f"{self.name}: its header lacks {sorted(missing)}"
        self.verdicts = one["expect"].split("|")
        self.says = fields["says"]
        self.limits = {k: int(v) for k, v in (w.split("=") for w in one.get("limits", "").split())}
        self.args = shlex.split(one.get("args", ""))
        self.stdin = one.get("stdin")
        self.mode = one.get("mode", "once")
        assert self.mode in ("once", "twice", "leave-look"), f"{self.name}: mode {self.mode}"
        self.beside = one.get("beside")
        self.control = one["control"]
        assert self.control.split(":")[0] in ("bare", "unsafe", "none"), f"{self.name}: control {self.control}"
        assert self.control == "bare" or len(self.control) > 10, f"{self.name}: no control, and no reason"
        self.shows = one.get("shows", r"^WON ")
        self.core = one.get("core") == "yes"
        # What is known to be open: these attempts, and only these, are won. docs/security.md says why; a change that closes one must say so here.
        self.open = set(one.get("open", "").split())
        self.exit = int(one["exit"]) if "exit" in one else None

    def files(self):
        """What lies beside it: path → text."""
        out = {"attack.h": (HERE / "attack.h").read_text()} if self.language == "c" else {}
        if b'"refused.h"' in self.text:
            out["refused.h"] = refused_calls()
        return out


# Numbers that the headers of Debian 12 do not have.
NEWER = {"cachestat": "451", "map_shadow_stack": "453", "futex_wake": "454", "futex_wait": "455", "futex_requeue": "456"}


def refused_calls():
    """A table in C of all that share/seccomp/run.rules refuses whatever the arguments are: number, errno, name."""
    decided, out = set(), []
    for line in (SOURCE / "share" / "seccomp" / "run.rules").read_text().splitlines():
        words = line.split("#")[0].split()
        if words[:1] not in (["allow"], ["errno"], ["kill"]):
            continue
        names = words[1:] if words[0] == "allow" else words[2:]
        names = names[: names.index("if")] if "if" in names else names
        if words[0] == "errno" and "if" not in words:
            for n in set(names) - decided:
                name, _, number = n.partition("=")
                out.append(f'{{{number or NEWER.get(name) or "SYS_" + name}, {words[1]}, "{name}"}},')
        decided |= set(names)
    return "\n".join(sorted(out)) + "\n"


def attacks():
    found = [Attack(p) for p in sorted((HERE / "programs").rglob("*")) if p.suffix in LANGUAGES and not p.name.startswith("victim")]
    return found if LONG else [a for a in found if a.core]


# --- through the service ------------------------------------------------------------------------------------------------------------------------------


def host_addresses():
    """Every address of this machine, and what it would route to."""
    out = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    for line in pathlib.Path("/proc/net/route").read_text().splitlines()[1:]:
        gateway = bytes.fromhex(line.split()[2])[::-1]
        if any(gateway):
            out.append(".".join(map(str, gateway)))
    return out


def fill(args, service):
    addresses = ",".join(["127.0.0.1", *host_addresses()])
    return [a.replace("{port}", str(service.port)).replace("{addresses}", addresses).replace("{dir}", str(service.dir)).replace("{secret}", SECRET) for a in args]


def ask(service, attack, extra=()):
    body = {"code": attack.text.decode("utf-8", "surrogateescape"), "limits": attack.limits, "args": fill([*attack.args, *extra], service)}
    if attack.files():
        body["files"] = [{"path": k, "content": v} for k, v in attack.files().items()]
    if attack.stdin is not None:
        body["stdin"] = attack.stdin
    r = service.eval(attack.language, body, timeout=180)
    assert r.status_code in (200, 202), f"{attack.name}: the service answered {r.status_code}: {r.text[:1000]}"
    e = r.json()
    while e["status"] in ("created", "evaluating"):
        e = service.evaluation(e["id"], wait_ms=20000).json()
    if e["encoding"] == "base64":
        for k in ("output", "stdout", "stderr"):
            e[k] = base64.b64decode(e[k]).decode("utf-8", "backslashreplace")
    return e


def judge(attack, e):
    """Raises with the whole story if the attack won or did not even happen."""
    story = f"{attack.name}: verdict {e['verdict']} ({e['reason']}), exit {e['exit_code']}, signal {e['signal']}, limits_hit {e['limits_hit']}, usage {e['usage']}\n"
    story += f"compile: {str(e['compile'])[-1500:]}\nstdout: {(e['stdout'] or '')[-3000:]}\nstderr: {(e['stderr'] or '')[-1500:]}"
    won = {m.split()[0] for m in re.findall(r"^WON (.*)", e["stdout"] or "", re.M)}
    assert won == attack.open, f"won: {sorted(won)}, known to be open: {sorted(attack.open)}\n{story}"
    assert e["verdict"] in attack.verdicts, f"expected {attack.verdicts}\n{story}"
    if e["verdict"] == "ok" and e["stage"] == "run":
        assert "END" in (e["stdout"] or "").splitlines(), f"it did not come to its end\n{story}"
    if attack.exit is not None:
        assert e["exit_code"] == attack.exit, f"expected exit {attack.exit}\n{story}"
    everything = f"{e['stdout']}\n{e['stderr']}\n{(e['compile'] or {}).get('output') or ''}"
    for text in attack.says:
        assert re.search(text, everything, re.M), f"it does not say /{text}/\n{story}"
    limit = attack.limits.get("memory_bytes", 256 << 20)
    peak = (e["usage"] or {}).get("memory_peak_bytes")
    if e["stage"] == "run" and peak is not None:
        assert peak <= limit + (1 << 20), f"it got over its memory limit of {limit}\n{story}"


def overlap(a, b):
    """Whether the two ran at the same time: from the first's FROM to the last's UNTIL, on one clock."""
    spans = []
    for e in (a, b):
        start, stop = (re.search(rf"^{w} (\d+)", e["stdout"], re.M) for w in ("FROM", "UNTIL"))
        if not start:
            return True  # it does not matter to this one
        spans.append((int(start[1]), int(stop[1]) if stop else int(start[1]) + int(e["usage"]["wall_ms"])))
    return spans[0][0] + 50 < spans[1][1] and spans[1][0] + 50 < spans[0][1]


def at_once(service, one, other, extra=((), ())):
    """Both at the same time, which with two slots is one in each; again if the machine was too busy for that."""
    for _ in range(5):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            a = pool.submit(ask, service, one, extra[0])
            b = pool.submit(ask, service, other, extra[1])
            a, b = a.result(), b.result()
        if overlap(a, b):
            return a, b
    raise AssertionError(f"{one.name} and {other.name} never ran at the same time:\n{a['stdout']}\n{b['stdout']}")


def attempt(service, attack):
    """The attack, in its mode."""
    if attack.mode == "leave-look":
        # In both slots, so that whichever one the second comes to, the first has been there.
        for what in ("leave", "look"):
            for e in at_once(service, attack, attack, ([what], [what])):
                judge(attack, e)
    elif attack.mode == "twice":
        for e in at_once(service, attack, attack, (["first"], ["second"])):
            judge(attack, e)
    elif attack.beside:
        victim = Attack(HERE / "programs" / attack.beside)
        e, v = at_once(service, attack, victim)
        judge(victim, v)
        judge(attack, e)
    else:
        judge(attack, ask(service, attack))


# --- what is left -------------------------------------------------------------------------------------------------------------------------------------


class Baseline:
    """Everything of a service and its box that an attack could leave behind or break, as numbers that do not depend on pids."""

    def __init__(self, service):
        self.service = service
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
                        out[controller] = pathlib.Path("/sys/fs/cgroup", controller or "unified", m[1].lstrip("/"))
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
                for d in base.iterdir():
                    if d.is_dir():
                        facts[f"cgroups {controller}"] += 1
                        facts[f"tasks {controller}"] += len((d / "cgroup.procs").read_text().split())
        facts["our mounts on the host"] = pathlib.Path("/proc/self/mountinfo").read_text().count("serapis")
        return dict(facts)

    def host(self):
        """What of the host no attack may change."""
        out = {f: pathlib.Path(f).read_text() for f in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/randomize_va_space", "/etc/passwd", "/proc/sys/net/ipv4/ip_forward")}
        for f in ("/usr/bin/gcc", "/bin/sh", "/usr/bin/env", "/usr/bin/python3"):
            s = os.stat(f)
            out[f] = (s.st_ino, s.st_mode, s.st_uid, s.st_size, s.st_mtime_ns)
        for kind in ("shm", "sem", "msg"):
            rows = pathlib.Path(f"/proc/sysvipc/{kind}").read_text().splitlines()
            out[kind] = [r for r in rows if str(BARE_UID) in r.split()]
        return out

    def sound(self):
        """None if both slots say hello, at the same time; else what is wrong."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            def hello(_):
                r = self.service.eval("shell", code="read a b c < /proc/self/uid_map; echo hello $b; sleep 0.15")
                return r.json() if r.status_code == 200 else {"verdict": r.text, "stdout": ""}
            answers = list(pool.map(hello, range(2)))
        bad = [a for a in answers if a["verdict"] != "ok" or not a["stdout"].startswith("hello ")]
        if bad:
            return f"hello world gives {bad}"
        return None if len({a["stdout"] for a in answers}) == 2 else "one of the slots does not answer"

    def unchanged(self):
        """Waits until all is as it was; fails with the difference."""
        # Twice over the slots: two hellos that by chance came one after the other say nothing of the second slot.
        wait_for(lambda: self.sound() is None, 60, "hello world in both slots")
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


# --- without the defence ------------------------------------------------------------------------------------------------------------------------------


def bare_processes():
    out = []
    for d in os.listdir("/proc"):
        with contextlib.suppress(OSError, StopIteration):
            if d.isdigit() and os.stat(f"/proc/{d}").st_uid == BARE_UID:
                out.append(int(d))
    return out


def clean_bare():
    """Ends what the unprivileged program left: all processes and ipc of a uid that is ours alone."""
    for _ in range(50):
        left = bare_processes()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            break
        time.sleep(0.02)
    for kind, flag in (("shm", "-m"), ("sem", "-s"), ("msg", "-q")):
        for row in pathlib.Path(f"/proc/sysvipc/{kind}").read_text().splitlines()[1:]:
            if str(BARE_UID) in row.split():
                subprocess.run(["ipcrm", flag, row.split()[1]], check=False, capture_output=True)


def bare(service, attack):
    """The same program as an unprivileged user of this machine, in a private directory, with limits so that it harms nobody. → all that it printed, and what it left running"""
    base = pathlib.Path(tempfile.mkdtemp(prefix="serapis-attack-"))
    base.chmod(0o711)
    box = base / "box"
    box.mkdir()
    try:
        source = box / ("main" + attack.path.suffix)
        source.write_bytes(attack.text)
        for path, text in attack.files().items():
            (box / path).write_text(text)
        if attack.language == "c":
            subprocess.run(["gcc", "-O1", "-std=gnu17", "-w", "-o", box / "main", source, "-lm"], check=True, capture_output=True, timeout=120)
            argv = [str(box / "main")]
        else:
            argv = [*INTERPRETERS[attack.language], str(source)]
        for p in [box, *box.iterdir()]:
            os.chown(p, BARE_UID, BARE_UID)

        def start(extra):
            command = ["/usr/bin/setpriv", f"--reuid={BARE_UID}", f"--regid={BARE_UID}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs",
                       "/usr/bin/prlimit", "--nproc=128", f"--as={8 << 30}", f"--fsize={64 << 20}", "--cpu=20", "--nofile=256", "--core=0", "--"]
            env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(box), "SERAPIS_SECRET": SECRET, "LANG": "C.UTF-8"}
            return subprocess.Popen([*command, *argv, *fill([*attack.args, *extra], service)], cwd=box, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

        def finish(p):
            # A file, not the pipe's end: what it left may hold that open.
            end = time.monotonic() + 30
            out = b""
            os.set_blocking(p.stdout.fileno(), False)
            while True:
                ended = p.poll() is not None
                with contextlib.suppress(BlockingIOError):
                    while chunk := os.read(p.stdout.fileno(), 65536):
                        out += chunk
                if ended or time.monotonic() > end or len(out) > 1 << 24:
                    break
                time.sleep(0.02)
            if p.poll() is None:
                p.kill()
                p.wait()
            p.stdout.close()
            return out.decode("utf-8", "backslashreplace")

        def run(*extras):
            started = [start(x) for x in extras]
            for p in started:
                with contextlib.suppress(BrokenPipeError):
                    if attack.stdin:
                        p.stdin.write(attack.stdin.encode())
                    p.stdin.close()
            return "".join(finish(p) for p in started)

        if attack.mode == "leave-look":
            out = run(["leave"]) + run(["look"])
        elif attack.mode == "twice":
            out = run(["first"], ["second"])
        else:
            out = run([])
        return out + "".join("\nLEFT a process" for _ in bare_processes())
    finally:
        clean_bare()
        shutil.rmtree(base, ignore_errors=True)


def languages(directory):
    """The definitions of the product, which are the ones to attack."""
    for f in (SOURCE / "share" / "languages").glob("*.yaml"):
        shutil.copy(f, directory)
    return directory


def make_service(directory, slots=2):
    env = {**{k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TMPDIR")}, "SERAPIS_SECRET": SECRET}
    return Service("--slots", str(slots), "--languages-dir", str(languages(directory)), env=env)
