# SPDX-License-Identifier: MIT
"""`serapis migrate`, `languages` and `config` from the command line, and what holds for all commands: help, options, exit codes."""
import json
import re
import shutil
import sqlite3
import subprocess

import pytest
import requests
import yaml
from support.service import SERAPIS, SLOW, SOURCE, Service

ENV = {"HOME": "/nonexistent", "SERAPIS_CONFIG": "/dev/null", "PATH": "/usr/bin:/bin"}
COMMANDS = ["serve", "eval", "run", "user", "key", "languages", "doctor", "config", "migrate"]
# Where the options of each command are read; the settings are in a table of their own.
SOURCES = {"eval": ["eval.c", "program.c"], "run": ["run.c", "program.c"], "user": ["accounts.c"], "key": ["accounts.c"], "languages": ["languages.c"], "doctor": ["doctor.c"], "config": ["config.c"],
           "migrate": ["migrate.c"], "serve": ["serve.c"]}
SETTINGS = {"--config"}


def run(*args, **kw):
    return subprocess.run([SERAPIS, *args], **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "timeout": 90 * SLOW, "env": ENV, **kw})


# ---- help ----

def test_the_commands():
    r = run("--help")
    assert (r.returncode, r.stderr) == (0, "") and re.findall(r"^  (\w+) {2,}\S", r.stdout, re.M) == COMMANDS
    assert run("help").stdout == run("-h").stdout == r.stdout
    assert run("--version").stdout == "serapis %s\n" % (SOURCE / "VERSION").read_text().strip()
    none = run()
    assert (none.returncode, none.stdout, none.stderr) == (2, "", r.stdout)


@pytest.mark.parametrize("command", [[], *([c] for c in COMMANDS)], ids=lambda c: " ".join(c) or "serapis")
def test_help_fits_its_screen(command):
    r = run(*command, "--help")
    assert (r.returncode, r.stderr) == (0, "")
    assert r.stdout.endswith("\n") and "\t" not in r.stdout
    for line in r.stdout.splitlines():
        assert len(line) <= 100 and line == line.rstrip(), line


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_what_is_taken(command):
    """Every option that stands in the source of the parser, and every setting or where they are told."""
    text = run(command, "--help").stdout
    # Where an argument is compared with it, or a row of a table of options.
    read = set().union(*(re.findall(r'(?:argv\[\*?i\], |argv, &?i, |^\t+ +\{)"(--[a-z]+[a-z-]*)"', (SOURCE / "src" / "cmd" / f).read_text(), re.M) for f in SOURCES[command])) - {"--help"}
    if command == "key":
        read -= {"--admin", "--yes"}  # of user alone, which test_accounts_cli.py asserts
    assert len(read) == {"serve": 0, "eval": 10, "run": 6, "user": 7, "key": 5, "migrate": 0}.get(command, 1)
    takes_settings = command != "eval"
    for option in read | (SETTINGS if takes_settings else set()):
        assert re.search(r"(?<![a-z-])%s(?![a-z-])" % re.escape(option), text), f"serapis {command} --help does not name {option}"
    if takes_settings:
        flags = [r["flag"] for r in json.loads(run("config", "--json").stdout)]
        assert all(re.search("^  %s " % f, text, re.M) for f in flags) or "see 'serapis config --help'" in text


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("args,says", [(["--frobnicate"], "'--frobnicate'"), (["--http-lisen", "x"], "'--http-lisen'"), (["--json=1"], "'--json=1'")], ids=lambda v: v[0] if isinstance(v, list) else "")
def test_options_that_do_not_exist(command, args, says):
    r = run(*[command] + (["list"] if command == "user" else ["list"] if command == "key" else []), *args)
    assert (r.returncode, r.stdout) == (2, "") and r.stderr.startswith("serapis: %s" % command) and "unknown argument " + says in r.stderr and r.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "eval"])
