# SPDX-License-Identifier: MIT
"""Servers for the tests: the façade alone (echo), the API with a puppet for an evaluator (puppet), and the real program (server)."""
import json
import os
import pathlib
import subprocess

import pytest
import requests
from support.service import BUILD, SOURCE, Service
from wire import Wire

TOOLS = pathlib.Path(os.environ.get("SERAPIS_TEST_TOOLS", BUILD / "tests" / "api"))


class Steered:
    """A program that is steered by lines and says its port first."""

    def __init__(self, program, *args):
        self.process = subprocess.Popen([TOOLS / program, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        first = self.process.stdout.readline().strip()
        self.error = None if first.isdigit() else first
        self.port = None if self.error else int(first)

    def say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def wire(self, **kw):
        return Wire(self.port, **kw)

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        return code


class Echo(Steered):
    """tests/api/http_echo.c"""

    def __init__(self, **options):
        super().__init__("http_echo", *["%s=%s" % kv for kv in options.items()])

    def stats(self):
        return json.loads(self.say("stats"))


class Puppet(Steered):
    """tests/api/api_puppet.c"""

    def __init__(self, store, **settings):
        # Keyword arguments have no dots: http__listen is http.listen.
        settings = {"http.listen": "127.0.0.1:0", **{k.replace("__", "."): v for k, v in settings.items()}}
        super().__init__("api_puppet", store, SOURCE / "share" / "languages", *["%s=%s" % kv for kv in settings.items()])
        self.url = "http://127.0.0.1:%s" % self.port

    def eval(self, language, query="", timeout=90, **fields):
        return requests.post(f"{self.url}/v1/eval/{language}{query}", json=fields, timeout=timeout)

    def get(self, path, timeout=90, **kw):
        return requests.get(self.url + path, timeout=timeout, **kw)

    def tell(self, command):
        assert self.say(command) == "ok"


def ends_cleanly(made):
    # The sanitizers speak through the exit code.
    assert [m.end() for m in made] == [1 if m.error else 0 for m in made]


@pytest.fixture
def echo():
    """Makes façade servers; each must end cleanly."""
    made = []

    def make(**options):
        made.append(Echo(**options))
        return made[-1]

    yield make
    ends_cleanly(made)


@pytest.fixture
def puppet(tmp_path):
    """Makes APIs with a puppet; setting http.sync_wait_max is http__sync_wait_max."""
    made = []

    def make(store=None, **settings):
        made.append(Puppet(store or "sqlite:%s/t%d.db" % (tmp_path, len(made)), **settings))
        assert not made[-1].error, made[-1].error
        return made[-1]

    yield make
    ends_cleanly(made)


@pytest.fixture(scope="session")
def server():
    """The real program, one for all tests that do not change it."""
    with Service() as s:
        yield s
