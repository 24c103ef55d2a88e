# SPDX-License-Identifier: MIT
"""The store's disk is full: what cannot be stored is refused, what was accepted stays, and all goes on by itself when there is space again."""
import contextlib
import errno
import itertools
import os
import pathlib
import random
import subprocess
import time

import requests
from support.service import LONG, wait_for

from load import LOSSES, Program, Sent, Target, load, seed_of_run, settled_for_good


class Disk:
    """A small file system at a directory, in a mount namespace of its own: it goes with the process that holds it, which ends with the test's."""

    def __init__(self, at, size):
        self.at = at
        at.mkdir()
        self.holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o "size=$2" none "$1" && echo && exec cat', "sh", at, str(size)],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"\n", "no mount"
        self.enter = ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--"]
        self.seen = pathlib.Path(f"/proc/{self.holder.pid}/root") / at.relative_to("/")
        self.ballast = self.seen / "ballast"

    def fill(self, leave=0):
        """All but so many bytes, in pages."""
        with open(self.ballast, "ab", buffering=0) as f, contextlib.suppress(OSError):
            while True:
                f.write(bytes(4096))
        os.truncate(self.ballast, max(0, self.ballast.stat().st_size - leave))

    def is_full(self):
        try:
            (self.seen / "probe").write_bytes(b"1")
            return False
        except OSError as e:
            assert e.errno == errno.ENOSPC, e
            return True
        finally:
            (self.seen / "probe").unlink(missing_ok=True)

    def empty(self):
        self.ballast.unlink()

    def close(self):
        self.holder.stdin.close()
        self.holder.wait(30)
        self.holder.stdout.close()


BIG = Program("lua", {"code": "--" + "x" * 100000 + "\nprint('big')"}, output="big\n")


def until_refused(person, numbers, times=3):
    """Sends until it has been told so often that the store does not take anything."""
    def refused():
        nonlocal times
        s = Sent(f"big {next(numbers)}", BIG, False, {})
        person.sent.append(s)
        a = person.ask("POST", "/v1/eval/lua", {**BIG.body, "reference": s.reference, "async": True})
        if a.status_code == 202:
            s.id = a.json()["id"]
            return False
        s.refused = a.json()["error"]["code"]
        assert (a.status_code, s.refused) == (503, "store_unavailable"), a.text
        times -= 1
        return times == 0

    wait_for(refused, 60, "refusals")


def until_answered(actors, more=10):
    before = sum(a.answers for a in actors)
    wait_for(lambda: sum(a.answers for a in actors) >= before + more or any(a.error for a in actors), 60, "answers")


def starts(service):
    """Whether it comes up; when it does not it says why."""
    try:
        service.begin()
        wait_for(service.ready, 60, "readyz")
        return True
    except AssertionError:
        assert service.process.wait(60) == 1, service.log()[-2000:]
        assert "database or disk is full" in service.log().splitlines()[-1] or "No space left on device" in service.log().splitlines()[-1], service.log()[-2000:]
        return False


def test_a_full_disk_loses_nothing(tmp_path):
    seed = seed_of_run()
    rng, numbers = random.Random(seed), itertools.count()
    disk = Disk(tmp_path / "disk", 48 << 20)
    # Leases that do not end while they cannot be renewed: the default, written down.
    service = Target("--store", f"sqlite:{disk.at}/serapis.db", "--http-sync-wait-max", "3s", "--lease-duration", "15s", "--janitor-interval", "1s",
                     prefix=disk.enter)
    try:
        service.start()
        persons = [service.person(max_running=1, max_waiting=12), service.person()]
        with load(persons, seed, refusals=("queue_full", "language_unavailable", "store_unavailable"), losses=LOSSES) as actors:
            until_answered(actors)
            assert not any("store_unavailable" in a.met for a in actors)
            for n in range(20 if LONG else 2):
                disk.fill(leave=rng.randrange(0, 200000))
                until_refused(persons[1], numbers)
                disk.fill()
                # Who only asks has answers, and nobody kills a service that is healthy.
                assert requests.get(service.url + "/healthz", timeout=60).status_code == 200
                assert persons[0].ask("GET", "/v1/evaluations?limit=5").status_code == 200
                time.sleep(rng.uniform(0, 0.5))
                assert disk.is_full()
                if n % 2:
                    service.kill()
                    if starts(service):
                        service.up = True
                        until_refused(persons[1], numbers)
                        disk.empty()
                    else:
                        disk.empty()
                        service.start()
                else:
                    disk.empty()
                until_answered(actors)
        assert "writes again" in service.log()
        settled_for_good(service, persons, LOSSES)
        assert service.stop() == 0
    except BaseException:
        print(service.log()[-6000:])
        raise
    finally:
        service.close()
        disk.close()
