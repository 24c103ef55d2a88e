# SPDX-License-Identifier: MIT
"""Starts and ends a real `serapis serve` for the tests, and looks at what it leaves behind.

SERAPIS_BUILD names the build directory (default: build/ of this tree). Everything is on loopback, on a free port.
"""
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import requests

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SERAPIS_BUILD", SOURCE / "build"))
SERAPIS = BUILD / "src" / "cmd" / "serapis"
LONG = os.environ.get("SERAPIS_LONG") == "1"
# This machine is so many times slower than most (an emulated one): waits have that much longer.
SLOW = max(1, min(100, int(os.environ.get("SERAPIS_TEST_SLOW", "1"))))


def wait_for(what, seconds, text, pause=0.02):
    """Calls `what` until it answers something true. The bound only turns a hang into a failure; no test depends on how long it takes.
    `text`, or what calling it answers, says what was waited for."""
    end = time.monotonic() + seconds * SLOW
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {text() if callable(text) else text}")
        time.sleep(pause)


def processes():
    """pid → (parent pid, name) of every process that this machine shows us."""
    out = {}
    for d in os.listdir("/proc"):
        if not d.isdigit():
            continue
        try:
            text = pathlib.Path(f"/proc/{d}/stat").read_text()
        except OSError:
            continue
        name = text[text.index("(") + 1 : text.rindex(")")]
        fields = text[text.rindex(")") + 2 :].split()
        if fields[0] != "Z":
            out[int(d)] = (int(fields[1]), name)
    return out


def descendants(pid, table=None):
    table = table or processes()
    found, frontier = [], [pid]
    while frontier:
        p = frontier.pop()
        children = [c for c, (parent, _) in table.items() if parent == p]
        found += children
        frontier += children
    return found


def adopts_orphans():
    """The pid that becomes the parent of a process of ours whose parent ended: 1, or a subreaper above us."""
    sleeper = int(subprocess.run(["/bin/sh", "-c", "sleep 60 >/dev/null & echo $!"], stdout=subprocess.PIPE, check=True).stdout)
    try:
        return processes()[sleeper][0]
    finally:
        os.kill(sleeper, signal.SIGKILL)


def cgroup_dirs():
    """Every cgroup directory of a box that is dead (a living one holds a lock on its memory directory), with its tasks."""
    found, live = {}, set()
    for root, dirs, _ in os.walk("/sys/fs/cgroup"):
        if "/serapis-box-" not in root:
            continue
        try:
            found[root] = pathlib.Path(root, "cgroup.procs").read_text().split()
            fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            live.add(pathlib.Path(root).name)
        finally:
            os.close(fd)
    return {d: tasks for d, tasks in found.items() if not live & set(pathlib.Path(d).parts)}


class Service:
    """One `serapis serve` with a state directory of its own, which outlives kill() and start()."""

    def __init__(self, *args, directory=None, env=None, prefix=(), program=SERAPIS):
        self.args = list(args)
        self.env = env
        # What becomes the program by exec, and which one that is.
        self.command = [*prefix, program]
        self.own_directory = directory is None
        self.dir = pathlib.Path(directory or tempfile.mkdtemp(prefix="serapis-test-"))
        self.process = None
        self.log_path = self.dir / "serve.log"

    def start(self, wait=True):
        port_file = self.dir / "port"
        port_file.unlink(missing_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "serve", "--http-listen", "127.0.0.1:0", "--http-port-file", port_file, "--store", f"sqlite:{self.dir}/serapis.db", *self.args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, start_new_session=True)
        if wait:
            wait_for(lambda: port_file.exists() or self.process.poll() is not None, 30, "the port file")
            assert self.process.poll() is None, f"serve ended with {self.process.returncode}:\n{self.log()}"
            self.port = int(port_file.read_text())
            self.url = f"http://127.0.0.1:{self.port}"
            wait_for(self.ready, 30, "readyz")
        return self

    def ready(self):
        assert self.process.poll() is None, f"serve ended with {self.process.returncode}:\n{self.log()}"
        try:
            return requests.get(self.url + "/readyz", timeout=5 * SLOW).status_code == 200
        except requests.RequestException:
            return False

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_contains(self, text):
        return text in self.log()

    def boxes(self):
        """Pids of our serapis-box processes: the stub and, below it, the box that is pid 1 of its namespace, its launchers and containers."""
        table = processes()
        return [p for p in descendants(self.process.pid, table) if table[p][1] == "serapis-box"]

    def kill(self):
        """kill -9; waits until the process is gone, not its descendants."""
        self.process.kill()
        self.process.wait(timeout=30)

    def stop(self, sig=signal.SIGINT, timeout=60):
        """A clean end; returns the exit code."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(timeout=timeout * SLOW)
        return self.process.returncode

    def close(self):
        if self.process and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        if self.own_directory:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.close()

    # The API in one line each.
    def eval(self, language, body=None, *, timeout=90, query="", **fields):
        return requests.post(f"{self.url}/v1/eval/{language}{query}", json={**(body or {}), **fields}, timeout=timeout * SLOW)

    def get(self, path, timeout=90, **kw):
        return requests.get(self.url + path, timeout=timeout * SLOW, **kw)

    def evaluation(self, id, wait_ms=0, encoding=None):
        return self.get(f"/v1/evaluations/{id}?wait_ms={wait_ms}" + (f"&encoding={encoding}" if encoding else ""))
