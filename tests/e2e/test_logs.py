# SPDX-License-Identifier: MIT
"""The log: what a line has, and what must never be in one."""
import json
import os
import pty
import re
import signal
import subprocess

import pytest
import requests
from support.service import SERAPIS, Service, wait_for

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
# service-rules: the fields that lines may have, and where they are the same in all.
HEAD = ["ts", "level", "msg", "component", "version"]


def lines(service):
    out = []
    for text in service.log().splitlines():
        line = json.loads(text)
        assert list(line)[:5] == HEAD and TIME.fullmatch(line["ts"]) and line["level"] in ("debug", "info", "warn", "error"), text
        out.append(line)
    return out


def the(service, msg, n, **fields):
    """The n lines with this message and these fields; a line is written a moment after the answer."""
    def look():
        got = [line for line in lines(service) if line["msg"] == msg and all(line.get(k) == v for k, v in fields.items())]
        return got if len(got) >= n else None

    got = wait_for(look, 30, "%d lines '%s' %r" % (n, msg, fields))
    assert len(got) == n, got
    return got


def test_one_line_for_each_evaluation_and_each_request():
    with Service() as s:
        ok = s.eval("ruby", code="puts 1").json()["id"]
        broken = s.eval("c", code="int main(void) { return x; }").json()["id"]
        late = s.eval("ruby", code="sleep 60", limits={"wall_ms": 200}).json()["id"]
        wrong = s.eval("node", code="process.exit(3)", **{"async": True}).json()["id"]
        s.evaluation(wrong, wait_ms=50000)
        for id, language, status, verdict, reason in [
            (ok, "ruby", "finished", "ok", None), (broken, "c", "finished", "compile_error", "compile_error"), (late, "ruby", "timeout", "wall_limit", "wall_limit"),
            (wrong, "node", "finished", "nonzero_exit", "nonzero_exit"),
        ]:
            (line,) = the(s, "finished", 1, evaluation_id=id)
            assert line["component"] == "worker" and line["level"] == "info"
            assert (line["language"], line["status"], line["verdict"], line["reason"], line["claim_no"]) == (language, status, verdict, reason, 1)
            assert line["queue_ms"] >= 0 and line["total_ms"] >= line["run_ms"] >= 0 and "error" not in line
            assert line["run_ms"] >= (200 if id == late else 0) and (line["run_ms"] == 0) == (id == broken)
            assert re.fullmatch(r".+-\d+", line["evaluator_id"])
        (line,) = the(s, "request", 1, evaluation_id=ok)
        assert (line["component"], line["method"], line["path"], line["http_status"]) == ("http", "POST", "/v1/eval/ruby", 200)
        assert len(line["request_id"]) == 16 and line["total_ms"] > 0
        assert {line["path"] for line in the(s, "request", 2, evaluation_id=wrong)} == {"/v1/eval/node", "/v1/evaluations/" + wrong}
        a = s.get("/v1/evaluations/nonsense")
        (line,) = the(s, "request", 1, request_id=a.headers["X-Request-Id"])
        assert line["http_status"] == 404 and "evaluation_id" not in line
        # Probes and scrapes are no news.
        s.get("/metrics")
        assert not [line for line in lines(s) if line.get("path") in ("/metrics", "/readyz", "/healthz") and line["http_status"] == 200]


@pytest.mark.parametrize("level", ["debug", "info"])
def test_nothing_private_is_ever_in_it(level):
    def mark(where):
        return "PRIVATE-%s-7f3a" % where

    with Service("--log-level", level, "--http-connections-max", "50") as s:
        # What is run, in all its parts.
        a = s.eval("ruby", files=[{"path": "main.rb", "content": "# %s\nputs ENV['SECRET'], ARGV, STDIN.read; warn '%s'; abort '%s'" % (mark("code"), mark("stderr"), mark("abort"))},
                                  {"path": mark("path"), "content": mark("file")}],
                   stdin=mark("stdin"), args=[mark("arg")], env={"SECRET": mark("env"), mark("envname").replace("-", "_"): "1"}, expected_output=mark("expected"), reference=mark("reference"))
        assert a.status_code == 200 and mark("env") in a.json()["output"] and mark("stderr") in a.json()["stderr"]
        s.eval("c", code="#error %s" % mark("compiler"))
        s.eval("ruby", code="sleep 60 # " + mark("timeout"), limits={"wall_ms": 100})
        s.eval("ruby", code="loop { puts '%s' }" % mark("flood"), limits={"output_bytes": 1000})
        # What is refused: values that the error shows to their sender, and to nobody else.
        assert s.eval("ruby", code="puts 1", stdin={mark("type"): 1}).status_code == 422
        assert s.eval("ruby", code="puts 1", **{mark("field"): mark("value")}).status_code == 422
        assert s.eval("ruby", code="puts 1", limits={"wall_ms": mark("limit")}).status_code == 422
        assert s.eval("ruby", code="puts 1", stdin=mark("base64"), stdin_encoding="base64").status_code == 422
        assert requests.post(s.url + "/v1/eval/ruby", data="{%s" % mark("json"), headers={"Content-Type": "application/json"}).status_code == 400
        assert requests.post(s.url + "/v1/eval/ruby", data=mark("body"), headers={"Content-Type": mark("type")}).status_code == 415
        # What comes with a request.
        for headers in ({"Authorization": "Bearer srp_" + mark("key")}, {"X-API-Key": mark("key2")}, {"Cookie": mark("cookie")}, {"Idempotency-Key": mark("idempotency")}, {"Origin": "http://" + mark("origin")}):
            s.get("/v1/languages", headers=headers)
        s.get("/v1/languages?token=" + mark("query"))
        s.get("/v1/evaluations/x?encoding=%s&wait_ms=%s" % (mark("encoding"), mark("wait")))
        s.get("/readyz?" + mark("probe"))
        s.get("/metrics?" + mark("scrape"))
        # A file that is not there after all, a program that is none: failures of ours have texts of their own.
        s.eval("ruby", files=[{"path": "a/" + mark("dir"), "content": "x"}], entry="a/" + mark("dir"))
        s.process.send_signal(signal.SIGHUP)
        wait_for(lambda: s.log_contains("read again"), 30, "the settings")
        assert s.stop() == 0
        text = s.log()
        assert "PRIVATE" not in text, [line for line in text.splitlines() if "PRIVATE" in line]
        assert text.count('"finished"') >= 5 and text.count('"request"') >= 10


def test_text_for_people_on_a_terminal(tmp_path):
    main, side = pty.openpty()
    port = tmp_path / "port"
    p = subprocess.Popen([SERAPIS, "serve", "--http-listen", "127.0.0.1:0", "--http-port-file", port, "--store", f"sqlite:{tmp_path}/t.db", "--drain-delay", "0s"], stdin=subprocess.DEVNULL, stderr=side,
                         start_new_session=True)
    os.close(side)
    text = b""
    try:
        wait_for(lambda: port.exists() or p.poll() is not None, 30, "the port file")
        while b"serving" not in text:
            text += os.read(main, 4096)
        p.send_signal(signal.SIGINT)
        try:
            while got := os.read(main, 4096):
                text += got
        except OSError:
            pass  # how a terminal tells of its end
        assert p.wait(timeout=60) == 0
    finally:
        p.kill()
        p.wait()
        os.close(main)
    last = text.decode().splitlines()[-1]
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} INFO  serve: ended", last), last
    assert "{" not in last
