# SPDX-License-Identifier: MIT
"""/metrics: the format, and that every count moves exactly by what was done."""
import contextlib
import json
import os
import re
import signal
import socket
import threading

import pytest
import requests
from support.prometheus import Page, moved
from support.service import SOURCE, Service, wait_for
from wire import Wire

TYPE = "text/plain; version=0.0.4; charset=utf-8"
STORE_WIDE = {"serapis_waiting": ["class"], "serapis_oldest_waiting_seconds": ["class"], "serapis_slots_wanted": []}
# Name → labels, as docs/operations.md has them.
FAMILIES = {
    "serapis_http_requests_total": ["route", "method", "code"], "serapis_http_request_duration_seconds": ["route"], "serapis_http_waiters": [],
    "serapis_evaluations_accepted_total": ["language", "class"], "serapis_evaluations_total": ["language", "status", "verdict"],
    "serapis_stage_duration_seconds": ["stage", "language"], "serapis_slots": ["state"], "serapis_starts_total": ["language", "kind", "why"],
    "serapis_leases_lost_total": [], "serapis_republished_total": ["why"], "serapis_dead_letters_total": [], "serapis_broker_connected": [], "serapis_store_up": [],
    "serapis_store_operation_duration_seconds": ["op"], "serapis_build_info": ["version"], **STORE_WIDE,
}


def page(server):
    a = server.get("/metrics")
    assert a.status_code == 200 and a.headers["Content-Type"] == TYPE and a.headers["Cache-Control"] == "no-store", a.text
    return Page(a.text)


def diff(before, after, name):
    """The differences as {(label values in the order of the table): n}."""
    order = FAMILIES.get(name) or FAMILIES[re.sub("_(bucket|sum|count)$", "", name)]
    return {tuple(dict(l)[k] for k in order): v for l, v in moved(before, after, name).items()}


def requests_made(before, after):
    """By (route, method, code), without those for the page itself."""
    got = diff(before, after, "serapis_http_requests_total")
    got.pop(("/metrics", "GET", "200"), None)
    return got


def settled(server, before, n):
    """The page once n requests since `before` are counted: a request is counted after its answer is out."""
    def look():
        p = page(server)
        return p if sum(requests_made(before, p).values()) >= n else None

    return wait_for(look, 30, "the count of the requests")


def once(server, condition, text, seconds=60):
    """The first page for which the condition holds."""
    def look():
        p = page(server)
        return p if condition(p) else None

    return wait_for(look, seconds, text)


def test_names_and_labels(server):
    server.eval("ruby", code="puts 1")
    p = once(server, lambda p: set(p.kinds) >= set(FAMILIES), "all metrics")
    assert set(p.kinds) == set(FAMILIES)
    for name, labels in FAMILIES.items():
        for n, l in p.samples:
            if re.sub("_(bucket|sum|count)$", "", n) == name or n == name:
                assert sorted(k for k, _ in l if k != "le") == sorted(labels)
    kinds = {"_total": "counter", "_seconds": "histogram"}
    for name, kind in p.kinds.items():
        wanted = next((k for end, k in kinds.items() if name.endswith(end)), "gauge")
        assert kind == ("gauge" if name == "serapis_oldest_waiting_seconds" else wanted), name
    assert p.of("serapis_build_info") == {frozenset({("version", (SOURCE / "VERSION").read_text().strip())}): 1}
    assert (p.value("serapis_store_up"), p.value("serapis_broker_connected"), p.value("serapis_dead_letters_total")) == (1, 1, 0)
    assert p.labels("serapis_slots", "state") == {"idle", "busy", "broken"}
    assert p.labels("serapis_republished_total", "why") == {"lease_over", "waiting"}
    assert p.labels("serapis_waiting", "class") == p.labels("serapis_oldest_waiting_seconds", "class") == {"interactive", "bulk"}


