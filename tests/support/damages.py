"""What can happen to a file at rest: the damages that readers of a store are held against."""

import random
from collections.abc import Callable
from pathlib import Path

FLIPS = 20
"""Random places at which one bit is flipped, for each file of a whole campaign."""

Damage = Callable[[Path, random.Random], None]


def deleted(path: Path, _rng: random.Random) -> None:
    """The file is gone."""
    path.unlink()


def emptied(path: Path, _rng: random.Random) -> None:
    """The file is there and holds nothing."""
    path.write_bytes(b"")


def cut(path: Path, rng: random.Random) -> None:
    """The end is missing."""
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(max(1, len(content)))])


def zeroed(path: Path, rng: random.Random) -> None:
    """A third of it reads as zeros, from a random place on."""
    content = bytearray(path.read_bytes())
    first = rng.randrange(max(1, len(content) - len(content) // 3))
    content[first : first + len(content) // 3] = bytes(len(content) // 3)
    path.write_bytes(content)


def flipped(path: Path, rng: random.Random) -> None:
    """One bit is another."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def damages(flips: int) -> list[tuple[str, Damage]]:
    """Every damage once by name, and so many flips."""
    once: list[tuple[str, Damage]] = [
        ("deleted", deleted),
        ("emptied", emptied),
        ("cut", cut),
        ("zeroed", zeroed),
    ]
    return once + [(f"flipped-{number}", flipped) for number in range(flips)]
