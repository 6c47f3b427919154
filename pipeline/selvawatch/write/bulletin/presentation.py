"""What an alert or a table looks like in one language: plain texts for a template, not yet escaped."""

import base64
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from selvawatch.core.schema import Tier
from selvawatch.write.bulletin.bulletin_model import MOMENTS, Bulletin, LossRow, LossTable, Picture
from selvawatch.write.bulletin.mapping.marks import ink_on, shape_of
from selvawatch.write.bulletin.whereabouts import (
    NAME_LENGTH,
    coordinates_of,
    leads_of,
    location_of,
    near_of,
)
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.phrases import days_of, row_number, row_text
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import TYPE, combination, word, words
from selvawatch.write.legend import CAUSE_COLOURS


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureView:
    """One picture, ready to embed."""

    address: str
    """`data:` address, or that of its file."""
    caption: str
    words: str
    """What stands for the picture where it is not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRow:
    """Pictures of the same bands, side by side."""

    title: str
    """What the colours are; empty: those of the eye."""
    pictures: tuple[PictureView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """One alert in words."""

    number: int
    key: str
    """Alert id as it stands in the table."""
    alert_id: str
    event_id: str
    colour: str
    ink: str
    """Colour of the number on it."""
    shape: str
    """SVG path of its mark."""
    cause: str
    cause_code: str
    status: str
    status_code: str
    confidence: str
    change: str
    hectares: str
    bounds: str
    """Lower to upper bound of the hectares."""
    probability: str
    days: tuple[tuple[str, str], ...]
    """When the loss began, was first seen, was confirmed, last grew: label and words of what is known."""
    leads: tuple[str, ...]
    """What decides who goes: protected area, community, corridor."""
    reasons: tuple[str, ...]
    """Why it ranks where it does, but for what the view says elsewhere."""
    indications: tuple[str, ...]
    location: str
    near: tuple[str, ...]
    rights: str
    rights_today: str
    """Only where it differs."""
    zones: str
    zone_codes: tuple[str, ...]
    seen_on: str
    """ISO day on which it was first seen; empty: not told."""
    legal: str
    citation: str
    citation_verified: bool
    """Whether a person has read every norm that is cited."""
    authority: str
    authority_verified: bool
    """Whether a person has read the norm of every body named."""
    longitude: float | None
    latitude: float | None
    coordinates: str
    coordinates_note: str
    withdrawn: str
    pictures: tuple[PictureRow, ...]


def alert_views(
    content: Bulletin, language: Language, address_of: Callable[[str, Picture], str] | None = None
) -> list[AlertView]:
    """Every alert of a bulletin, by rank; those not withdrawn are numbered from 1.

    address_of: address of a picture of an alert id; None: the picture itself as a `data:` address.
    """
    frame = pd.DataFrame(content.alerts.frame).sort_values(["rank", "alert_id"], kind="stable")
    shown = shows_pictures(content)
    addresses = address_of or (lambda _alert, picture: data_address(picture.content))
    views = []
    number = 0
    for _, row in frame.iterrows():
        number += row["status"] != "withdrawn"
        pictures = content.pictures.get(row["alert_id"], ()) if shown else ()
        rows = _picture_rows(language, pictures, partial(addresses, row["alert_id"]))
        views.append(_alert_view(content, language, number, row, rows))
    return views


def shows_pictures(content: Bulletin) -> bool:
    """Whether the tier of a bulletin may see the pictures of its alerts."""
    names = {column.name for column in content.alerts.table.columns}
    return "before_picture" in names


def _alert_view(
    content: Bulletin, language: Language, number: int, row: pd.Series, pictures: tuple[PictureRow, ...]
) -> AlertView:
    coordinates, note = coordinates_of(content, language, row)
    today = row_text(row, "combination_today")
    at_loss = row_text(row, "combination")
    colour = CAUSE_COLOURS.get(row["cause"], CAUSE_COLOURS["unknown"])
    return AlertView(
        number=number,
        key=row["alert_id"],
        alert_id=single_line(str(row["alert_id"]), NAME_LENGTH),
        event_id=single_line(str(row["event_id"]), NAME_LENGTH),
        colour=colour,
        ink=ink_on(colour),
        shape=shape_of(row["status"]),
        cause=word(language, "cause", row["cause"]),
        cause_code=row["cause"],
        status=word(language, "status", row["status"]),
        status_code=row["status"],
        confidence=word(language, "confidence", row["confidence"]),
        change=word(language, "change", row["change"]),
        hectares=language.hectares(row["ha"]),
        bounds=_bounds(language, row["ha_lo"], row["ha_hi"]),
        probability=language.percent(row["mining_probability"]),
        days=tuple(days_of(language, row)),
        reasons=tuple(words(language, "rank_reason", _unsaid(row_text(row, "rank_reasons")))),
        indications=tuple(words(language, "cause_reason", row_text(row, "cause_reasons"))),
        leads=leads_of(language, row),
        location=location_of(content, language, row),
        near=near_of(language, row, content.tier < Tier.RESTRICTED),
        rights=combination(language, at_loss) if at_loss else "",
        rights_today=combination(language, today) if today and today != at_loss else "",
        zones=", ".join(words(language, "type", row_text(row, "zones"))),
        zone_codes=tuple(code for code in row_text(row, "zones").split() if code in TYPE),
        seen_on="" if pd.isna(row["first_detected"]) else row["first_detected"].date().isoformat(),
        legal=word(language, "legal_context", row["legal_context"]) if row_text(row, "legal_context") else "",
        citation=single_line(row_text(row, "legal_citation"), 600),
        citation_verified=bool(row["legal_verified"]),
        authority=single_line(row_text(row, "authority"), 200),
        authority_verified=bool(row["authority_verified"]),
        longitude=row_number(row, "lon"),
        latitude=row_number(row, "lat"),
        coordinates=coordinates,
        coordinates_note=note,
        withdrawn=word(language, "withdrawn", row_text(row, "withdrawn_reason"))
        if row_text(row, "withdrawn_reason")
        else "",
        pictures=pictures,
    )


_SAID = ("core", "isolated-peoples", "buffer", "native-community", "news", "confidence", "mining", "water")
"""Reasons of a rank that an alert's title, first line or facts say already."""


