# SPDX-License-Identifier: MIT
"""The wall clock is set, forwards and backwards, under the service: leases, keys, rates and retention go by time that passes; nothing is lost or run twice."""
import random
import signal

import requests
from support.service import LONG, SLOW, wait_for

from faults import Faults
from load import ADMIN, LOSSES, Target, load, seed_of_run, settled_for_good

HOUR = 3600 * 1000
DAY = 24 * HOUR
STEPS = [HOUR, -HOUR, 400 * DAY, -DAY, -3000 * DAY, 1500, -1500, 2900 * DAY]
# How far from the true time the clock may come: what was made at one end is within retention at the other.
EARLIEST, LATEST = -3100 * DAY, 450 * DAY


def steps(rng, n):
    now = 0
    for _ in range(n):
        step = rng.choice([s for s in STEPS if EARLIEST <= now + s <= LATEST])
        now += step
        yield step


def metrics_of(service):
    a = requests.get(service.url + "/metrics", headers={"Authorization": "Bearer " + ADMIN}, timeout=60 * SLOW)
    assert a.status_code == 200
    return [line.rsplit(" ", 1) for line in a.text.splitlines() if not line.startswith("#")]


def test_steps_of_the_clock_under_load(tmp_path):
    seed = seed_of_run()
    rng = random.Random(seed)
    faults = Faults(tmp_path)
    # Retention that no step reaches, also not with the next start: what is as old as that by the clock of a new process goes.
    service = Target("--queue-max-waiting", "40", "--lease-duration", "3s", "--lease-renew", "300ms", "--janitor-interval", "300ms", "--retention-rows", "3650d",
                     "--retention-data", "3650d").preload(faults)
    try:
        service.start()
        persons = [service.person(max_running=1, max_waiting=12), service.person()]
        slow = service.person(rate_per_minute=60)
        quiet = service.person()

        def once(life):
            a = quiet.admitted("POST", "/v1/eval/lua", {"code": "print('once')", "async": True}, **{"Idempotency-Key": f"once-{life}"})
            assert a.status_code in (200, 202), a.text
            return a

        first = once(service.lives).json()["id"]
        with load(persons, seed, losses=LOSSES) as actors:
            for n, step in enumerate(steps(rng, 60 if LONG else 4)):
                # A program that begins before the step and ends after it; it may be begun once.
                a = quiet.admitted("POST", "/v1/eval/bash", {"code": "echo begun; sleep 0.4; echo ended", "max_runs": 1, "class": "interactive", "async": True})
                id = a.json()["id"]
                wait_for(lambda id=id: quiet.ask("GET", f"/v1/evaluations/{id}").json()["status"] != "created", 60, "it to run")
                faults["clock_ms"] += step
                dies = n % 4 == 3
                if dies:
                    service.kill()
                    service.start()
                e = quiet.ask("GET", f"/v1/evaluations/{id}?wait_ms=30000").json()
                if not dies or e["status"] == "finished":
                    assert (e["status"], e["verdict"], e["output"], e["claims"]) == ("finished", "ok", "begun\nended\n", 1), e
                else:
                    assert e["reason"]["code"] == "evaluator_lost", e
                assert e["timing"] is None or all(v >= 0 for v in e["timing"].values()), e
                # Of a minute's sixty requests no more are there for a clock that is an hour on, and no fewer for one that is a day back.
                allowed = sum(slow.ask("GET", "/v1/users/me").status_code == 200 for _ in range(61))
                assert (allowed > 0) if n == 0 or dies else allowed < 60, f"{allowed} requests were allowed after a step of {step} ms"
                assert [line for line in metrics_of(service) if float(line[1]) < 0] == []
                before = sum(a.answers for a in actors)
                wait_for(lambda before=before: sum(a.answers for a in actors) > before + 5 or any(a.error for a in actors), 60, "answers")
                # A process that begins with another clock goes by that: it may have forgotten the key.
                a = once(service.lives)
                assert dies or (a.json()["id"], a.headers.get("Idempotent-Replayed")) == (first, "true"), f"taken as new after a step of {step} ms"
                first = a.json()["id"]
                wait_for(lambda: slow.ask("GET", "/v1/users/me").status_code == 200, 60, "the next request of a rate of one a second")
        settled_for_good(service, persons, LOSSES)
        for s in [s for p in persons for s in p.sent if s.end and s.end["timing"]]:
            assert all(v >= 0 for v in s.end["timing"].values()), s.end
        assert service.stop() == 0
    except BaseException:
        print(service.log()[-6000:])
        raise
    finally:
        service.close()


def test_retention_goes_by_time_that_passes(tmp_path):
    faults = Faults(tmp_path)
    config = tmp_path / "serapis.yaml"
    kept = "retention.rows: 1h\nretention.data: 1h\nidempotency.keep: 1s\n"  # the last makes the janitor look four times a second
    config.write_text(kept)
    service = Target("--config", config, "--janitor-interval", "100ms").preload(faults)
    try:
        service.start()
        p, rows = service.person(), []

        def look():
            """The janitor has forgotten something since: an idempotency key, as it does when it looks for what is due."""
            answers = set()
            key = {"Idempotency-Key": f"look-{len(rows)}"}

            def forgotten():
                a = p.ask("POST", "/v1/eval/lua", {"code": "print(1)"}, **key)
                assert a.status_code == 200, a.text
                answers.add(a.json()["id"])
                return len(answers) == 2

            wait_for(forgotten, 60, "the end of an idempotency key")
            rows.extend(answers)

        def there():
            return [id for id in rows if p.ask("GET", f"/v1/evaluations/{id}").status_code == 200]

        for step in (0, -30 * DAY, 30 * DAY, -30 * DAY):
            faults["clock_ms"] += step
            look()
            assert there() == rows, f"after a step of {step} ms some are gone before their time"
            assert all(p.ask("GET", f"/v1/evaluations/{id}/output").content == b"1\n" for id in rows)
        # What is due goes, though the clock is thirty days back.
        config.write_text(kept.replace("1h", "1s"))
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: not there(), 60, "the end of what is due")
        # A process that begins with another clock goes by that.
        config.write_text(kept)
        service.kill()
        faults["clock_ms"] = 0
        service.start()
        rows.clear()
        look()
        assert there() == rows
        service.kill()
        faults["clock_ms"] += 2 * HOUR
        service.start()
        wait_for(lambda: not there(), 60, "the end of what is due")
        assert service.stop() == 0
    except BaseException:
        print(service.log()[-6000:])
        raise
    finally:
        service.close()
