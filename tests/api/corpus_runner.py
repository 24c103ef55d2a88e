#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the programs of tests/corpus bare and through the service, and compares.

Bare is the host's own interpreter in a fresh directory: as an unprivileged user, with the limits, the environment, the descriptors and the signal dispositions that a
program has in the service. Every bare run happens twice, and a program that does not give the same twice is refused: it could prove nothing.

As a script:   corpus_runner.py --bare [PATTERN…]           only checks that the programs are stable
               corpus_runner.py --url http://… [PATTERN…]   compares with a service that runs

tests/corpus/README.md says how to add a program.
"""
import argparse
import base64
import concurrent.futures
import contextlib
import difflib
import json
import os
import pathlib
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import requests
import yaml

TREE = pathlib.Path(__file__).resolve().parents[2]
CORPUS = TREE / "tests" / "corpus"
# Language → how many programs the corpus has of it at least. Every directory of the corpus is here, and every language that Serapis ships.
LANGUAGES = {"node": 50, "ruby": 50, "c": 50, "python": 50, "bash": 50, "perl": 8, "php": 8, "lua": 8}
# Large to install (scripts/deps.sh test-long), so they belong to the long run.
LONG_LANGUAGES = {"java": 8, "go": 8}
IN_FLIGHT = 4

# What docs/api.md promises to every program.
BASE_ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/box", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}
STACK_BYTES = 8 << 20
DEFAULTS = {"wall_ms": 15000, "cpu_ms": 10000, "open_files": 256, "files_bytes": 64 << 20, "output_bytes": 1 << 20}
# Over this many times output_bytes a program is ended.
OUTPUT_KILL_FACTOR = 16
BARE_UID = 64321  # a number that nobody has: what leaks out of a program can signal nothing
STREAMS = ("stdout", "stderr")
KNOWN_KEYS = {"about", "stdin", "stdin_base64", "stdin_repeat", "args", "env", "files", "limits", "verdict", "compare", "normalise", "merge_output"}
KNOWN_COMPARE = {"stdout", "stderr", "stdout_prefix", "exit_code", "signal", "compile"}


class Unstable(Exception):
    """The program does not give the same twice without the service."""


class Differs(Exception):
    """The service gives something else than the bare interpreter."""


class Program:
    def __init__(self, path):
        self.path, self.language = path, path.parent.name
        self.name = f"{self.language}/{path.stem}"
        self.source = path.read_bytes()
        sidecar = path.with_suffix(".json")
        self.spec = json.loads(sidecar.read_text()) if sidecar.exists() else {}
        unknown = set(self.spec) - KNOWN_KEYS
        if unknown:
            raise ValueError(f"{sidecar}: unknown keys {sorted(unknown)}")
        source = definition(self.language)["source"]
        self.entry = source if path.suffix == pathlib.PurePath(source).suffix else "main" + path.suffix
        self.limits = {**DEFAULTS, **self.spec.get("limits", {})}
        self.verdict = self.spec.get("verdict")
        self.merge = self.spec.get("merge_output", False)
        self.compare = self.spec.get("compare", ["compile", "stdout", "stderr", "exit_code", "signal"])
        if not self.compare or set(self.compare) - KNOWN_COMPARE:
            raise ValueError(f"{sidecar}: compare takes {sorted(KNOWN_COMPARE)}")
        self.normalise = [(re.compile(a.encode()), b.encode()) for a, b in self.spec.get("normalise", [])]

    def files(self):
        """Path → bytes of everything that lies in the program's directory."""
        out = {self.entry: self.source}
        for f in self.spec.get("files", []):
            out[f["path"]] = base64.b64decode(f["content"]) if f.get("encoding") == "base64" else f["content"].encode()
        return out

    def stdin(self):
        """None when the program gets no stdin at all."""
        if "stdin_base64" in self.spec:
            return base64.b64decode(self.spec["stdin_base64"])
        if "stdin_repeat" in self.spec:
            text, times = self.spec["stdin_repeat"]
            return text.encode() * times
        given = self.spec.get("stdin")
        return "".join(s + "\n" for s in given).encode() if isinstance(given, list) else None if given is None else given.encode()

    def request(self):
        """The body of POST /v1/eval/{language}."""
        body = {k: self.spec[k] for k in ("args", "env", "limits", "merge_output") if k in self.spec}
        try:
            text = self.source.decode()
            plain = "\0" not in text
        except UnicodeDecodeError:
            plain = False
        if plain and "files" not in self.spec and self.entry == definition(self.language)["source"]:
            body["code"] = text
        else:
            main = {"path": self.entry, "content": base64.b64encode(self.source).decode(), "encoding": "base64"}
            if plain:
                main = {"path": self.entry, "content": text}
            body["files"] = [main, *self.spec.get("files", [])]
            body["entry"] = self.entry
        if "stdin" in self.spec:
            body["stdin"] = self.spec["stdin"]
        elif self.stdin() is not None:
            body["stdin"] = base64.b64encode(self.stdin()).decode()
            body["stdin_encoding"] = "base64"
        return body

    def cleaned(self, data):
        for pattern, replacement in self.normalise:
            data = pattern.sub(replacement, data)
        return data