def _unsaid(reasons: str) -> str:
    return " ".join(reason for reason in reasons.split() if reason not in _SAID)


def _bounds(language: Language, low: float, high: float) -> str:
    ends = {"low": language.number(low, 2), "high": language.number(high, 2)}
    return language.text(N_("%(low)s to %(high)s ha")) % ends


_MOMENTS = dict(zip(MOMENTS, (N_("Before"), N_("After"), N_("Now")), strict=True))
_SWIR = N_("Short-wave infrared (SWIR): forest green, bare ground pink, water blue to black")


def _picture_rows(
    language: Language, pictures: Sequence[Picture], address_of: Callable[[Picture], str]
) -> tuple[PictureRow, ...]:
    rows = []
    for bands in dict.fromkeys(one.bands for one in pictures):
        title = language.text(_SWIR) if bands == "swir" else ""
        views = []
        for one in pictures:
            if one.bands != bands:
                continue
            moment = language.text(_MOMENTS[one.moment])
            caption = f"{moment} · {language.day(one.day)} · {word(language, 'sensor', one.sensor)}"
            words = f"{caption} · {title}" if title else caption
            views.append(PictureView(address=address_of(one), caption=caption, words=words))
        rows.append(PictureRow(title=title, pictures=tuple(views)))
    return tuple(rows)


