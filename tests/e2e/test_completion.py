# SPDX-License-Identifier: MIT
"""Completion in a real bash: what it offers, and that it offers all that --help names, so that neither can change alone."""
import json
import os
import pty
import re
import select
import subprocess
import time

import pytest
from support.service import SERAPIS, SLOW, SOURCE

SCRIPT = SOURCE / "share" / "completions" / "serapis.bash"
# A word of the line is a word of bash's: "=" stands alone, as COMP_WORDBREAKS has it.
RUN = """
source "$1"; shift
program=$1; COMP_WORDS=(serapis "${@:2}"); COMP_CWORD=$(($# - 1))
_serapis "$program" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
((${#COMPREPLY[@]})) && printf '%s\\n' "${COMPREPLY[@]}"
exit 0
"""


def complete(*words, program=SERAPIS, cwd=None):
    """What is offered for the last word."""
    got = subprocess.run(["bash", "--norc", "--noprofile", "-uc", RUN, "bash", SCRIPT, program, *words], capture_output=True, text=True, timeout=60 * SLOW, cwd=cwd, env={"PATH": "/usr/bin:/bin", "HOME": "/"})
    assert (got.returncode, got.stderr) == (0, "")
    return got.stdout.splitlines()


def shown(*command):
    got = subprocess.run([SERAPIS, *command, "--help"], capture_output=True, text=True, timeout=60 * SLOW)
    assert (got.returncode, got.stderr) == (0, "")
    return got.stdout


def commands():
    return re.findall(r"^  (\w+) {2,}\S", shown(), re.M)


@pytest.mark.parametrize("words,offered", [
    (["m"], ["migrate"]),
    (["ru"], ["run"]),
    (["--v"], ["--version"]),
    (["user", ""], ["add", "list", "show", "delete", "--help"]),
    (["key", "re"], ["revoke"]),
    (["user", "add", "--a"], ["--admin", "--auth-signup", "--auth-admin-key-file", "--auth-rate-per-minute", "--auth-max-waiting", "--auth-max-running"]),
    (["user", "delete", "--y"], ["--yes"]),
    (["key", "add", "--adm"], []),
    (["user", "add", "--name", ""], []),
    (["user", "frobnicate", "--"], []),
    (["eval", "--as"], ["--async"]),
    (["run", "--as"], []),
    (["eval", "--limits"], []),
    (["run", "--limits-max-w"], ["--limits-max-wall-ms"]),
    (["run", "--language", "ru"], ["ruby"]),
    (["run", "--language", "=", "p"], ["perl", "php", "python"]),
    (["run", "--language", "="], sorted(f.stem for f in (SOURCE / "share" / "languages").glob("*.yaml"))),
    (["run", "--language=py"], ["--language=python"]),
    (["eval", "--limit", "w"], ["wall_ms="]),
    (["eval", "--limit", "=", "open"], ["open_files="]),
    (["serve", "--log-l"], ["--log-level"]),
    (["serve", "--log-level", ""], ["debug", "info", "warn", "error"]),
    (["config", "--log-level", "=", "w"], ["warn"]),
    (["serve", "--http-l"], ["--http-listen"]),
    (["serve", "--http-listen", ""], []),
    (["serve", ""], []),
    (["serve", "--user", "nobo"], ["nobody"]),
    (["sreve", "--"], []),
], ids=" ".join)
def test_what_is_offered(words, offered):
    assert sorted(complete(*words)) == sorted(offered)


def test_files_and_directories(tmp_path):
    for name in ("main.rb", "main file.rb", "other.js"):
        (tmp_path / name).touch()
    (tmp_path / "mains").mkdir()
    assert sorted(complete("run", "main", cwd=tmp_path)) == ["main file.rb", "main.rb", "mains"]
    assert complete("eval", "--json", "main.rb", "o", cwd=tmp_path) == ["other.js"]
    assert complete("eval", "main.rb", "--stdin", "o", cwd=tmp_path) == ["other.js"]
    assert complete("serve", "--languages-dir", "m", cwd=tmp_path) == ["mains"]
    assert complete("run", "main.rb", "--", "--li", cwd=tmp_path) == []
    assert complete("run", "main.rb", "--", "o", cwd=tmp_path) == ["other.js"]


