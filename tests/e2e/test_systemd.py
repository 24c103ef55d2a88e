# SPDX-License-Identifier: MIT
"""What `make install` puts where, the service run from there, and the unit. That the unit itself starts and works under systemd is `make vm-check`."""
import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest
import requests
from support.service import BUILD, SERAPIS, SOURCE, wait_for

UNIT = "usr/local/lib/systemd/system/serapis.service"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A tree that was installed below a directory of its own."""
    dest = tmp_path_factory.mktemp("dest")
    subprocess.run(["make", "--no-print-directory", "install", f"BUILD={BUILD}", f"DESTDIR={dest}"], cwd=SOURCE, check=True, stdout=subprocess.DEVNULL, timeout=600)
    return dest


def test_what_is_installed(installed):
    files = {str(p.relative_to(installed)): p.stat().st_mode & 0o777 for p in installed.rglob("*") if p.is_file()}
    languages = {"usr/local/share/serapis/languages/" + p.name: 0o644 for p in (SOURCE / "share" / "languages").glob("*.yaml")}
    assert files == {"usr/local/bin/serapis": 0o755, "usr/local/libexec/serapis/serapis-box": 0o755, "usr/local/share/man/man1/serapis.1": 0o644, "usr/local/share/man/man8/serapis-box.8": 0o644,
                     "usr/local/share/bash-completion/completions/serapis": 0o644,
                     UNIT: 0o644, "usr/local/lib/sysusers.d/serapis.conf": 0o644, "usr/local/lib/tmpfiles.d/serapis.conf": 0o644, **languages}


def test_it_serves_from_where_it_is_installed(installed, tmp_path):
    """It finds its helper and its languages beside itself, and needs nothing of the build directory."""
    port = tmp_path / "port"
    with open(tmp_path / "log", "wb") as log:
        p = subprocess.Popen([installed / "usr/local/bin/serapis", "serve", "--http-listen", "127.0.0.1:0", "--http-port-file", port, "--store", f"sqlite:{tmp_path}/t.db", "--drain-delay", "0s"],
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", env={"PATH": "/usr/bin:/bin"})
    try:
        wait_for(lambda: port.exists() or p.poll() is not None, 30, "the port file")
        assert p.poll() is None, (tmp_path / "log").read_text()
        wait_for(lambda: requests.get(f"http://127.0.0.1:{int(port.read_text())}/readyz").status_code == 200, 60, "ready")
        a = requests.post(f"http://127.0.0.1:{int(port.read_text())}/v1/eval/ruby", json={"code": "puts 'installed'"}, timeout=90)
        assert a.json()["output"] == "installed\n", a.text
        p.terminate()
        assert p.wait(timeout=60) == 0
    finally:
        p.kill()
        p.wait()
    shown = subprocess.run([installed / "usr/local/bin/serapis", "config"], capture_output=True, text=True, check=True, env={"SERAPIS_CONFIG": "/dev/null"}).stdout
    assert re.search(r"^languages\.dir +%s/usr/local/share/serapis/languages " % re.escape(str(installed)), shown, re.M)


@pytest.fixture(scope="module")
def unit(installed, tmp_path_factory):
    """The unit with the path of the program that is there: systemd-analyze looks whether it is."""
    text = (installed / UNIT).read_text()
    assert "ExecStart=/usr/local/bin/serapis serve\n" in text
    f = tmp_path_factory.mktemp("unit") / "serapis.service"
    f.write_text(text.replace("ExecStart=/usr/local", "ExecStart=%s/usr/local" % installed))
    return f


def test_unit_is_verified(unit):
    got = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit], capture_output=True, text=True, timeout=60)
    assert (got.returncode, got.stdout, got.stderr) == (0, "", "")


def test_verification_notices(unit, tmp_path):
    """The check above can fail."""
    bad = tmp_path / "serapis.service"
    bad.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHome=perhaps").replace("OOMPolicy=", "OOMPolice="))
    got = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", bad], capture_output=True, text=True, timeout=60)
    assert "protect home value" in got.stderr and "OOMPolice" in got.stderr


def test_exposure_is_what_the_documentation_says(unit):
    out = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", unit], stdout=subprocess.PIPE, text=True, timeout=60).stdout
    score = re.search(r"Overall exposure level for serapis\.service: ([\d.]+) ", out)[1]
    assert f"`systemd-analyze security`: {score} " in (SOURCE / "docs" / "operations.md").read_text()


def settings(unit):
    return re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.M)


def test_unit_fits_the_defaults(unit):
    s = dict(settings(unit))
    rows = {line.split()[0]: line.split()[1] for line in subprocess.run([SERAPIS, "config"], stdout=subprocess.PIPE, text=True, check=True, env={"SERAPIS_CONFIG": "/dev/null"}).stdout.splitlines()}
    assert (rows["drain.delay"], rows["drain.timeout"], s["TimeoutStopSec"]) == ("5s", "1m", "75s")
    assert s["ReadWritePaths"] == str(pathlib.Path(rows["store"].removeprefix("sqlite:")).parent) == "/var/lib/serapis"
    # What a run needs of systemd, each with its reason in the unit.
    assert {k: s[k] for k in ("Type", "Delegate", "KillMode", "OOMPolicy", "LimitCORE", "TasksMax", "Environment")} == {
        "Type": "notify", "Delegate": "yes", "KillMode": "mixed", "OOMPolicy": "continue", "LimitCORE": "1", "TasksMax": "infinity", "Environment": "SERAPIS_USER=serapis"}


def test_user_and_directory(installed, tmp_path):
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "var/lib").mkdir(parents=True)
    files = installed / "usr/local/lib"
    subprocess.run(["systemd-sysusers", f"--root={root}", files / "sysusers.d/serapis.conf"], check=True, timeout=60, stderr=subprocess.PIPE)
    line = next(x for x in (root / "etc/passwd").read_text().splitlines() if x.startswith("serapis:")).split(":")
    assert int(line[2]) < 1000 and line[5] == "/var/lib/serapis" and line[6].endswith("nologin")
    subprocess.run(["systemd-tmpfiles", f"--root={root}", "--create", files / "tmpfiles.d/serapis.conf"], check=True, timeout=60)
    st = (root / "var/lib/serapis").stat()
    assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (int(line[2]), int(line[3]), 0o700)


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path, abstract):
    """Type=notify: ready when it accepts, and stopping when it drains."""
    path = "\0serapis-test-%d" % os.getpid() if abstract else str(tmp_path / "notify")
    port = tmp_path / "port"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as k:
        k.bind(path)
        k.settimeout(60)
        p = subprocess.Popen([SERAPIS, "serve", "--http-listen", "127.0.0.1:0", "--http-port-file", port, "--store", f"sqlite:{tmp_path}/t.db"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             start_new_session=True, env={**os.environ, "NOTIFY_SOCKET": path.replace("\0", "@")})
        try:
            assert k.recv(100) == b"READY=1"
            assert requests.get(f"http://127.0.0.1:{int(port.read_text())}/healthz").status_code == 200
            p.send_signal(signal.SIGINT)
            assert k.recv(100) == b"STOPPING=1"
            assert p.wait(timeout=60) == 0
        finally:
            p.kill()
            p.wait()


@pytest.mark.parametrize("value", ["", "@", "nonsense", "/nonexistent/socket", "/" + "x" * 200])
def test_nothing_fails_without_systemd(tmp_path, value):
    port = tmp_path / "port"
    p = subprocess.Popen([SERAPIS, "serve", "--http-listen", "127.0.0.1:0", "--http-port-file", port, "--store", f"sqlite:{tmp_path}/t.db"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         start_new_session=True, env={**os.environ, "NOTIFY_SOCKET": value})
    try:
        wait_for(lambda: port.exists() or p.poll() is not None, 30, "the port file")
        p.send_signal(signal.SIGINT)
        assert p.wait(timeout=60) == 0
    finally:
        p.kill()
        p.wait()
