#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the settings into docs/configuration.md and docs/man/serapis.1, from what the program itself says. Argument: the program."""
import json
import pathlib
import subprocess
import sys

DOC = pathlib.Path(__file__).resolve().parents[1] / "docs" / "configuration.md"
PAGE = DOC.parent / "man" / "serapis.1"
BEGIN, END = "<!-- settings: written by scripts/config-doc.py -->\n", "<!-- end of settings -->\n"
PAGE_BEGIN, PAGE_END = '.\\" settings: written by scripts/config-doc.py\n', '.\\" end of settings\n'
HOST = ("store", "languages.dir")  # their defaults depend on the host


def code(s):
    return "`%s`" % s


def row(r):
    default = "see below" if r["key"] in HOST else code(r["default"]) if r["default"] else "empty"
    bounds = "%s to %s" % (code(r["min"]), code(r["max"])) if r["min"] else ", ".join(map(code, r["choices"].split("|"))) if r["choices"] else ""
    return "| %s | %s | %s | %s | %s | %s |\n" % (code(r["key"]), r["kind"], default, bounds, "yes" if r["reload"] else "", r["help"])


def settings(program):
    return json.loads(subprocess.run([program, "config", "--json"], stdout=subprocess.PIPE, check=True, env={"SERAPIS_CONFIG": "/dev/null"}).stdout)


def item(r):
    default = "" if r["key"] in HOST else " (%s)" % (r["default"] or "empty")
    return ".It Fl %s\n%s%s\n" % (r["flag"][1:], r["help"].replace("\\", "\\e"), default)


def items(program):
    return "".join(map(item, settings(program)))


def table(program):
    head = "| key | kind | default | bounds | SIGHUP | what it is |\n|---|---|---|---|---|---|\n"
    return head + "".join(map(row, settings(program)))


if __name__ == "__main__":
    for file, begin, text, end in ((DOC, BEGIN, table(sys.argv[1]), END), (PAGE, PAGE_BEGIN, items(sys.argv[1]), PAGE_END)):
        before, rest = file.read_text().split(begin)
        file.write_text(before + begin + text + end + rest.split(end)[1])
