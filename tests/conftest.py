# SPDX-License-Identifier: MIT
"""Fixtures of all Python tests: one service for those that only ask it something."""
import pathlib
import sys

import pytest
import requests

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support import openapi  # noqa: E402
from support.service import Service  # noqa: E402


@pytest.fixture(autouse=True, scope="session")
def answers_are_as_described():
    """Every answer that a test gets from the API, whatever it is a test of, is held against /openapi.json."""
    send = requests.Session.send

    def checked(self, request, **kw):
        answer = send(self, request, **kw)
        if not kw.get("stream") and request.url.startswith("http://127.0.0.1:"):
            openapi.check(answer)
        return answer

    requests.Session.send = checked
    yield
    requests.Session.send = send


@pytest.fixture(scope="session")
def server():
    """One service for all tests that do not end or change it."""
    with Service() as s:
        yield s
        assert s.stop() == 0, f"serve did not end cleanly:\n{s.log()[-4000:]}"
