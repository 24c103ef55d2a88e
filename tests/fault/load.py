# SPDX-License-Identifier: MIT
"""A mixed load of clients that write down what they were promised, and the check that each promise was kept.

Each request has a reference of its own, so that what became of one whose answer was cut off is found by listing. The promises:
what was answered 200 or 202 is there until it is erased; what was refused is not there; nothing is there twice; an evaluation ends, once: what was seen of it after its end never
changes; a caller is answered, or is cut off by a death of the service and by nothing else.
"""
import contextlib
import dataclasses
import os
import random
import threading
import time
import uuid

import requests

from support.service import SLOW, Service, wait_for

ADMIN = "srp_00000000000000aa_" + "5a" * 32


@dataclasses.dataclass(frozen=True)
class Program:
    language: str
    body: dict
    status: str = "finished"
    verdict: str = "ok"
    output: str | None = None  # None: whatever it is


C = '#include <stdio.h>\nint main(void) { puts("c"); }\n'
PROGRAMS = [
    Program("lua", {"code": "print('l')"}, output="l\n"),
    Program("ruby", {"code": "puts 'r'"}, output="r\n"),
    Program("node", {"code": "console.log('n')"}, output="n\n"),
    Program("c", {"code": C}, output="c\n"),
    Program("c", {"code": "int main(void) { return 1"}, verdict="compile_error"),
    Program("bash", {"code": "echo b; exit 3"}, verdict="nonzero_exit", output="b\n"),
    Program("bash", {"code": "kill -9 $$"}, verdict="signal", output=""),
    Program("python", {"code": "print(5)", "expected_output": "6"}, verdict="wrong_answer", output="5\n"),
    Program("bash", {"code": "echo t; sleep 60", "limits": {"wall_ms": 300}}, "timeout", "wall_limit", "t\n"),
    Program("bash", {"code": "echo s; sleep 0.2"}, output="s\n"),
    Program("ruby", {"code": "fork { sleep 600 }; puts 'f'"}, output="f\n"),  # leaves a process behind that must not outlive its container
    Program("bash", {"code": "head -c 60000 /dev/zero | tr '\\0' x"}, output="x" * 60000),
    Program("lua", {"code": "print('once')", "max_runs": 1}, output="once\n"),
]


# By rule, where processes are killed: claimed with its evaluator killed max_lost times (or begun max_runs times), or given back by a box that died under it as often.
LOSSES = ("evaluator_lost", "runtime_unavailable")


