# SPDX-License-Identifier: MIT
"""The routes of the original proof of concept, as its clients know them, and its 25 flaws, each of which must not come back."""
import re
import threading
import time

import pytest
import requests
from support.service import SOURCE, Service

ADMIN = "srp_00000000000000cc_" + "7c" * 32
KEYS = ["id", "user_id", "status", "language", "code", "stdin", "dependencies", "git", "output", "exit_code", "created_at"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    file = tmp_path_factory.mktemp("key") / "admin.key"
    file.write_text(ADMIN + "\n")
    with Service("--auth-signup", "open", "--auth-admin-key-file", file, "--slots", "4") as s:
        yield s
        assert s.stop() == 0


class Client:
    def __init__(self, service, key, scheme="JWT"):
        self.url, self.headers = service.url, {"Authorization": f"{scheme} {key}"} if key else {}

    def __call__(self, method, path, body=None, **kw):
        return requests.request(method, self.url + path, json=body, headers=self.headers, timeout=90, **kw)

    def run(self, code, language="ruby", **fields):
        return self("POST", f"/api/evaluations/{language}", {"code": code, **fields})


@pytest.fixture(scope="module")
def user(service):
    a = Client(service, None)("POST", "/api/users", {"email": "first@example.org"})
    assert a.status_code == 201 and list(a.json()) == ["id", "email", "created_at", "api_key"], a.text
    return Client(service, a.json()["api_key"])


def test_health_needs_no_key(service):
    a = Client(service, None)("GET", "/api/healthcheck")
    assert (a.status_code, a.json()) == (200, {"status": "All systems reporting at 100%"})


def test_authorization_errors(service):
    nobody = Client(service, None)
    assert (nobody("GET", "/api/users").status_code, nobody("GET", "/api/users").json()) == (401, {"error": "An Authorization header wasn't given"})
    assert requests.get(service.url + "/api/users", headers={"Authorization": "x"}, timeout=30).json() == {"error": "A wrong Authorization header was given"}
    assert Client(service, "srp_00000000000000cc_" + "00" * 32)("GET", "/api/users").json() == {"error": "Unvalid API Key"}


@pytest.mark.parametrize("scheme", ["JWT", "Bearer", "Token", "whatever"])
def test_any_scheme(service, scheme):
    assert Client(service, ADMIN, scheme)("GET", "/api/users").status_code == 200


def test_signing_up(service, user):
    nobody = Client(service, None)
    assert nobody("POST", "/api/users", {"email": "first@example.org"}).status_code == 409
    assert nobody("POST", "/api/users", {"email": "nonsense"}).status_code == 422
    assert nobody("POST", "/api/users", {"email": "nonsense"}).json() == {"error": "The user was not created"}
    for bad in ({}, {"email": 1}, []):
        a = nobody("POST", "/api/users", bad)
        assert (a.status_code, a.json()) == (400, {"error": "Invalid payload"})


def test_a_run(user):
    a = user.run("puts STDIN.map(&:to_i).sum", stdin=["1", "2", "3"], dependencies=None, git=None)
    e = a.json()
    assert a.status_code == 200 and list(e) == KEYS and isinstance(e["id"], str)
    assert (e["status"], e["output"], e["exit_code"], e["stdin"], e["dependencies"], e["git"], e["language"]) == ("finished", "6\n", 0, ["1", "2", "3"], None, None, "ruby")


def test_a_run_that_fails_is_422_with_the_same_object(user):
    a = user.run("puts 1; exit 3")
    assert a.status_code == 422 and list(a.json()) == KEYS and (a.json()["exit_code"], a.json()["output"]) == (3, "1\n")


def test_wrong_requests(user):
    assert (user.run("1", "cobol").status_code, user.run("1", "cobol").json()) == (400, {"error": "Given language is not supported"})
    a = requests.post(user.url + "/api/evaluations/ruby", data="{", headers={**user.headers, "Content-Type": "application/json"}, timeout=30)
    assert a.status_code == 400 and "not acceptable JSON" in a.json()["error"]
    assert user.run(1).json()["error"].startswith("The evaluation was not created")


def test_key_for_the_own_email(service, user):
    assert user("GET", "/api/users/api-key").status_code == 400
    a = user("GET", "/api/users/api-key?email=first@example.org")
    assert a.status_code == 201 and list(a.json()) == ["token"]
    assert Client(service, a.json()["token"]).run("puts 1").json()["output"] == "1\n"


# ---- the 25 flaws: each the other way round ----

def test_flaw_01_02_runs_do_not_share_a_directory(user):
    """Fixed file names in one directory: concurrent runs executed each other's code and read one another's files."""
    got = [None] * 8

    def one(i):
        got[i] = user.run(f"File.write('mine', '{i}'); sleep 0.3; puts File.read('mine') + Dir.children('.').sort.join(',') + $0").json()["output"]

    threads = [threading.Thread(target=one, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert got == [f"{i}main.rb,minemain.rb\n" for i in range(8)]


def test_flaw_03_no_path_of_a_developer():
    for f in [*SOURCE.glob("src/**/*.[ch]"), *SOURCE.glob("share/**/*"), *SOURCE.glob("deploy/**/*")]:
        if f.is_file():
            assert not re.search(rb"/Users/|/home/(?!\*)\w", f.read_bytes()), f


def test_flaw_04_code_is_no_format_string(user):
    assert user.run("puts '%s %d %n %%'").json()["output"] == "%s %d %n %%\n"


def test_flaw_05_nothing_is_put_into_a_shell(user):
    for word in ("$(touch pwned)", "; touch pwned", "`touch pwned`", "'\n touch pwned\n'"):
        a = requests.post(user.url + "/v1/eval/ruby", json={"code": "p ARGV, ENV['X'], File.exist?('pwned')", "args": [word], "env": {"X": word}}, headers={"Authorization": user.headers["Authorization"].replace("JWT", "Bearer")}, timeout=60)
        assert a.json()["stdout"].endswith("false\n") and a.json()["exit_code"] == 0


def test_flaw_06_limits_are_in_force(service, user):
    a = user.run("puts File.read('/proc/self/status').lines.grep(/^(Uid|CapEff|NoNewPrivs|Seccomp):/)")
    status = a.json()["output"]
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status and "Uid:\t0" not in status
    bearer = {"Authorization": user.headers["Authorization"].replace("JWT", "Bearer")}
    e = requests.post(user.url + "/v1/eval/ruby", json={"code": "a = []; loop { a << 'x' * 1000000 }", "limits": {"memory_bytes": 100 << 20}}, headers=bearer, timeout=60).json()
    assert e["verdict"] == "memory_limit"
    assert user.run("require 'socket'; begin; TCPSocket.new('192.0.2.1', 80); rescue => e; puts e.class; end").json()["output"] == "Errno::ENETUNREACH\n"


def test_flaw_07_a_timeout_is_called_one(user):
    bearer = {"Authorization": user.headers["Authorization"].replace("JWT", "Bearer")}
    e = requests.post(user.url + "/v1/eval/ruby", json={"code": "sleep", "limits": {"wall_ms": 500}}, headers=bearer, timeout=60).json()
    assert (e["status"], e["verdict"], e["exit_code"]) == ("timeout", "wall_limit", None)


def test_flaw_08_no_terminal(user):
    assert user.run("print \"a\\nb\\n\"; p $stdin.tty?, $stdout.tty?, $stdin.read", stdin=["x"]).json()["output"] == "a\nb\nfalse\nfalse\n\"x\\n\"\n"


def test_flaw_09_the_version_that_ran_is_told(user):
    bearer = {"Authorization": user.headers["Authorization"].replace("JWT", "Bearer")}
    assert re.match(r"\d+\.\d+", requests.post(user.url + "/v1/eval/ruby", json={"code": "1"}, headers=bearer, timeout=60).json()["runtime"]["version"])


def test_flaw_10_what_cannot_be_done_is_refused_and_not_ignored(user):
    a = user.run("puts 1", dependencies={"faker": "latest"})
    assert a.status_code == 422 and "dependencies" in a.json()["error"]


def test_flaw_13_18_19_no_caller_hangs_and_no_broken_token_counts(service, user):
    for token in ("", "eyJhbGciOiJub25lIn0.e30.", "srp_00000000000000cc_" + "7c" * 31 + "7d", "a" * 8000):
        assert Client(service, token or "x")("GET", "/api/users").status_code == 401
    gone = Client(service, None)("POST", "/api/users", {"email": "gone@example.org"}).json()
    c = Client(service, gone["api_key"])
    assert c.run("puts 1").status_code == 200
    assert requests.delete(f"{service.url}/v1/users/{gone['id']}", headers={"Authorization": "Bearer " + gone["api_key"]}, timeout=30).status_code == 204
    assert c.run("puts 1").json() == {"error": "Unvalid API Key"}


def test_flaw_15_16_no_secret_in_the_source():
    for f in SOURCE.glob("src/**/*"):
        if f.is_file():
            assert not re.search(rb"hola-mama|serapis-api-secrete-key|correo\.com", f.read_bytes()), f


def test_flaw_15_keys_are_not_stored_as_they_are(service, user):
    secret = user.headers["Authorization"].split("_")[-1]
    for f in service.dir.glob("serapis.db*"):
        assert secret.encode() not in f.read_bytes() and bytes.fromhex(secret) not in f.read_bytes()


def test_flaw_17_nobody_sees_keys_or_others(service, user):
    assert user("GET", "/api/users").status_code == 403
    listed = Client(service, ADMIN)("GET", "/api/users")
    assert listed.status_code == 200 and all(list(u) == ["id", "email", "created_at"] for u in listed.json()) and "srp_" not in listed.text
    assert user("GET", "/api/users/api-key?email=admin@localhost").json() == {"error": "User not found"}


def test_flaw_19_ids_are_the_servers(user):
    a = user("POST", "/api/evaluations/ruby", {"code": "puts 1", "id": "00000000-0000-7000-8000-000000000000"})
    assert a.status_code == 422 and "id" in a.json()["error"]


def test_flaw_20_deleting_deletes_whom_it_names(service):
    nobody = Client(service, None)
    a, b = (nobody("POST", "/api/users", {"email": f"{n}@delete.example.org"}).json() for n in "ab")
    assert requests.delete(f"{service.url}/v1/users/{b['id']}", headers={"Authorization": "Bearer " + ADMIN}, timeout=30).status_code == 204
    assert Client(service, a["api_key"]).run("puts 1").status_code == 200 and Client(service, b["api_key"]).run("puts 1").status_code == 401


def test_flaw_21_results_can_be_read_later_and_transport_is_not_result(user):
    bearer = {"Authorization": user.headers["Authorization"].replace("JWT", "Bearer")}
    a = requests.post(user.url + "/v1/eval/ruby", json={"code": "exit 3", "async": True}, headers=bearer, timeout=60)
    assert a.status_code == 202
    e = requests.get(user.url + a.headers["Location"] + "?wait_ms=20000", headers=bearer, timeout=60)
    assert e.status_code == 200 and e.json()["exit_code"] == 3


def test_flaw_22_a_long_body_is_refused_whole(user):
    a = user.run("#" * (1 << 20) + "\nputs 1")
    assert a.status_code == 422 and "1048576" in a.json()["error"]
    a = requests.post(user.url + "/api/evaluations/ruby", data='{"code":"puts 1"}', headers={**user.headers, "Content-Type": "text/plain"}, timeout=30)
    assert a.status_code == 415 and "--json" in a.json()["error"]


def test_flaw_23_requests_are_timed_after_they_are_answered(service, user):
    user.run("sleep 0.5")
    import json
    took = [json.loads(l)["total_ms"] for l in service.log().splitlines() if '"path":"/api/evaluations/ruby"' in l]
    assert max(took) >= 500
    assert "serapis_http_request_duration_seconds" in Client(service, ADMIN, "Bearer")("GET", "/metrics").text


def test_flaw_24_output_is_bounded(user):
    e = user.run("begin; loop { $stdout.write('x' * 65536) }; rescue; end").json()
    assert len(e["output"]) <= 1 << 20
