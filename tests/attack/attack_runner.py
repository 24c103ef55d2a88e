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

from baseline import BARE_UID
from grounds import ALL, FENCE_BYTES, SECRET
from support.service import LONG, SLOW, SOURCE

HERE = pathlib.Path(__file__).resolve().parent
LANGUAGES = {".c": "c", ".rb": "ruby", ".js": "node", ".sh": "shell", ".py": "python"}
INTERPRETERS = {"ruby": ["ruby"], "node": ["node"], "shell": ["/bin/sh"], "python": ["/usr/bin/python3"]}
KEYS = {"wins", "rule", "expect", "says", "limits", "args", "stdin", "mode", "beside", "control", "shows", "core", "open", "exit", "needs", "else", "else-says", "else-open", "together", "shared", "repeat"}
TIMES = {"wall_ms", "cpu_ms", "compile_wall_ms"}


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
            m = re.match(r"([a-z-]+): (.*)", words)
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
        self.limits = {k: int(v) * (SLOW if k in TIMES else 1) for k, v in (w.split("=") for w in one.get("limits", "").split())}
        self.args = shlex.split(one.get("args", ""))
        self.stdin = one.get("stdin")
        self.mode = one.get("mode", "once")
        self.repeat = int(one.get("repeat", "0"))
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
        # What of the box's `enforced` this defence rests on, and what is right where the box says that it has not got it.
        self.needs = set(one.get("needs", "").split())
        assert self.needs <= set(ALL), f"{self.name}: needs {self.needs - set(ALL)}"
        assert bool(self.needs) == ("else" in one), f"{self.name}: needs and else belong together"
        self.else_verdicts = one.get("else", "").split("|")
        self.else_says = fields["else-says"]
        self.else_open = set(one.get("else-open", "").split())
        # Of `open`: what takes two at the same time.
        self.together = set(one.get("together", "").split())
        assert self.together <= self.open, f"{self.name}: {self.together - self.open} is not open"
        # What the victim says that it was denied, where two slots have one id.
        self.shared = set(one.get("shared", "").split())
        assert not self.shared or self.beside, f"{self.name}: nobody is beside it"

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


