# SPDX-License-Identifier: MIT
"""`serapis user` and `serapis key`, beside a service that uses the store and without one."""
import json
import re
import sqlite3
import subprocess
import threading

import pytest
import requests
from support.service import SERAPIS, SLOW, Service, wait_for

KEY = re.compile(r"srp_([0-9a-f]{16})_([0-9a-f]{64})")
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
ENV = {"HOME": "/nonexistent", "SERAPIS_CONFIG": "/dev/null", "PATH": "/usr/bin:/bin"}


def run(*args, stdout=subprocess.PIPE):
    return subprocess.run([SERAPIS, *args], stdout=stdout, stderr=subprocess.PIPE, text=True, errors="surrogateescape", timeout=60 * SLOW, env=ENV)


class Store:
    """The commands on one store; `beside` a service, or not."""

    def __init__(self, file):
        self.file = file

    def __call__(self, what, verb, *args, code=0, **kw):
        r = run(what, verb, "--store", f"sqlite:{self.file}", *args, **kw)
        assert r.returncode == code, r.stderr
        return r

    def json(self, *args):
        return [json.loads(line) for line in self(*args, "--json").stdout.splitlines()]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "accounts.db")


def ask(service, key, path="/v1/users/me"):
    return requests.get(service.url + path, headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=30 * SLOW)


def test_the_first_administrator_beside_a_service():
    with Service("--slots", "1") as s:
        store = Store(s.dir / "serapis.db")
        assert ask(s, None, "/v1/languages").status_code == 200
        made = store("user", "add", "--admin", "Root@Example.org")
        key = made.stdout.strip()
        # What a program reads is the key alone, what a person reads stands beside it.
        assert KEY.fullmatch(key) and made.stdout == key + "\n"
        assert re.fullmatch(r"admin %s <root@example\.org>\. The key is shown this once:\n" % ID.pattern, made.stderr)
        wait_for(lambda: ask(s, None, "/v1/languages").status_code == 401, 30, "the end of the open door")
        me = ask(s, key).json()
        assert (me["email"], me["role"]) == ("root@example.org", "admin")
        assert store("user", "show", me["id"]).stdout == store("user", "show", "ROOT@example.org").stdout == store("user", "list").stdout
        assert store.json("user", "list") == [me]

        # `eval` takes it from a file and from the environment, and never shows it.
        file = s.dir / "key"
        file.write_text(key + "\n")
        program = s.dir / "p.rb"
        program.write_text("puts 6 * 7")
        for args, env in ((["--key-file", file], {}), ([], {"SERAPIS_KEY": key})):
            r = subprocess.run([SERAPIS, "eval", "--server", s.url, *args, program], capture_output=True, text=True, timeout=90 * SLOW, env={**ENV, **env})
            assert (r.returncode, r.stdout, r.stderr) == (0, "42\n", "")
        r = run("eval", "--server", s.url, program)
        assert r.returncode == 125 and r.stderr.startswith("serapis: the server answered 401: ")

        # The only one who could let others in stays.
        r = store("user", "delete", "--yes", "root@example.org", code=1)
        assert r.stderr == "serapis: root@example.org is the only administrator; make another one first\n"
        assert ask(s, key).status_code == 200
        assert s.stop() == 0
        secret = KEY.fullmatch(key)[2]
        assert secret not in s.log() and all(secret.encode() not in f.read_bytes() for f in s.dir.glob("serapis.db*"))


