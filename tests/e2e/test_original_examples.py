# SPDX-License-Identifier: MIT
"""The examples of the challenge that Serapis answers, sent as they were written: each key that an example shows is in the answer. More fields may follow.

One thing differs: output is never trimmed, so the newline that the example leaves out is there.
"""
import concurrent.futures
import time

import pytest
import requests

TERMINAL = ("finished", "timeout", "failed", "canceled")


def post(server, language, body, timeout=90):
    return requests.post(f"{server.url}/v1/eval/{language}", json=body, timeout=timeout)


def read(server, id, wait_ms=0):
    r = requests.get(f"{server.url}/v1/evaluations/{id}", params={"wait_ms": wait_ms}, timeout=90)
    assert r.status_code == 200, r.text
    return r.json()


@pytest.mark.parametrize("language,code", [("node", "console.log('hello world');"), ("nodejs", "console.log('hello world');"), ("ruby", "puts 'hello world'")])
def test_simple(server, language, code):
    r = post(server, language, {"code": code})
    assert r.status_code == 200, r.text
    e = r.json()
    assert (e["status"], e["exit_code"], e["output"]) == ("finished", 0, "hello world\n")


@pytest.mark.parametrize("language,code", [("node", "setInterval(() => {}, 1000);"), ("ruby", "puts 'so far'; $stdout.flush; sleep")])
def test_code_that_has_not_finished_after_15_seconds(server, language, code):
    r = post(server, language, {"code": code})
    assert r.status_code == 200, r.text
    e = r.json()
    assert e["status"] == "timeout"
    assert e["usage"]["wall_ms"] >= 15000
    assert e["output"] == ("so far\n" if "so far" in code else "")


def test_async_gives_an_id_to_read_the_result_with(server):
    r = post(server, "node", {"code": "setTimeout(() => console.log('later'), 300);", "async": True})
    assert r.status_code == 202, r.text
    first = r.json()
    assert first["id"] and first["status"] in ("created", "evaluating")
    assert r.headers["Location"].endswith(first["id"])
    while (e := read(server, first["id"]))["status"] not in TERMINAL:
        assert e["status"] in ("created", "evaluating") and e["output"] is None
        time.sleep(0.05)
    assert (e["status"], e["exit_code"], e["output"]) == ("finished", 0, "later\n")


def test_async_timeout(server):
    r = post(server, "ruby", {"code": "loop { sleep 1 }", "async": True, "limits": {"wall_ms": 700}})
    e = read(server, r.json()["id"], wait_ms=30000)
    assert (e["status"], e["exit_code"]) == ("timeout", None)


@pytest.mark.parametrize("language,code", [
    ("node", "require('readline').createInterface({input: process.stdin}).on('line', (l) => console.log(l * 10));"),
    ("ruby", "STDIN.each_line { |l| puts l.to_i * 10 }")])
def test_stdin(server, language, code):
    e = post(server, language, {"code": code, "stdin": ["1", "2", "3"]}).json()
    assert (e["status"], e["exit_code"], e["output"]) == ("finished", 0, "10\n20\n30\n")


@pytest.mark.parametrize("language,code,exit_code", [("node", "console.log('x'); process.exit(3)", 3), ("ruby", "puts 'x'; exit 4", 4), ("node", "not javascript", 1)])
def test_a_program_that_fails_has_finished(server, language, code, exit_code):
    r = post(server, language, {"code": code})
    assert r.status_code == 200
    assert (r.json()["status"], r.json()["exit_code"]) == ("finished", exit_code)


def test_every_request_is_stored(server):
    sent = {}
    for language, code in (("node", "console.log(1)"), ("ruby", "puts 2; exit 2"), ("node", "throw 1")):
        e = post(server, language, {"code": code}).json()
        sent[e["id"]] = e
    for id, e in sent.items():
        assert read(server, id) == e


def test_code_is_no_format_string_and_no_shell_line(server):
    """The proof of concept passed code through printf and a shell."""
    text = "100% %s %d %n '; touch pwned; \" $(touch pwned) `touch pwned` \\n ${HOME} EOF"
    literal = text.replace("\\", "\\\\").replace('"', '\\"')
    e = post(server, "node", {"code": f'process.stdout.write("{literal}"); process.stdout.write(require("fs").readdirSync(".").join())'}).json()
    assert e["output"] == text + "main.js"


def test_runs_at_the_same_time_do_not_see_each_other(server):
    """The proof of concept kept all programs in one directory under fixed names."""
    def one(n):
        return post(server, "ruby", {"code": f"File.write('mine', '{n}'); sleep 0.05; puts File.read('mine'), Dir.children('.').sort.join(' '), File.read($0).include?('{n}')"}).json()["output"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        got = list(pool.map(one, range(24)))
    assert got == [f"{n}\nmain.rb mine\ntrue\n" for n in range(24)]


def test_stdout_and_stderr_are_two_streams_without_a_terminal(server):
    """The proof of concept gave programs a terminal: one stream, CR LF, and stdin echoed."""
    e = post(server, "ruby", {"code": "$stdout.puts 'o', gets; $stderr.puts 'e'; p $stdin.tty?", "stdin": ["typed"]}).json()
    assert (e["stdout"], e["stderr"]) == ("o\ntyped\nfalse\n", "e\n")
