# SPDX-License-Identifier: MIT
"""The README's examples, run as they are written (on the test's port): what it shows of an answer is in the answer."""
import json
import re
import subprocess

import pytest

from support.service import SOURCE

TEXT = (SOURCE / "README.md").read_text()
EXAMPLES = re.findall(r"```console\n\$ (curl [^\n]*)\n(\{.*?\})\n```", TEXT, re.S)


def test_the_readme_has_examples():
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("command,shown", EXAMPLES, ids=[str(i) for i in range(len(EXAMPLES))])
def test_example(server, command, shown):
    command = command.replace("http://127.0.0.1:8080", server.url)
    got = subprocess.run(["bash", "-c", command.replace("curl ", "curl -sS ", 1)], capture_output=True, timeout=60, check=True)
    answer = json.loads(got.stdout)
    for key, value in json.loads(shown).items():
        assert answer[key] == value, f"{key}: the README shows {value!r}, the answer has {answer[key]!r}"
