# SPDX-License-Identifier: MIT
"""Lists, cancel, erase, raw output, clients that leave, max_runs."""
import socket
import time
import uuid

import pytest
import requests
from support.service import Service, wait_for

ITEM = ["id", "status", "verdict", "language", "exit_code", "reference", "created_at", "finished_at"]


def error(answer, status, code):
    e = answer.json()["error"]
    assert (answer.status_code, e["code"]) == (status, code), answer.text
    return e


@pytest.fixture(scope="module")
def service():
    with Service("--slots", "1", "--retention-data", "2s", "--retention-rows", "1h", "--idempotency-keep", "1h") as s:
        yield s
        assert s.stop() == 0


@pytest.fixture(scope="module")
def listed():
    """A service of its own with 9 evaluations: outcomes, references, languages."""
    with Service("--slots", "2") as s:
        made = []
        for i in range(9):
            language, body = [("ruby", {"code": "puts 1"}), ("node", {"code": "process.exit(3)"}), ("ruby", {"code": "sleep", "limits": {"wall_ms": 300}})][i % 3]
            if i < 4:
                body["reference"] = f"hw/{i % 2}"
            made.append(s.eval(language, body).json())
        s.made = made
        yield s
        assert s.stop() == 0


def ids(service, query=""):
    a = service.get("/v1/evaluations" + query)
    assert a.status_code == 200, a.text
    return [i["id"] for i in a.json()["items"]]


def test_newest_first_with_the_keys_of_a_list(listed):
    items = listed.get("/v1/evaluations").json()["items"]
    assert [i["id"] for i in items] == [e["id"] for e in reversed(listed.made)]
    assert all(list(i) == ITEM for i in items)
    for i, e in zip(items, reversed(listed.made)):
        assert {k: e[k] for k in ITEM} == i


@pytest.mark.parametrize("query,keep", [
    ("status=timeout", lambda e: e["status"] == "timeout"), ("status=created", lambda e: False), ("verdict=nonzero_exit", lambda e: e["exit_code"] == 3),
    ("language=ruby", lambda e: e["language"] == "ruby"), ("language=js", lambda e: e["language"] == "node"), ("reference=hw/1", lambda e: e["reference"] == "hw/1"),
    ("reference=hw", lambda e: False), ("status=finished&language=ruby", lambda e: e["verdict"] == "ok"), ("language=cobol", lambda e: False), ("verdict=nonsense", lambda e: False),
])
def test_filters(listed, query, keep):
    assert ids(listed, "?" + query) == [e["id"] for e in reversed(listed.made) if keep(e)]


def test_filters_by_time(listed):
    at = listed.made[4]["created_at"]
    assert ids(listed, f"?created_after={at}") == [e["id"] for e in reversed(listed.made[4:])]
    assert ids(listed, f"?created_before={at}") == [e["id"] for e in reversed(listed.made[:4])]
    assert ids(listed, f"?created_after={at}&created_before={at}") == []
    plus = at.replace("Z", "+00:00").replace("+", "%2B")
    assert ids(listed, f"?created_after={plus}") == ids(listed, f"?created_after={at}")
    # The store's time begins in 1970.
    assert ids(listed, "?created_after=1970-01-01T00:00:00%2B01:00") == ids(listed, "?created_after=1970-01-01T00:00:00Z") == [e["id"] for e in reversed(listed.made)]
    for begin in ("1970-01-01T00:00:00%2B01:00", "1970-01-01T00:00:00Z"):
        assert ids(listed, f"?created_before={begin}") == []


@pytest.mark.parametrize("limit", [1, 2, 4, 9, 200])
def test_pages(listed, limit):
    seen, cursor, pages = [], "", 0
    while True:
        page = listed.get(f"/v1/evaluations?limit={limit}{cursor}").json()
        seen += [i["id"] for i in page["items"]]
        pages += 1
        if page["next_cursor"] is None:
            break
        cursor = "&cursor=" + page["next_cursor"]
    assert seen == [e["id"] for e in reversed(listed.made)] and pages <= 9 // limit + 1


def test_pages_do_not_shift_when_more_is_added(listed):
    first = listed.get("/v1/evaluations?limit=3").json()
    extra = listed.eval("ruby", code="puts 2").json()["id"]
    second = ids(listed, "?limit=3&cursor=" + first["next_cursor"])
    assert second == [e["id"] for e in reversed(listed.made)][3:6]
    assert requests.delete(f"{listed.url}/v1/evaluations/{extra}", timeout=30).status_code == 204


