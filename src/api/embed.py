# SPDX-License-Identifier: MIT
"""embed.py OUTPUT.S FILE...: assembly that puts each file into the program as it is, between sp_asset_<name> and sp_asset_<name>_end."""
import os
import re
import sys

with open(sys.argv[1], "w") as out:
    out.write("\t.section .rodata\n")
    for path in sys.argv[2:]:
        name = "sp_asset_" + re.sub(r"[^a-z0-9]", "_", os.path.basename(path).lower())
        quoted = os.path.abspath(path).replace("\\", "\\\\").replace('"', '\\"')
        out.write('\t.balign 16\n\t.globl %s\n%s:\n\t.incbin "%s"\n\t.globl %s_end\n%s_end:\n\t.byte 0\n' % (name, name, quoted, name, name))
    out.write('\t.section .note.GNU-stack,"",%progbits\n')
