"""Comparisons: with what others published, and with what we said before."""

from dataclasses import replace

import numpy as np
import pandas as pd

from selvawatch.attribute.loss.loss_in_periods import dating_of, possible_days
from selvawatch.attribute.overlay import Pieces
from selvawatch.core.days import day_numbers, to_date, to_day
from selvawatch.core.schema import column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.errors import TableError
from selvawatch.tables.base import (
    COUNTED_STATUSES,
    TableInputs,
    TableSpec,
    counted_pieces,
    coverage,
    dimension,
    settings_of,
    watched,
)
from selvawatch.tables.loss import WATCHED
from selvawatch.tables.table_settings import Published
from selvawatch.tables.wording.explanations import reason

THREE = (
    column("ha", "float", "Our mining loss.", unit="ha", nullable=True),
    column(
        "ha_lo",
        "float",
        "Least: what surely is, by days and confirmed pixels; no error interval.",
        unit="ha",
        nullable=True,
    ),
    column(
        "ha_hi",
        "float",
        "Most: also what may be, by days or edges; no error interval.",
        unit="ha",
        nullable=True,
    ),
)


def published_comparison(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Published mining loss beside ours in the same place and days: order of magnitude, never a test value.

    Ours is empty, and `reason` says why, where no area stands for the place, where our loss does not reach
    over all days of the figure or is known only by spans across its ends, and where no mining is mapped.
    """
    frame = inputs.pieces.frame
    kept = counted_pieces(inputs, replace(options, area="")) & (frame["cause"] == "mining").to_numpy()
    low, high = possible_days(frame)
    dating, onset = dating_of(frame), day_numbers(frame["onset"])
    area = dimension(inputs, "area")
    records = []
    for figure in settings_of(inputs).published:
        start, end = to_day(figure.start), to_day(figure.end)
        here = kept & np.isin(area, figure.areas) if figure.areas else kept
        mine = here & (start <= onset) & (onset < end) & (dating != "undated")
        surely = mine & (start <= low) & (high < end)
        perhaps = here & (low < end) & (start <= high) & (dating != "undated")
        reach = "no" if "-" in figure.areas else coverage(inputs, start, end)
        why = _why_not(inputs, figure, reach, bool((perhaps & ~surely & (dating == "span")).any()))
        chosen = (("ha", mine), ("ha_lo", surely), ("ha_hi", perhaps))
        sums = [float(frame[name].to_numpy()[rows].sum()) for name, rows in chosen]
        values = [np.nan] * 3 if why else sums
        records.append(
            {
                "place": figure.place,
                "areas": " ".join(figure.areas) or "region",
                "from_day": figure.start.isoformat(),
                "to_day": figure.end.isoformat(),
                "published_ha": figure.ha,
                "ha": values[0],
                "ha_lo": values[1],
                "ha_hi": values[2],
                "ratio": values[0] / figure.ha if figure.ha else np.nan,
                "watched": reach,
                "reason": why,
                "source": figure.source,
                "note": figure.note,
            }
        )
    return pd.DataFrame(records)


def _why_not(inputs: TableInputs, figure: Published, reach: str, is_split: bool) -> str:
    """Why a published figure is not compared; empty: it is."""
    if "-" in figure.areas:
        return reason("no-area")
    if reach != "yes":
        first, after = watched(inputs)
        if first >= after:
            return reason("no-days")
        return reason("not-watched", {"first": f"{to_date(first)}", "last": f"{to_date(after - 1)}"})
    frame = inputs.pieces.frame
    if "product" in frame.columns and len(frame) and not (frame["cause"] == "mining").any():
        return reason("no-cause")
    return reason("spans") if is_split else ""


def revisions(inputs: TableInputs, _options: TableOptions) -> pd.DataFrame:
    """What changed since an earlier state: hectares of each event then and now, and why.

    `change` is `new`, `gone`, `withdrawn`, `grown`, `shrunk`, `cause`, `register` (same loss, other register)
    or `same` (left out).
    """
    if inputs.earlier is None:
        is_product = "product" in inputs.pieces.frame.columns
        raise TableError(
            "this table compares two runs of our own",
            got="a loss product" if is_product else "no earlier run",
            do="leave --product out, and give --as-of DATE" if is_product else "give --as-of DATE",
        )
    now, then = _by_event(inputs.pieces), _by_event(inputs.earlier)
    table = then.add_suffix("_then").join(now.add_suffix("_now"), how="outer").reset_index()
    for name in ("ha_then", "ha_now", "ha_lo_now", "ha_hi_now"):
        table[name] = table[name].fillna(0.0)
    for name in ("cause_then", "cause_now", "status_then", "status_now"):
        table[name] = table[name].astype(object).where(table[name].notna(), "")
    changed = (table["ha_now"] - table["ha_then"]).round(6)
    other = inputs.pieces.register_version != inputs.earlier.register_version
    choices = [
        (table["status_then"] == "", "new"),
        (table["status_now"] == "", "gone"),
        ((table["status_now"] == "withdrawn") & (table["status_then"] != "withdrawn"), "withdrawn"),
        (changed > 0, "grown"),
        (changed < 0, "shrunk"),
        (table["cause_then"] != table["cause_now"], "cause"),
    ]
    table["change"] = np.select(
        [mask for mask, _ in choices], [name for _, name in choices], "register" if other else "same"
    )
    table["difference_ha"] = changed
    table = table[table["change"] != "same"]
    table = table.rename(columns={"ha_now": "ha", "ha_lo_now": "ha_lo", "ha_hi_now": "ha_hi"})
    table["register_then"] = inputs.earlier.register_version
    table["register_now"] = inputs.pieces.register_version
    return table.drop(columns=["ha_lo_then", "ha_hi_then"]).reset_index(drop=True)


def _by_event(pieces: Pieces) -> pd.DataFrame:
    frame = pieces.frame
    counted = frame["status"].isin(COUNTED_STATUSES)
    rows = frame[["event_id", "cause", "status"]].assign(
        **{name: frame[name].where(counted, 0.0) for name in ("ha", "ha_lo", "ha_hi")}
    )
    order = {"confirmed": 0, "closed": 1, "provisional": 2, "withdrawn": 3}
    rows = rows.assign(_order=rows["status"].map(order)).sort_values(["event_id", "_order"], kind="stable")
    return rows.groupby("event_id").agg(
        ha=("ha", "sum"),
        ha_lo=("ha_lo", "sum"),
        ha_hi=("ha_hi", "sum"),
        cause=("cause", "first"),
        status=("status", "first"),
    )


SPECS = (
    TableSpec(
        name="published_comparison",
        description="Published mining loss beside ours: order of magnitude only.",
        build=published_comparison,
        columns=columns(
            column("place", "text", "Place of the published figure, as its source names it."),
            column(
                "areas",
                "text",
                "Areas of interest of this site that stand for the place; region: all ground.",
            ),
            column("from_day", "text", "First day of the span that the row counts."),
            column("to_day", "text", "First day after the span that the row counts."),
            column("published_ha", "float", "Hectares that the source published.", unit="ha"),
            THREE,
            column("ratio", "float", "Ours / published, of full periods.", nullable=True),
            WATCHED,
            column("reason", "text", "Why ours is empty; empty: it is compared."),
            column("source", "text", "Who published the figure, and where."),
            column("note", "text", "What to know before the figure is quoted."),
        ),
        notes=("Products differ in footprint, days and meaning of mining; never mix them in one series.",),
    ),
    TableSpec(
        name="revisions",
        description="What changed since an earlier state of knowledge.",
        build=revisions,
        columns=columns(
            column("event_id", "text", "Id of the event, or of the feature of a loss product."),
            column("change", "text", "What changed: new, gone, withdrawn, grown, shrunk, cause or register."),
            column("ha_then", "float", "Hectares of the event in the earlier run.", unit="ha"),
            column("ha", "float", "Hectares of the event in the later run.", unit="ha"),
            column(
                "ha_lo",
                "float",
                "Least: what surely is, by days and confirmed pixels; no error interval.",
                unit="ha",
            ),
            column(
                "ha_hi", "float", "Most: also what may be, by days or edges; no error interval.", unit="ha"
            ),
            column(
                "difference_ha",
                "float",
                "Hectares of the later run less those of the earlier one.",
                unit="ha",
            ),
            column("cause_then", "text", "Published cause of the event in the earlier run."),
            column("cause_now", "text", "Published cause of the event in the later run."),
            column("status_then", "text", "Status of the event in the earlier run."),
            column("status_now", "text", "Status of the event in the later run."),
            column("register_then", "text", "Digest of the register that the earlier run used."),
            column("register_now", "text", "Digest of the register that the later run used."),
        ),
    ),
)