def test_requests_are_counted_by_route_method_and_code():
    with Service() as s:
        before = page(s)
        assert s.get("/v1/languages").status_code == 200
        assert s.get("/v1/languages?x=1").status_code == 422
        assert requests.head(s.url + "/v1/languages").status_code == 200
        assert requests.delete(s.url + "/v1/languages").status_code == 405
        assert s.get("/v1/evaluations/01a2142a-60fa-7040-9ed9-fa9ea983e24b").status_code == 404
        assert s.get("/v1/evaluations/nonsense").status_code == 404
        assert s.get("/secret/path?key=secret").status_code == 404
        assert s.eval("ruby", code="puts 1").status_code == 200
        assert s.eval("rust", code="1").status_code == 404
        assert requests.get(s.url + "/v1/languages", headers={"Host": "evil"}).status_code == 403
        with Wire(s.port) as w:
            w.send(b"BREW /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert w.answer().status == 405
        after = settled(s, before, 11)
        # HEAD is a request of its own; what fits no route, or a route but not its method, has no pattern.
        assert requests_made(before, after) == {
            ("/v1/languages", "GET", "200"): 1, ("/v1/languages", "GET", "422"): 1, ("/v1/languages", "HEAD", "200"): 1, ("none", "DELETE", "405"): 1,
            ("/v1/evaluations/{id}", "GET", "404"): 2, ("none", "GET", "404"): 1, ("/v1/eval/{language}", "POST", "200"): 1, ("/v1/eval/{language}", "POST", "404"): 1,
            ("/v1/languages", "GET", "403"): 1, ("none", "other", "405"): 1,
        }
        counts = diff(before, after, "serapis_http_request_duration_seconds_count")
        counts.pop(("/metrics",))
        assert counts == {("/v1/languages",): 4, ("none",): 3, ("/v1/evaluations/{id}",): 2, ("/v1/eval/{language}",): 2}
        assert "secret" not in s.get("/metrics").text


def test_what_clients_make_up_makes_no_series():
    with Service() as s:
        s.get("/nope")
        with Wire(s.port) as w:
            w.send(b"XYZ /nope HTTP/1.1\r\nHost: localhost\r\n\r\n")
            w.answer()
        before = once(s, lambda p: p.value("serapis_http_requests_total", route="none", method="other", code="404"), "the request")
        with Wire(s.port) as w:
            for i in range(300):
                w.send(b"M%d /p%d?q=%d HTTP/1.1\r\nHost: localhost\r\n\r\nGET /p%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % (i, i, i, i))
                assert [w.answer().status, w.answer().status] == [404, 404]
        for i in range(50):
            assert s.eval("made-up-%d" % i, code="1").status_code == 404
        after = settled(s, before, 650)
        # One new combination, of the 404 for an unknown language.
        new = set(after.of("serapis_http_requests_total")) - set(before.of("serapis_http_requests_total"))
        assert {dict(l)["route"] for l in new} <= {"/v1/eval/{language}", "none", "/metrics"} and len(new) <= 3
        assert after.of("serapis_evaluations_accepted_total") == before.of("serapis_evaluations_accepted_total")


def test_evaluations_are_counted_by_what_became_of_them():
    with Service("--slots", "2") as s:
        before = page(s)
        ids = []
        for language, fields, verdict in [
            ("ruby", {"code": "puts 1"}, "ok"), ("rb", {"code": "exit 3"}, "nonzero_exit"), ("c", {"code": "int main(void) { return 0; }"}, "ok"),
            ("c", {"code": "int main(void) { return x; }"}, "compile_error"), ("ruby", {"code": "sleep 60", "limits": {"wall_ms": 300}}, "wall_limit"),
            ("node", {"code": "console.log(1)", "expected_output": "2"}, "wrong_answer"), ("node", {"code": "console.log(1)", "async": True}, None),
        ]:
            a = s.eval(language, **fields)
            assert a.status_code == (202 if fields.get("async") else 200) and a.json()["verdict"] == verdict, a.text
            ids.append(a.json()["id"])
        assert s.evaluation(ids[-1], wait_ms=50000).json()["verdict"] == "ok"
        after = page(s)
        assert diff(before, after, "serapis_evaluations_accepted_total") == {("ruby", "interactive"): 3, ("c", "interactive"): 2, ("node", "interactive"): 1, ("node", "bulk"): 1}
        assert diff(before, after, "serapis_evaluations_total") == {
            ("ruby", "finished", "ok"): 1, ("ruby", "finished", "nonzero_exit"): 1, ("c", "finished", "ok"): 1, ("c", "finished", "compile_error"): 1,
            ("ruby", "timeout", "wall_limit"): 1, ("node", "finished", "wrong_answer"): 1, ("node", "finished", "ok"): 1}
        assert diff(before, after, "serapis_stage_duration_seconds_count") == {
            ("queue", "ruby"): 3, ("queue", "c"): 2, ("queue", "node"): 2, ("run", "ruby"): 3, ("run", "node"): 2, ("run", "c"): 1, ("compile", "c"): 2}
        # The run that was stopped after 300 ms alone makes so much.
        assert diff(before, after, "serapis_stage_duration_seconds_sum")[("run", "ruby")] >= 0.3
        assert {l[0]: n for l, n in diff(before, after, "serapis_starts_total").items()} == {"ruby": 3, "c": 1, "node": 2}
        assert diff(before, after, "serapis_leases_lost_total") == {}
        # One row each of these: nothing was claimed, finished or created twice.
        ops = diff(before, after, "serapis_store_operation_duration_seconds_count")
        assert (ops[("create",)], ops[("claim",)], ops[("finish",)]) == (7, 7, 7)


def test_waiters_and_slots():
    with Service("--slots", "2") as s:
        idle = page(s)
        assert idle.value("serapis_http_waiters") == 0
        assert [idle.value("serapis_slots", state=k) for k in ("idle", "busy", "broken")] == [2, 0, 0]
        def wait():
            with contextlib.suppress(requests.RequestException):
                s.eval("ruby", code="sleep 60", limits={"wall_ms": 50000})

        t = threading.Thread(target=wait)
        t.start()
        busy = once(s, lambda p: p.value("serapis_slots", state="busy") == 1, "a busy slot")
        assert busy.value("serapis_slots", state="idle") == 1 and busy.value("serapis_http_waiters") == 1
        # The end of a box is that of its slots; what ran in it is given back and runs again.
        os.kill(s.boxes()[0], signal.SIGKILL)
        once(s, lambda p: p.value("serapis_slots", state="busy") == 1 and p.value("serapis_slots", state="broken") == 0, "the slots")
        s.process.send_signal(signal.SIGINT)
        s.process.send_signal(signal.SIGINT)
        t.join()


def test_waiting_is_counted_by_class():
    with Service("--slots", "1", "--drain-timeout", "0s") as s:
        for _ in range(2):
            s.eval("ruby", code="sleep 60", limits={"wall_ms": 50000}, **{"async": True})
        once(s, lambda p: p.value("serapis_slots", state="busy") == 1, "a busy slot")
        for _ in range(3):
            s.eval("ruby", code="puts 1", **{"async": True})
        p = once(s, lambda p: p.value("serapis_waiting", **{"class": "bulk"}) == 4, "those that wait")
        assert p.value("serapis_waiting", **{"class": "interactive"}) == 0
        assert p.value("serapis_oldest_waiting_seconds", **{"class": "interactive"}) == 0
        p = once(s, lambda p: p.value("serapis_oldest_waiting_seconds", **{"class": "bulk"}) > 1, "their age")
        # Nobody knows yet how long one of them takes, so it is taken to be a second: 4 of these in 30 s, and the five that came within the last minute.
        assert 4 / 30 <= p.value("serapis_slots_wanted") <= 4 / 30 + 5 / 5 / 0.7


def test_slots_wanted():
    with Service("--slots", "1", "--drain-timeout", "0s") as s:
        assert s.eval("ruby", code="sleep 1", **{"class": "bulk"}).status_code == 200
        once(s, lambda p: p.value("serapis_slots_wanted") > 0, "a wish")
        ids = [s.eval("ruby", code="sleep 40", limits={"wall_ms": 50000}, **{"async": True}).json()["id"] for _ in range(31)]
        assert len(set(ids)) == 31
        # 30 wait, and one takes at least a second: that is one slot, and what arrives comes on top.
        once(s, lambda p: p.value("serapis_slots_wanted") >= 1, "a greater wish")


def test_published_again_after_a_kill():
    with Service("--slots", "1") as s:
        assert page(s).value("serapis_republished_total", why="lease_over") == 0
        ids = [s.eval("ruby", code="sleep 2; puts 1", **{"async": True}).json()["id"] for _ in range(3)]
        wait_for(lambda: s.evaluation(ids[0]).json()["status"] == "evaluating", 30, "a run")
        s.kill()
        s.start()
        p = page(s)
        assert p.value("serapis_republished_total", why="lease_over") == 1
        assert p.value("serapis_republished_total", why="waiting") == 2
        for i in ids:
            assert s.evaluation(i, wait_ms=50000).json()["verdict"] == "ok"
        assert page(s).value("serapis_evaluations_total", language="ruby", status="finished", verdict="ok") == 3


def test_store_that_is_away(puppet):
    p = puppet()
    once(p, lambda g: g.value("serapis_store_up") == 1, "the store")
    p.tell("store away")
    # 10 s after its last answer. The page itself never asks the store.
    once(p, lambda g: g.value("serapis_store_up") == 0, "its absence")
    p.tell("store back")
    once(p, lambda g: g.value("serapis_store_up") == 1, "the store")


def free_port():
    with socket.socket() as k:
        k.bind(("127.0.0.1", 0))
        return k.getsockname()[1]


def test_the_page_has_threads_of_its_own(puppet):
    """Requests that the store keeps take all threads of the API; a port for metrics does not need them."""
    port = free_port()
    p = puppet(http__metrics_listen="127.0.0.1:%d" % port)
    p.tell("stuck on")
    calls = [threading.Thread(target=p.eval, args=("node",), kwargs={"code": "x", "async": True}) for _ in range(40)]
    for c in calls:
        c.start()
    try:
        with pytest.raises(requests.Timeout):
            p.get("/v1/languages", timeout=2)
        assert Page(requests.get("http://127.0.0.1:%d/metrics" % port).text).value("serapis_http_waiters") == 0
    finally:
        p.tell("stuck off")
        for c in calls:
            c.join()


def test_a_port_of_its_own():
    with Service("--http-metrics-listen", "127.0.0.1:0") as s:
        lines = [json.loads(line) for line in s.log().splitlines()]
        port = next(line["port"] for line in lines if line["msg"] == "metrics")
        url = "http://127.0.0.1:%d" % port
        assert s.get("/metrics").status_code == 404
        # Scrapers have other names for it than localhost, and proxies before it.
        a = requests.get(url + "/metrics", headers={"Host": "evaluator-7.example:9090", "X-Forwarded-For": "10.0.0.1", "Accept-Encoding": "gzip"})
        assert a.status_code == 200 and a.headers["Content-Type"] == TYPE
        assert set(Page(a.text).kinds) >= set(FAMILIES) - set(STORE_WIDE) - {"serapis_evaluations_total", "serapis_evaluations_accepted_total", "serapis_stage_duration_seconds", "serapis_starts_total"}
        assert requests.get(url + "/healthz").json() == {"status": "ok"}
        assert requests.get(url + "/readyz").json() == {"status": "ready"}
        for path in ("/v1/languages", "/", "/v1/evaluations/x"):
            assert requests.get(url + path).status_code == 404
        assert requests.post(url + "/metrics").status_code == 405
        assert requests.post(url + "/v1/eval/ruby", json={"code": "puts 1"}).status_code == 404
        assert s.stop() == 0


def test_a_port_that_is_taken():
    with Service() as first:
        second = Service("--http-metrics-listen", "127.0.0.1:%d" % first.port)
        second.start(wait=False)
        try:
            assert second.process.wait(timeout=60) == 1
            assert "http.metrics_listen" in second.log() and str(first.port) in second.log()
        finally:
            second.close()


def test_rules_of_the_api_hold_for_the_page(server):
    assert server.get("/metrics?x=1").status_code == 422
    assert requests.head(server.url + "/metrics").headers["Content-Type"] == TYPE
    assert requests.post(server.url + "/metrics", data=b"x").status_code in (405, 413)
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-For": "1.2.3.4"}, {"Origin": "http://evil.example"}):
        a = requests.get(server.url + "/metrics", headers=headers)
        assert a.status_code == 403 and a.json()["error"]["code"] == "open_mode_local_only"


def test_pages_under_load_are_whole_and_never_go_back():
    with Service() as s:
        s.eval("ruby", code="puts 1")
        stop, failed = threading.Event(), []

        def load():
            while not stop.is_set():
                a = s.eval("ruby", code="puts 1", **{"async": True})
                if a.status_code not in (202, 503):
                    failed.append(a.text)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for t in threads:
            t.start()
        try:
            last = page(s)
            for _ in range(60):
                p = page(s)
                for name, kind in p.kinds.items():
                    if kind != "gauge":
                        for n in (name, name + "_count", name + "_sum"):
                            assert all(v >= last.samples.get((n, l), 0) for l, v in p.of(n).items()), n
                last = p
        finally:
            stop.set()
            for t in threads:
                t.join()
        assert not failed
        assert s.stop(signal.SIGINT) == 0
