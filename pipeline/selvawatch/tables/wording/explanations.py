"""Sentences that tables say in a cell, English: what a share is a share of, why a number is empty."""

from collections.abc import Mapping

SHARE_OF: Mapping[str, str] = {
    "all-days": "%(measure)s of all days",
    "period": "%(measure)s of the period, all ground",
    "named-period": "%(measure)s of the period on all ground",
    "inside-outside": "%(measure)s on all ground, inside and outside",
    "all-ground": "%(measure)s on all ground",
    "concessions": "%(measure)s on concessions, per %(split)s",
    "exclusions": "%(measure)s of the period per %(split)s, exclusions left out",
    "region": "%(measure)s of the year in the whole region watched",
    "chart-period": "the areas of the chart in the period, reading %(reading)s",
    "chart-area": "the rows of the area, reading %(reading)s",
    "granted": "net hectares granted of the type in the period, in the areas listed here together",
    "zone": "ground of the zone today",
    "right": "the right's own ground, of all its outlines together",
    "corridor-titles": "mining rights (titles) with ground in the corridor, by number",
    "corridor-all": "mining rights (titles and applications) with ground in the corridor, by number",
    "not-additive": "none: not additive",
    "stock": "none: a stock, of no period",
    "joined": "none: districts of few rights are joined",
    "excluded": "none: excluded by the source",
    "no-concessions": "none: no layer of concessions",
    "no-layer": "none: no layer of %(types)s",
}
"""What a share is a share of, or why there is none, by code; fields: a measure, names of columns or `all
ground`, a reading of a chart, types of rights and zones (see `narrowed` for what may follow)."""

REASON: Mapping[str, str] = {
    "no-area": "no area of the site stands for the place",
    "not-watched": "watched %(first)s to %(last)s, not all days of the figure",
    "no-days": "watched no days, not all days of the figure",
    "no-cause": "the product does not say what is mining",
    "spans": "loss is dated by spans that reach over the days of the figure",
    "no-sample": "no reference sample of this area and year",
    "few-loss": "too few units: %(loss)s in `loss`, needed %(needed)s in each stratum",
    "few-no-loss": "too few units: %(rest)s in `no loss`, needed %(needed)s in each stratum",
    "few-both": "too few units: %(loss)s in `loss` and %(rest)s in `no loss`, "
    "needed %(needed)s in each stratum",
}
"""Why a number is not there, by code; fields: days, and how many units."""

EXPLAINED: Mapping[str, Mapping[str, str]] = {"share_of": SHARE_OF, "reason": REASON}
"""Sentences by the column that says them; a column of the same name with `_es` says them in Spanish."""

ALL_GROUND = "all ground"
"""What stands in `%(split)s` where nothing is split."""


def share_of(code: str, fields: Mapping[str, str] | None = None) -> str:
    """The sentence of a code of `SHARE_OF`, its fields filled in."""
    return SHARE_OF[code] % (fields or {})


def reason(code: str, fields: Mapping[str, str] | None = None) -> str:
    """The sentence of a code of `REASON`, its fields filled in."""
    return REASON[code] % (fields or {})


def narrowed(sentence: str, area: str, by: tuple[str, ...]) -> str:
    """The sentence with what narrows the whole: an area kept to (or none), and columns split by."""
    parts = [f"in {area}"] if area else []
    return ", ".join([sentence, *parts, *(f"of the same {name}" for name in by)])