_definitions = {}


def definition(language):
    if language not in _definitions:
        _definitions[language] = yaml.safe_load((TREE / "share" / "languages" / f"{language}.yaml").read_text())
    return _definitions[language]


def programs(patterns=(), languages=tuple(LANGUAGES)):
    found = [Program(p) for language in languages for p in sorted((CORPUS / language).iterdir()) if p.suffix != ".json"]
    return [p for p in found if not patterns or any(x in p.name for x in patterns)]


# --- bare -----------------------------------------------------------------------------------------------------------------------------------------------


class Result:
    """What one run gave, from either side, paths already mapped."""

    def __init__(self):
        self.compiled = True
        self.compile_output = b""
        self.stdout = self.stderr = b""
        self.exit_code = self.signal = None
        self.verdict = None
        self.truncated = []

    def judge(self):
        self.verdict = "signal" if self.signal else "ok" if self.exit_code == 0 else "nonzero_exit"

    def set_status(self, status):
        if status < 0:
            self.exit_code, self.signal = None, signal_name(-status)
        else:
            self.exit_code, self.signal = status, None

    def as_tuple(self):
        return self.compiled, self.compile_output, self.stdout, self.stderr, self.exit_code, self.signal, self.verdict, self.truncated


def signal_name(number):
    try:
        return signal.Signals(number).name if number not in (signal.SIGRTMIN, signal.SIGRTMAX) else f"SIG{number}"
    except ValueError:
        return f"SIG{number}"


