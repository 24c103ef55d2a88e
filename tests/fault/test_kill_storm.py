# SPDX-License-Identifier: MIT
"""kill -9 of the service and of the box at random moments under a mixed load: nothing that was accepted is lost, nothing has two verdicts, nothing stays behind."""
import os
import pathlib
import random
import signal
import time

from support.service import LONG, adopts_orphans, cgroup_dirs, descendants, processes, wait_for

from load import LOSSES, Target, load, seed_of_run, settled_for_good

def box_process(service, which):
    """The pid of the stub (a serapis-box whose parent is none) or of the box (the child of the stub); None while there is none."""
    table, boxes = processes(), service.boxes()
    stubs = [p for p in boxes if p in table and table[p][0] not in boxes]
    found = stubs if which == "stub" else [p for p in boxes if p in table and table[p][0] in stubs]
    return found[0] if found else None


def strike(service, rng, killed):
    """One death, or two that overlap."""
    victim = rng.choice(["service", "service in its start", "box", "stub", "box and service"])
    pid = None if victim.startswith("service") else box_process(service, victim.split()[0])
    if pid:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
    elif not victim.startswith("service"):
        return
    if "service" in victim:
        service.kill()
        if victim == "service in its start":
            super(Target, service).start(wait=False)
            time.sleep(rng.uniform(0, 0.25))
            service.kill()
        service.start()
    killed[victim] = killed.get(victim, 0) + 1


class Leavings:
    """What those that were killed could leave on this machine, while others on it come and go."""

    def __init__(self):
        self.processes, self.adopter = set(processes()), adopts_orphans()
        self.mounts = self.look_at_mounts()
        # Of a box in another cgroup of this machine: the next start in that one removes it.
        self.groups = set(cgroup_dirs())

    @staticmethod
    def look_at_mounts():
        return sorted(line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if "serapis" in line)

    def stray(self):
        # Other services of this machine go on meanwhile and make their next containers; each hangs below whoever started it. What ours left behind hangs
        # below nobody but the one who adopts orphans.
        table, found = processes(), {}
        for p, (parent, name) in table.items():
            chain = [p]
            while chain[-1] in table and (table[chain[-1]][1].startswith("serapis") or table[chain[-1]][1] in ("lua", "node", "ruby")):
                chain.append(table[chain[-1]][0])
            if p not in self.processes and len(chain) > 1 and chain[-1] == self.adopter:
                found[p] = (parent, name)
        return found

    def none(self, service):
        """The service has ended."""
        # What was killed a moment ago may still be dying: the stub stays until its box's cgroups are gone.
        wait_for(lambda: not self.stray(), 30, lambda: f"the end of everything that the killed ones had started: {self.stray()}")
        assert self.look_at_mounts() == self.mounts, "a mount was left behind"
        assert not [d for d, tasks in cgroup_dirs().items() if tasks], "a cgroup with tasks was left behind"
        # Empty directories may wait for the next start, which removes them.
        service.start()
        assert service.stop() == 0
        wait_for(lambda: not set(cgroup_dirs()) - self.groups, 10, lambda: f"no cgroup directory of ours: {set(cgroup_dirs()) - self.groups}")


def test_kill_9_of_service_and_box_loses_nothing():
    seed = seed_of_run()
    rng, rounds, killed = random.Random(seed), 200 if LONG else 9, {}
    leavings = Leavings()
    service = Target("--queue-max-waiting", "40", "--lease-renew", "1s", "--lease-duration", "3s", "--janitor-interval", "1s").start()
    try:
        persons = [service.person(max_running=1, max_waiting=12), service.person(max_running=2, max_waiting=25)]
        with load(persons, seed, losses=LOSSES) as actors:
            for n in range(rounds):
                time.sleep(rng.uniform(0.05, 1))
                strike(service, rng, killed)
                if all(a.error for a in actors):
                    break
                if n % 50 == 49:
                    print(f"{n + 1} rounds: {killed}", flush=True)
        print(killed)
        assert sum(killed.values()) > rounds / 2, killed
        settled_for_good(service, persons, LOSSES)
        stored = [s for p in persons for s in p.sent if s.id]
        assert len(stored) > 3 * rounds, "the load did not get through"
        given_up = [s for s in stored if s.end and s.end["reason"] and s.end["reason"]["code"] in LOSSES]
        assert len(given_up) < len(stored) / 10, "given up is the exception"
        mine = [service.process.pid, *descendants(service.process.pid)]
        assert service.stop() == 0
        wait_for(lambda: not (set(mine) & set(processes())), 30, "the end of all our processes")
        leavings.none(service)
    except BaseException:
        print(service.log()[-6000:])
        raise
    finally:
        service.close()
