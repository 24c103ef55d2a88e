# SPDX-License-Identifier: MIT
# wins: memory through an interpreter's own heap, which doubles
# rule: 4, 12
# expect: memory_limit|nonzero_exit|signal
# limits: memory_bytes=67108864
# control: unsafe: a memory bomb
s = "x" * 1024
loop { s += s }
