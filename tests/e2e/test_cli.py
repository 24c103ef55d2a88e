# SPDX-License-Identifier: MIT
"""The command line as its user sees it: `run` and `eval` behave like the program they run."""
import json
import os
import pathlib
import subprocess
import tempfile

import pytest

from support.service import SERAPIS


def serapis(*args, prefix=(), **kw):
    return subprocess.run([*prefix, SERAPIS, *args], capture_output=True, text=True, timeout=90, **kw)


@pytest.fixture(params=["run", "eval"])
def command(request, server):
    """Both ways to run a file: in a container here, or through the server."""
    return ["run"] if request.param == "run" else ["eval", "--server", server.url]


def write(directory, name, text):
    (directory / name).write_text(text)
    return str(directory / name)


def test_output_arguments_input_and_exit_code(command, tmp_path):
    f = write(tmp_path, "p.rb", "puts ARGV.inspect, STDIN.read, ENV['LEVEL']; warn 'careful'; exit 7")
    data = write(tmp_path, "data", "one\ntwo")
    r = serapis(*command, f, "--stdin", data, "--env", "LEVEL=2", "--", "-x", "ä b")
    assert (r.returncode, r.stdout, r.stderr) == (7, '["-x", "ä b"]\none\ntwo\n2\n', "careful\n")


def test_several_files(command, tmp_path):
    main = write(tmp_path, "main.js", "console.log(require('./other.js').x)")
    other = write(tmp_path, "other.js", "exports.x = 42")
    assert serapis(*command, main, other).stdout == "42\n"


def test_a_signal_is_128_and_its_number(command, tmp_path):
    r = serapis(*command, write(tmp_path, "p.rb", "Process.kill(:KILL, $$); sleep"))
    assert r.returncode == 137 and r.stderr.startswith("serapis: signal: ")


def test_a_timeout_is_124_and_keeps_what_was_printed(command, tmp_path):
    r = serapis(*command, write(tmp_path, "p.rb", "puts 1; $stdout.flush; sleep"), "--limit", "wall_ms=2000")
    assert (r.returncode, r.stdout) == (124, "1\n")
    assert r.stderr == "serapis: wall_limit: stopped after 2000 ms of wall time (limit wall_ms)\n"


def test_a_compile_error_goes_to_stderr(command, tmp_path):
    r = serapis(*command, write(tmp_path, "p.c", "int main(void) { return 1 }\n"))
    assert r.returncode == 1 and r.stdout == "" and "p.c:1:26: error:" in r.stderr


def test_json(command, tmp_path):
    r = serapis(*command, "--json", write(tmp_path, "p.rb", "print 1"))
    e = json.loads(r.stdout)
    assert (r.returncode, e["verdict"], e["output"], e["language"]) == (0, "ok", "1", "ruby")


def test_binary_output_is_kept(command, tmp_path):
    f = write(tmp_path, "p.rb", r"$stdout.binmode.write [0, 255, 10, 128].pack('C*')")
    assert subprocess.run([SERAPIS, *command, f], capture_output=True, timeout=60).stdout == bytes([0, 255, 10, 128])


@pytest.mark.parametrize("args,says", [
    ([], "serapis: no file to run\n"),
    (["p"], "serapis: the first file has no extension that tells the language: name it with --language\n"),
    (["p.rb", "--limit", "wall_ms"], "serapis: --limit needs NAME=VALUE, not 'wall_ms'\n"),
    (["p.rb", "--limit", "wall_ms=soon"], "serapis: --limit wall_ms needs a number, not 'soon'\n"),
    (["p.rb", "--stdin"], "serapis: --stdin needs a value\n"),
])
def test_wrong_usage(command, tmp_path, args, says):
    for name in ("p", "p.rb"):
        write(tmp_path, name, "puts 1")
    r = serapis(*command, *args, cwd=tmp_path)
    assert (r.returncode, r.stdout, r.stderr) == (2, "", says)


