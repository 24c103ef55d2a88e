# SPDX-License-Identifier: MIT
"""
Very many runs of very different programs through a real `serapis serve`, each checked, and then a look at what is left of them.

    python3 tests/soak/soak.py [RUNS] [SEED]        as root; or `make soak N=100000 SEED=7`

What is measured is measured at rest, first after a warm-up of the same mix (the caches of the store's connections are full then, the allocator has its
arenas, every interpreter has been read once), and again at the end. Nothing may have come to stay but rows of the database. What is compared exactly: processes, threads,
descriptors, mounts, namespaces, cgroups and tasks, by process. What is compared with a tolerance, each with its reason: see TOLERANCES.
"""
import collections
import http.client
import json
import os
import pathlib
import queue
import random
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.baseline import Baseline  # noqa: E402
from support.service import Service, wait_for  # noqa: E402

SLOTS = 2
CLIENTS = 4
MIB = 1 << 20
# Of this soak alone, so that what has one of them and is not below our service has got away.
IDS = 1_960_000_000
IDS_COUNT = 65536

PERL_SOCKET = """use IO::Socket::INET; my $l = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die;
my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $l->sockport) or die; my $s = $l->accept; print $s "hello\\n"; close $s; print <$c>;"""
PERL_UNIX = """use Socket; socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or die; syswrite $a, "hello\\n"; sysread $b, my $x, 6; print $x;"""
PERL_FORKS = """$SIG{TERM} = 'IGNORE'; for (1..20) { my $p = fork; die "refused\\n" unless defined $p; unless ($p) { sleep 100; exit } } print "all\\n";"""
PERL_SHM = """my $id = shmget(0, 3000000, 0600 | 01000) // die; shmwrite($id, 'x' x 3000000, 0, 3000000) or die; print "left\\n";"""
C_HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); }'

# weight, language, verdict, stdout (None: any), body. Weights are of a thousand.
MIX = {
    "arguments": (260, "bash", "ok", "x y\n", {"code": 'echo "$1" "$2"', "args": ["x", "y"]}),
    "environment": (60, "bash", "ok", "e\n", {"code": 'echo "$MARK"', "env": {"MARK": "e"}}),
    "stdin": (100, "bash", "ok", "20000\n", {"code": "wc -c", "stdin": "0123456789" * 2000}),
    "files": (80, "bash", "ok", "abc\n", {"code": "cat a/b/1 2 c/3", "files": [{"path": p, "content": t} for p, t in (("a/b/1", "a"), ("2", "b"), ("c/3", "c\n"))]}),
    "writes files": (60, "bash", "ok", "50\n", {"code": "mkdir -p d/e; for i in {1..50}; do echo $i > d/e/$i; done; ls d/e | wc -l"}),
    "pipes": (60, "bash", "ok", "9\n", {"code": "seq 9 | sort -n | tail -1"}),
    "exit code": (60, "bash", "nonzero_exit", "", {"code": "exit 3"}),
    "signal": (40, "bash", "signal", "", {"code": "kill -SEGV $$"}),
    "daemon": (50, "bash", "ok", "gone\n", {"code": "(setsid sleep 100 &) ; trap '' TERM; sleep 100 & echo gone"}),
    "unix sockets": (30, "perl", "ok", "hello\n", {"code": PERL_UNIX}),
    "loopback": (10, "perl", "ok", "hello\n", {"code": PERL_SOCKET}),
    "segments": (10, "perl", "ok", "left\n", {"code": PERL_SHM}),
    "wall limit": (20, "bash", "wall_limit", None, {"code": "echo begun; sleep 100", "limits": {"wall_ms": 60}}),
    "cpu limit": (20, "bash", "cpu_limit", "", {"code": "while :; do :; done", "limits": {"cpu_ms": 30}}),
    "memory limit": (20, "bash", "memory_limit", "", {"code": "exec tail /dev/zero", "limits": {"memory_bytes": 8 * MIB}}),
    "output limit": (20, "bash", "output_limit", None, {"code": "exec yes", "limits": {"output_bytes": 4096}}),
    "disk limit": (20, "bash", "disk_limit", "", {"code": "exec head -c 1000000 /dev/zero > f", "limits": {"files_bytes": 131072}}),
    "process limit": (20, "perl", "process_limit", "", {"code": PERL_FORKS, "limits": {"processes": 8}}),
    "forks": (10, "perl", "ok", "all\n", {"code": PERL_FORKS}),
    "python": (10, "python", "ok", "hello\n", {"code": "print('hello')"}),
    "node": (8, "node", "ok", "hello\n", {"code": "console.log('hello')"}),
    "ruby": (8, "ruby", "ok", "hello\n", {"code": "puts 'hello'"}),
    "lua": (8, "lua", "ok", "hello\n", {"code": "print('hello')"}),
    "compiled": (4, "c", "ok", "hello\n", {"code": C_HELLO}),
    "compile error": (4, "c", "compile_error", None, {"code": "int main(void) { return x; }"}),
    "bad request": (4, "bash", None, None, {"code": "true", "limits": {"wall_ms": -1}}),
    "gone client": (4, "bash", None, None, {"code": "sleep 0.05; echo nobody hears this"}),
}
assert sum(m[0] for m in MIX.values()) == 1000


