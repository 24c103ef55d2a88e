# SPDX-License-Identifier: MIT
"""The service's own cgroup has less memory than a program may use: that is not the program's fault, and is not told as if it were."""
import pathlib
import uuid

import pytest

from support.service import Service

MIB = 1 << 20
EAT = "a = []\nwhile True:\n    a.append(b'x' * 1048576)\n    print(len(a), flush=True)\n"


@pytest.fixture
def narrow():
    """A cgroup with 128 MiB below ours, to be entered by writing to its cgroup.procs."""
    own = {line.split(":")[1]: line.split(":")[2].strip() for line in open("/proc/self/cgroup")}
    if "memory" in own:
        directory, limit = pathlib.Path("/sys/fs/cgroup/memory" + own["memory"]), "memory.limit_in_bytes"
    else:
        directory, limit = pathlib.Path("/sys/fs/cgroup"), "memory.max"
    directory = directory / f"test-{uuid.uuid4().hex}"
    directory.mkdir()
    (directory / limit).write_text(str(128 * MIB))
    yield directory
    directory.rmdir()


def test_memory_that_others_have_taken_is_no_verdict(narrow):
    enter = ["/bin/sh", "-c", f'echo $$ > {narrow}/cgroup.procs && exec "$0" "$@"']
    with Service("--slots", "1", prefix=enter) as service:
        e = service.eval("python", {"code": EAT, "limits": {"memory_bytes": 512 * MIB}}).json()
        assert (e["status"], e["verdict"], e["reason"]["code"], e["reason"]["retryable"]) == ("failed", "internal_error", "host_memory", True), e
        assert "memory_limit" not in e["limits_hit"], e
        # What is the program's own fault is still told as that, and the service goes on.
        e = service.eval("python", {"code": EAT, "limits": {"memory_bytes": 32 * MIB}}).json()
        assert (e["status"], e["verdict"]) == ("finished", "memory_limit"), e
        assert service.stop() == 0
