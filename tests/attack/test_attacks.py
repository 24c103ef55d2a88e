# SPDX-License-Identifier: MIT
"""The attack corpus: no program wins, whatever it does, and nothing of it is left. Without SERAPIS_LONG=1 only the core of it."""
import re

import attack_runner
import pytest

ATTACKS = attack_runner.attacks()


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """A service with two slots, what it looked like before the first attack, and what the host did."""
    with attack_runner.make_service(tmp_path_factory.mktemp("languages")) as s:
        base = attack_runner.Baseline(s)
        host = base.host()
        yield s, base, host
        assert s.stop() == 0, s.log()[-4000:]


@pytest.mark.parametrize("attack", ATTACKS, ids=[a.name for a in ATTACKS])
def test_attack(ground, attack):
    service, base, host = ground
    try:
        attack_runner.attempt(service, attack)
        base.unchanged()
        assert base.host() == host
    except AssertionError as e:
        failed = str(e)
    else:
        failed = None
    if failed:
        pytest.fail(failed, pytrace=False)


CONTROLS = [a for a in ATTACKS if a.control == "bare"]


@pytest.mark.parametrize("attack", CONTROLS, ids=[a.name for a in CONTROLS])
def test_it_works_without_the_defence(ground, attack):
    """The same program, as a plain unprivileged user of this machine, does win: so it is the box that held, and not the program that failed."""
    out = attack_runner.bare(ground[0], attack)
    if not re.search(attack.shows, out, re.M):
        pytest.fail(f"{attack.name}: bare it does not show /{attack.shows}/:\n{out[-3000:]}", pytrace=False)


def test_after_all_of_them(ground):
    """The same service, after the whole corpus: hello world in each slot, and descriptors, mounts, cgroups and namespaces as at the beginning."""
    service, base, host = ground
    base.unchanged()
    assert base.host() == host
    assert service.process.poll() is None
    assert "quarantined" not in service.log()
    for language, code in (("ruby", "puts 'hello'"), ("node", "console.log('hello')"), ("c", '#include <stdio.h>\nint main(void) { puts("hello"); }')):
        assert service.eval(language, code=code).json()["stdout"] == "hello\n"
