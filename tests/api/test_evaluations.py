# SPDX-License-Identifier: MIT
"""The examples of the API's documentation, against the real program. Fields that depend on the run are checked for kind, all others for value."""
import base64
import re

import pytest
import requests

UUID7 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
KEYS = ["id", "status", "verdict", "reason", "stage", "language", "runtime", "reference", "exit_code", "signal", "output", "stdout", "stderr", "encoding", "lossy", "truncated",
        "limits_hit", "compile", "dependencies", "git", "usage", "timing", "claims", "created_at", "started_at", "finished_at"]


def ok(answer):
    assert answer.status_code == 200, answer.text
    e = answer.json()
    assert [k for k in e if k in KEYS] == KEYS
    return e


def error(answer, status, code):
    assert answer.status_code == status, answer.text
    e = answer.json()["error"]
    assert list(e) == ["code", "message", "field", "value", "limit", "request_id", "more"]
    assert (e["code"], e["request_id"]) == (code, answer.headers["X-Request-Id"])
    return e


def test_simple_run(server):
    e = ok(server.eval("node", code='console.log("hello world")'))
    expected = {"status": "finished", "verdict": "ok", "reason": None, "stage": "run", "language": "node", "reference": None, "exit_code": 0, "signal": None,
                "output": "hello world\n", "stdout": "hello world\n", "stderr": "", "encoding": "utf-8", "lossy": [], "truncated": [], "limits_hit": [], "compile": None,
                "dependencies": None, "git": None, "claims": 1}
    assert {k: e[k] for k in expected} == expected
    assert UUID7.fullmatch(e["id"])
    assert e["runtime"]["start"] in ("cold", "warm") and re.search(r"\d", e["runtime"]["version"])
    assert list(e["usage"]) == ["cpu_ms", "wall_ms", "memory_peak_bytes"] and all(v > 0 for v in e["usage"].values())
    assert list(e["timing"]) == ["queue_ms", "prepare_ms", "setup_ms", "compile_ms", "run_ms", "total_ms"] and all(v >= 0 for v in e["timing"].values())
    assert all(TIME.fullmatch(e[k]) for k in ("created_at", "started_at", "finished_at"))
    assert e["created_at"] <= e["started_at"] <= e["finished_at"]
    assert ok(server.evaluation(e["id"])) == e


@pytest.mark.parametrize("alias", ["js", "nodejs", "NODE", "rb", "gcc"])
def test_aliases(server, alias):
    code = {"rb": "print 6*7", "gcc": '#include <stdio.h>\nint main(void){printf("42");}'}.get(alias, "process.stdout.write('42')")
    e = ok(server.eval(alias, code=code))
    assert (e["output"], e["language"]) == ("42", {"rb": "ruby", "gcc": "c"}.get(alias, "node"))


FILES = {
    "files": [{"path": "main.rb", "content": "require_relative 'lib/sum'\nputs sum(STDIN.map(&:to_i))"},
              {"path": "lib/sum.rb", "content": "def sum(a) = a.sum"},
              {"path": "data/in.bin", "content": "AAEC/w==", "encoding": "base64"}],
    "entry": "main.rb", "stdin": ["1", "2", "3"], "args": ["--fast"], "env": {"LEVEL": "2"},
    "limits": {"wall_ms": 5000, "cpu_ms": 2000, "memory_bytes": 134217728, "processes": 32, "output_bytes": 65536},
    "expected_output": "6\n", "reference": "hw3/student17/2",
}


def test_files_stdin_limits(server):
    e = ok(server.eval("ruby", FILES))
    assert (e["verdict"], e["output"], e["reference"]) == ("ok", "6\n", "hw3/student17/2")


def test_wrong_answer(server):
    e = ok(server.eval("ruby", FILES, expected_output="7\n"))
    assert (e["status"], e["verdict"], e["exit_code"]) == ("finished", "wrong_answer", 0)


def test_what_the_program_sees(server):
    program = "p ARGV, ENV['LEVEL'], File.binread('data/in.bin').bytes, STDIN.read"
    files = [{"path": "main.rb", "content": program}, FILES["files"][2]]
    e = ok(server.eval("ruby", files=files, entry="main.rb", args=["--fast", "a b", ""], env={"LEVEL": "2"}, stdin="a\nb"))
    assert e["output"].splitlines() == ['["--fast", "a b", ""]', '"2"', "[0, 1, 2, 255]", '"a\\nb"']


@pytest.mark.parametrize("stdin,seen", [({}, '""'), ({"stdin": ""}, '""'), ({"stdin": "x"}, '"x"'), ({"stdin": ["x", "y"]}, '"x\\ny\\n"'), ({"stdin": []}, '""')])
def test_stdin(server, stdin, seen):
    assert ok(server.eval("ruby", code="p STDIN.read", **stdin))["output"] == seen + "\n"