class Client(threading.Thread):
    """Takes names of MIX from a queue, asks, checks. One connection, which now and then is a new one."""

    def __init__(self, service, todo, failures, counts):
        super().__init__(daemon=True)
        self.service, self.todo, self.failures, self.counts = service, todo, failures, counts
        self.connection = None
        self.asked = 0

    def request(self, language, body):
        if self.connection is None or self.asked % 50 == 49:
            if self.connection:
                self.connection.close()
            self.connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=90)
            self.connection.connect()
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.asked += 1
        self.connection.request("POST", f"/v1/eval/{language}", json.dumps(body), {"Content-Type": "application/json"})

    def go_away(self, language, body):
        text = json.dumps(body).encode()
        head = f"POST /v1/eval/{language} HTTP/1.1\r\nHost: 127.0.0.1:{self.service.port}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=30) as s:
            s.sendall(head.encode() + text)

    def one(self, name):
        _, language, verdict, stdout, body = MIX[name]
        if name == "gone client":
            self.go_away(language, body)
            return None
        self.request(language, body)
        r = self.connection.getresponse()
        text = r.read()
        if name == "bad request":
            return None if r.status == 422 or r.status == 400 else f"{name}: answered {r.status}: {text[:500]}"
        e = json.loads(text)
        if r.status not in (200, 202):
            return f"{name}: answered {r.status}: {text[:500]}"
        while e.get("status") in ("created", "evaluating"):
            self.connection.request("GET", f"/v1/evaluations/{e['id']}?wait_ms=20000")
            e = json.loads(self.connection.getresponse().read())
        if e["verdict"] != verdict or (stdout is not None and e["stdout"] != stdout):
            return f"{name}: {({k: e[k] for k in ('status', 'verdict', 'reason', 'exit_code', 'stdout', 'stderr', 'usage')})}"[:1500]
        return None

    def run(self):
        while not self.failures:
            try:
                name = self.todo.get_nowait()
            except queue.Empty:
                break
            try:
                wrong = self.one(name)
            except (OSError, http.client.HTTPException, ValueError, KeyError) as e:
                wrong = f"{name}: {type(e).__name__}: {e}"
                self.connection = None
            if wrong:
                self.failures.append(wrong)
            self.counts[name] += 1
        if self.connection:
            self.connection.close()


