# SPDX-License-Identifier: MIT
"""The n-th allocation of the service fails: it answers an error or ends at once, saying so, and what it had accepted goes on in the next process."""
import contextlib
import random
import signal
import time

import requests
from support.service import LONG, SLOW, wait_for

from faults import Faults
from load import LOSSES, Program, Sent, Target, load, outcome, seed_of_run, settle, settled_for_good

HELLO = Program("bash", {"code": "echo hello; sleep 0.05"}, output="hello\n")
REFUSALS = ("queue_full", "language_unavailable", "store_unavailable", "overloaded")


def died_cleanly(service):
    """Whether it has ended; never in another way than by saying that there was no memory."""
    code = service.process.poll()
    if code is None:
        return False
    # Others may have written a line in that moment.
    last = [line for line in service.log().splitlines() if line.startswith("serapis: ")][-1:]
    assert (code == -signal.SIGABRT and last == ["serapis: out of memory"]) or (code == 1 and last), f"ended with {code}:\n{service.log()[-3000:]}"
    return True


def asked(service):
    with contextlib.suppress(requests.RequestException):
        requests.get(service.url + "/readyz", timeout=60 * SLOW)


def works(person, numbers):
    """All of it: each slot, and the callers that wait."""
    sent = []
    for _ in range(4):
        s = Sent(f"hello {len(numbers)}", HELLO, False, {})
        numbers.append(s)
        a = person.ask("POST", "/v1/eval/bash", {**HELLO.body, "reference": s.reference, "async": True, "class": "interactive"})
        assert a.status_code == 202, a.text
        s.id = a.json()["id"]
        person.sent.append(s)
        sent.append(s)
    for s in sent:
        wait_for(lambda s=s: s.note(person.ask("GET", f"/v1/evaluations/{s.id}?wait_ms=5000").json(), LOSSES) or s.end, 90, f"the end of {s.reference}")


def test_an_allocation_that_fails_under_load(tmp_path):
    seed = seed_of_run()
    rng, faults, numbers = random.Random(seed), Faults(tmp_path), []
    service = Target("--lease-duration", "3s", "--lease-renew", "500ms", "--janitor-interval", "500ms").preload(faults)
    ends = {"died": 0, "went on": 0}
    try:
        service.start()
        persons = [service.person(max_running=1, max_waiting=6), service.person(max_waiting=8)]
        probe = service.person()
        with load(persons, seed, refusals=REFUSALS, losses=LOSSES) as actors:
            for _ in range(150 if LONG else 6):
                time.sleep(rng.uniform(0, 0.2))
                service.may_die()
                before, many = faults["refused"], rng.choice([1, 1, 1, 3, 20])
                with faults.set(refuse_n=many, refuse_at=faults["allocations"] + rng.randrange(1, 2000)):
                    # A process that ends does so at the first; one that goes on takes all of them.
                    wait_for(lambda before=before, many=many: faults["refused"] >= before + many or service.process.poll() is not None, 60, "allocations to fail")
                    time.sleep(0.05)
                if died_cleanly(service):
                    ends["died"] += 1
                    service.start()
                else:
                    ends["went on"] += 1
                    wait_for(service.ready, 60, "readyz")
                    service.up = True
                works(probe, numbers)
                if any(a.error for a in actors):
                    break
        print(ends)
        for p in persons:
            settle(p, LOSSES)
        print(outcome(persons))
        settled_for_good(service, [*persons, probe], LOSSES)
        assert service.stop() == 0
    except BaseException:
        print(service.log()[-6000:])
        raise
    finally:
        service.close()


def test_an_allocation_that_fails_in_the_start(tmp_path):
    seed = seed_of_run()
    rng, faults, numbers = random.Random(seed), Faults(tmp_path), []
    service = Target().preload(faults)
    ends = {"died": 0, "came up": 0}
    try:
        service.start()
        p = service.person()
        works(p, numbers)
        service.kill()
        # The first start made the database.
        service.start()
        needed = faults["allocations"]
        left = p.ask("POST", "/v1/eval/bash", {"code": "sleep 0.5; echo left", "async": True, "reference": "left"})
        s = Sent("left", Program("bash", {}, output="left\n"), False, {}, id=left.json()["id"])
        p.sent.append(s)
        service.kill()
        for _ in range(120 if LONG else 6):
            faults["refuse_n"], faults["refuse_at"] = 1, rng.randrange(1, needed)
            super(Target, service).start(wait=False)
            port = service.dir / "port"
            wait_for(lambda: port.exists() or service.process.poll() is not None, 60, "the port file or the end")
            # Until it is past the allocation, or over. Asking makes it allocate.
            if port.exists():
                service.url = f"http://127.0.0.1:{int(port.read_text())}"
            wait_for(lambda: faults["refuse_n"] == 0 or service.process.poll() is not None or asked(service), 60, "the allocation to fail")
            time.sleep(0.05)
            faults["refuse_at"] = 0
            if died_cleanly(service):
                ends["died"] += 1
            else:
                ends["came up"] += 1
                wait_for(service.ready, 60, "readyz")
                service.up = True
                works(p, numbers)
                service.kill()
        print(ends)
        service.start()
        settled_for_good(service, [p], LOSSES)
        assert service.stop() == 0
    except BaseException:
        print(service.log()[-6000:])
        raise
    finally:
        service.close()
