# SPDX-License-Identifier: MIT
"""A disk that is slow, that stands still for longer than a lease, or that fails now and then: callers are answered, nothing is lost, nothing has two verdicts."""
import errno
import random
import time

import requests
from support.service import LONG, SLOW, wait_for

from faults import Faults
from load import Program, Sent, Target, load, outcome, seed_of_run, settle, settled_for_good

SEVEN = Program("lua", {"code": "print(7)"}, output="7\n")


def healthy(service):
    a = requests.get(service.url + "/healthz", timeout=60 * SLOW)
    assert (a.status_code, a.json()) == (200, {"status": "ok"})


def until(actors, count, more, what):
    before = count()
    wait_for(lambda: count() >= before + more or any(a.error for a in actors), 90, what)


def faulty(tmp_path, *args):
    faults = Faults(tmp_path)
    return faults, Target("--queue-max-waiting", "40", "--janitor-interval", "1s", *args).preload(faults)


def ends(service):
    """For the log of a test that failed."""
    print(service.log()[-6000:])
    service.close()


def test_a_slow_disk_delays_and_loses_nothing(tmp_path):
    seed = seed_of_run()
    faults, service = faulty(tmp_path)
    try:
        service.start()
        persons = [service.person(max_running=1, max_waiting=12), service.person()]
        with faults.set(sync_us=80000, write_us=1000), load(persons, seed) as actors:
            for n in range(20 if LONG else 2):
                before = faults["changes"]
                # A synchronous caller has the result, late, or the evaluation that goes on; never an error.
                s = Sent(f"sync {n}", SEVEN, True, {})
                a = persons[1].admitted("POST", "/v1/eval/lua", {**SEVEN.body, "reference": s.reference})
                assert a.status_code == 200 and faults["changes"] > before, a.text
                s.id = a.json()["id"]
                s.note(a.json(), ())
                persons[1].sent.append(s)
                a = persons[1].admitted("POST", "/v1/eval/bash", {"code": "sleep 60", "wait_ms": 1})
                assert a.status_code == 202, a.text
                assert persons[1].ask("POST", f"/v1/evaluations/{a.json()['id']}/cancel?wait_ms=30000").json()["status"] == "canceled"
                assert persons[1].ask("DELETE", f"/v1/evaluations/{a.json()['id']}").status_code == 204
                healthy(service)
                assert requests.get(service.url + "/readyz", timeout=60 * SLOW).status_code == 200
            until(actors, lambda: sum(a.answers for a in actors), 10, "answers")
        settled_for_good(service, persons)
        assert service.stop() == 0
    except BaseException:
        ends(service)
        raise
    service.close()


def test_a_disk_that_stands_still_for_longer_than_a_lease(tmp_path):
    """The evaluator lives, and so does its program: that its lease could not be renewed is no reason to run it again."""
    faults, service = faulty(tmp_path, "--lease-duration", "1s", "--lease-renew", "200ms", "--slots", "2", "--janitor-interval", "100ms")
    try:
        service.start()
        p = service.person()
        ids = []
        for _ in range(10 if LONG else 1):
            a = p.ask("POST", "/v1/eval/bash", {"code": "sleep 4; echo $RANDOM$RANDOM$RANDOM", "async": True})
            id = a.json()["id"]
            wait_for(lambda: p.ask("GET", f"/v1/evaluations/{id}").json()["status"] == "evaluating", 30, "it to run")
            for _ in range(2):
                with faults.set(sync_us=1600000):
                    before = faults["changes"]
                    wait_for(lambda: faults["changes"] > before, 30, "a flush that takes long")
                    healthy(service)
                    time.sleep(0.2)
            e = p.ask("GET", f"/v1/evaluations/{id}?wait_ms=30000").json()
            assert (e["status"], e["verdict"]) == ("finished", "ok"), e
            ids.append((id, e))
        for id, e in ids:
            assert e["claims"] == 1, f"it was run {e['claims']} times: {service.log()[-3000:]}"
            assert p.ask("GET", f"/v1/evaluations/{id}").json() == e
        assert service.stop() == 0
    except BaseException:
        ends(service)
        raise
    service.close()


def test_writes_and_flushes_that_fail(tmp_path):
    seed = seed_of_run()
    rng = random.Random(seed)
    faults, service = faulty(tmp_path)
    try:
        service.start()
        persons = [service.person(max_running=1, max_waiting=12), service.person()]
        with load(persons, seed, refusals=("queue_full", "language_unavailable", "store_unavailable")) as actors:
            for _ in range(30 if LONG else 4):
                with faults.set(fail_every=rng.choice([1, 2, 3, 7, 31]), fail_errno=rng.choice([errno.EIO, errno.ENOSPC])):
                    until(actors, lambda: faults["failed"], 5, "failures")
                    healthy(service)
                until(actors, lambda: sum(a.answers for a in actors), 10, "answers")
        print(f"{faults['failed']} of {faults['changes']} writes and flushes failed")
        for p in persons:
            settle(p)
        print(outcome(persons))
        # The next process must read the same out of the file.
        settled_for_good(service, persons)
        assert service.stop() == 0
    except BaseException:
        ends(service)
        raise
    service.close()