def test_a_program_that_cannot_be_asked():
    """The options of the commands themselves are offered all the same."""
    assert complete("serve", "--", program="/nonexistent/serapis") == ["--config", "--help"]
    assert complete("run", "--language", "", program="/nonexistent/serapis") == []


def test_every_command_is_offered():
    assert len(commands()) >= 9
    assert sorted(complete("")) == sorted([*commands(), "--help", "--version"])
    assert {"--help", "--version"} <= set(re.findall(r"--[a-z-]+", shown()))


def test_every_option_is_offered():
    """What each help names as an option is offered, for user and key by one of the verbs; and nothing but that is."""
    settings = set(re.findall(r"^  (--[a-z-]+)", shown("serve"), re.M)) - {"--config"}
    assert len(settings) >= 50
    for command in commands():
        text = shown(command)
        named = set(re.findall(r"--[a-z]+[a-z-]*", text)) | {"--help"}
        if "SETTINGS" in text:
            named |= settings
        verbs = re.findall(r"^(?:usage:| {6}) serapis %s ([a-z]+)" % command, text, re.M)
        if verbs:
            assert sorted(complete(command, "")) == sorted([*verbs, "--help"])
        offered = set()
        for line in [[verb] for verb in verbs] or [[]]:
            words = complete(command, *line, "-")
            assert len(words) == len(set(words))
            offered |= set(words) - {"--"}
        assert offered == named, f"serapis {command}"
        if "-- ARGS" in text:
            assert "--" in complete(command, "-")


@pytest.mark.parametrize("command", [["user", "add"], ["user", "list"], ["user", "show"], ["user", "delete"], ["key", "add"], ["key", "list"], ["key", "revoke"], ["serve"], ["eval"], ["run"], ["languages"],
                                     ["doctor"], ["config"], ["migrate"]], ids=" ".join)
def test_what_is_offered_is_taken(command, tmp_path):
    """Each option that is offered is one that the command knows: what it complains of is the next, which nobody knows."""
    for option in complete(*command, "-"):
        if option in ("--", "--help"):
            continue
        (tmp_path / "f.rb").touch()
        # As a flag, or with a value that all can have at this point.
        value = {"--stdin": "f.rb", "--env": "A=b", "--limit": "wall_ms=1", "--rate-per-minute": "1", "--max-waiting": "1", "--max-running": "1"}.get(option, "x")
        takes_value = option not in ("--admin", "--yes", "--json", "--async", "--merge-output")
        got = subprocess.run([SERAPIS, *command, option, *([value] if takes_value else []), "--no-such-option"], capture_output=True, text=True, timeout=60 * SLOW, cwd=tmp_path)
        assert got.returncode == 2 and "unknown argument '--no-such-option'" in got.stderr, (option, got.stderr)


def test_choices_are_those_of_the_settings():
    rows = json.loads(subprocess.run([SERAPIS, "config", "--json"], capture_output=True, check=True, env={"SERAPIS_CONFIG": "/dev/null"}).stdout)
    choices = {r["flag"]: r["choices"].split("|") for r in rows if r["choices"]}
    assert len(choices) >= 3
    for flag, values in choices.items():
        assert complete("serve", flag, "") == values


def test_in_a_terminal(tmp_path):
    """With the Tab key: the registration, the blank behind what is whole, and words with "="."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], {"PATH": f"{SERAPIS.parent}:/usr/bin:/bin", "PS1": "% ", "TERM": "dumb", "HOME": str(tmp_path), "SERAPIS_CONFIG": "/dev/null"})
    out = ""

    def until(text, seconds=60 * SLOW):
        nonlocal out
        end = time.monotonic() + seconds
        while text not in out:
            assert select.select([fd], [], [], max(0, end - time.monotonic()))[0], f"no {text!r} in {out!r}"
            out += os.read(fd, 65536).decode()

    try:
        os.write(fd, f"source {SCRIPT}; echo loa''ded\n".encode())
        until("loaded\r\n")
        os.write(fd, b"serapis conf\t--log-level=wa\t|grep log.level\n")
        until("flag")
        assert re.search(r"log\.level +warn +flag", out), out
    finally:
        os.write(fd, b"\x03\x04exit\n")
        os.close(fd)
        os.waitpid(pid, 0)