def test_settings_are_checked(command, tmp_path):
    """By every command that takes them: a value that is missing, one that is wrong, a file that is not there."""
    (tmp_path / "p.rb").touch()
    words = [command, *{"user": ["list"], "key": ["list", "a@b.c"], "run": [tmp_path / "p.rb"]}.get(command, [])]
    r = run(*words, "--slots")
    assert (r.returncode, r.stdout, r.stderr) == (2, "", "serapis: --slots needs a value\n")
    failed = 125 if command == "run" else 1
    r = run(*words, "--slots", "65")
    assert (r.returncode, r.stdout, r.stderr) == (failed, "", "serapis: slots (flag --slots): 65 is not between 0 and 64\n")
    r = run(*words, "--config", tmp_path / "absent.yaml")
    assert (r.returncode, r.stdout) == (failed, "") and str(tmp_path / "absent.yaml") in r.stderr and "No such file" in r.stderr


@pytest.mark.parametrize("args", [["--env", b"\xff=1"], ["--env", b"A=\xff"], ["--limit", "wall_ms=99999999999999999999"], ["--", b"\xff"]], ids=["name", "value", "limit", "argument"])
@pytest.mark.parametrize("command", ["eval", "run"])
def test_what_json_cannot_carry(command, args, tmp_path):
    (tmp_path / "p.rb").touch()
    r = run(command, tmp_path / "p.rb", *args)
    assert (r.returncode, r.stdout) == (2, "") and ("is not UTF-8" in r.stderr or "needs a number, not '99999999999999999999'" in r.stderr), r.stderr


def test_reference(server, tmp_path):
    (tmp_path / "p.rb").write_text("puts 1")
    made = run("eval", "--server", server.url, "--json", "--reference", "mine", tmp_path / "p.rb")
    assert json.loads(made.stdout)["reference"] == "mine"
    r = run("eval", "--server", server.url, "--reference", b"\xff", tmp_path / "p.rb")
    assert (r.returncode, r.stderr) == (2, "serapis: --reference: the value is not UTF-8\n")
    # Without a server there is nobody to whom it means something.
    r = run("run", "--reference", "mine", tmp_path / "p.rb")
    assert (r.returncode, r.stderr) == (2, "serapis: run: unknown argument '--reference'\n")


# ---- migrate ----

def schema(file):
    with sqlite3.connect(file) as db:
        return db.execute("SELECT max(version) FROM schema_migrations").fetchone()[0]


def newest():
    return max(int(f.name[:4]) for f in (SOURCE / "src" / "store" / "migrations" / "sqlite").glob("*.sql"))


def test_migrate(tmp_path):
    file = tmp_path / "m.db"
    for _ in range(2):
        r = run("migrate", "--store", f"sqlite:{file}")
        assert r.returncode == 0 and "schema" in r.stdout and r.stdout.count("\n") == 1
        assert schema(file) == newest()
    with Service("--slots", "1", "--store", f"sqlite:{file}") as s:
        e = s.eval("ruby", code="puts 1").json()
        # A service has it: nothing is done, and who has it is named.
        r = run("migrate", "--store", f"sqlite:{file}")
        assert (r.returncode, r.stdout) == (1, "") and str(s.process.pid) in r.stderr and str(file) in r.stderr
        assert s.evaluation(e["id"]).json() == e and s.stop() == 0


def test_migrate_of_an_older_store(tmp_path):
    """One that the first migration alone has made; rows stay."""
    first, *_ = sorted((SOURCE / "src" / "store" / "migrations" / "sqlite").glob("*.sql"))
    file = tmp_path / "old.db"
    with sqlite3.connect(file) as db:
        db.executescript("CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT;" + first.read_text())
        db.execute("INSERT INTO schema_migrations VALUES (1, 'evaluations', 0)")
    assert newest() > 1
    r = run("migrate", "--store", f"sqlite:{file}")
    assert r.returncode == 0, r.stderr
    assert schema(file) == newest()
    assert run("user", "add", "--store", f"sqlite:{file}", "u@example.org").returncode == 0


def test_migrate_of_what_is_newer_or_not_ours(tmp_path):
    newer, foreign = tmp_path / "newer.db", tmp_path / "foreign.db"
    assert run("migrate", "--store", f"sqlite:{newer}").returncode == 0
    with sqlite3.connect(newer) as db:
        db.execute("INSERT INTO schema_migrations VALUES (?, 'future', 0)", (newest() + 2,))
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE theirs (x)")
    for file, says in ((newer, f"the database has schema {newest() + 2}, this program knows {newest()}"), (foreign, "the database of another program")):
        r = run("migrate", "--store", f"sqlite:{file}")
        assert (r.returncode, r.stdout) == (1, "") and says in r.stderr
    with sqlite3.connect(foreign) as db:
        assert [row[0] for row in db.execute("SELECT name FROM sqlite_schema")] == ["theirs"]


