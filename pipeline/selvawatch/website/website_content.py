"""What a static site is made of, before anyone chooses words or a language."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from selvawatch.website.history import History
from selvawatch.write.bulletin.bulletin_model import Bulletin

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Website:
    """A static site of a run for the tier of its bulletin."""

    bulletin: Bulletin
    """Of the current run; its alerts with what people answered since."""
    histories: Mapping[str, History] = field(default_factory=dict)
    """By event id, of the same tier."""
    areas: Mapping[str, str] = field(default_factory=dict)
    """Titles of the areas that have a feed of their own, by name, besides that of all alerts."""
    reviewed_since_run: bool = False
    """Whether its figures do not hold yet what people answered."""

    @property
    def alerts(self) -> pd.DataFrame:
        """Rows of the alerts, by rank."""
        frame = pd.DataFrame(self.bulletin.alerts.frame)
        return frame.sort_values(["rank", "alert_id"], kind="stable")

    @property
    def page_names(self) -> dict[str, str]:
        """Name of the page of each event, without its ending, by alert id."""
        frame = self.alerts
        names = page_names(str(event) for event in frame["event_id"])
        return {
            str(alert): names[str(event)]
            for alert, event in zip(frame["alert_id"], frame["event_id"], strict=True)
        }


def page_names(ids: Iterable[str]) -> dict[str, str]:
    """A name of a file for each id, without its ending: the id, where that is a plain name and no other's on
    any disk; else `x-` and the beginning of its digest.
    """
    every = list(dict.fromkeys(ids))
    folded: dict[str, int] = {}
    for name in every:
        folded[name.casefold()] = folded.get(name.casefold(), 0) + 1
    return {
        name: name if _is_plain(name) and folded[name.casefold()] == 1 else _digest(name) for name in every
    }


def _is_plain(name: str) -> bool:
    return _PLAIN.fullmatch(name) is not None and not name.startswith("x-")


def _digest(name: str) -> str:
    return f"x-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