def ask(ground, attack, extra=()):
    service = ground.service
    body = {"code": attack.text.decode("utf-8", "surrogateescape"), "limits": attack.limits, "args": fill([*attack.args, *extra], service)}
    if attack.files():
        body["files"] = [{"path": k, "content": v} for k, v in attack.files().items()]
    body["env"] = {"SLOW": str(SLOW)} if SLOW > 1 else {}
    if "memory" in ground.lacks(attack):
        # Twice what it may have, and a fourth of what the fence around the service allows.
        body["env"]["ATTACK_ENOUGH"] = str(min(2 * attack.limits["memory_bytes"], FENCE_BYTES // 4))
    if attack.stdin is not None:
        body["stdin"] = attack.stdin
    r = service.eval(attack.language, body, timeout=180)
    assert r.status_code in (200, 202), f"{attack.name}: the service answered {r.status_code}: {r.text[:1000]}"
    e = r.json()
    while e["status"] in ("created", "evaluating"):
        e = service.evaluation(e["id"], wait_ms=20000).json()
    assert set(e["enforced"]) == {"network" if w == "net" else w for w in ground.enforced}, f"{attack.name}: the result says that {e['enforced']} is enforced"
    if e["encoding"] == "base64":
        for k in ("output", "stdout", "stderr"):
            e[k] = base64.b64decode(e[k]).decode("utf-8", "backslashreplace")
    return e


def judge(ground, attack, e):
    """Raises with the whole story if the attack won or did not even happen."""
    story = f"{attack.name}: verdict {e['verdict']} ({e['reason']}), exit {e['exit_code']}, signal {e['signal']}, limits_hit {e['limits_hit']}, usage {e['usage']}\n"
    story += f"compile: {str(e['compile'])[-1500:]}\nstdout: {(e['stdout'] or '')[-3000:]}\nstderr: {(e['stderr'] or '')[-1500:]}"
    lacks = ground.lacks(attack)
    if lacks:
        story = f"without {sorted(lacks)}: {story}"
    won = {m.split()[0] for m in re.findall(r"^WON (.*)", e["stdout"] or "", re.M)}
    # With one slot nobody else is there.
    known = attack.else_open if lacks else attack.open - (attack.together if ground.slots == 1 else set())
    assert won == known, f"won: {sorted(won)}, known to be open: {sorted(known)}\n{story}"
    verdicts = attack.else_verdicts if lacks else attack.verdicts
    assert e["verdict"] in verdicts, f"expected {verdicts}\n{story}"
    if e["verdict"] == "ok" and e["stage"] == "run":
        assert "END" in (e["stdout"] or "").splitlines(), f"it did not come to its end\n{story}"
    if attack.exit is not None:
        assert e["exit_code"] == attack.exit, f"expected exit {attack.exit}\n{story}"
    everything = f"{e['stdout']}\n{e['stderr']}\n{(e['compile'] or {}).get('output') or ''}"
    for text in attack.else_says if lacks else attack.says:
        assert re.search(text, everything, re.M), f"it does not say /{text}/\n{story}"
    limit = attack.limits.get("memory_bytes", 256 << 20)
    peak = (e["usage"] or {}).get("memory_peak_bytes")
    if e["stage"] == "run" and peak is not None and "memory" in ground.enforced:
        assert peak <= limit + (1 << 20), f"it got over its memory limit of {limit}\n{story}"


def spans(a, b):
    """When the two ran, on one clock: (start, stop) of each from its FROM and UNTIL; None if it does not matter to them."""
    out = []
    for e in (a, b):
        start, stop = (re.search(rf"^{w} (\d+)", e["stdout"], re.M) for w in ("FROM", "UNTIL"))
        if not start:
            return None
        out.append((int(start[1]), int(stop[1]) if stop else int(start[1]) + int(e["usage"]["wall_ms"])))
    return out


def at_once(ground, one, other, extra=((), ())):
    """Both at the same time, which with two slots is one in each; again if the machine was too busy for that. With one slot they may never meet."""
    for _ in range(5):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            a = pool.submit(ask, ground, one, extra[0])
            b = pool.submit(ask, ground, other, extra[1])
            a, b = a.result(), b.result()
        s = spans(a, b)
        if ground.slots == 1:
            assert s is None or s[0][1] <= s[1][0] or s[1][1] <= s[0][0], f"{one.name} and {other.name} ran at the same time in one slot: {s}"
            return a, b
        if s is None or (s[0][0] + 50 < s[1][1] and s[1][0] + 50 < s[0][1]):
            return a, b
    raise AssertionError(f"{one.name} and {other.name} never ran at the same time:\n{a['stdout']}\n{b['stdout']}")


def attempt(ground, attack):
    """The attack, in its mode."""
    if attack.mode == "leave-look":
        # In both slots, so that whichever one the second comes to, the first has been there.
        for what in ("leave", "look"):
            for e in at_once(ground, attack, attack, ([what], [what])):
                judge(ground, attack, e)
    elif attack.mode == "twice":
        for e in at_once(ground, attack, attack, (["first"], ["second"])):
            judge(ground, attack, e)
    elif attack.beside:
        victim = Attack(HERE / "programs" / attack.beside)
        victim.open = attack.shared if ground.unsafe else set()
        e, v = at_once(ground, attack, victim)
        judge(ground, victim, v)
        judge(ground, attack, e)
    elif attack.repeat:
        for i in range(attack.repeat):
            judge(ground, attack, ask(ground, attack, [str(i)]))
    else:
        judge(ground, attack, ask(ground, attack))
    if ground.fence:
        # The memory of one that is bounded by nothing else meets the fence's limit; its processes are bounded by the box.
        assert ground.fence.tasks_refused() == 0, f"{attack.name}: it had {ground.fence.tasks_refused()} forks refused by the fence around the service, not by the box"


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