def launcher(limits, env):
    """argv that makes the process that becomes the program alike to one in the service. Only exec follows exec: its pid and its end are the program's own."""
    argv = []
    if os.geteuid() == 0:
        argv += ["/usr/bin/setpriv", f"--reuid={BARE_UID}", f"--regid={BARE_UID}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    argv += ["/usr/bin/prlimit", f"--stack={STACK_BYTES}:{STACK_BYTES}", f"--nofile={limits['open_files']}:{limits['open_files']}", f"--fsize={limits['files_bytes']}", "--core=0", "--"]
    return argv + ["/usr/bin/env", "-i", "--default-signal", *(f"{k}={v}" for k, v in env.items())]


def execute(argv, cwd, stdin, merge, wall_s, output_kill):
    """Runs argv like the service runs a step: the end of the main process is the end, what it left behind is killed. → (status, stdout, stderr, why it was killed or None)"""
    with contextlib.ExitStack() as stack:
        ends, theirs = {}, {}
        for name in STREAMS[:1] if merge else STREAMS:
            r, w = os.pipe()
            stack.callback(os.close, r)
            if os.geteuid() == 0:
                os.fchown(w, BARE_UID, BARE_UID)  # so that /dev/stdout can be opened
            ends[r], theirs[name] = name, w
        if stdin is None:
            given = subprocess.DEVNULL
        else:
            given = stack.enter_context(tempfile.TemporaryFile())
            given.write(stdin)
            given.seek(0)
            os.fchmod(given.fileno(), 0o644)
        try:
            p = subprocess.Popen(argv, cwd=cwd, stdin=given, stdout=theirs["stdout"], stderr=theirs.get("stderr", subprocess.STDOUT), start_new_session=True, umask=0o022)
        finally:
            for w in theirs.values():
                os.close(w)
        pidfd = os.pidfd_open(p.pid)
        stack.callback(os.close, pidfd)
        sel = stack.enter_context(selectors.DefaultSelector())
        for fd in [*ends, pidfd]:
            sel.register(fd, selectors.EVENT_READ)
        got = {name: bytearray() for name in STREAMS}
        killed, open_ends, deadline = None, set(ends), time.monotonic() + wall_s

        def kill(why):
            nonlocal killed
            killed = killed or why
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)  # p is not reaped yet, so the number is still its own

        ended = False
        try:
            while open_ends or not ended:
                for key, _ in sel.select(None if ended or killed else max(0, deadline - time.monotonic())):
                    if key.fd == pidfd:
                        ended = True
                        sel.unregister(pidfd)
                        with contextlib.suppress(ProcessLookupError):
                            os.killpg(p.pid, signal.SIGKILL)
                        continue
                    chunk = os.read(key.fd, 65536)
                    if chunk:
                        got[ends[key.fd]] += chunk
                    else:
                        sel.unregister(key.fd)
                        open_ends.discard(key.fd)
                if not ended and not killed:
                    if sum(map(len, got.values())) > output_kill:
                        kill("output_limit")
                    elif time.monotonic() >= deadline:
                        kill("wall_limit")
        finally:
            kill("the test")
            status = p.wait()
        return status, bytes(got["stdout"]), bytes(got["stderr"]), killed if killed != "the test" else None


