# SPDX-License-Identifier: MIT
"""docs/api.md: every example is run, in order, against a fresh server; what the page shows of an answer is in the answer."""
import json
import os
import re
import subprocess

import pytest
from support.openapi import document
from support.service import SOURCE, Service

TEXT = (SOURCE / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", TEXT, re.S)
STEPS = [(command, shown.strip()) for block in BLOCKS for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M)]
SECRET = "srp_00000000000000dd_" + "1d" * 32


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    file = tmp_path_factory.mktemp("key") / "admin.key"
    file.write_text(SECRET + "\n")
    with Service("--auth-admin-key-file", file) as s:
        yield {**os.environ, "U": s.url, "A": "Authorization: Bearer " + SECRET, "SECRET": SECRET}


def fits(shown, got, where):
    if isinstance(shown, dict):
        assert isinstance(got, dict), where
        for k, v in shown.items():
            assert k in got, f"{where}.{k} is not in the answer"
            fits(v, got[k], f"{where}.{k}")
    elif isinstance(shown, list) and shown and isinstance(shown[0], dict):
        assert len(got) >= len(shown), where
        for i, v in enumerate(shown):
            fits(v, got[i], f"{where}[{i}]")
    else:
        assert shown == got, f"{where}: the page shows {shown!r}, the answer has {got!r}"


@pytest.mark.parametrize("command,shown", STEPS, ids=[f"{i:02}" for i in range(len(STEPS))])
def test_step(session, command, shown):
    variable = re.match(r"([A-Z]+)=\$\((.*)\)$", command)
    run = (variable[2] if variable else command).replace("curl ", "curl -sS --max-time 60 ")
    got = subprocess.run(["bash", "-c", run], capture_output=True, text=True, env=session, timeout=90)
    assert got.returncode == 0, got.stderr
    if variable:
        session[variable[1]] = got.stdout.strip()
        assert re.fullmatch(r"[0-9a-f-]{16,36}", session[variable[1]]), got.stdout
    elif shown.startswith("{"):
        fits(json.loads(shown), json.loads(got.stdout), "")
    else:
        for line in shown.splitlines():
            assert line in got.stdout, got.stdout


def test_there_are_examples_of_every_kind_of_route():
    assert len(STEPS) >= 30
    used = " ".join(c for c, _ in STEPS)
    for path in document()["paths"]:
        start = path.split("{")[0].rstrip("/")
        assert start in used or path in ("/metrics", "/openapi.json", "/api/users", "/api/users/api-key", "/api/healthcheck"), f"docs/api.md has no example of {path}"


def test_the_error_table_is_that_of_the_description():
    described = {c for n, r in document()["components"]["responses"].items() if n.startswith("E") for c in re.findall(r"\b[a-z]+_[a-z_]+\b", r["description"])}
    for code in described:
        assert f"`{code}`" in TEXT, f"docs/api.md does not name {code}"
