"""What `doctor` says of one thing: whether it is as it should be, and what to do next."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "FAIL"]
"""`ok`; `warn`: runs go on, and something should be done; `FAIL`: it stops a run, or numbers are not to be
trusted.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding: one thing that was examined."""

    state: State
    text: str
    do: str = ""
    """What to do next; empty: nothing."""

    @property
    def line(self) -> str:
        """The finding as one line."""
        return " ".join(f"{self.state:<4} {self.text}{f'; {self.do}' if self.do else ''}".split("\n"))


def fine(text: str) -> Finding:
    """Something that is as it should be."""
    return Finding(state="ok", text=text)


def doubtful(text: str, do: str = "") -> Finding:
    """Something that should be put right."""
    return Finding(state="warn", text=text, do=do)


def wrong(text: str, do: str = "") -> Finding:
    """Something that stops a run, or makes its numbers doubtful."""
    return Finding(state="FAIL", text=text, do=do)
