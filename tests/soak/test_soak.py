# SPDX-License-Identifier: MIT
"""The short form of `make soak`: enough to see what leaks with each run, or with each run of one kind."""
import random

import soak


def test_a_thousand_runs_leave_nothing():
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    _, _, counts = soak.soak(1000, seed)
    assert sum(counts.values()) >= 1300
