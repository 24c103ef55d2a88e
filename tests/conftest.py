# SPDX-License-Identifier: MIT
"""Fixtures of all Python tests: one service for those that only ask it something."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.service import Service  # noqa: E402


@pytest.fixture(scope="session")
def server():
    """One service for all tests that do not end or change it."""
    with Service() as s:
        yield s
        assert s.stop() == 0, f"serve did not end cleanly:\n{s.log()[-4000:]}"
