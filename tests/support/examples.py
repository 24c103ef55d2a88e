# SPDX-License-Identifier: MIT
"""Examples of a page: console blocks, run as they are written. What the page shows of an answer must be in the answer."""
import json
import re
import subprocess

BLOCK = re.compile(r"```console\n(.*?)```", re.S)
STEP = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.M)


def steps(text):
    """[(command, what is shown of its answer)], in order."""
    return [(command, shown.strip()) for block in BLOCK.findall(text) for command, shown in STEP.findall(block)]


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


def run_step(environment, command, shown):
    """Runs one. `NAME=$(…)` keeps an id in the environment for those that follow."""
    variable = re.match(r"([A-Z]+)=\$\((.*)\)$", command)
    line = (variable[2] if variable else command).replace("curl ", "curl -sS --max-time 60 ")
    got = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment, timeout=90)
    assert got.returncode == 0, got.stderr
    if variable:
        environment[variable[1]] = got.stdout.strip()
        assert re.fullmatch(r"[0-9a-f-]{16,36}", environment[variable[1]]), got.stdout
    elif shown.startswith("{"):
        fits(json.loads(shown), json.loads(got.stdout), "")
    else:
        for expected in shown.splitlines():
            assert expected in got.stdout, got.stdout
