# SPDX-License-Identifier: MIT
"""One service a ground: started before its first test, ended after its last."""
import grounds
import pytest


def pytest_collection_modifyitems(items):
    order = {g.name: i for i, g in enumerate(grounds.grounds())}

    def place(item):
        ground = getattr(item, "callspec", None) and item.callspec.params.get("ground")
        return order[ground.name] if isinstance(ground, grounds.Ground) else -1

    items.sort(key=place)


class Stage:
    current = None

    def enter(self, ground):
        if self.current is not ground:
            self.leave()
            self.current = ground
            ground.open()
        return ground

    def leave(self):
        ground, self.current = self.current, None
        if ground:
            ground.close()


@pytest.fixture(scope="module")
def stage():
    s = Stage()
    yield s
    s.leave()


@pytest.fixture
def ground(request, stage):
    return stage.enter(request.param)
