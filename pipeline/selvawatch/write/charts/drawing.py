"""What all charts share: colours for colour-blind people, title, origin, the same bytes each time."""

import datetime as dt
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from selvawatch.core.files import write_checked
from selvawatch.core.tier import Tier
from selvawatch.errors import TableError
from selvawatch.write.bulletin.cautions import TIERS
from selvawatch.write.formats.reading_sheets import words_of
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import TYPE, combination

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#444444")
"""Okabe and Ito, Color Universal Design, 2008."""
HATCHES = ("", "///", "...", "xx", "\\\\\\", "++", "oo", "--")
"""A pattern for each colour: charts are read in grey too."""
SUFFIXES = (".svg", ".png")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What stands round a chart."""

    title: str
    lines: tuple[str, ...]
    """Where it comes from: product, run, span, area."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the numbers of a chart come from; empty: not known, and not said."""

    product: str
    run_id: str
    first_day: str
    """ISO day."""
    last_day: dt.date
    area: str
    """Empty: all areas."""
    tier: Tier


def origin_lines(origin: Origin, lang: Language) -> tuple[str, ...]:
    """Product, run, span and area, and the tier that may see it, in two lines."""
    days = {"last": lang.day(origin.last_day)}
    if origin.first_day:
        days["first"] = lang.day(dt.date.fromisoformat(origin.first_day))
    span = N_("days from %(first)s to %(last)s") if origin.first_day else N_("days to %(last)s")
    parts = [
        lang.text(N_("product: %(name)s")) % {"name": origin.product} if origin.product else "",
        lang.text(N_("run %(id)s")) % {"id": origin.run_id[:12]} if origin.run_id else "",
        lang.text(span) % days,
    ]
    where = lang.text(N_("area: %(name)s")) % {"name": origin.area or lang.text(N_("all areas"))}
    level = lang.text(N_("level: %(name)s")) % {"name": lang.text(TIERS[origin.tier])}
    return (" · ".join(part for part in parts if part), f"{where} · {level}")


def write_chart(
    path: Path, about: About, draw: Callable[["Figure"], None], size: tuple[float, float] = (9.0, 5.0)
) -> Path:
    """Draw a chart into a .svg or .png and return the path; equal inputs give equal bytes.

    draw: puts axes into the figure it is given. size: inches.

    Raises
    ------
    TableError
        For another suffix.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise TableError("unknown picture format", where=path, got=suffix or "no suffix", needed=".png, .svg")
    with rc_context({"svg.hashsalt": "selvawatch", "font.family": "DejaVu Sans", "hatch.linewidth": 0.6}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.suptitle(single_line(about.title, 120), x=0.01, ha="left", fontsize=11, parse_math=False)
        origin = "\n".join(single_line(line, 160) for line in about.lines if line)
        figure.supxlabel(origin, x=0.01, ha="left", fontsize=7, color="#444444", parse_math=False)
        metadata = {"Software": None} if suffix == ".png" else {"Date": None}
        content = io.BytesIO()
        figure.savefig(content, format=suffix[1:], dpi=130, metadata=metadata)
    return write_checked(path, content.getvalue())


def say(axes: "Axes", text: str) -> None:
    """Write a sentence where there is nothing to draw."""
    axes.set_axis_off()
    axes.annotate(text, (0.5, 0.5), ha="center", va="center", fontsize=11, parse_math=False)


_PLACES = {"none": N_("outside the areas of interest"), "no_period": N_("in no period")}


def words_in_chart(column: str, value: str, lang: Language) -> str:
    """Words for a text cell in a label of a chart; empty where it goes without saying (a right in force)."""
    if column.endswith("validity"):
        return "" if value == "in_force" else lang.text(N_("validity unknown"))
    if message := _PLACES.get(value):
        return lang.text(message)
    said = words_of(column, value, lang)
    if said == value and (value in TYPE or value.startswith("other ")):
        return combination(lang, value)
    return said