def run_mix(service, rng, runs, counts):
    """`runs` runs, drawn by weight. The first failure ends it."""
    todo, failures = queue.Queue(), []
    for name in rng.choices(list(MIX), [m[0] for m in MIX.values()], k=runs):
        todo.put(name)
    clients = [Client(service, todo, failures, counts) for _ in range(CLIENTS)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    assert not failures, f"{failures[0]}\n{service.log()[-3000:]}"


# --- what is left -------------------------------------------------------------------------------------------------------------------------------------


def memory(pid):
    """Bytes that are this process's own: anonymous and shared memory. Pages of files come and go with the machine's page cache."""
    out = 0
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(("RssAnon:", "RssShmem:")):
            out += int(line.split()[1]) << 10
    return out


def slab(name):
    for line in pathlib.Path("/proc/slabinfo").read_text().splitlines():
        if line.split()[0] == name:
            return int(line.split()[1])
    return None


def look(service, base, directory):
    """Numbers of the whole; by process name where there are several."""
    facts = collections.OrderedDict()
    tree = base.tree()
    for role, pid in tree:
        # "serapis-starter/serapis-box/serapis-box/serapis-box": stub, box, launcher and init are told apart by their depth.
        name = role.rsplit("/", 1)[-1] or "serapis"
        depth = role.count("serapis-box")
        if depth:
            name = ("stub", "box", "launchers", "inits")[min(depth, 4) - 1]
        facts[f"memory of {name}"] = facts.get(f"memory of {name}", 0) + memory(pid)
    facts["files in the state directory"] = len(list(directory.iterdir()))
    facts["bytes in the log"] = (directory / "serve.log").stat().st_size
    facts["bytes in the database"] = (directory / "serapis.db").stat().st_size
    facts["bytes in its log"] = (directory / "serapis.db-wal").stat().st_size
    ours = {pid for _, pid in tree}
    facts["processes that got away"] = sum(1 for pid in pids() if pid not in ours and IDS <= uid_of(pid) < IDS + IDS_COUNT)
    facts["bytes in the slots' cgroups"] = sum(charged(base))
    for line in pathlib.Path("/proc/cgroups").read_text().splitlines():
        if line.startswith("memory\t"):
            facts["memory cgroups of the machine, dying ones too"] = int(line.split("\t")[2])
    for name in ("net_namespace", "mnt_cache", "pid_namespace", "user_namespace"):
        n = slab(name)
        if n is not None:
            facts[f"kernel objects of the machine: {name}"] = n
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("SUnreclaim:"):
            facts["slab of the machine that cannot be reclaimed"] = int(line.split()[1]) << 10
    return facts


def pids():
    return [int(d) for d in os.listdir("/proc") if d.isdigit()]


def uid_of(pid):
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return -1


def charged(base):
    """What is charged to each slot's memory cgroup (v1: one a slot; v2: the groups with their children)."""
    for controller, d in base.slots().items():
        if controller in ("memory", ""):
            for slot in d.iterdir():
                for f in ("memory.usage_in_bytes", "memory.current"):
                    if slot.is_dir() and slot.name.startswith("s") and (slot / f).exists():
                        yield int((slot / f).read_text())


# What may have grown since the warm-up, in all: constant, and bytes or objects a run. Everything that is not here may not have grown at all.
TOLERANCES = {
    # glibc gives each thread an arena, and an arena keeps what its largest moments needed. 40 bytes a run would be one forgotten id and a pointer.
    "memory of serapis": (4 * MIB, 0),
    "memory of serapis-starter": (256 << 10, 0),
    # These have no heap that grows: static memory and a stack, of which pages are touched at the first use of each.
    "memory of stub": (64 << 10, 0),
    "memory of box": (64 << 10, 0),
    # Those of replaced slots are new; each has touched more or less of its stack.
    "memory of launchers": (128 << 10, 0),
    "memory of inits": (128 << 10, 0),
    # Rows stay until somebody erases them: about 1.5 KiB each with its output, stdin and files (up to 20 KB a run in this mix).
    "bytes in the database": (1 * MIB, 12 << 10),
    # A log of SQLite is emptied by checkpoints of ours and cut down to journal_size_limit.
    "bytes in its log": (64 * MIB, 0),
    # A disk that is slow for a moment is warned of, a line each; errors are looked for below.
    "bytes in the log": (16 << 10, 0),
    # A slot is free when it is within 4 MiB of its baseline (src/box/launcher.c).
    "bytes in the slots' cgroups": (SLOTS * 4 * MIB, 0),
    # Of the whole machine, and others use it too: a leak would be one for each of the runs that had their slot replaced (10 of 1,000), or for each run.
    "memory cgroups of the machine, dying ones too": (200, 0),
    "kernel objects of the machine: net_namespace": (200, 0),
    "kernel objects of the machine: mnt_cache": (4000, 0),
    "kernel objects of the machine: pid_namespace": (400, 0),
    "kernel objects of the machine: user_namespace": (400, 0),
    "slab of the machine that cannot be reclaimed": (256 * MIB, 0),
}


def grown(before, after, runs):
    """What has grown by more than it may: [text]."""
    wrong = []
    for what in after:
        constant, each = TOLERANCES.get(what, (0, 0))
        if after[what] - before.get(what, 0) > constant + each * runs:
            wrong.append(f"{what}: from {before.get(what)} to {after[what]}, in {runs} runs")
    return wrong


def soak(runs, seed, report=lambda text: None):
    """→ (facts after the warm-up, facts at the end, counts by kind). Raises AssertionError if a run went wrong or something stayed."""
    rng = random.Random(seed)
    warm = max(300, min(runs // 10, 5000))
    counts = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="serapis-soak-") as d:
        policy = pathlib.Path(d, "policy")
        policy.write_text(f"ids {IDS} {IDS_COUNT}\n")
        state = pathlib.Path(d, "state")
        state.mkdir()
        with Service("--slots", str(SLOTS), "--log-level", "warn", "--box-policy", str(policy), directory=state) as service:
            start = time.monotonic()
            run_mix(service, rng, warm, counts)
            report(f"warm-up: {warm} runs in {time.monotonic() - start:.0f} s")
            base = Baseline(service, SLOTS)
            before = look(service, base, state)
            start, done, parts = time.monotonic(), 0, 10 if runs >= 10000 else 1
            for part in range(parts):
                n = runs // parts + (runs % parts if part == 0 else 0)
                run_mix(service, rng, n, counts)
                done += n
                report(f"{done} runs in {time.monotonic() - start:.0f} s; memory of serapis {look(service, base, state)['memory of serapis'] / MIB:.2f} MiB")
            base.unchanged()
            # What the kernel takes down in the background has its time.
            after, wrong = {}, []

            def fits():
                after.update(look(service, base, state))
                wrong[:] = grown(before, after, runs)
                return not wrong

            wait_for(fits, 60, lambda: "left over: " + "; ".join(wrong), pause=1)
            log = service.log()
            assert service.stop() == 0, log[-3000:]
            assert '"level":"error"' not in log, log[-3000:]
        assert not [p for p in pids() if IDS <= uid_of(p) < IDS + IDS_COUNT], "processes outlived the service"
        report("warnings: " + (" ".join(line for line in log.splitlines() if '"level":"warn"' in line) or "none"))
    return before, after, counts


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    print(f"soak: {runs} runs, seed {seed}", flush=True)
    start = time.monotonic()
    before, after, counts = soak(runs, seed, lambda text: print(f"soak: {text}", flush=True))
    print(f"soak: {sum(counts.values())} runs in {time.monotonic() - start:.0f} s: " + ", ".join(f"{k} {v}" for k, v in sorted(counts.items())))
    print(f"{'':50} {'after warm-up':>14} {'at the end':>14}")
    for k in after:
        print(f"{k:50} {before.get(k, 0):14} {after[k]:14}")


if __name__ == "__main__":
    main()
