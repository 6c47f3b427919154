"""Who is competent for a place, from dated data: about ground and functions, never about persons."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selvawatch.attribute.overlay import Pieces
from selvawatch.core.days import to_day
from selvawatch.core.tables import RIGHT_TYPES
from selvawatch.errors import SiteError
from selvawatch.register.register import NOT_IN_FORCE, Register


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A body and the ground it is competent for: one entry of `aoi/rules.toml`."""

    name: str
    """As it calls itself, in Spanish; short."""
    function: str
    """What it does there, in Spanish."""
    types: tuple[str, ...]
    """Types of the register on whose ground it is competent; empty: on all ground of the site."""
    start: dt.date
    """First day it was."""
    citation: str
    """Norm that says so."""
    verified: bool
    """Whether a person has read the norm itself."""
    end: dt.date | None = None
    """First day it no longer was; None while it is."""
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse types that the register does not know, and names that would run together in a list."""
        if strange := [one for one in self.types if one not in RIGHT_TYPES]:
            raise SiteError("unknown types", where=f"authority {self.name}", got=strange, needed=RIGHT_TYPES)
        if ";" in self.name or not self.name.strip():
            raise SiteError("not a name", where="authority", got=self.name, needed="text without ;")


def authorities_of(
    pieces: Pieces, register: Register, authorities: Sequence[Authority], group: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Names of the bodies competent for the ground of each group of pieces today; whether all are verified.

    Names are joined by `; ` in the order of the file; None where there is none (then nothing is verified).
    The day is today, since an alert is for who acts now; rights of unknown validity count, since their body
    is the one to ask. `group` is the position of each piece's group, of `count`.

    group: (pieces,) int group of each piece; both answers: (groups,).
    """
    members = pieces.members
    kinds = register.rights["type"].to_numpy()[members["right"].to_numpy()]
    live = (members["today"] != NOT_IN_FORCE).to_numpy() | (members["at_loss"] != NOT_IN_FORCE).to_numpy()
    of = group[members["piece"].to_numpy()]
    names: list[list[str]] = [[] for _ in range(count)]
    verified = np.ones(count, bool)
    for authority in authorities:
        end = np.iinfo(np.int64).max if authority.end is None else to_day(authority.end)
        if not to_day(authority.start) <= pieces.today < end:
            continue
        here = np.unique(of[live & np.isin(kinds, authority.types)]) if authority.types else np.unique(group)
        verified[here] &= authority.verified
        for index in here:
            if authority.name not in names[index]:
                names[index].append(authority.name)
    joined = np.array(["; ".join(one) or None for one in names], object)
    return joined, verified & np.array([bool(one) for one in names], bool)
