# SPDX-License-Identifier: MIT
"""The attack corpus: no program wins, whatever it does, and nothing of it is left. Without SERAPIS_LONG=1 only the core of it."""
import re

import attack_runner
import grounds
import pytest

ATTACKS = attack_runner.attacks()
GROUNDS = grounds.grounds()
PAIRS = [(g, a) for g in GROUNDS for a in ATTACKS if g.wants(a)]
# What a plain user of this machine can do does not depend on how the service was started.
CONTROLS = [(GROUNDS[0], a) for a in ATTACKS if a.control == "bare" and not GROUNDS[0].uid]


def names(pairs):
    return [f"{g}: {a.name}" for g, a in pairs]


@pytest.mark.parametrize(("ground", "attack"), PAIRS, ids=names(PAIRS), indirect=["ground"])
def test_attack(ground, attack):
    try:
        attack_runner.attempt(ground, attack)
        ground.unchanged()
    except AssertionError as e:
        failed = str(e)
    else:
        failed = None
    if failed:
        pytest.fail(failed, pytrace=False)


if CONTROLS:

    @pytest.mark.parametrize(("ground", "attack"), CONTROLS, ids=names(CONTROLS), indirect=["ground"])
    def test_it_works_without_the_defence(ground, attack):
        """The same program, as a plain unprivileged user of this machine, does win: so it is the box that held, and not the program that failed."""
        out = attack_runner.bare(ground.service, attack)
        if not re.search(attack.shows, out, re.M):
            pytest.fail(f"{attack.name}: bare it does not show /{attack.shows}/:\n{out[-3000:]}", pytrace=False)


@pytest.mark.parametrize("ground", GROUNDS, ids=str, indirect=True)
def test_after_all_of_them(ground):
    """The same service, after the whole corpus: hello world in each slot, and descriptors, mounts, cgroups and namespaces as at the beginning."""
    ground.unchanged()
    assert ground.service.process.poll() is None
    assert "quarantined" not in ground.service.log()
    for language, code in (("ruby", "puts 'hello'"), ("node", "console.log('hello')"), ("c", '#include <stdio.h>\nint main(void) { puts("hello"); }')):
        assert ground.service.eval(language, code=code).json()["stdout"] == "hello\n"
