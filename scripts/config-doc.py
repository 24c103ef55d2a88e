#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the table of settings into docs/configuration.md, from what the program itself says. Argument: the program."""
import json
import pathlib
import subprocess
import sys

DOC = pathlib.Path(__file__).resolve().parents[1] / "docs" / "configuration.md"
BEGIN, END = "<!-- settings: written by scripts/config-doc.py -->\n", "<!-- end of settings -->\n"
HOST = ("store", "languages.dir")  # their defaults depend on the host


def code(s):
    return "`%s`" % s


def row(r):
    default = "see below" if r["key"] in HOST else code(r["default"]) if r["default"] else "empty"
    bounds = "%s to %s" % (code(r["min"]), code(r["max"])) if r["min"] else ", ".join(map(code, r["choices"].split("|"))) if r["choices"] else ""
    return "| %s | %s | %s | %s | %s | %s |\n" % (code(r["key"]), r["kind"], default, bounds, "yes" if r["reload"] else "", r["help"])


def table(program):
    out = subprocess.run([program, "config", "--json"], stdout=subprocess.PIPE, check=True, env={"SERAPIS_CONFIG": "/dev/null"}).stdout
    head = "| key | kind | default | bounds | SIGHUP | what it is |\n|---|---|---|---|---|---|\n"
    return head + "".join(row(r) for r in json.loads(out))


if __name__ == "__main__":
    text = DOC.read_text()
    before, rest = text.split(BEGIN)
    DOC.write_text(before + BEGIN + table(sys.argv[1]) + END + rest.split(END)[1])
