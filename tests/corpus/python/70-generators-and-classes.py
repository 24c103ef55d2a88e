from dataclasses import dataclass
from enum import Enum


@dataclass(order=True)
class Point:
    x: int
    y: int = 0


class Colour(Enum):
    RED = 1


def walk():
    got = yield 1
    print("got", got)
    yield from [2, 3]
    return "end"


g = walk()
print(next(g), g.send("sent"), list(g), Point(1), Point(1) < Point(1, 2), Colour.RED)
match {"k": [1, 2, 3]}:
    case {"k": [first, *rest]}:
        print(first, rest)
with open(__file__) as f:
    print(sum(1 for _ in f))
