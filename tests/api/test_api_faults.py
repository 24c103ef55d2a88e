# SPDX-License-Identifier: MIT
"""The API's promises where the parts around it fail: the store is away, replies are lost, evaluations do not end, the service ends."""
import base64
import contextlib
import json
import pathlib
import re
import socket
import threading
import time

import pytest
import requests

KEYS = ["id", "status", "verdict", "reason", "stage", "language", "runtime", "reference", "exit_code", "signal", "output", "stdout", "stderr", "encoding", "lossy", "truncated",
        "limits_hit", "compile", "dependencies", "git", "usage", "timing"]


def until(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


class Call(threading.Thread):
    """A request on a thread of its own; result() waits for its answer."""

    def __init__(self, fn, *args, **kw):
        super().__init__(daemon=True)
        self.fn, self.args, self.kw, self.got = fn, args, kw, None
        self.start()

    def run(self):
        self.got = self.fn(*self.args, **self.kw)

    def result(self):
        self.join(timeout=90)
        assert self.got is not None, "no answer"
        return self.got


def error(answer, status, code):
    assert answer.status_code == status, answer.text
    e = answer.json()["error"]
    assert list(e) == ["code", "message", "field", "value", "limit", "request_id", "more"]
    assert e["code"] == code, e
    assert e["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["Content-Type"] == "application/json"
    if status == 503:
        assert int(answer.headers["Retry-After"]) >= 1
    return e


def test_sync(puppet):
    p = puppet()
    a = p.eval("node", code="hello")
    assert a.status_code == 200
    e = a.json()
    assert list(e)[:len(KEYS)] == KEYS
    assert (e["status"], e["verdict"], e["output"], e["claims"]) == ("finished", "ok", "hello", 1)
    assert "Location" not in a.headers and a.headers["Cache-Control"] == "no-store" and a.headers["X-Content-Type-Options"] == "nosniff"
    assert a.text.endswith("}\n") and ": " not in a.text.split('"output"')[0]
    assert p.get("/v1/evaluations/" + e["id"]).json() == e
    assert p.get("/v1/evaluations/" + e["id"].upper()).json() == e


def test_async_and_poll(puppet):
    p = puppet()
    a = p.eval("node", code="hold", **{"async": True})
    e = a.json()
    assert a.status_code == 202
    assert a.headers["Location"] == "/v1/evaluations/" + e["id"] and a.headers["Retry-After"] == "1"
    assert (e["status"], e["verdict"], e["output"], e["finished_at"]) == ("created", None, None, None)
    until(lambda: p.say("held") == "1")
    a = p.get(a.headers["Location"])
    assert a.status_code == 200 and a.json()["status"] == "evaluating" and "Retry-After" not in a.headers
    waits = [Call(p.get, "/v1/evaluations/%s?wait_ms=50000" % e["id"]) for _ in range(3)]
    assert p.get("/v1/evaluations/%s?wait_ms=1" % e["id"]).json()["status"] == "evaluating"
    assert p.say("finish") == "1"
    for w in waits:
        assert (w.result().status_code, w.result().json()["output"]) == (200, "hold")


def test_get_waits_through_the_sweep_when_replies_are_lost(puppet):
    p = puppet()
    p.tell("replies off")
    e = p.eval("node", code="hold", **{"async": True}).json()
    until(lambda: p.say("held") == "1")
    w = Call(p.get, "/v1/evaluations/%s?wait_ms=50000" % e["id"])
    assert p.say("finish") == "1"
    assert w.result().json()["status"] == "finished"


def test_every_reply_is_lost(puppet):
    p = puppet()
    p.tell("replies off")
    calls = [Call(p.eval, "node", code="hello %d" % i) for i in range(30)]
    assert sorted(c.result().json()["output"] for c in calls) == sorted("hello %d" % i for i in range(30))
    assert {c.result().status_code for c in calls} == {200}


def test_wait_is_over(puppet):
    p = puppet(http__sync_wait_max="300ms")
    for fields in ({}, {"wait_ms": 50}, {"wait_ms": 0}):
        a = p.eval("node", code="hold", **fields)
        assert a.status_code == 202 and a.json()["status"] in ("created", "evaluating")
        assert a.headers["Location"] == "/v1/evaluations/" + a.json()["id"]
    until(lambda: p.say("held") == "3")
    assert p.say("finish") == "3"
    until(lambda: p.get(a.headers["Location"]).json()["status"] == "finished")
    e = error(p.eval("node", code="hold", wait_ms=301), 422, "limit_too_large")
    assert (e["field"], e["value"], e["limit"]) == ("/wait_ms", 301, 300)
    e = error(p.get(a.headers["Location"] + "?wait_ms=301"), 422, "limit_too_large")
    assert (e["field"], e["value"], e["limit"]) == ("?wait_ms", 301, 300)


def test_store_away_before_the_row(puppet):
    p = puppet()
    e = p.eval("node", code="hello").json()
    p.tell("store away")
    error(p.eval("node", code="hello"), 503, "store_unavailable")
    error(p.eval("node", code="hello", **{"async": True}), 503, "store_unavailable")
    error(p.get("/v1/evaluations/" + e["id"]), 503, "store_unavailable")
    assert p.get("/healthz").status_code == 200
    p.tell("store back")
    assert p.eval("node", code="hello").status_code == 200


def test_store_away_after_the_row(puppet):
    """Never a 5xx once the row is stored: the wait goes on, and ends with what is known."""
    p = puppet(http__sync_wait_max="1500ms")
    short, long_ = Call(p.eval, "node", code="hold 1", wait_ms=400), Call(p.eval, "node", code="hold 2")
    until(lambda: p.say("held") == "2")
    p.tell("store away")
    assert p.say("finish") == "2"  # the replies find a store that does not answer
    a = short.result()
    assert a.status_code == 202 and a.json()["status"] == "created" and a.headers["Location"].endswith(a.json()["id"])
    p.tell("store back")
    assert long_.result().status_code in (200, 202)
    until(lambda: p.get(a.headers["Location"]).json()["output"] == "hold 1")
    # With time enough the sweep finds it.
    third = Call(p.eval, "node", code="hold 3", wait_ms=1500)
    until(lambda: p.say("held") == "1")
    p.say("finish")
    assert third.result().status_code == 200


def test_no_read_after_the_row(puppet):
    """The same for one that was stored by an earlier request of the same key, whose result cannot be read now."""
    p = puppet()
    def post():
        return requests.post(p.url + "/v1/eval/node", json={"code": "hello"}, headers={"Idempotency-Key": "k"}, timeout=90)
    first = post().json()
    p.tell("reads off")
    a = post()
    assert a.status_code == 202 and a.headers["Location"].endswith(first["id"]) and a.headers["Idempotent-Replayed"] == "true"
    # Not as ended: there is no output with it.
    assert (a.json()["id"], a.json()["status"], a.json()["verdict"], a.json()["output"], a.json()["finished_at"]) == (first["id"], "evaluating", None, None, None)
    error(p.get("/v1/evaluations/" + first["id"]), 503, "store_unavailable")
    p.tell("reads on")
    assert post().json() == first


def bytes_file(n, begin=b""):
    content = begin + b"z" * (n - len(begin))
    return {"files": [{"path": "main.js", "content": base64.b64encode(content).decode(), "encoding": "base64"}], "limits": {"output_bytes": 4 << 20}}


@contextlib.contextmanager
def unread(p, id):
    """An answer that takes its room in memory and that nobody reads."""
    with p.wire() as w:
        w.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        w.send(b"GET /v1/evaluations/%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % id.encode())
        assert w.sock.recv(12, socket.MSG_PEEK | socket.MSG_WAITALL).endswith(b" 200")
        yield


def test_no_room_after_the_row(puppet):
    """And none because others do not read their answers: what was stored is answered with its id."""
    p = puppet(http__memory_max="16MiB")
    large = p.eval("node", **bytes_file(4 << 20)).json()["id"]
    ours = Call(p.eval, "node", **bytes_file(3 << 20, b"hold"))
    until(lambda: p.say("held") == "1")
    original = Call(requests.post, p.url + "/api/evaluations/node", json={"stdin": "SENT", "code": "hold" + "z" * 900_000}, timeout=90)
    until(lambda: p.say("held") == "2")
    with unread(p, large):
        assert p.say("finish") == "2"
        a = ours.result()
        assert a.status_code == 202 and a.headers["Location"] == "/v1/evaluations/" + a.json()["id"] and a.headers["Retry-After"] == "1"
        assert (a.json()["status"], a.json()["verdict"], a.json()["output"]) == ("evaluating", None, None)
        error(p.get("/v1/evaluations/" + a.json()["id"]), 503, "overloaded")
        b = original.result()
        assert b.status_code in (200, 202), b.text
        # Small requests and answers have room of their own.
        assert [p.eval("node", code="small").json()["output"] for _ in range(5)] == ["small"] * 5
    until(lambda: p.get("/v1/evaluations/" + a.json()["id"]).status_code == 200)


def test_the_originals_answer_without_room(puppet):
    p = puppet(http__memory_max="12MiB")
    large = p.eval("node", **bytes_file(4 << 20)).json()["id"]
    call = Call(requests.post, p.url + "/api/evaluations/node", json={"stdin": "SENT", "code": "hold" + "z" * 900_000}, timeout=90)
    until(lambda: p.say("held") == "1")
    with unread(p, large):
        assert p.say("finish") == "1"
        a = call.result()
        assert (a.status_code, a.json()["status"], a.json()["code"], a.json()["output"], a.json()["exit_code"]) == (202, "evaluating", None, None, -1)
        stored = a.json()["id"]
    until(lambda: p.get("/v1/evaluations/" + stored).status_code == 200)


def test_what_the_originals_answer_repeats_counts_as_memory(puppet):
    """Their answers show code and stdin again, so these are kept while they wait: within the bound, and given back."""
    p = puppet(http__memory_max="8MiB")
    body = {"code": "hold", "stdin": "y" * 1_000_000}
    for _ in range(2):
        calls = []
        for i in range(12):
            calls.append(Call(requests.post, p.url + "/api/evaluations/node", json=body, timeout=90))
            until(lambda: calls[-1].got is not None or int(p.say("held")) == sum(c.got is None for c in calls))
        refused = [c.result() for c in calls if c.got is not None]
        assert {(a.status_code, "no room" in a.text) for a in refused} == {(503, True)}
        # 6 of the 8 MiB are for what is large.
        assert int(p.say("held")) == len(calls) - len(refused) == 6
        # Ours do not show them, and keep nothing.
        ours = [Call(p.eval, "node", code="hold", stdin="y" * 50_000) for _ in range(12)]
        until(lambda: int(p.say("held")) == 18)
        p.say("finish")
        assert {c.result().status_code for c in ours} == {200}
        answers = [c.result() for c in calls if c.got is None or c.got.status_code != 503]
        assert len(answers) == 6 and {(a.status_code, len(a.json()["stdin"])) for a in answers} <= {(200, 1_000_000)}


def test_making_large_answers_takes_bounded_memory(puppet):
    p = puppet(http__memory_max="1GiB")
    # Each byte is six of JSON, and there twice.
    id = p.eval("node", files=[{"path": "main.js", "content": base64.b64encode(b"\x01" * (4 << 20)).decode(), "encoding": "base64"}], limits={"output_bytes": 4 << 20}).json()["id"]

    def most():
        return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{p.process.pid}/status").read_text()).group(1)) << 10

    one = most()
    calls = [Call(p.get, "/v1/evaluations/" + id) for _ in range(12)]
    sizes = {len(c.result().content) for c in calls}
    assert len(sizes) == 1 and sizes.pop() > 48 << 20
    # 12 answers on their way, and two that are being made: less than 12 that are being made at the same time.
    assert most() < one + 12 * (64 << 20), (one, most())


def test_health_does_not_queue_behind_the_store(puppet):
    """More requests than there are threads wait in a store that does not come back: whoever asks for health must not wait behind them."""
    p = puppet()
    until(lambda: p.get("/readyz").status_code == 200)
    p.tell("stuck on")
    waiting = [Call(p.eval, "node", code="hello", **{"async": True}) for _ in range(60)]
    time.sleep(0.3)  # so that every thread is inside
    assert p.get("/healthz", timeout=30).json() == {"status": "ok"}
    assert p.get("/readyz", timeout=30).json() == {"status": "ready"}
    assert not any(c.got for c in waiting)
    p.tell("stuck off")
    assert {c.result().status_code for c in waiting} == {202}


def test_readiness(puppet):
    p = puppet()
    until(lambda: p.get("/readyz").status_code == 200)
    assert p.get("/readyz").json() == {"status": "ready"}
    assert p.get("/healthz").json() == {"status": "ok"}
    p.tell("ready off")
    assert "the test says so" in error(p.get("/readyz"), 503, "not_ready")["message"]
    p.tell("ready on")
    assert p.get("/readyz").status_code == 200
    p.tell("drain")
    error(p.get("/readyz"), 503, "draining")
    assert p.get("/healthz").status_code == 200


def test_queue_full(puppet):
    p = puppet(queue__max_waiting=2)
    p.tell("take off")
    for _ in range(2):
        assert p.eval("node", code="hello", **{"async": True}).status_code == 202
    e = error(p.eval("node", code="hello", **{"async": True}), 503, "queue_full")
    assert e["limit"] == 2
    error(p.eval("node", code="hello"), 503, "queue_full")
    p.tell("take on")
    until(lambda: p.eval("node", code="hello").status_code == 200)


def test_language_unavailable(puppet):
    p = puppet()
    p.tell("available off")
    e = error(p.eval("ruby", code="puts 1"), 503, "language_unavailable")
    assert "the test says so" in e["message"]
    items = p.get("/v1/languages").json()["items"]
    assert items and all((i["available"], i["version"], i["reason"]) == (False, None, "the test says so") for i in items)
    p.tell("available on")
    assert p.eval("ruby", code="puts 1").status_code == 200
    assert all((i["available"], i["reason"]) == (True, None) for i in p.get("/v1/languages").json()["items"])


def test_drain_refuses_before_the_row(puppet):
    p = puppet(drain__delay="0s")
    waits = Call(p.eval, "node", code="hold")
    until(lambda: p.say("held") == "1")
    e = p.eval("node", code="hello").json()
    p.tell("drain")
    error(p.eval("node", code="hello"), 503, "draining")
    assert p.get("/v1/evaluations/" + e["id"]).status_code == 200
    assert p.get("/v1/languages").status_code == 200  # from what was known: the evaluators' side may be gone
    assert p.say("finish") == "1"
    assert waits.result().json()["output"] == "hold"


def test_drain_has_a_delay(puppet):
    p = puppet(drain__delay="60s")
    p.tell("drain")
    assert p.eval("node", code="hello").status_code == 200


def test_stop_answers_waiters(puppet):
    p = puppet()
    created = [Call(p.eval, "node", code="hold") for _ in range(20)]
    until(lambda: p.say("held") == "20")
    e = p.eval("node", code="hold", **{"async": True}).json()
    get = Call(p.get, "/v1/evaluations/%s?wait_ms=50000" % e["id"])
    until(lambda: p.say("held") == "21")
    time.sleep(0.2)
    p.tell("stop 50")
    for c in created:
        a = c.result()
        assert a.status_code == 202 and a.json()["status"] == "evaluating" and a.headers["Connection"].lower() == "close"
    assert get.result().status_code == 200 and get.result().json()["status"] == "evaluating"
    with pytest.raises(requests.ConnectionError):
        p.get("/healthz")


def test_stop_lets_waiters_end(puppet):
    p = puppet()
    waits = [Call(p.eval, "node", code="hold") for _ in range(5)]
    until(lambda: p.say("held") == "5")
    p.tell("stop-finish 60000")
    assert {w.result().status_code for w in waits} == {200}


def test_stop_with_the_store_away(puppet):
    p = puppet()
    waits = Call(p.eval, "node", code="hold")
    until(lambda: p.say("held") == "1")
    p.tell("store away")
    p.tell("stop 0")
    a = waits.result()
    assert a.status_code == 202 and a.json()["status"] in ("created", "evaluating")


def test_a_client_that_leaves_harms_nobody(puppet):
    p = puppet()
    for _ in range(5):
        with pytest.raises(requests.ReadTimeout):
            p.eval("node", code="hold", timeout=0.3)
    until(lambda: p.say("held") == "5")
    stays = Call(p.eval, "node", code="hold")
    until(lambda: p.say("held") == "6")
    assert p.say("finish") == "6"
    assert stays.result().status_code == 200


def test_many_waiters(puppet):
    p = puppet(http__threads=2)
    n = 300
    calls = [Call(p.eval, "node", code="hold %d" % i) for i in range(n)]
    until(lambda: p.say("held") == str(n))
    assert p.say("finish") == str(n)
    got = [c.result() for c in calls]
    assert {a.status_code for a in got} == {200}
    assert len({a.json()["id"] for a in got}) == n
    assert sorted(a.json()["output"] for a in got) == sorted("hold %d" % i for i in range(n))


def test_waiters_of_one_evaluation_share_their_answer(puppet):
    """It is rendered once for an encoding and in memory once: twelve of their own would be far over the bound."""
    p = puppet(http__memory_max="20MiB")
    code = "hold" + "\x01" * 300_000
    id = p.eval("node", code=code, **{"async": True}).json()["id"]
    until(lambda: p.say("held") == "1")
    wires = []
    for i in range(12):
        w = p.wire()
        w.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        w.send(b"GET /v1/evaluations/%s?wait_ms=50000&encoding=%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (id.encode(), [b"utf-8", b"base64"][i % 2]))
        wires.append(w)
    # A reply, not the handler's look at the store, must answer them.
    until(lambda: p.get("/healthz").status_code == 200)
    time.sleep(0.5)
    assert p.say("finish") == "1"
    time.sleep(0.5)
    answers = [w.answer() for w in wires]
    for w in wires:
        w.sock.close()
    assert [a.status for a in answers] == [200] * 12
    assert len({a.headers["x-request-id"] for a in answers}) == 12
    assert len({a.body for a in answers[::2]}) == len({a.body for a in answers[1::2]}) == 1
    assert json.loads(answers[0].body)["output"] == code
    assert base64.b64decode(json.loads(answers[1].body)["output"]).decode() == code


def test_short_waits_end_among_long_ones(puppet):
    """Each by its own deadline, whatever came before or after: a short one behind a long one would get its answer with the long one's 200."""
    p = puppet()
    long_, short = [], []
    for i in range(20):
        long_.append(Call(p.eval, "node", code="hold", wait_ms=50000 - 13 * i % 7 * 100))
        short.append(Call(p.eval, "node", code="hold", wait_ms=100 + 37 * i % 11 * 20))
    assert {c.result().status_code for c in short} == {202}
    until(lambda: p.say("held") == "40")
    assert p.say("finish") == "40"
    assert {c.result().status_code for c in long_} == {200}


def test_log_has_requests_and_no_secrets(puppet, capfd):
    p = puppet()
    p.eval("node", code="SECRETCODE", stdin="SECRETSTDIN")
    a = p.get("/v1/evaluations/x?secret=SECRETQUERY")
    for target in (b"/v1/evaluations?secret=SECRETQUERY\xe9", b"/v1/x?secret=SECRETQUERY#x", b"http://u:SECRETWORD@localhost?secret=SECRETQUERY"):
        with p.wire() as w:
            w.send(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert w.answer().status == 400
    p.tell("stop 0")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert "SECRET" not in json.dumps(lines)
    of_get = [x for x in lines if x.get("request_id") == a.headers["X-Request-Id"]]
    assert [(x["method"], x["path"], x["http_status"]) for x in of_get] == [("GET", "/v1/evaluations/x", 422)]
    assert [x["http_status"] for x in lines if x.get("path") == "/v1/eval/node"] == [200]


@pytest.mark.parametrize("headers,local", [
    ([], True), (["X-Forwarded-For: 127.0.0.1"], True), (["X-Forwarded-For: ::1", "X-Forwarded-Proto: https", "Via: 1.1 x"], True),
    (["X-Forwarded-For: 8.8.8.8"], False), (["X-Forwarded-For: 127.0.0.1, 8.8.8.8"], False), (["X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 8.8.8.8"], False),
    (["X-Forwarded-For: unknown"], False), (["X-Forwarded-For:"], False), (["X-Forwarded-For: 127.0.0.1,"], False), (["X-Forwarded-For: " + "127.0.0.1, " * 300 + "127.0.0.1"], False),
    (["Forwarded: for=8.8.8.8"], False), (["X-Real-IP: 8.8.8.8"], False), (["Via: 1.1 x"], False), (["X-Forwarded-Proto: https"], False),
])
def test_open_mode_behind_a_trusted_proxy(puppet, headers, local):
    """A proxy on this machine that is trusted makes nobody local of whom it does not say so in X-Forwarded-For."""
    p = puppet(http__trusted_proxies="127.0.0.1,::1")
    with p.wire() as w:
        w.send(("GET /v1/languages HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % "".join(h + "\r\n" for h in headers)).encode())
        assert w.answer().status == (200 if local else 403)


def test_ids_are_new(puppet):
    p = puppet()
    ids = [p.eval("node", code="x").json()["id"] for _ in range(5)]
    assert ids == sorted(ids) and all(re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", i) for i in ids)


def test_dump_is_json_of_the_same(puppet):
    p = puppet()
    text = p.eval("node", code="x").text
    assert json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False) + "\n" == text