def test_async_and_poll(server):
    a = server.eval("ruby", code="puts 1", **{"async": True})
    assert a.status_code == 202 and a.headers["Retry-After"] == "1"
    e = a.json()
    assert a.headers["Location"] == "/v1/evaluations/" + e["id"]
    assert [k for k in e if k in KEYS] == KEYS
    for k in ("verdict", "reason", "stage", "runtime", "exit_code", "signal", "output", "stdout", "stderr", "compile", "usage", "timing", "started_at", "finished_at"):
        assert e[k] is None, k
    assert (e["status"], e["claims"]) == ("created", 0) and TIME.fullmatch(e["created_at"])
    e = ok(server.evaluation(e["id"], wait_ms=50000))
    assert (e["status"], e["output"]) == ("finished", "1\n")


def test_sync_wait_is_over(server):
    a = server.eval("ruby", code="$stdout.sync = true; puts 1; sleep 2; puts 2", wait_ms=50)
    assert a.status_code == 202 and a.headers["Location"].endswith(a.json()["id"])
    assert ok(server.evaluation(a.json()["id"], wait_ms=50000))["output"] == "1\n2\n"


def test_timeout(server):
    e = ok(server.eval("ruby", code="$stdout.sync = true; puts :tick; sleep", limits={"wall_ms": 600}))
    assert (e["status"], e["verdict"], e["stage"], e["exit_code"], e["signal"], e["output"]) == ("timeout", "wall_limit", "run", None, "SIGKILL", "tick\n")
    assert e["reason"]["code"] == "wall_limit" and e["reason"]["message"] == "stopped after 600 ms of wall time (limit wall_ms)"
    assert e["usage"]["wall_ms"] >= 600


def test_nonzero_exit_is_200(server):
    e = ok(server.eval("ruby", code="warn 'oh'; exit 3"))
    assert (e["status"], e["verdict"], e["exit_code"], e["stderr"], e["stdout"]) == ("finished", "nonzero_exit", 3, "oh\n", "")


def test_compile_error(server):
    e = ok(server.eval("c", code="int main(void)\n{\nreturn 0\n}\n"))
    assert (e["status"], e["verdict"], e["stage"], e["exit_code"], e["signal"]) == ("finished", "compile_error", "compile", 1, None)
    assert e["reason"]["code"] == "compile_error"
    assert "error" in e["output"] and e["compile"]["output"] == e["output"]
    assert {k: e["compile"][k] for k in ("exit_code", "truncated", "cached")} == {"exit_code": 1, "truncated": False, "cached": False}


def test_compiled(server):
    e = ok(server.eval("c", code='#include <stdio.h>\nint main(void) { puts("hi"); return 0; }'))
    assert (e["verdict"], e["output"], e["compile"]["exit_code"]) == ("ok", "hi\n", 0)


def test_binary_output(server):
    code = "$stdout.binmode; print [0, 255, 65].pack('C*')"
    e = ok(server.eval("ruby", code=code))
    assert e["output"] == "\x00\ufffdA" and e["encoding"] == "utf-8" and "output" in e["lossy"]
    for got in (ok(server.eval("ruby", code=code, query="?encoding=base64")), ok(server.evaluation(e["id"], encoding="base64"))):
        assert base64.b64decode(got["output"]) == b"\x00\xffA" == base64.b64decode(got["stdout"])
        assert (got["stderr"], got["encoding"], got["lossy"]) == ("", "base64", [])


def test_class_interactive_async(server):
    a = server.eval("ruby", code="puts 1", **{"async": True, "class": "interactive"})
    assert a.status_code == 202
    assert ok(server.evaluation(a.json()["id"], wait_ms=50000))["output"] == "1\n"


def test_limit_too_large(server):
    e = error(server.eval("node", code="x", limits={"wall_ms": 9000000}), 422, "limit_too_large")
    assert e["message"] == "limits.wall_ms is 9000000; this server allows at most 60000 (limits.max.wall_ms)"
    assert (e["field"], e["value"], e["limit"], e["more"]) == ("/limits/wall_ms", 9000000, 60000, [])


def test_all_problems_at_once(server):
    a = server.eval("node", code=1, bogus=1, limits={"wall_ms": 0})
    assert a.status_code == 422
    e = a.json()["error"]
    found = {(p["code"], p["field"]) for p in [e] + e["more"]}
    assert {("invalid_field", "/code"), ("unknown_field", "/bogus"), ("invalid_field", "/limits/wall_ms")} <= found


def test_unknown_language(server):
    e = error(server.eval("rubby", code="1"), 404, "unknown_language")
    assert "did you mean 'ruby'?" in e["message"] and e["value"] == "rubby"
    for item in server.get("/v1/languages").json()["items"]:
        assert item["id"] in e["message"]
    e = error(server.eval("klingon", code="1"), 404, "unknown_language")
    assert "did you mean" not in e["message"]


@pytest.mark.parametrize("body,code,place", [
    ('{"code":', "invalid_json", "line 1"), ("", "invalid_json", "empty"), ('{"code":"1"}}', "invalid_json", "line 1"), ('{"code":"\xff"}'.encode("latin-1"), "invalid_json", ""),
    ("\n\n{x", "invalid_json", "line 3"), ('{"code":"1","code":"2"}', "duplicate_key", "code"), ("[" * 100 + "]" * 100, "invalid_json", "deep"),
])
def test_invalid_json(server, body, code, place):
    a = requests.post(server.url + "/v1/eval/ruby", data=body, headers={"Content-Type": "application/json"})
    assert place in error(a, 400, code)["message"]