def test_keys_beside_a_service():
    with Service("--slots", "1") as s:
        store = Store(s.dir / "serapis.db")
        store("user", "add", "--admin", "root@example.org")
        (user,) = store.json("user", "add", "u@example.org", "--name", "first", "--max-waiting", "1", "--max-running=2", "--rate-per-minute", "300")
        assert list(user) == ["id", "email", "role", "created_at", "key"] and user["role"] == "user"
        made = store("key", "add", "--name", "second", "U@example.org")
        second = made.stdout.strip()
        assert KEY.fullmatch(second) and made.stderr == "The key is shown this once:\n"
        for key in (user["key"], second):
            wait_for(lambda key=key: ask(s, key).status_code == 200, 30, "the key")
        assert ask(s, user["key"]).headers["RateLimit-Limit"].split(",")[0] == "300"
        assert ask(s, second).headers["RateLimit-Limit"].split(",")[0] == "6000"

        # The API shows the same, and neither shows a key again.
        shown = store.json("key", "list", user["id"])
        assert shown == ask(s, second, "/v1/users/me/keys").json()["items"]
        assert [(k["name"], k["max_waiting"], k["max_running"], k["rate_per_minute"], k["revoked_at"]) for k in shown] == [("second", 0, 0, 0, None), ("first", 1, 2, 300, None)]
        text = store("key", "list", "u@example.org").stdout
        assert "waiting 1  running 2  first\n" in text and "waiting -  running -  second\n" in text
        assert not [key for key in (user["key"], second) if KEY.fullmatch(key)[2] in text + json.dumps(shown)]

        revoked = store("key", "revoke", KEY.fullmatch(second)[1])
        assert revoked.stdout.startswith(KEY.fullmatch(second)[1]) and second not in revoked.stdout
        wait_for(lambda: ask(s, second).status_code == 401, 30, "the end of the key")
        assert ask(s, user["key"]).status_code == 200
        # Once more is as once.
        assert store("key", "revoke", KEY.fullmatch(second)[1]).stdout == revoked.stdout
        assert [k["revoked_at"] is None for k in store.json("key", "list", "u@example.org")] == [True, False]

        # Deleting wants to be meant.
        e = requests.post(s.url + "/v1/eval/ruby", json={"code": "puts 1"}, headers={"Authorization": "Bearer " + user["key"]}, timeout=90 * SLOW).json()
        r = store("user", "delete", "u@example.org", code=2)
        assert r.stderr == "serapis: this erases u@example.org, the keys, and all evaluations with their output; add --yes to do it\n"
        assert ask(s, user["key"], "/v1/evaluations/" + e["id"]).json()["output"] == "1\n"
        r = store("user", "delete", "--yes", "u@example.org")
        assert (r.stdout, r.stderr) == ("", "")
        wait_for(lambda: ask(s, user["key"]).status_code == 401, 30, "the end of the user")
        assert store("user", "show", "u@example.org", code=1).stderr == "serapis: there is no user 'u@example.org'\n"
        with sqlite3.connect(s.dir / "serapis.db", timeout=30) as db:
            assert db.execute("SELECT count(*) FROM evaluations").fetchone() == (0,)
        assert s.stop() == 0


def test_a_store_without_a_service(store):
    """It is made when it is not there; all that is listed goes over a page, newest first."""
    assert store("user", "list").stdout == ""
    emails = [f"u{i:03}@example.org" for i in range(201)]
    for email in emails:
        store("user", "add", email)
    assert [line.split()[-1] for line in store("user", "list").stdout.splitlines()] == emails[::-1]
    assert [u["email"] for u in store.json("user", "list")] == emails[::-1]
    # What no one can delete is the last administrator; another is deleted as any user.
    for email in ("a@example.org", "b@example.org"):
        store("user", "add", "--admin", email)
    store("user", "delete", "--yes", "a@example.org")
    store("user", "delete", "--yes", "b@example.org", code=1)
    # A service that starts on it knows them.
    key = store("key", "add", "u000@example.org").stdout.strip()
    with Service("--slots", "1", "--store", f"sqlite:{store.file}") as s:
        assert ask(s, None, "/v1/languages").status_code == 401 and ask(s, key).json()["email"] == "u000@example.org"


def test_many_at_once(store):
    """One email is one user's, whoever comes first."""
    results = []
    threads = [threading.Thread(target=lambda: results.append(run("user", "add", "--store", f"sqlite:{store.file}", "one@example.org"))) for _ in range(8)]
    store("user", "list")
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(r.returncode for r in results) == [0] + [1] * 7
    assert all("there is a user with this email" in r.stderr for r in results if r.returncode)
    assert len(store.json("user", "list")) == 1 and len(store.json("key", "list", "one@example.org")) == 1


def test_too_many_keys(store):
    store("user", "add", "u@example.org")
    for _ in range(99):
        store("key", "add", "u@example.org")
    assert "at most 100 work at a time" in store("key", "add", "u@example.org", code=1).stderr


def test_names_of_others_are_not_obeyed_by_a_terminal(store):
    store("user", "add", "u@example.org", "--name", "a\x1b]0;owned\x07\nb\u0085ä€c")
    line = store("key", "list", "u@example.org").stdout
    assert line.count("\n") == 1 and line.endswith("  a?]0;owned??b??ä€c\n")