def test_a_refusal_says_which_field_and_limit(command, tmp_path):
    r = serapis(*command, write(tmp_path, "p.rb", "puts 1"), "--limit", "wall_ms=9000000")
    assert r.returncode in (2, 125)
    assert "limits.wall_ms is 9000000; this server allows at most 60000 (limits.max.wall_ms)" in r.stderr


def test_eval_without_a_server(tmp_path):
    r = serapis("eval", "--server", "http://127.0.0.1:1", write(tmp_path, "p.rb", "puts 1"))
    assert r.returncode == 125 and "127.0.0.1" in r.stderr


def test_eval_takes_a_server_with_a_slash_at_its_end(server, tmp_path):
    r = serapis("eval", "--server", server.url + "/", write(tmp_path, "p.rb", "puts 5"))
    assert (r.returncode, r.stdout) == (0, "5\n"), r.stderr


def test_eval_async_prints_the_id(server, tmp_path):
    r = serapis("eval", "--server", server.url, "--async", write(tmp_path, "p.rb", "puts 5"))
    e = server.evaluation(r.stdout.strip(), wait_ms=20000).json()
    assert (r.returncode, e["output"]) == (0, "5\n")


def test_run_under_low_hard_limits(tmp_path):
    """sudo and su start programs with a hard core limit of 0, and the service may have lower limits than the box would set."""
    limits = ["prlimit", "--core=0:0", "--sigpending=64:64", "--memlock=4096:4096", "--nofile=200:200"]
    r = serapis("run", write(tmp_path, "p.rb", "p Process.getrlimit(:NOFILE), Process.getrlimit(:CORE)"), prefix=limits)
    assert (r.returncode, r.stdout, r.stderr) == (0, "[200, 200]\n[0, 0]\n", "")


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def test_run_without_root_says_what_holds():
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)  # pytest's own directories are closed to others
        r = serapis("run", "--json", write(pathlib.Path(d), "p.rb", "puts 6 * 7"), prefix=NOBODY, cwd="/")
    e = json.loads(r.stdout)
    assert (r.returncode, e["verdict"], e["output"]) == (0, "ok", "42\n"), r.stderr
    assert "seccomp" in e["enforced"] and "network" in e["enforced"] and "ids" not in e["enforced"]


def test_two_slots_without_ids_of_their_own_are_refused():
    r = serapis("serve", "--slots", "2", "--store", "sqlite::memory:", "--http-listen", "127.0.0.1:0", prefix=NOBODY, cwd="/", env={"PATH": "/usr/bin:/bin", "HOME": "/"})
    assert r.returncode == 1 and "slot" in r.stderr and "Operation not permitted" not in r.stderr


def test_doctor_finds_this_host_ready():
    r = serapis("doctor")
    assert r.returncode == 0, r.stdout + r.stderr
    assert r.stdout.endswith("This host is ready.\n")
    assert "language ruby" in r.stdout


def test_doctor_says_what_is_missing(tmp_path):
    (tmp_path / "klingon.yaml").write_text('id: klingon\nname: Klingon\naliases: []\nsource: main.tlh\nroot: host\nrun: [klingon, "{entry}"]\nversion: {command: [klingon, --version], pattern: "([0-9]+)"}\nmemory_min: 1MiB\n')
    r = serapis("doctor", "--languages-dir", str(tmp_path))
    assert r.returncode == 1 and "note    language klingon" in r.stdout and "missing languages: none of the 1 that are defined can be run" in r.stdout


@pytest.mark.parametrize("args", [["--help"], ["serve", "--help"], ["run", "--help"], ["eval", "--help"], ["doctor", "--help"], ["config", "--help"], ["--version"]])
def test_help(args):
    r = serapis(*args)
    assert r.returncode == 0 and "serapis" in r.stdout and r.stderr == ""


def test_unknown_command():
    r = serapis("sreve")
    assert r.returncode == 2 and "no command 'sreve'" in r.stderr
