# SPDX-License-Identifier: MIT
"""The end of a service: SIGTERM, SIGINT, a second signal."""
import contextlib
import json
import signal
import socket
import threading

import requests
from support.service import Service, descendants, processes, wait_for


class Call(threading.Thread):
    """A synchronous evaluation on a thread of its own."""

    def __init__(self, service, **fields):
        super().__init__(daemon=True)
        self.service, self.fields, self.answer = service, fields, None
        self.start()

    def run(self):
        with contextlib.suppress(requests.RequestException):
            self.answer = self.service.eval("ruby", **self.fields)

    def result(self):
        self.join(timeout=90)
        return self.answer


def listens(service):
    try:
        socket.create_connection(("127.0.0.1", service.port), timeout=10).close()
        return True
    except ConnectionRefusedError:
        return False


def runs(service, n=1):
    """Waits until n programs run."""
    def busy():
        return 'serapis_slots{state="busy"} %d\n' % n in service.get("/metrics").text
    wait_for(busy, 30, "the runs")


def messages(service):
    # The last line may be half written.
    return [json.loads(line)["msg"] for line in service.log().splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]


def test_term_says_not_ready_goes_on_and_ends_when_all_is_done():
    s = Service("--slots", "2", "--drain-delay", "4s")
    with s:
        long = Call(s, code="sleep 3; puts 'long'")
        runs(s)
        s.process.send_signal(signal.SIGTERM)
        wait_for(lambda: s.get("/readyz").status_code == 503, 30, "not ready")
        assert s.get("/readyz").json()["error"]["code"] == "draining" and s.get("/healthz").status_code == 200
        # Balancers that have not looked yet still send: that is what the delay is for.
        a = s.eval("ruby", code="puts 'during'")
        assert a.status_code == 200 and a.json()["output"] == "during\n"
        assert long.result().status_code == 200 and long.answer.json()["output"] == "long\n"
        assert s.process.wait(timeout=60) == 0
        assert not listens(s)
        assert messages(s)[-1] == "ended"


def test_listening_ends_before_the_runs_do():
    s = Service("--slots", "1", "--drain-delay", "0s")
    with s:
        long = Call(s, code="STDOUT.sync = true; puts 1; sleep 5; puts 2")
        runs(s)
        s.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not listens(s), 30, "the end of listening")
        # The one that runs comes to its end, and its caller hears of it.
        assert s.process.poll() is None
        assert long.result().status_code == 200 and long.answer.json()["output"] == "1\n2\n"
        assert s.process.wait(timeout=60) == 0


def test_what_does_not_end_in_time_is_given_back_unjudged():
    s = Service("--slots", "1", "--drain-delay", "0s", "--drain-timeout", "1s")
    with s:
        running = Call(s, code="puts Dir.exist?('/box'); STDOUT.flush; sleep 4", limits={"wall_ms": 20000})
        runs(s)
        waiting = Call(s, code="puts 'later'")
        wait_for(lambda: "serapis_http_waiters 2\n" in s.get("/metrics").text, 30, "the second")
        s.process.send_signal(signal.SIGTERM)
        answers = [running.result(), waiting.result()]
        assert s.process.wait(timeout=60) == 0
        # Stored is stored: no 5xx, but the evaluation as it is, and where to ask for it.
        for a in answers:
            assert a.status_code == 202 and a.headers["Location"] == "/v1/evaluations/" + a.json()["id"]
            assert a.json()["status"] == "created" and a.json()["verdict"] is None
        s.start()
        first, second = [s.evaluation(a.json()["id"], wait_ms=50000).json() for a in answers]
        assert (first["status"], first["output"], first["claims"]) == ("finished", "true\n", 2)
        assert (second["status"], second["output"], second["claims"]) == ("finished", "later\n", 1)
        assert s.stop() == 0


def test_interrupt_does_not_wait_for_balancers():
    s = Service("--drain-delay", "5m")
    with s:
        s.process.send_signal(signal.SIGINT)
        assert s.process.wait(timeout=60) == 0


def test_a_second_signal_ends_it_at_once():
    for first, second in [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)]:
        s = Service("--slots", "1", "--drain-delay", "0s", "--drain-timeout", "1h")
        with s:
            call = Call(s, code="sleep 50", limits={"wall_ms": 55000})
            runs(s)
            family = descendants(s.process.pid)
            assert family
            s.process.send_signal(first)
            wait_for(lambda: "draining" in messages(s), 30, "the drain")
            # Reading the settings again is no wish for an end.
            s.process.send_signal(signal.SIGHUP)
            assert s.process.poll() is None
            s.process.send_signal(second)
            assert s.process.wait(timeout=60) == 128 + second
            call.result()
            wait_for(lambda: not set(family) & set(processes()), 30, "the end of what it had started")


def test_signals_of_the_start_are_not_lost():
    """A service that is told to end before it is ready does so, cleanly."""
    s = Service()
    try:
        s.start(wait=False)
        wait_for(lambda: s.boxes() or s.process.poll() is not None, 30, "a box")
        s.process.send_signal(signal.SIGINT)
        assert s.process.wait(timeout=60) == 0
    finally:
        s.close()
