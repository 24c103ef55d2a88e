# SPDX-License-Identifier: MIT
"""Backup and restore, by the commands of docs/operations.md, while the service works."""
import os
import re
import shutil
import subprocess
import threading

import pytest
from support.service import SOURCE, Service, wait_for

# Each command that makes a copy, as the page shows it.
COMMANDS = re.findall(r"^    (?:sudo -u serapis )?(sqlite3 /var/lib/serapis/serapis\.db .*)$", (SOURCE / "docs" / "operations.md").read_text(), re.M)


def run(command, **paths):
    for old, new in paths.items():
        command = command.replace({"db": "/var/lib/serapis/serapis.db", "copy": "/var/backups/serapis.db"}[old], str(new))
    assert "/var/" not in command.replace(str(paths["db"]), "").replace(str(paths["copy"]), "")
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120, check=True, env={**os.environ, "LANG": "C"})


def test_the_page_has_commands():
    assert len(COMMANDS) == 2


def submit_until(service, stop, ids):
    while not stop.is_set():
        a = service.eval("ruby", code="puts %d" % len(ids), **{"async": True})
        if a.status_code == 202:
            ids.append(a.json()["id"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.split()[2].strip('"'))
def test_a_copy_made_while_it_works_serves_what_was_there(tmp_path, command):
    copy = tmp_path / "copy.db"
    with Service("--slots", "1", "--drain-timeout", "0s") as s:
        old = [s.eval("ruby", code="print 'old %d'; warn 'e'" % i, reference="r%d" % i).json() for i in range(5)]
        running = s.eval("ruby", code="sleep 5; print 'ran'", **{"async": True}).json()["id"]
        wait_for(lambda: s.evaluation(running).json()["status"] == "evaluating", 30, "a run")
        waiting = s.eval("ruby", code="print 'waited'", **{"async": True}).json()["id"]
        stop, ids = threading.Event(), []
        writer = threading.Thread(target=submit_until, args=(s, stop, ids))
        writer.start()
        try:
            run(command, db=s.dir / "serapis.db", copy=copy)
        finally:
            stop.set()
            writer.join()
        last = s.eval("ruby", code="puts 1", **{"async": True}).json()["id"]
        assert subprocess.run(["sqlite3", copy, "PRAGMA integrity_check"], stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout == "ok\n"

    r = Service("--slots", "1")
    shutil.copy(copy, r.dir / "serapis.db")
    with r:
        for e in old:
            assert r.evaluation(e["id"]).json() == e
        # What had not ended when the copy was made is evaluated again, or for the first time.
        assert r.evaluation(running, wait_ms=50000).json()["output"] == "ran"
        assert r.evaluation(waiting, wait_ms=50000).json()["output"] == "waited"
        # What came later is not in it.
        assert r.evaluation(last).status_code == 404
        assert r.eval("ruby", code="print 'new'").json()["output"] == "new"
        assert r.stop() == 0


def test_restore_over_what_a_crash_has_left(tmp_path):
    copy = tmp_path / "copy.db"
    with Service() as s:
        old = s.eval("ruby", code="print 'old'").json()
        run(COMMANDS[0], db=s.dir / "serapis.db", copy=copy)
        later = s.eval("ruby", code="print 'later'").json()["id"]
        s.kill()
        assert (s.dir / "serapis.db-wal").exists()
        for name in ("serapis.db-wal", "serapis.db-shm"):
            (s.dir / name).unlink(missing_ok=True)
        shutil.copy(copy, s.dir / "serapis.db")
        s.start()
        assert s.evaluation(old["id"]).json() == old
        assert s.evaluation(later).status_code == 404
        assert s.stop() == 0
