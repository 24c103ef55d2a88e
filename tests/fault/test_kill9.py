# SPDX-License-Identifier: MIT
"""kill -9 of the service and of the box at random moments under load: nothing that was accepted is lost, nothing has two verdicts, nothing stays behind."""
import os
import random
import signal
import threading
import time

import pytest
import requests

from support.service import LONG, Service, adopts_orphans, cgroup_dirs, descendants, processes, wait_for

PROGRAMS = [
    ("ruby", "puts 'r'", "r\n"),
    ("node", "console.log('n')", "n\n"),
    ("c", '#include <stdio.h>\nint main(void){puts("c");}', "c\n"),
    ("ruby", "sleep 0.2; puts 's'", "s\n"),
    ("ruby", "fork { sleep 600 }; puts 'f'", "f\n"),  # leaves a process behind that must not outlive its container
]


class Load(threading.Thread):
    """One client: sends programs, sync and async, and notes every id that it was given. Refusals and broken connections are normal while things are killed."""

    def __init__(self, service, seed):
        super().__init__(daemon=True)
        self.service, self.random, self.accepted, self.halt = service, random.Random(seed), {}, threading.Event()
        self.answered = {}

    def run(self):
        while not self.halt.is_set():
            language, code, expected = self.random.choice(PROGRAMS)
            body = {"code": code}
            if self.random.random() < 0.75:
                body["async"] = True
                time.sleep(0.03)  # more would only fill the queue
            else:
                body["wait_ms"] = 1500
            try:
                r = requests.post(f"{self.service.url}/v1/eval/{language}", json=body, timeout=20)
            except requests.RequestException:
                time.sleep(0.05)
                continue
            if r.status_code in (200, 202):
                e = r.json()
                self.accepted[e["id"]] = expected
                if r.status_code == 200:
                    self.answered[e["id"]] = (e["status"], e["verdict"], e["output"])
            else:
                assert r.status_code == 503, r.text
                time.sleep(0.05)


def box_process(service, which):
    """The pid of the stub (a serapis-box whose parent is none) or of the box (the child of the stub); None while there is none."""
    table, boxes = processes(), service.boxes()
    stubs = [p for p in boxes if p in table and table[p][0] not in boxes]
    found = stubs if which == "stub" else [p for p in boxes if p in table and table[p][0] in stubs]
    return found[0] if found else None


def ours(name):
    return name.startswith("serapis") or name in ("ruby", "node")


@pytest.mark.parametrize("seed", [int(os.environ.get("SERAPIS_SEED", "0")) or random.SystemRandom().randrange(1 << 30)])
def test_kill_9_of_service_and_box_loses_nothing(seed, capsys):
    rounds = 60 if LONG else 10
    rng = random.Random(seed)
    print(f"seed {seed} (repeat with SERAPIS_SEED={seed})")
    before, adopter = set(processes()), adopts_orphans()
    mounts_before = open("/proc/self/mounts").read()
    # Of a box in another cgroup of this machine: the next start in that one removes it.
    groups_before = set(cgroup_dirs())
    killed = {"service": 0, "box": 0, "stub": 0}
    service = Service("--slots", "2", "--queue-max-waiting", "400", "--lease-renew", "1s", "--lease-duration", "3s").start()
    clients = [Load(service, seed + i) for i in range(4)]
    try:
        for c in clients:
            c.start()
        for _ in range(rounds):
            time.sleep(rng.uniform(0.2, 1.2))
            victim = rng.choice(["service", "box", "stub"])
            if victim == "service":
                service.kill()
                service.start()
                killed[victim] += 1
            else:
                pid = box_process(service, victim)
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    killed[victim] += 1
        for c in clients:
            c.halt.set()
        for c in clients:
            c.join(60)
            assert not c.is_alive(), "a client hangs: a sync caller was never answered"
        accepted = {k: v for c in clients for k, v in c.accepted.items()}
        answered = {k: v for c in clients for k, v in c.answered.items()}
        assert len(accepted) > rounds, "the load did not get through"
        assert sum(killed.values()) > rounds / 2, killed
        print(f"{killed} killed, {len(accepted)} accepted, {len(answered)} answered at once")
        seen = {}
        for id, expected in accepted.items():
            def ended(id=id):
                e = service.evaluation(id, wait_ms=5000)
                assert e.status_code == 200, f"{id} was accepted and is gone: {e.text}"
                e = e.json()
                return e if e["status"] not in ("created", "evaluating") else None
            e = wait_for(ended, 120, f"the end of {id}")
            # An evaluation whose runs were killed with their evaluator max_lost times is failed, by rule; it still has its one verdict.
            if e["status"] == "failed":
                assert e["reason"]["code"] == "evaluator_lost", e
            else:
                assert (e["status"], e["verdict"], e["output"]) == ("finished", "ok", expected), e
            seen[id] = (e["status"], e["verdict"], e["output"])
        for id, first in answered.items():
            if first[0] not in ("created", "evaluating"):
                assert seen[id] == first, f"{id} was answered {first} and is now {seen[id]}"
        for id, first in list(seen.items())[:50]:
            e = service.evaluation(id).json()
            assert (e["status"], e["verdict"], e["output"]) == first, "a second verdict"

        mine = [service.process.pid, *descendants(service.process.pid)]
        assert service.stop() == 0
        wait_for(lambda: not (set(mine) & set(processes())), 30, "the end of all our processes")

        def stray():
            # Other services of this machine go on meanwhile and make their next containers; each hangs below whoever started it. What ours left behind hangs
            # below nobody but the one who adopts orphans.
            table, found = processes(), {}
            for p, (parent, name) in table.items():
                chain = [p]
                while chain[-1] in table and ours(table[chain[-1]][1]):
                    chain.append(table[chain[-1]][0])
                if p not in before and len(chain) > 1 and chain[-1] == adopter:
                    found[p] = (parent, name)
            return found

        # What was killed a moment ago may still be dying: the stub stays until its box's cgroups are gone.
        wait_for(lambda: not stray(), 30, lambda: f"the end of everything that the killed ones had started: {stray()}")
        assert open("/proc/self/mounts").read() == mounts_before, "a mount was left behind"
        assert not [d for d, tasks in cgroup_dirs().items() if tasks], "a cgroup with tasks was left behind"
        # Empty directories may wait for the next start, which removes them.
        service.start()
        assert service.stop() == 0
        wait_for(lambda: not set(cgroup_dirs()) - groups_before, 10, lambda: f"no cgroup directory of ours: {set(cgroup_dirs()) - groups_before}")
    finally:
        for c in clients:
            c.halt.set()
        if service.process.poll() is not None and service.process.returncode != 0:
            print(service.log()[-4000:])
        service.close()
