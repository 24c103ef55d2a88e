# SPDX-License-Identifier: MIT
"""The manual pages are well formed, and say what the programs and the system-call filter really do."""
import re
import subprocess

import pytest

from support.service import BUILD, SERAPIS, SOURCE

PAGES = ["serapis.1", "serapis-box.8"]


def source(page):
    return (SOURCE / "docs" / "man" / page).read_text()


def text(page):
    """As it is shown, without emphasis, blanks made one, words that were divided at a hyphen joined."""
    shown = subprocess.run(["mandoc", "-Tutf8", "-O", "width=400", SOURCE / "docs" / "man" / page], capture_output=True, text=True, check=True).stdout
    return " ".join(re.sub(r".\x08", "", shown).split())


@pytest.mark.parametrize("page", PAGES)
def test_well_formed(page):
    got = subprocess.run(["mandoc", "-Tlint", "-W", "warning", SOURCE / "docs" / "man" / page], capture_output=True, text=True)
    assert (got.returncode, got.stdout, got.stderr) == (0, "", "")


def test_every_page_is_installed():
    named = re.search(r"install_man\((.*?)\)", (SOURCE / "meson.build").read_text(), re.S)[1]
    assert sorted(re.findall(r"'docs/man/(.*?)'", named)) == sorted(f.name for f in (SOURCE / "docs" / "man").iterdir()) == sorted(PAGES)


def rules():
    """errno → calls that are always refused with it, conditional ones left out."""
    out = {}
    for line in (SOURCE / "share" / "seccomp" / "run.rules").read_text().splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["errno"] and "if" not in words:
            out.setdefault(words[1], []).extend(w.split("=")[0] for w in words[2:])
    return out


# The calls of these names never did anything on this architecture, or are gone; the page calls them what they are.
OBSOLETE = {"lookup_dcookie", "ustat", "sysfs", "remap_file_pages", "uselib", "epoll_ctl_old", "epoll_wait_old", "_sysctl", "create_module", "get_kernel_syms", "query_module", "nfsservctl",
            "getpmsg", "putpmsg", "afs_syscall", "tuxcall", "security", "vserver"}


@pytest.mark.parametrize("errno", ["EPERM", "ENOSYS", "EOPNOTSUPP"])
def test_every_refused_call_is_named_under_its_errno(errno):
    chapter = text("serapis-box.8").split("SYSTEM CALLS")[1].split("Consequences")[0]
    parts = re.split(r"(\[?E[A-Z]+\]?(?:, \[?E[A-Z]+\]?)*) for ", chapter)
    part = " ".join(p for heading, p in zip(parts[1::2], parts[2::2]) if errno in heading)
    calls = [c for c in rules()[errno] if c not in OBSOLETE]
    assert len(calls) >= 6
    missing = [c for c in calls if not re.search(r"\b%s\b" % re.escape(c), part)]
    assert not missing, f"docs/man/serapis-box.8 does not say that {errno} is the answer of {' '.join(missing)}"


def test_every_command_and_option_is_named():
    page = text("serapis.1")
    commands = re.findall(r"^  (\w+) {2,}\S", subprocess.run([SERAPIS, "--help"], capture_output=True, text=True, check=True).stdout, re.M)
    assert {"serve", "eval", "run", "doctor", "config"} <= set(commands)
    for command in commands:
        assert f"serapis {command}" in page
    for command in commands:
        shown = subprocess.run([SERAPIS, command, "--help"], capture_output=True, text=True, check=True).stdout
        for option in set(re.findall(r"--[a-z]+[a-z-]*", shown)):
            assert re.search(re.escape(option) + r"(?![a-z-])", page), f"serapis.1 does not name {option} of {command}"
    usage = subprocess.run([BUILD / "src" / "box" / "serapis-box"], capture_output=True, text=True).stderr
    for option in re.findall(r"--[a-z-]+", usage):
        assert option in text("serapis-box.8")


def test_every_setting_of_the_policy_is_named():
    keys = re.findall(r'^\s*\{"(\w+)", (?:COUNT|BYTES|TIME),', (SOURCE / "src" / "box" / "policy.c").read_text(), re.M)
    assert len(keys) >= 9
    for key in [*keys, "root", "ids"]:
        assert re.search(r"^\.It .*Ic %s\b" % key, source("serapis-box.8"), re.M), key


# What the chapter SYSTEM CALLS promises to people who wonder, tried.
@pytest.mark.parametrize("script,output", [
    ("ulimit -c; ulimit -c 0 2>&1", "0\nmain.sh: line 1: ulimit: core file size: cannot modify limit: Operation not permitted\n"),
    ("""echo 'int main(void) { return 0; }' >x.c; gcc -fsanitize=leak x.c && ./a.out 2>&1 | grep -o 'LeakSanitizer has encountered a fatal error'""", "LeakSanitizer has encountered a fatal error\n"),
    ("""echo 'int main(void) { return 0; }' >x.c; gcc -fsanitize=address x.c; ./a.out 2>&1 | grep -o 'setrlimit() failed'; ASAN_OPTIONS=disable_coredump=0:detect_leaks=0 ./a.out && echo fine""",
     "setrlimit() failed\nfine\n"),
    ("setarch -R true 2>&1 | grep -o 'Operation not permitted'", "Operation not permitted\n"),
    ("unshare -U true 2>&1", "unshare: unshare failed: Operation not permitted\n"),
], ids=["core-limit", "leak-sanitizer", "address-sanitizer", "personality", "namespaces"])
def test_what_the_page_says_of_tools(server, script, output):
    assert server.eval("bash", code=script).json()["output"] == output