@pytest.mark.parametrize("query,status,code,field", [
    ("limit=0", 422, "invalid_field", "?limit"), ("limit=201", 422, "invalid_field", "?limit"), ("limit=x", 422, "invalid_field", "?limit"), ("cursor=abc", 400, "invalid_cursor", "?cursor"),
    ("cursor=" + "A" * 24, 400, "invalid_cursor", "?cursor"), ("status=done", 422, "invalid_field", "?status"), ("created_after=yesterday", 422, "invalid_field", "?created_after"),
    ("created_after=2026-02-30T00:00:00Z", 422, "invalid_field", "?created_after"), ("user_id=x", 422, "invalid_field", "?user_id"), ("all=yes", 422, "invalid_field", "?all"),
    ("reference=" + "r" * 129, 422, "invalid_field", "?reference"), ("colour=red", 422, "unknown_field", "?colour"), ("all=true", 403, "forbidden", "?all"),
])
def test_what_a_list_cannot_be_asked(listed, query, status, code, field):
    assert error(listed.get("/v1/evaluations?" + query), status, code)["field"] == field


def test_all_wrong_filters_at_once(listed):
    e = error(listed.get("/v1/evaluations?status=done&created_after=x&created_before=y"), 422, "invalid_field")
    assert [e["field"], *(m["field"] for m in e["more"])] == ["?status", "?created_after", "?created_before"]


# ---- cancel and erase ----

def start(service, code="sleep 60", wait="evaluating", **fields):
    id = service.eval("ruby", code=code, **{"async": True, **fields}).json()["id"]
    if wait:
        wait_for(lambda: service.evaluation(id).json()["status"] == wait, 30, f"{id} to be {wait}")
    return id


def cancel(service, id, query="", **kw):
    return requests.post(f"{service.url}/v1/evaluations/{id}/cancel{query}", timeout=60, **kw)


def erase(service, id):
    return requests.delete(f"{service.url}/v1/evaluations/{id}", timeout=60)


def test_cancel_while_it_runs_keeps_what_it_printed(service):
    id = start(service, "puts 'so far'; $stdout.flush; sleep 60")
    time.sleep(0.5)
    e = cancel(service, id, "?wait_ms=20000").json()
    assert (e["status"], e["verdict"], e["reason"]["code"], e["output"]) == ("canceled", None, "canceled", "so far\n")
    assert service.eval("ruby", code="puts 1").json()["output"] == "1\n", "its slot is free"


def test_cancel_while_it_waits(service):
    running, waiting = start(service), start(service, wait="created")
    a = cancel(service, waiting, json={})
    assert (a.status_code, a.json()["status"], a.json()["claims"], a.json()["output"]) == (200, "canceled", 0, None)
    assert cancel(service, running, "?wait_ms=20000").json()["status"] == "canceled"
    assert service.evaluation(waiting, wait_ms=5000).json()["status"] == "canceled"


def test_cancel_wakes_those_who_wait(service):
    running = start(service)
    with requests.Session() as s:
        import threading
        got = []
        waiting = service.eval("ruby", code="puts 2", **{"async": True}).json()["id"]
        t = threading.Thread(target=lambda: got.append(service.evaluation(waiting, wait_ms=50000).json()))
        t.start()
        time.sleep(0.3)
        cancel(service, waiting)
        t.join(10)
        assert not t.is_alive() and got[0]["status"] == "canceled"
    cancel(service, running, "?wait_ms=20000")


def test_cancel_of_what_has_ended_changes_nothing(service):
    e = service.eval("ruby", code="puts 1").json()
    assert cancel(service, e["id"]).json() == service.evaluation(e["id"]).json() == e
    error(cancel(service, uuid.uuid4()), 404, "not_found")
    error(cancel(service, e["id"], json={"why": "x"}), 422, "unknown_field")
    error(cancel(service, e["id"], data=b"x" * 5000), 413, "body_too_large")


@pytest.mark.parametrize("when", ["ended", "evaluating", "created"])
def test_erase(service, when):
    blocker = start(service) if when == "created" else None
    id = service.eval("ruby", code="puts 1").json()["id"] if when == "ended" else start(service, wait=when)
    a = erase(service, id)
    assert a.status_code == 204 and a.content == b""
    for again in (service.evaluation(id), erase(service, id), cancel(service, id), service.get(f"/v1/evaluations/{id}/output")):
        error(again, 404, "not_found")
    assert id not in ids(service, "?limit=200")
    if blocker:
        cancel(service, blocker, "?wait_ms=20000")
    assert service.eval("ruby", code="puts 1").json()["output"] == "1\n", "the slot is free"


def test_a_client_that_leaves_cancels_what_has_not_begun(service):
    blocker = start(service)

    def leave(headers=""):
        body = b'{"code":"puts 1","reference":"left%s"}' % (b"-key" if headers else b"")
        s = socket.create_connection(("127.0.0.1", service.port))
        s.sendall(b"POST /v1/eval/ruby HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s" % (headers.encode(), len(body), body))
        wait_for(lambda: ids(service, "?reference=left" + ("-key" if headers else "")), 10, "it to be stored")
        s.close()

    leave()
    leave("Idempotency-Key: comes-again\r\n")
    left, key = ids(service, "?reference=left")[0], ids(service, "?reference=left-key")[0]
    wait_for(lambda: service.evaluation(left).json()["status"] == "canceled", 10, "the one that nobody waits for")
    assert service.evaluation(key).json()["status"] == "created", "who has a key may ask again"
    cancel(service, blocker, "?wait_ms=20000")
    assert service.evaluation(key, wait_ms=20000).json()["output"] == "1\n"


