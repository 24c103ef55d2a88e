# SPDX-License-Identifier: MIT
"""The page through which a test says what shall go wrong in the service (faults.c reads it)."""
import contextlib
import mmap
import struct

from support.service import BUILD

LIBRARY = BUILD / "tests" / "fault" / "faults.so"
# In the order of faults.c.
FIELDS = ["clock_ms", "allocations", "refuse_at", "refuse_n", "refused", "sync_us", "write_us", "fail_every", "fail_errno", "changes", "failed"]


class Faults:
    """faults["sync_us"] = 1000 holds from the next flush on, in the service that runs and in those that are started later."""

    def __init__(self, directory):
        self.path = directory / "faults"
        self.path.write_bytes(bytes(8 * len(FIELDS)))
        with open(self.path, "r+b") as f:
            self.page = mmap.mmap(f.fileno(), 8 * len(FIELDS))

    def env(self):
        return {"LD_PRELOAD": str(LIBRARY), "SERAPIS_TEST_FAULTS": str(self.path)}

    def __getitem__(self, name):
        return struct.unpack_from("=q", self.page, 8 * FIELDS.index(name))[0]

    def __setitem__(self, name, value):
        struct.pack_into("=q", self.page, 8 * FIELDS.index(name), value)

    @contextlib.contextmanager
    def set(self, **values):
        for name, value in values.items():
            self[name] = value
        try:
            yield
        finally:
            for name in values:
                self[name] = 0