def seed_of_run():
    """SERAPIS_SEED repeats a run, as far as the machine does."""
    seed = int(os.environ.get("SERAPIS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"seed {seed} (repeat with SERAPIS_SEED={seed})")
    return seed


class Target(Service):
    """A service with users, which knows when it may have cut somebody off."""

    def __init__(self, *args, **kw):
        super().__init__("--slots", "2", *args, **kw)
        key = self.dir / "admin.key"
        key.write_text(ADMIN + "\n")
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SERAPIS_ADMIN_KEY_FILE": str(key)}
        self.lives, self.up, self.url = 0, False, "http://127.0.0.1:1"

    def preload(self, faults):
        self.env |= faults.env()
        return self

    def begin(self):
        """Starts it; clients come while it is still looking for its languages."""
        super().start(wait=False)
        port = self.dir / "port"
        wait_for(lambda: port.exists() or self.process.poll() is not None, 30, "the port file")
        assert self.process.poll() is None, f"serve ended with {self.process.returncode}:\n{self.log()[-4000:]}"
        self.url = f"http://127.0.0.1:{int(port.read_text())}"

    def start(self, wait=True):
        self.begin()
        wait_for(self.ready, 60, lambda: f"readyz:\n{self.log()[-2000:]}")
        self.up = True
        return self

    def may_die(self):
        """From now until the next start() it is no surprise when an answer is cut off."""
        self.up = False
        self.lives += 1

    def kill(self):
        self.may_die()
        super().kill()

    def stop(self, *args, **kw):
        self.may_die()
        return super().stop(*args, **kw)

    def mark(self):
        return self.lives if self.up else None

    def excused(self, mark):
        return mark is None or mark != self.lives

    def person(self, **bounds):
        a = requests.post(self.url + "/v1/users", json={"email": f"{uuid.uuid4().hex}@example.org", "rate_per_minute": 1000000, **bounds},
                          headers={"Authorization": "Bearer " + ADMIN}, timeout=60 * SLOW)
        assert a.status_code == 201, a.text
        return Person(self, a.json()["key"]["key"], bounds)


class Person:
    """Somebody with a key, and what he has sent."""

    def __init__(self, target, key, bounds):
        self.target, self.key, self.bounds, self.sent = target, key, bounds, []

    def ask(self, method, path, body=None, **headers):
        """The answer; None when the service died before it gave one. No answer in time is a failure."""
        mark = self.target.mark()
        try:
            return requests.request(method, self.target.url + path, json=body, headers={"Authorization": "Bearer " + self.key, **headers}, timeout=90 * SLOW)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as e:
            assert self.target.excused(mark), f"{method} {path} was cut off, and not by a death of the service: {e}"
            return None

    def admitted(self, method, path, body=None, **headers):
        """The answer once the queue, which the actors may have filled, has room."""
        while True:
            a = self.ask(method, path, body, **headers)
            if a is None or a.status_code != 503 or a.json()["error"]["code"] != "queue_full":
                return a
            time.sleep(0.05)

    def pages(self, query="", limit=200):
        """All of a list; None when it was cut off or refused."""
        items, cursor = [], ""
        while cursor is not None:
            a = self.ask("GET", f"/v1/evaluations?limit={limit}{query}{cursor and '&cursor=' + cursor}")
            if a is None or a.status_code == 503:
                return None
            assert a.status_code == 200, a.text
            items += a.json()["items"]
            cursor = a.json()["next_cursor"]
        ids = [i["id"] for i in items]
        assert len(set(ids)) == len(ids), "a list names one twice"
        return items


@dataclasses.dataclass
class Sent:
    reference: str
    program: Program
    waits: bool
    idempotency: dict
    id: str | None = None
    cut: bool = False  # an answer to its POST was cut off
    refused: str | None = None  # the last word on it
    canceled: bool = False  # asked for
    erased: str | None = None  # "asked", "done"
    end: dict | None = None  # as it was seen first

    def note(self, e, losses):
        """Takes what was answered about it; fails when that contradicts what was known."""
        assert (e["id"], e["reference"], e["language"]) == (self.id, self.reference, self.program.language), f"{e} for {self}"
        if e["status"] in ("created", "evaluating"):
            assert not self.end, f"{self.id} had ended as {self.end} and is now {e['status']}"
            return
        if self.end:
            assert e == self.end, f"a second verdict of {self.id}:\n{self.end}\n{e}"
            return
        self.end = e
        p = self.program
        if e["status"] == "canceled":
            # By one who asked, or because nobody waited for it any more.
            assert self.canceled or (self.cut and self.waits and not self.idempotency), e
        elif e["reason"] and e["reason"]["code"] in losses:
            # By rule, after its evaluator was lost too often; it still has one verdict.
            assert (e["status"], e["verdict"], e["reason"]["retryable"]) == ("failed", "internal_error", True), e
        else:
            assert (e["status"], e["verdict"]) == (p.status, p.verdict) and p.output in (None, e["output"]), f"{p}\n{str(e)[:600]}"


class Actor(threading.Thread):
    """One client. `refusals` are the codes of 429 and 503 that may be met, `losses` the reasons for which a sound program may be given up."""

    def __init__(self, person, name, seed, programs=PROGRAMS, refusals=("queue_full", "language_unavailable"), losses=(), pause=0.02):
        super().__init__(daemon=True, name=name)
        self.person, self.random, self.programs, self.losses, self.pause = person, random.Random(seed), programs, losses, pause
        self.refusals = {*refusals, *(["too_many_waiting"] if "max_waiting" in person.bounds else [])}
        self.sent, self.halt, self.error, self.met, self.answers = [], threading.Event(), None, {}, 0
        self.start()

    def run(self):
        acts = [(self.submit, 50), (self.look, 12), (self.cancel, 8), (self.erase, 6), (self.list, 8)]
        try:
            while not self.halt.is_set():
                self.random.choices([a for a, _ in acts], [w for _, w in acts])[0]()
                time.sleep(self.pause)
        except BaseException as e:
            self.error = e

    def end(self):
        """Stops it; fails with what it has found."""
        self.halt.set()
        self.join(200 * SLOW)
        assert not self.is_alive(), "a client hangs: it was never answered"
        if self.error:
            raise self.error

    def answered(self, a, *statuses):
        """Whether it is the answer; else it was cut off, or refused as it may be."""
        if a is None:
            self.met["cut off"] = self.met.get("cut off", 0) + 1
            return False
        if a.status_code in statuses:
            self.answers += 1
            return True
        assert a.status_code in (429, 503), f"{a.request.method} {a.request.url}: {a.status_code} {a.text}"
        code = a.json()["error"]["code"]
        assert code in self.refusals, a.text
        self.met[code] = self.met.get(code, 0) + 1
        return False

    def submit(self):
        program = self.random.choice(self.programs)
        mode = self.random.choice(["async", "async", "sync", "short"])
        body = {**program.body, "reference": f"{self.name}-{len(self.sent)}"}
        if mode == "async":
            body["async"] = True
        elif mode == "short":
            body["wait_ms"] = self.random.choice([1, 50, 400])
        key = {"Idempotency-Key": str(uuid.UUID(int=self.random.getrandbits(128)))} if self.random.random() < 0.35 else {}
        s = Sent(body["reference"], program, mode != "async", key)
        self.sent.append(s)
        self.person.sent.append(s)
        self.post(s, body)
        # Sent again until there is an answer, and once more for good measure.
        while key and s.id is None and not s.refused and not self.halt.is_set():
            time.sleep(self.pause)
            self.post(s, body)
        if key and s.id and self.random.random() < 0.4:
            self.post(s, body)

    def post(self, s, body):
        a = self.person.ask("POST", f"/v1/eval/{s.program.language}", body, **s.idempotency)
        s.cut = s.cut or a is None
        if not self.answered(a, 200, 202):
            if a is not None and s.id is None and not s.cut:
                s.refused = a.json()["error"]["code"]
            return
        e = a.json()
        if s.id is None:
            s.id = e["id"]
        elif "Idempotent-Replayed" not in a.headers:
            raise AssertionError(f"{s} was taken as new: {e}")
        s.note(e, self.losses)

    def one(self, unfinished=False):
        found = [s for s in self.sent[-60:] if s.id and not s.erased and not (unfinished and s.end)]
        return self.random.choice(found) if found else None

    def look(self):
        if s := self.one():
            a = self.person.ask("GET", f"/v1/evaluations/{s.id}?wait_ms={self.random.choice([0, 1, 300])}")
            if self.answered(a, 200):
                s.note(a.json(), self.losses)

    def cancel(self):
        if s := self.one(unfinished=True):
            s.canceled = True
            a = self.person.ask("POST", f"/v1/evaluations/{s.id}/cancel?wait_ms={self.random.choice([0, 500])}")
            if self.answered(a, 200):
                s.note(a.json(), self.losses)

    def erase(self):
        if s := self.one():
            s.erased = "asked"
            if self.answered(self.person.ask("DELETE", f"/v1/evaluations/{s.id}"), 204):
                s.erased = "done"

    def list(self):
        known = {s.id: s for s in self.sent if s.id and not s.erased}
        items = self.person.pages(limit=self.random.choice([7, 50, 200]))
        if items is not None:
            there = {i["id"]: i for i in items}
            assert set(known) <= set(there), f"not listed: {set(known) - set(there)}"
            for id, s in known.items():
                if s.end:
                    assert {k: s.end[k] for k in there[id]} == there[id], f"{s.end} is listed as {there[id]}"
        bound = self.person.bounds.get("max_running")
        running = bound and self.person.ask("GET", "/v1/evaluations?status=evaluating&limit=200")
        if running and self.answered(running, 200):
            assert len(running.json()["items"]) <= bound, f"more than {bound} run: {running.text}"


def settle(person, losses=()):
    """With the service up: what became of all that was sent. Fails unless every promise was kept."""
    items = {i["id"]: i for i in person.pages()}
    by_reference = {}
    for i in items.values():
        assert by_reference.setdefault(i["reference"], i["id"]) == i["id"], f"{i['reference']} was stored twice"
    references = {s.reference for s in person.sent}
    assert set(by_reference) <= references, f"nobody sent {set(by_reference) - references}"
    for s in person.sent:
        there = by_reference.get(s.reference)
        if s.refused:
            assert not there, f"{s.reference} was refused ({s.refused}) and is stored"
        elif s.id is None:
            assert s.cut, s
            s.id = there  # stored before the answer was cut off, or not
        elif s.erased == "done":
            assert not there, f"{s.id} was erased and is there"
        elif s.erased:
            s.erased = None if there else "done"
        else:
            assert there == s.id, f"{s.id} was accepted and is gone"
    for s in person.sent:
        if s.id and not s.erased:
            def ended(s=s):
                a = person.ask("GET", f"/v1/evaluations/{s.id}?wait_ms=2000")
                assert a.status_code == 200, f"{s.id} was accepted and is gone: {a.text}"
                s.note(a.json(), losses)
                return s.end
            wait_for(ended, 120, f"the end of {s.id}")


def outcome(persons):
    """What settle() found, in words for the log."""
    sent = [s for p in persons for s in p.sent]
    ends = {}
    for s in sent:
        if s.end:
            key = s.end["verdict"] if s.end["verdict"] != "internal_error" else s.end["reason"]["code"]
            ends[key or s.end["status"]] = ends.get(key or s.end["status"], 0) + 1
    return f"{len(sent)} sent, {sum(s.id is not None for s in sent)} stored, {sum(s.refused is not None for s in sent)} refused, {sum(s.cut for s in sent)} cut off, " \
           f"{sum(s.erased == 'done' for s in sent)} erased; {ends}"


def settled_for_good(target, persons, losses=()):
    """settle(), a new start, and once more: what has ended stays as it was."""
    for p in persons:
        settle(p, losses)
    print(outcome(persons))
    assert target.stop() == 0, target.log()[-4000:]
    target.start()
    for p in persons:
        settle(p, losses)


@contextlib.contextmanager
def load(persons, seed, each=2, **kw):
    """Clients at work; what they have found wrong is raised at the end."""
    actors = [Actor(p, f"{n}{i}", seed * 100 + n * 10 + i, **kw) for n, p in enumerate(persons) for i in range(each)]
    try:
        yield actors
        for a in actors:
            a.halt.set()
        for a in actors:
            a.end()
    except BaseException:
        # What a client has found first explains the rest.
        for a in actors:
            if a.error:
                raise a.error
        raise
    finally:
        for a in actors:
            a.halt.set()
    met = {}
    for a in actors:
        for code, n in a.met.items():
            met[code] = met.get(code, 0) + n
    print(f"{sum(a.answers for a in actors)} answers, {met}")