def test_a_client_that_leaves_does_not_end_what_runs(service):
    body = b'{"code":"sleep 1; puts 1","reference":"left-running"}'
    s = socket.create_connection(("127.0.0.1", service.port))
    s.sendall(b"POST /v1/eval/ruby HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    wait_for(lambda: ids(service, "?reference=left-running&status=evaluating"), 20, "it to run")
    s.close()
    assert service.evaluation(ids(service, "?reference=left-running")[0], wait_ms=20000).json()["output"] == "1\n"


# ---- raw output ----

@pytest.fixture(scope="module")
def printed(listed):
    return listed.eval("ruby", code="$stdout.sync = true; $stdout.binmode; print \"\\xff\\x00abc\"; $stderr.print 'err'; print 'defgh'").json()


def raw(service, e, which="stdout", **headers):
    return service.get(f"/v1/evaluations/{e['id']}/{which}", headers=headers)


def test_raw_bytes(listed, printed):
    assert raw(listed, printed).content == b"\xff\x00abcdefgh" and raw(listed, printed, "stderr").content == b"err"
    out = raw(listed, printed, "output")
    assert sorted(out.content) == sorted(b"\xff\x00abcerrdefgh") and out.headers["Content-Type"] == "application/octet-stream"
    assert out.headers["X-Content-Type-Options"] == "nosniff" and out.headers["Content-Security-Policy"] == "sandbox"
    head = requests.head(f"{listed.url}/v1/evaluations/{printed['id']}/stdout", timeout=30)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "10", b"")


@pytest.mark.parametrize("header,status,content,content_range", [
    ("bytes=0-0", 206, b"\xff", "bytes 0-0/10"), ("bytes=2-4", 206, b"abc", "bytes 2-4/10"), ("bytes=7-", 206, b"fgh", "bytes 7-9/10"), ("bytes=-2", 206, b"gh", "bytes 8-9/10"),
    ("bytes=-100", 206, b"\xff\x00abcdefgh", "bytes 0-9/10"), ("bytes=5-99999999999999999999", 206, b"defgh", "bytes 5-9/10"), ("Bytes=0-1", 206, b"\xff\x00", "bytes 0-1/10"),
    ("bytes=10-", 416, None, "bytes */10"), ("bytes=-0", 416, None, "bytes */10"), ("bytes=99999999999999999999-", 416, None, "bytes */10"),
    ("bytes=4-2", 200, None, None), ("bytes=0-1,3-4", 200, None, None), ("lines=0-1", 200, None, None), ("bytes=", 200, None, None), ("bytes=a-b", 200, None, None), ("bytes=--1", 200, None, None),
])
def test_ranges(listed, printed, header, status, content, content_range):
    a = raw(listed, printed, Range=header)
    assert a.status_code == status and a.headers.get("Content-Range") == content_range
    if status == 416:
        error(a, 416, "range_not_satisfiable")
    else:
        assert a.content == (content if content is not None else b"\xff\x00abcdefgh") and a.headers["Accept-Ranges"] == "bytes"


def test_if_range(listed, printed):
    tag = raw(listed, printed).headers["ETag"]
    assert raw(listed, printed, Range="bytes=0-0", **{"If-Range": tag}).status_code == 206
    assert raw(listed, printed, Range="bytes=0-0", **{"If-Range": '"other"'}).status_code == 200
    assert raw(listed, printed, "stderr").headers["ETag"] != tag


def test_no_raw_output_before_the_end(service):
    id = start(service)
    a = service.get(f"/v1/evaluations/{id}/stdout")
    error(a, 409, "not_ended")
    assert a.headers["Retry-After"] == "1"
    cancel(service, id, "?wait_ms=20000")


def test_data_goes_before_the_row(service):
    e = service.eval("ruby", code="puts 1").json()
    wait_for(lambda: service.get(f"/v1/evaluations/{e['id']}/stdout").status_code == 410, 90, "retention of the data", pause=0.3)
    error(service.get(f"/v1/evaluations/{e['id']}/stdout"), 410, "data_expired")
    left = service.evaluation(e["id"]).json()
    assert (left["status"], left["verdict"], left["exit_code"], left["output"]) == ("finished", "ok", 0, None)
    assert e["id"] in ids(service, "?limit=200")


def test_max_runs(listed):
    assert listed.eval("ruby", code="puts 1", max_runs=1).json()["output"] == "1\n"
    for bad in (0, 4, "1", 1.5):
        assert listed.eval("ruby", code="puts 1", max_runs=bad).json()["error"]["field"] == "/max_runs"
