# SPDX-License-Identifier: MIT
"""Settings: where they come from, what is shown of them, and what SIGHUP does with a service that runs."""
import importlib
import json
import signal
import subprocess
import sys

import pytest
from support.service import SERAPIS, SOURCE, Service, wait_for

KEYS = ["key", "kind", "value", "origin", "default", "min", "max", "choices", "reload", "flag", "environment", "help"]


def config(*args, code=0, **env):
    r = subprocess.run([SERAPIS, "config", *args], capture_output=True, text=True, timeout=60, env={"HOME": "/nonexistent", "SERAPIS_CONFIG": "/dev/null", **env})
    assert r.returncode == code, r.stderr
    return r.stdout if code == 0 else r.stderr


def table(*args, **env):
    return {row["key"]: row for row in json.loads(config("--json", *args, **env))}


def test_where_a_value_comes_from(tmp_path):
    (tmp_path / "c.yaml").write_text("http:\n  listen: 127.0.0.1:1234\nlimits.max.wall_ms: 30s\nretention: {rows: 60d}\n")
    out = config("--config", str(tmp_path / "c.yaml"), "--slots", "3", "--http-body-max=1MiB", SERAPIS_LOG_LEVEL="warn", SERAPIS_SLOTS="5")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert rows["http.listen"] == ["127.0.0.1:1234", "file", "start"]
    assert rows["limits.max.wall_ms"] == ["30s", "file", "reload"]
    assert rows["retention.rows"] == ["60d", "file", "reload"]
    assert rows["slots"] == ["3", "flag", "start"]
    assert rows["http.body_max"] == ["1MiB", "flag", "start"]
    assert rows["log.level"] == ["warn", "environment", "reload"]
    assert rows["broker"] == ["embedded", "default", "start"]
    assert rows["user"] == ['""', "default", "start"]


def test_as_json():
    rows = table("--slots", "3")
    assert all(list(r) == KEYS for r in rows.values())
    assert rows["slots"] == {"key": "slots", "kind": "number", "value": "3", "origin": "flag", "default": "0", "min": "0", "max": "64", "choices": None, "reload": False, "flag": "--slots",
                             "environment": "SERAPIS_SLOTS", "help": rows["slots"]["help"]}
    assert rows["log.level"]["choices"] == "debug|info|warn|error" and rows["log.level"]["min"] is None
    assert rows["auth.admin_key_file"]["environment"] == "SERAPIS_ADMIN_KEY_FILE"
    # Every one is set by its flag and its variable, and shows what it was set to.
    for key, r in rows.items():
        value = r["max"] or (r["choices"].split("|")[-1] if r["choices"] else "127.0.0.1:1" if key.endswith("listen") else "x")
        if key in ("retention.data", "idempotency.keep", "lease.renew") or key.startswith("limits.default."):
            value = r["min"]  # bounded by another setting, too
        assert table(r["flag"], value)[key]["value"] == value, key
        assert table(**{r["environment"]: value})[key]["origin"] == "environment", key
        if r["kind"] in ("number", "duration", "size"):
            # One beyond a bound is refused with both bounds.
            unit = {"number": "", "duration": "ms", "size": ""}[r["kind"]]
            error = config(r["flag"], "99999999999999" + unit, code=1)
            assert "is not between %s and %s" % (r["min"], r["max"]) in error


@pytest.mark.parametrize("text,message", [
    ("http:\n  lisen: 127.0.0.1:1234\n", "http.lisen (file %s): no such option; did you mean http.listen?"),
    ("slots: many\n", 'slots (file %s): "many" is not a number'),
    ("slots: 65\n", "slots (file %s): 65 is not between 0 and 64"),
    ("limits: {default: {wall_ms: 2m}}\n", "limits.default.wall_ms is 2m, over limits.max.wall_ms, which is 1m"),
    ("retention: {data: 40d}\n", "retention.data is 40d, over retention.rows, which is 30d"),
    ("a: [\n", "configuration file %s"),
])
def test_files_that_are_wrong(tmp_path, text, message):
    (tmp_path / "c.yaml").write_text(text)
    error = config("--config", str(tmp_path / "c.yaml"), code=1)
    assert error.startswith("serapis: ") and (message % (tmp_path / "c.yaml") if "%s" in message else message) in error


