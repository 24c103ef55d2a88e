# SPDX-License-Identifier: MIT
# wins: processes by a library that starts them again as they die
# rule: 11, 15
# expect: process_limit|wall_limit|cpu_limit|nonzero_exit|memory_limit
# limits: processes=24 wall_ms=4000 cpu_ms=3000
# control: unsafe: a fork bomb
import os

print("START", flush=True)
while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        pass
