# SPDX-License-Identifier: MIT
"""docs/api.md: every example is run, in order, against a fresh server; what the page shows of an answer is in the answer."""
import os
import re

import pytest
from support.examples import run_step, steps
from support.openapi import document
from support.service import SOURCE, Service

TEXT = (SOURCE / "docs" / "api.md").read_text()
STEPS = steps(TEXT)
SECRET = "srp_00000000000000dd_" + "1d" * 32


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    file = tmp_path_factory.mktemp("key") / "admin.key"
    file.write_text(SECRET + "\n")
    with Service("--auth-admin-key-file", file) as s:
        yield {**os.environ, "U": s.url, "A": "Authorization: Bearer " + SECRET, "SECRET": SECRET}


@pytest.mark.parametrize("command,shown", STEPS, ids=[f"{i:02}" for i in range(len(STEPS))])
def test_step(session, command, shown):
    run_step(session, command, shown)


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