def run_bare(program):
    result = Result()
    base = tempfile.mkdtemp(prefix="serapis-corpus-")
    box = os.path.join(base, "box")
    try:
        for path, content in program.files().items():
            full = os.path.join(box, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as f:
                f.write(content)
        if os.geteuid() == 0:
            for where, _, names in os.walk(base):
                for name in [".", *names]:
                    os.chown(os.path.join(where, name), BARE_UID, BARE_UID)
        os.chmod(base, 0o755)
        language = definition(program.language)
        env = {**BASE_ENV, "HOME": box, **{k: v.replace("/tmp/", base + "/") for k, v in language.get("env", {}).items()}}

        def mapped(data):
            # The private directory is /box, what lies beside it is /tmp.
            return program.cleaned(data.replace(box.encode(), b"/box").replace(base.encode() + b"/", b"/tmp/"))

        def private(command):
            """What src/core/language.c makes of a definition's command."""
            endings = tuple(language.get("sources", [pathlib.PurePath(language["source"]).suffix]))
            sources = [program.entry, *(f for f in program.files() if f != program.entry and f.endswith(endings) and pathlib.PurePath(f).name not in endings)]
            sources = ["./" + f if f[0] in "-@" else f for f in sources]
            directory = "./" + os.path.dirname(program.entry)
            words = [w for word in command for w in (sources if word == "{sources}" else [word.replace("{entry}", program.entry).replace("{directory}", directory)])]
            return [w.replace("/tmp/", base + "/") for w in words]

        if "compile" in language:
            # A compiler may use more than the program's limits; the file size is the tree's in both.
            status, out, err, _ = execute(launcher(DEFAULTS, env) + private(language["compile"]), box, None, True, 60, 1 << 30)
            result.compile_output = mapped(out + err)
            if status != 0:
                result.compiled, result.verdict = False, "compile_error"
                result.set_status(status)
                return result
        # A name is found by the PATH that a program has in the service, so that it is the same binary under the same name.
        argv = private(language["run"])
        env.update(program.spec.get("env", {}))
        limit = program.limits["output_bytes"]
        # A program that the service stops for its cpu time runs into the wall here: it does nothing but spin.
        wall_s = 2 * program.limits["cpu_ms"] / 1000 if program.verdict == "cpu_limit" else program.limits["wall_ms"] / 1000
        status, out, err, killed = execute(
            launcher(program.limits, env) + argv + program.spec.get("args", []), box, program.stdin(), program.merge, wall_s, OUTPUT_KILL_FACTOR * limit)
        result.truncated = [name for name, data in zip(STREAMS, (out, err)) if len(data) > limit]
        result.stdout, result.stderr = mapped(out)[:limit], mapped(err)[:limit]
        result.set_status(status)
        result.judge()
        if killed:
            result.verdict = killed
        return result
    finally:
        shutil.rmtree(base, ignore_errors=True)


def bare(program):
    """The bare result of a program that gives the same twice."""
    first, second = run_bare(program), run_bare(program)
    if first.as_tuple() != second.as_tuple():
        raise Unstable(f"{program.name} is not stable, two bare runs differ:\n" + explain(first, second, "first", "second", ("compile_output", "stdout", "stderr", "exit_code", "signal", "verdict", "truncated")))
    wanted = program.verdict
    if wanted is not None and first.verdict != wanted:
        # Limits that only the service has: the bare program must at least end without hanging. The others must be what the sidecar says.
        if wanted == "cpu_limit" and first.verdict == "wall_limit" or wanted in ("memory_limit", "disk_limit") and first.verdict not in ("wall_limit", "output_limit"):
            return first
        raise Unstable(f"{program.name} says that its verdict is {wanted}; bare it is {first.verdict}")
    if wanted is None and first.verdict in ("wall_limit", "output_limit"):
        raise Unstable(f"{program.name} ran into its {first.verdict} bare, and its sidecar does not say so")
    return first


# --- the service ----------------------------------------------------------------------------------------------------------------------------------------

_local = threading.local()


def run_service(program, url):
    """→ (Result, the evaluation as the service gave it)"""
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.trust_env = False
    for _ in range(100):
        r = _local.session.post(f"{url}/v1/eval/{program.language}?encoding=base64", json=program.request(), timeout=120)
        if r.status_code != 503:
            break
        time.sleep(0.1)  # a full queue says so and asks to come again
    while r.status_code == 202:
        r = _local.session.get(f"{url}/v1/evaluations/{r.json()['id']}?encoding=base64&wait_ms=20000", timeout=120)
        if r.status_code == 200 and r.json()["status"] in ("created", "evaluating"):
            r.status_code = 202
    if r.status_code != 200:
        raise Differs(f"{program.name}: the service answered {r.status_code}: {r.text[:2000]}")
    e = r.json()
    if e["encoding"] != "base64":
        raise Differs(f"{program.name}: asked for base64, got {e['encoding']}")

    def bytes_of(text):
        return program.cleaned(base64.b64decode(text, validate=True)) if text is not None else None

    got = Result()
    got.exit_code, got.signal, got.verdict = e["exit_code"], e["signal"], e["verdict"]
    got.truncated = [s for s in STREAMS if s in e["truncated"]]
    if e["compile"] is not None:
        got.compile_output = bytes_of(e["compile"]["output"])
    got.compiled = e["stage"] != "compile"
    if got.compiled:
        if program.merge:
            got.stdout = bytes_of(e["output"])
        else:
            got.stdout, got.stderr = bytes_of(e["stdout"]), bytes_of(e["stderr"])
    else:
        got.stdout = got.stderr = b""
    return got, e


def explain(want, got, want_name, got_name, fields):
    """A readable difference of two results."""
    out = []
    for f in fields:
        a, b = getattr(want, f), getattr(got, f)
        if a == b:
            continue
        if isinstance(a, bytes) and isinstance(b, bytes):
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            out.append(f"{f}: {len(a)} bytes {want_name}, {len(b)} bytes {got_name}, they part at byte {at}")
            lines = [[repr(x)[1:] for x in s[max(0, at - 2000) : at + 2000].split(b"\n")] for s in (a, b)]
            out += ["    " + x for x in list(difflib.unified_diff(lines[0], lines[1], want_name, got_name, lineterm="", n=2))[:40]]
        else:
            out.append(f"{f}: {a!r} {want_name}, {b!r} {got_name}")
    return "\n".join(out)


def compare(program, want, got, e):
    problems = []
    expected = Result()
    expected.__dict__.update(want.__dict__)
    expected.verdict = program.verdict or want.verdict
    fields = ["verdict"]
    if program.verdict in ("cpu_limit", "memory_limit", "wall_limit", "output_limit"):
        # The bare program may have ended otherwise than by the limit; in the service it is the kill.
        expected.exit_code, expected.signal = None, "SIGKILL"
    stage = "run" if want.compiled else "compile"
    status = "timeout" if expected.verdict in ("cpu_limit", "wall_limit") else "finished"
    for key, value in (("status", status), ("stage", stage), ("language", program.language)):
        if e[key] != value:
            problems.append(f"{key}: {e[key]!r}, expected {value!r}")
    if "compile" in program.compare:
        fields.append("compile_output")
    fields += [f for f in ("stdout", "stderr", "exit_code", "signal") if f in program.compare]
    if not program.merge and "stdout" in program.compare:
        fields.append("truncated")
    difference = explain(expected, got, "bare", "service", fields)
    if difference:
        problems.append(difference)
    if "stdout_prefix" in program.compare and not (got.stdout and want.stdout.startswith(got.stdout)):
        problems.append(f"stdout: {got.stdout[:200]!r} is no beginning of {want.stdout[:200]!r}")
    # What every answer must be in itself.
    if (e["compile"] is not None) != ("compile" in definition(program.language)):
        problems.append(f"compile is {e['compile']!r}")
    if want.compiled and not program.merge:
        sizes = [len(base64.b64decode(e[k])) for k in ("output", *STREAMS)]
        if sizes[0] != sizes[1] + sizes[2]:
            problems.append(f"output has {sizes[0]} bytes, stdout {sizes[1]}, stderr {sizes[2]}")
    if problems:
        usage = f"(id {e['id']}, reason {e['reason']}, limits_hit {e['limits_hit']}, truncated {e['truncated']}, usage {e['usage']})"
        raise Differs(f"{program.name}: " + "\n".join(problems) + "\n" + usage)


class Corpus:
    """Runs a list of programs, IN_FLIGHT requests at a time, and the bare runs beside them; outcome(name) waits for one of them."""

    def __init__(self, url, chosen):
        self.bare_pool = concurrent.futures.ThreadPoolExecutor(max(1, min(2, os.cpu_count() or 1)))
        self.service_pool = concurrent.futures.ThreadPoolExecutor(IN_FLIGHT)
        self.bare = {p.name: self.bare_pool.submit(bare, p) for p in chosen}
        self.service = {p.name: self.service_pool.submit(run_service, p, url) for p in chosen} if url else {}
        self.programs = {p.name: p for p in chosen}

    def check(self, name):
        want = self.bare[name].result()
        if self.service:
            got, evaluation = self.service[name].result()
            compare(self.programs[name], want, got, evaluation)
        return want

    def close(self):
        self.bare_pool.shutdown(cancel_futures=True)
        self.service_pool.shutdown(cancel_futures=True)


def main():
    args = argparse.ArgumentParser(description="Runs the corpus bare and through a service, and compares.")
    where = args.add_mutually_exclusive_group(required=True)
    where.add_argument("--url", help="of a service that runs")
    where.add_argument("--bare", action="store_true", help="only check that the programs are stable")
    args.add_argument("--show", action="store_true", help="print each bare result")
    args.add_argument("patterns", nargs="*", help="only programs whose name (language/NN-name) contains one of these")
    args = args.parse_args()
    chosen = programs(args.patterns, [*LANGUAGES, *LONG_LANGUAGES])
    corpus = Corpus(args.url, chosen)
    bad = 0
    for p in chosen:
        try:
            want = corpus.check(p.name)
            if args.show:
                print(f"== {p.name} {want.verdict} {want.exit_code} {want.signal}\n{want.compile_output[:1500].decode(errors='replace')}{want.stdout[:1500].decode(errors='replace')}--\n{want.stderr[:1500].decode(errors='replace')}")
        except (Unstable, Differs, requests.RequestException) as e:
            bad += 1
            print(f"FAIL {e}\n")
    corpus.close()
    print(f"{len(chosen)} programs, {bad} failed")
    return 1 if bad or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
