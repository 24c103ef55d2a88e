# SPDX-License-Identifier: MIT
# wins: memory and time by a number: the interpreter holds its lock meanwhile and heeds no signal
# rule: 4, 39
# expect: memory_limit|cpu_limit|wall_limit|nonzero_exit
# limits: memory_bytes=100663296 cpu_ms=3000 wall_ms=9000
# needs: memory cpu
# else: signal
# control: unsafe: a memory bomb
import signal

for s in range(1, 65):
    try:
        signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
n = 9
while True:
    n **= 9