@pytest.mark.parametrize("body", ["[]", '"x"', "1", "null"])
def test_body_must_be_an_object(server, body):
    a = requests.post(server.url + "/v1/eval/ruby", data=body, headers={"Content-Type": "application/json"})
    assert a.status_code == 422


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data; boundary=x"])
def test_json_required(server, content_type):
    a = requests.post(server.url + "/v1/eval/ruby", data=b'{"code":"puts 1"}', headers={"Content-Type": content_type} if content_type else {})
    e = error(a, 415, "json_required")
    assert "curl --json '{\"code\":\"...\"}' %s/v1/eval/ruby" % server.url in e["message"]


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=utf-8", "application/json ;x=y"])
def test_json_types(server, content_type):
    a = requests.post(server.url + "/v1/eval/ruby", data=b'{"code":"puts 1"}', headers={"Content-Type": content_type})
    assert ok(a)["output"] == "1\n"


@pytest.mark.parametrize("id", ["x", "01a204c6-0578-7c1e-9f00-3a5be1c2d4f6", "01a204c6-0578-7c1e-9f00-3a5be1c2d4f", "%20", "..", "a%2Fb"])
def test_not_found(server, id):
    if id == "..":
        id = "%2E%2E"
    error(server.get("/v1/evaluations/" + id), 404, "not_found")


@pytest.mark.parametrize("query,code,field", [
    ("?wait=1", "unknown_field", "?wait"), ("?wait_ms=x", "invalid_field", "?wait_ms"), ("?wait_ms=-1", "invalid_field", "?wait_ms"), ("?wait_ms=", "invalid_field", "?wait_ms"),
    ("?wait_ms=1.5", "invalid_field", "?wait_ms"), ("?wait_ms=50001", "limit_too_large", "?wait_ms"), ("?wait_ms=99999999999999999999", "invalid_field", "?wait_ms"),
    ("?encoding=latin1", "invalid_field", "?encoding"), ("?encoding=", "invalid_field", "?encoding"), ("?wait_ms=0&x=1", "unknown_field", "?x"),
])
def test_query_of_get(server, query, code, field):
    assert error(server.get("/v1/evaluations/01a204c6-0578-7c1e-9f00-3a5be1c2d4f6" + query), 422, code)["field"] == field


def test_query_elsewhere(server):
    assert error(server.eval("ruby", code="1", query="?async=true"), 422, "unknown_field")["field"] == "?async"
    assert error(server.get("/v1/languages?x=1"), 422, "unknown_field")["field"] == "?x"


@pytest.mark.parametrize("method,path,allow", [
    ("GET", "/v1/eval/ruby", "POST"), ("DELETE", "/v1/languages", "GET, HEAD"), ("POST", "/v1/languages", "GET, HEAD"), ("PUT", "/", "GET, HEAD"),
    ("OPTIONS", "/v1/eval/ruby", "POST"), ("PATCH", "/v1/evaluations/x", "GET, HEAD, DELETE"), ("PUT", "/v1/users/me", "GET, HEAD, DELETE"), ("POST", "/healthz", "GET, HEAD"),
])
def test_method_not_allowed(server, method, path, allow):
    a = requests.request(method, server.url + path)
    error(a, 405, "method_not_allowed")
    assert a.headers["Allow"] == allow


def test_nothing_there(server):
    e = error(server.get("/v2/x?secret=1"), 404, "not_found")
    assert "/v2/x" in e["message"] and "secret" not in e["message"]


def test_head(server):
    a = requests.head(server.url + "/v1/languages")
    assert a.status_code == 200 and a.headers["Content-Type"] == "application/json" and int(a.headers["Content-Length"]) > 100 and a.content == b""


def test_body_too_large(server):
    a = requests.post(server.url + "/v1/eval/ruby", data=b" " * (8 * 1024 * 1024 + 1), headers={"Content-Type": "application/json"})
    assert error(a, 413, "body_too_large")["limit"] == 8 * 1024 * 1024


def test_large_code_and_output(server):
    body = "x" * 900000
    e = ok(server.eval("ruby", code="print DATA.read\n__END__\n" + body))
    assert e["output"] == body


def test_headers_of_answers(server):
    for a in (server.eval("ruby", code="1"), server.get("/v1/languages"), server.get("/nope"), server.eval("ruby")):
        assert a.headers["Content-Type"] == "application/json"
        assert a.headers["Cache-Control"] == "no-store"
        assert a.headers["X-Content-Type-Options"] == "nosniff"
        assert re.fullmatch("[0-9a-z]{16}", a.headers["X-Request-Id"])
        assert a.text.endswith("\n") and "\n" not in a.text[:-1]


def test_keep_alive(server):
    with requests.Session() as s:
        for i in range(20):
            a = s.post(server.url + "/v1/eval/ruby", json={"code": "puts %d" % i})
            assert ok(a)["output"] == "%d\n" % i
            assert a.headers.get("Connection", "").lower() != "close"