def data_address(data: bytes) -> str:
    """A picture as a `data:` address; JPEG unless it begins as PNG."""
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LossRowView:
    """One row of a loss table in words."""

    label: str
    loss: str
    mining: str
    bounds: str
    share: str
    bar: float
    """Length of the row's bar, 0-100."""
    mining_bar: float
    """Length of its mining part, 0-100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTableView:
    """A loss table in words."""

    title: str
    head: str
    note: str
    shares: bool
    """Whether any row has a share."""
    rows: tuple[LossRowView, ...]


_TABLES: Mapping[str, tuple[str, str]] = {
    "loss_by_type": (N_("Loss by type of right"), N_("Type of right")),
    "loss_by_zone": (N_("Loss by zone"), N_("Zone")),
    "loss_by_period": (N_("Loss by period"), N_("Period")),
    "loss_by_month": (N_("Loss by month"), N_("Month")),
}
_ITS_OWN: Mapping[str, Mapping[str, str]] = {
    "loss_by_type": {"outside": N_("no right is listed in the layers consulted")},
    "loss_by_zone": {"outside": N_("no zone is listed in the layers consulted")},
}
"""Words for codes that say something else in each table."""
_BY = {"loss_by_type": N_("%(label)s (by right)"), "loss_by_zone": N_("%(label)s (by zone)")}
"""How a label is told apart from the same in another table of the page, where it has another number."""


def table_views(content: Bulletin, language: Language) -> list[LossTableView]:
    """The loss tables of a bulletin in words, and the loss by month; a label stands for one number."""
    tables = [*content.tables, *_by_month(content, language)]
    labels = [[_row_label(table, row, language) for row in table.rows] for table in tables]
    count = Counter(label for made in labels for label in set(made))
    return [
        _table_view(
            table,
            [
                language.text(_BY[table.name]) % {"label": label}
                if count[label] > 1 and table.name in _BY
                else label
                for label in made
            ],
            language,
        )
        for table, made in zip(tables, labels, strict=True)
    ]


def _by_month(content: Bulletin, language: Language) -> list[LossTable]:
    """The loss by month as a table; none where it was not counted."""
    months = content.changes.months if content.changes is not None else ()
    rows = tuple(
        LossRow(
            code="month",
            label=language.month(one.month),
            loss_ha=one.loss_ha,
            mining_ha=one.mining_ha,
            ha_lo=one.ha_lo,
            ha_hi=one.ha_hi,
        )
        for one in months
    )
    return (
        [LossTable(name="loss_by_month", accounting="", clock="", additive=True, rows=rows)] if rows else []
    )


def _row_label(table: LossTable, row: LossRow, language: Language) -> str:
    if row.label:
        return single_line(row.label, NAME_LENGTH)
    if message := _ITS_OWN.get(table.name, {}).get(row.code):
        return language.text(message)
    return combination(language, row.code)


def _table_view(table: LossTable, labels: Sequence[str], language: Language) -> LossTableView:
    """A loss table in words, its largest row as the full bar."""
    title, head = _TABLES.get(table.name, (table.name, ""))
    most = max([row.loss_ha for row in table.rows] + [1e-9])
    notes = [word(language, "accounting", table.accounting)] if table.accounting else []
    notes += [word(language, "clock", table.clock)] if table.clock else []
    rows = tuple(
        LossRowView(
            label=label,
            loss=language.number(row.loss_ha, 2),
            mining=language.number(row.mining_ha, 2),
            bounds=f"{language.number(row.ha_lo, 2)}–{language.number(row.ha_hi, 2)}",
            share="" if row.share is None else language.percent(row.share),
            bar=round(100 * row.loss_ha / most, 1),
            mining_bar=round(100 * row.mining_ha / most, 1),
        )
        for row, label in zip(table.rows, labels, strict=True)
    )
    return LossTableView(
        title=language.text(title),
        head=language.text(head) if head else "",
        note="; ".join(notes),
        shares=any(row.share for row in rows),
        rows=rows,
    )


def facts(content: Bulletin, language: Language) -> dict[str, Any]:
    """The counts and dates that stand at the top, in words."""
    figures = content.headline
    return {
        "loss": language.hectares(figures.loss_ha),
        "mining": language.hectares(figures.mining_ha),
        "expected": language.hectares(figures.mining_expected_ha),
        "loss_bounds": _bounds(language, figures.loss_ha_lo, figures.loss_ha_hi),
        "mining_bounds": _bounds(language, figures.mining_ha_lo, figures.mining_ha_hi),
        "confirmed": language.plural(
            "%(num)s confirmed alert", "%(num)s confirmed alerts", figures.confirmed
        ),
        "confirmed_number": language.number(figures.confirmed),
        "confirmed_word": language.plural("confirmed alert", "confirmed alerts", figures.confirmed),
        "provisional": language.plural(
            "%(num)s provisional", "%(num)s provisional ones", figures.provisional
        ),
        "withdrawn": language.plural("%(num)s withdrawn", "%(num)s withdrawn ones", figures.withdrawn),
        "closed": language.plural("%(num)s closed", "%(num)s closed", figures.closed),
        "observed": language.percent(content.coverage.observed_share),
        "since": language.day(content.run.since_day),
        "until": language.day(content.run.data_day),
    }