# ---- languages ----

DEFINED = {f.stem: yaml.safe_load(f.read_text()) for f in sorted((SOURCE / "share" / "languages").glob("*.yaml"))}


def test_languages_are_those_that_are_defined(server):
    rows = json.loads(run("languages", "--json").stdout)
    assert [r["id"] for r in rows] == sorted(DEFINED)
    for r in rows:
        d = DEFINED[r["id"]]
        assert r == {"id": d["id"], "name": d["name"], "aliases": d["aliases"], "source": d["source"], "compiled": "compile" in d, "root": d["root"]}
    lines = run("languages").stdout.splitlines()
    assert [line.split()[0] for line in lines] == sorted(DEFINED)
    for line in lines:
        d = DEFINED[line.split()[0]]
        assert d["name"] in line and d["source"] in line and ("compiled" in line) == ("compile" in d) and all(a in line for a in d["aliases"])
    # A service has no others.
    assert {i["id"]: i["name"] for i in server.get("/v1/languages").json()["items"]} == {r["id"]: r["name"] for r in rows}


def test_languages_of_another_directory(tmp_path):
    shutil.copy(SOURCE / "share" / "languages" / "ruby.yaml", tmp_path)
    assert [r["id"] for r in json.loads(run("languages", "--json", "--languages-dir", tmp_path).stdout)] == ["ruby"]
    (tmp_path / "serapis.conf").write_text("languages: {dir: %s}\n" % tmp_path)
    assert run("languages", "--config", tmp_path / "serapis.conf").stdout.startswith("ruby ")
    (tmp_path / "wrong.yaml").write_text("id: wrong\nfrobnicate: 1\n")
    r = run("languages", "--config", tmp_path / "serapis.conf")
    assert (r.returncode, r.stdout) == (1, "") and r.stderr.startswith("serapis: wrong.yaml:2: frobnicate: unknown key")
    r = run("languages", "--languages-dir", tmp_path / "absent")
    assert (r.returncode, r.stdout) == (1, "") and str(tmp_path / "absent") in r.stderr


# ---- config ----

def test_config_is_what_the_service_sees(tmp_path):
    """The same arguments and variables: each setting that an answer tells is the one that is shown."""
    (tmp_path / "c.yaml").write_text("limits.max.wall_ms: 40s\nrequest: {args_max: 3}\n")
    args = ["--config", str(tmp_path / "c.yaml"), "--limits-default-wall-ms", "7s", "--slots", "2"]
    shown = {r["key"]: r["value"] for r in json.loads(run("config", "--json", *args, env={**ENV, "SERAPIS_REQUEST_CODE_MAX": "200B"}).stdout)}
    assert [shown[k] for k in ("limits.max.wall_ms", "limits.default.wall_ms", "request.args_max", "request.code_max", "slots")] == ["40s", "7s", "3", "200B", "2"]
    with Service(*args, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SERAPIS_REQUEST_CODE_MAX": "200B"}) as s:
        limits = s.get("/v1/languages").json()["items"][0]["limits"]
        assert (limits["max"]["wall_ms"], limits["defaults"]["wall_ms"]) == (40000, 7000)
        assert s.eval("ruby", code="puts 1", args=["a"] * 4).json()["error"]["limit"] == 3
        assert s.eval("ruby", code="#" * 201).json()["error"]["limit"] == 200
        assert "serapis_slots" in requests.get(s.url + "/metrics", timeout=30 * SLOW).text
        assert s.stop() == 0


@pytest.mark.parametrize("command", [["config"], ["config", "--json"], ["languages"], ["languages", "--json"]], ids=" ".join)
def test_output_that_cannot_be_written(command):
    with open("/dev/full", "w") as full:
        r = run(*command, stdout=full)
    assert (r.returncode, r.stderr) == (1, "serapis: the output could not be written: No space left on device\n")
