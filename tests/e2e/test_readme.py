# SPDX-License-Identifier: MIT
"""The README's examples, run as they are written (on the test's port)."""
import os

import pytest

from support.examples import run_step, steps
from support.service import SOURCE

STEPS = steps((SOURCE / "README.md").read_text())


@pytest.fixture(scope="module")
def environment():
    return dict(os.environ)


def test_the_readme_has_examples():
    assert len(STEPS) >= 10


@pytest.mark.parametrize("command,shown", STEPS, ids=[f"{i:02}" for i in range(len(STEPS))])
def test_example(server, environment, command, shown):
    run_step(environment, command.replace("http://127.0.0.1:8080", server.url), shown)