def test_wrong_variables_and_flags():
    assert "environment SERAPIS_HTTP_LISEN: no such option; did you mean SERAPIS_HTTP_LISTEN?" in config(code=1, SERAPIS_HTTP_LISEN="x")
    assert "log.level (environment SERAPIS_LOG_LEVEL)" in config(code=1, SERAPIS_LOG_LEVEL="loud")
    # Variables that others make with the same beginning are not ours.
    config(SERAPIS_PORT="tcp://10.0.0.1:80", SERAPIS_SERVICE_HOST="10.0.0.1")
    r = subprocess.run([SERAPIS, "config", "--slotz", "3"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 2 and "--slotz" in r.stderr


def test_secrets_are_hidden(tmp_path):
    key = tmp_path / "key"
    key.write_text("srp_0123456789abcdef_PRIVATE\n")
    key.chmod(0o600)
    for out in (config("--auth-admin-key-file", str(key)), config("--json", "--auth-admin-key-file", str(key))):
        assert str(key) in out and "PRIVATE" not in out
    out = config("--store", "postgres://serapis:PRIVATE@db/serapis", "--broker", "amqps://u:PRIVATE@mq/")
    assert "postgres://serapis:***@db/serapis" in out and "amqps://u:***@mq/" in out and "PRIVATE" not in out
    assert "PRIVATE" not in config("--store", "postgres://serapis:PRIVATE@db/serapis", "--json")


# ---- SIGHUP ----

def lines(service, component="config"):
    return [line for line in map(json.loads, service.log().splitlines()) if line["component"] == component]


def hangup(service):
    """Sends SIGHUP and answers the lines that it made."""
    before = len(lines(service))
    service.process.send_signal(signal.SIGHUP)
    wait_for(lambda: lines(service)[before:] and lines(service)[-1]["msg"] in ("read again", "nothing was changed: the configuration is not valid"), 30, "the end of a reload")
    return lines(service)[before:]


def test_hangup_takes_over_what_can_be(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("limits: {max: {wall_ms: 30s}, default: {wall_ms: 10s}}\n")
    with Service("--config", str(file)) as s:
        assert [(line["msg"], line["differences"]) for line in hangup(s)] == [("read again", 0)]
        assert s.eval("ruby", code="puts 1", limits={"wall_ms": 31000}).json()["error"]["limit"] == 30000
        file.write_text("limits: {max: {wall_ms: 40s}, default: {wall_ms: 11s}}\nrequest: {args_max: 2, code_max: 100B}\nqueue.max_waiting: 1\nhttp: {sync_wait_max: 5s, body_max: 1MiB}\nslots: 7\nlog.level: debug\n")
        got = hangup(s)
        changed = {line["key"]: (line["from"], line["to"]) for line in got if line["msg"] == "changed"}
        assert changed == {"limits.max.wall_ms": ("30s", "40s"), "limits.default.wall_ms": ("10s", "11s"), "request.args_max": ("256", "2"), "request.code_max": ("1MiB", "100B"),
                           "queue.max_waiting": ("50000", "1"), "http.sync_wait_max": ("50s", "5s"), "log.level": ("info", "debug")}
        kept = {line["key"]: (line["from"], line["to"]) for line in got if line["msg"].startswith("not changed: it is read at start only")}
        assert kept == {"http.body_max": ("8MiB", "1MiB"), "slots": ("0", "7")}
        assert all(line["level"] == "warn" for line in got if line["msg"].startswith("not changed"))
        assert got[-1]["msg"] == "read again" and got[-1]["differences"] == 9

        # All of it is in force.
        assert s.eval("ruby", code="puts 1", limits={"wall_ms": 40000}).status_code == 200
        assert s.eval("ruby", code="puts 1", limits={"wall_ms": 41000}).json()["error"]["limit"] == 40000
        limits = {i["id"]: i["limits"] for i in s.get("/v1/languages").json()["items"]}["ruby"]
        assert (limits["max"]["wall_ms"], limits["defaults"]["wall_ms"]) == (40000, 11000)
        assert s.eval("ruby", code="puts 1", args=["1", "2", "3"]).json()["error"]["limit"] == 2
        assert s.eval("ruby", code="#" * 101).json()["error"]["limit"] == 100
        assert s.eval("ruby", code="puts 1", wait_ms=5001).json()["error"]["limit"] == 5000
        wait_for(lambda: [line for line in map(json.loads, s.log().splitlines()) if line["level"] == "debug"], 30, "a line of level debug")

        # What is no longer in the file is its default again.
        file.write_text("")
        assert {line["key"]: line["to"] for line in hangup(s) if line["msg"] == "changed"} == {
            "limits.max.wall_ms": "1m", "limits.default.wall_ms": "15s", "request.args_max": "256", "request.code_max": "1MiB", "queue.max_waiting": "50000", "http.sync_wait_max": "50s",
            "log.level": "info"}
        assert s.eval("ruby", code="puts 1", limits={"wall_ms": 50000}).status_code == 200
        assert s.stop() == 0


def test_queue_bound_of_a_reload(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("")
    with Service("--config", str(file), "--slots", "1", "--drain-timeout", "0s") as s:
        for _ in range(3):
            assert s.eval("ruby", code="sleep 50", limits={"wall_ms": 55000}, **{"async": True}).status_code == 202
        file.write_text("queue.max_waiting: 1\n")
        hangup(s)
        e = s.eval("ruby", code="puts 1", **{"async": True})
        assert e.status_code == 503 and e.json()["error"]["code"] == "queue_full" and e.json()["error"]["limit"] == 1


@pytest.mark.parametrize("text,message", [
    ("limits: {max: {wall_ms: 1s}}\nrequest.args_max: 3\n", "limits.default.wall_ms is 15s, over limits.max.wall_ms, which is 1s"),
    ("request.args_max: 3\nslotz: 1\n", "did you mean slots?"),
    ("request.args_max: 3\nslots: 100\n", "slots (file"),
    ("request.args_max: [\n", "configuration file"),
    (None, "No such file"),
])
def test_a_bad_file_changes_nothing(tmp_path, text, message):
    file = tmp_path / "c.yaml"
    file.write_text("request.args_max: 5\n")
    with Service("--config", str(file)) as s:
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        (line,) = hangup(s)
        assert line["level"] == "error" and line["msg"] == "nothing was changed: the configuration is not valid" and message in line["error"], line
        assert s.eval("ruby", code="puts 1", args=["1", "2", "3", "4", "5"]).status_code == 200
        assert s.eval("ruby", code="puts 1", args=["1"] * 6).json()["error"]["limit"] == 5
        # Mended, it is taken.
        file.write_text("request.args_max: 6\n")
        assert [line["msg"] for line in hangup(s)] == ["changed", "read again"]
        assert s.eval("ruby", code="puts 1", args=["1"] * 6).status_code == 200


def test_flags_and_variables_stand_over_a_new_file(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("")
    with Service("--config", str(file), "--request-args-max", "4") as s:
        file.write_text("request.args_max: 9\nrequest.env_max: 1\n")
        assert [line.get("key") for line in hangup(s)] == ["request.env_max", None]
        assert s.eval("ruby", code="puts 1", args=["1"] * 5).json()["error"]["limit"] == 4


def test_reloads_while_requests_come(tmp_path):
    """Limits of one request are from one file: the default never is over the maximum."""
    file = tmp_path / "c.yaml"
    small = "limits: {max: {wall_ms: 5s}, default: {wall_ms: 5s}}\n"
    large = "limits: {max: {wall_ms: 50s}, default: {wall_ms: 50s}}\n"
    file.write_text(small)
    with Service("--config", str(file)) as s:
        for i in range(30):
            file.write_text(large if i % 2 == 0 else small)
            s.process.send_signal(signal.SIGHUP)
            limits = s.get("/v1/languages").json()["items"][0]["limits"]
            assert limits["max"]["wall_ms"] == limits["defaults"]["wall_ms"] and limits["max"]["wall_ms"] in (5000, 50000)
            assert s.eval("ruby", code="1", **{"async": True}).status_code == 202
        wait_for(lambda: lines(s) and lines(s)[-1]["msg"] == "read again", 30, "the last reload")
        assert s.stop() == 0


# ---- the documentation ----

def test_documentation_has_every_key():
    sys.path.insert(0, str(SOURCE / "scripts"))
    config_doc = importlib.import_module("config-doc")
    text = config_doc.DOC.read_text()
    wanted = config_doc.table(SERAPIS)
    assert wanted.count("\n") == len(table()) + 2
    assert config_doc.BEGIN + wanted + config_doc.END in text, "scripts/config-doc.py mends it"
    assert config_doc.PAGE_BEGIN + config_doc.items(SERAPIS) + config_doc.PAGE_END in config_doc.PAGE.read_text(), "scripts/config-doc.py mends it"