@pytest.mark.parametrize("args,code,says", [
    (["user"], 2, "usage: serapis user add "),
    (["key"], 2, "usage: serapis key add "),
    (["user", "frobnicate"], 2, "serapis: user: no 'frobnicate'; serapis user --help says what there is\n"),
    (["key", "show"], 2, "serapis: key: no 'show'; serapis key --help says what there is\n"),
    (["user", "add"], 2, "serapis: user add takes one argument: EMAIL\n"),
    (["user", "add", "a@b.c", "d@e.f"], 2, "serapis: user add takes one argument: EMAIL\n"),
    (["user", "list", "a@b.c"], 2, "serapis: user list takes no argument\n"),
    (["user", "show"], 2, "serapis: user show takes one argument: USER\n"),
    (["key", "list"], 2, "serapis: key list takes one argument: USER\n"),
    (["key", "revoke"], 2, "serapis: key revoke takes one argument: KEY-ID\n"),
    (["user", "add", "--frobnicate", "a@b.c"], 2, "serapis: user add: unknown argument '--frobnicate'\n"),
    (["user", "add", "--yes", "a@b.c"], 2, "serapis: user add: this does not take the argument '--yes'\n"),
    (["user", "list", "--admin"], 2, "serapis: user list: this does not take the argument '--admin'\n"),
    (["user", "show", "--name=x", "a@b.c"], 2, "serapis: user show: this does not take the argument '--name=x'\n"),
    (["key", "add", "--admin", "a@b.c"], 2, "serapis: key add: this does not take the argument '--admin'\n"),
    (["key", "list", "--max-running", "1", "a@b.c"], 2, "serapis: key list: this does not take the argument '--max-running'\n"),
    (["user", "add", "--admin=yes", "a@b.c"], 2, "serapis: user add: unknown argument '--admin=yes'\n"),
    (["user", "add", "a@b.c", "--name"], 2, "serapis: --name needs a value\n"),
    (["user", "add", "a@b.c", "--name", "x" * 65], 2, "serapis: --name has 65 bytes; at most 64 are allowed\n"),
    (["user", "add", "a@b.c", "--name", b"\xff"], 2, "serapis: --name is not UTF-8\n"),
    (["user", "add", "a@b.c", "--rate-per-minute", "0"], 2, "serapis: --rate-per-minute is '0'; it must be a whole number from 1 to 10000000\n"),
    (["user", "add", "a@b.c", "--max-waiting=10000001"], 2, "serapis: --max-waiting is '10000001'; it must be a whole number from 1 to 10000000\n"),
    (["key", "add", "a@b.c", "--max-running", "1x"], 2, "serapis: --max-running is '1x'; it must be a whole number from 1 to 10000000\n"),
    (["user", "add", "nonsense"], 1, "serapis: an email has one @, with something on both sides\n"),
    (["user", "show", "nonsense"], 1, "serapis: 'nonsense' is neither the id nor the email of a user\n"),
    (["user", "show", "a@b.c"], 1, "serapis: there is no user 'a@b.c'\n"),
    (["user", "delete", "--yes", "01a2159d-1791-7499-a945-80ee07010dd5"], 1, "serapis: there is no user '01a2159d-1791-7499-a945-80ee07010dd5'\n"),
    (["key", "add", "a@b.c"], 1, "serapis: there is no user 'a@b.c'\n"),
    (["key", "revoke", "0123456789abcdef"], 1, "serapis: there is no key '0123456789abcdef'\n"),
    (["key", "revoke", "nonsense"], 2, "serapis: 'nonsense' is no id of a key: that is the 16 characters between the underscores of srp_<id>_<secret>\n"),
    (["user", "list", "--slots", "many"], 1, "serapis: slots (flag --slots): \"many\" is not a number\n"),
], ids=lambda v: " ".join(map(str, v))[:40] if isinstance(v, list) else "")
def test_what_is_wrong_is_named(store, args, code, says):
    # Behind the arguments, so that those are looked at as they stand.
    r = run(*args, *(["--store", f"sqlite:{store.file}"] if len(args) > 1 and args[-1] != "--name" else []))
    assert (r.returncode, r.stdout) == (code, "") and (r.stderr.startswith(says) if says.startswith("usage") else r.stderr == says)


@pytest.mark.parametrize("url,says", [
    ("mysql://u:PRIVATE@h/", 'no store "mysql:"'),
    ("nonsense", "the store is a URL"),
])
def test_a_store_that_is_none(url, says):
    for command in (["user", "list"], ["key", "list", "a@b.c"], ["migrate"]):
        r = run(*command, "--store", url)
        assert r.returncode == 1 and says in r.stderr and "PRIVATE" not in r.stderr


def test_a_file_that_is_no_database(store):
    store.file.write_bytes(b"this is no database at all, whatever its name says " * 100)
    before = store.file.read_bytes()
    for command in (["user", "list"], ["key", "list", "a@b.c"]):
        r = store(*command, code=1)
        assert str(store.file) in r.stderr and r.stdout == ""
    assert store.file.read_bytes() == before


def test_output_that_cannot_be_written(store):
    store("user", "add", "u@example.org")
    with open("/dev/full", "w") as full:
        for args in (["user", "list"], ["user", "add", "v@example.org"], ["key", "list", "u@example.org"]):
            assert store(*args, code=1, stdout=full).stderr.endswith("serapis: the output could not be written: No space left on device\n")
