"""Rows that would tell of single rights, joined to others until each tells of enough of them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from selvawatch.core.schema import Column, column
from selvawatch.core.table_options import TableOptions
from selvawatch.errors import TableError

OTHER_TYPES, OTHER_DISTRICTS = "other types", "other districts"
"""Labels of rows that stand for several."""

DISTRICT = column("district", "text", "District; none: in none; other districts: of those not shown alone.")
RIGHTS_N = column(
    "rights_n",
    "int",
    "Rights that the row tells of together; empty, as all of it: too few to tell of.",
    nullable=True,
)


def nullable(columns: Iterable[Column]) -> tuple[Column, ...]:
    """The columns as they stand where a row may tell of too few rights: empty then."""
    return tuple(replace(column, nullable=True) for column in columns)


def refuse_area(options: TableOptions, table: str) -> None:
    """Refuse to keep to one area: what is left of the table of all ground would tell of few rights.

    Raises
    ------
    TableError
        Where the options name an area.
    """
    if options.area:
        raise TableError(
            "this table is not cut to an area below the partner tier",
            where=f"table {table}",
            got=options.area,
            do="leave --area out, or ask with --tier partner",
        )


def shown_as(
    members: pd.DataFrame, counted: Sequence[str], least: int, *, within: str = "district"
) -> pd.DataFrame:
    """What each pair of type and district is shown as, so that no row tells of fewer than `least` rights.

    Districts of a type with fewer are joined to `other districts`; where these would be a single one, or
    still too few, the district with the fewest more. A type that has too few in all is joined to
    `other types` in the same way, so that no total less the rows shown gives a row back. Where even all
    rights together are too few, nothing can be shown and every pair is `other types`.

    members: one row for each type, district and thing that is counted. counted: columns with the keys of
    these things; of several the one with the fewest decides. within: name of the column `district`.

    The answer: `type`, `district` (named `within`), and what they are shown as, `shown_type` and
    `shown_district`.
    """
    pairs = members[["type", within]].drop_duplicates().sort_values(["type", within], ignore_index=True)
    shown = pairs.assign(shown_type=pairs["type"], shown_district=pairs[within])
    few = []
    for kind, rows in members.groupby("type", sort=True):
        chosen = _joined(rows, within, counted, least, ())
        if chosen is None:
            few.append(kind)
        else:
            here = (shown["type"] == kind) & shown[within].isin(chosen)
            shown.loc[here, "shown_district"] = OTHER_DISTRICTS
    if few:
        chosen = _joined(members, "type", counted, least, few)
        others = set(pairs["type"]) if chosen is None else chosen
        shown.loc[shown["type"].isin(others), ["shown_type", "shown_district"]] = (
            OTHER_TYPES,
            OTHER_DISTRICTS,
        )
    return shown


def _joined(
    members: pd.DataFrame, key: str, counted: Sequence[str], least: int, first: Iterable[object]
) -> set[object] | None:
    """Values of a column that are told of together; none where each has enough; None: all are too few.

    first: values that are joined in any case.
    """
    sizes = members.groupby(key)[list(counted)].nunique().min(axis=1)
    chosen = set(first) | set(sizes.index[sizes < least])
    if not chosen:
        return chosen
    rest = [
        value for _, value in sorted((size, value) for value, size in sizes.items() if value not in chosen)
    ]
    while len(chosen) < 2 or _count(members[members[key].isin(chosen)], counted) < least:
        if not rest:
            return None
        chosen.add(rest.pop(0))
    return chosen


def _count(members: pd.DataFrame, counted: Sequence[str]) -> int:
    return int(members[list(counted)].nunique().min())


def joined_rows(
    members: pd.DataFrame,
    values: pd.DataFrame,
    counted: dict[str, str],
    least: int,
    *,
    within: str = "district",
) -> pd.DataFrame:
    """Sums of values by type and district as they are shown, with how many things each row tells of.

    members: as for `shown_as`. values: `type`, the column `within`, and numbers, which are added up.
    counted: column of `members` by the column that says how many there are.

    The numbers of a row are empty where it would still tell of too few: that all are then.
    """
    sums = [name for name in values.columns if name not in ("type", within)]
    columns = ["type", within, *counted, *sums]
    if not len(members):
        return pd.DataFrame({name: pd.Series(dtype="float64") for name in columns}).astype(
            {"type": object, within: object} | dict.fromkeys(counted, "Int64")
        )
    shown = shown_as(members, list(counted.values()), least, within=within)
    keys = {"type": "shown_type", within: "shown_district"}
    of = shown.set_index(["type", within])
    labelled = {
        name: frame.drop(columns=["type", within]).assign(
            **{
                key: of[label].reindex(pd.MultiIndex.from_frame(frame[["type", within]])).to_numpy()
                for key, label in keys.items()
            }
        )
        for name, frame in (("members", members), ("values", values))
    }
    table = labelled["values"].groupby(["type", within], sort=True)[sums].sum()
    groups = labelled["members"].groupby(["type", within], sort=True)
    for name, source in counted.items():
        table[name] = groups[source].nunique().reindex(table.index).astype("Int64")
    few = (table[list(counted)].min(axis=1) < least).to_numpy(bool)
    table = table.reset_index()
    table.loc[few, list(counted)] = pd.NA
    table.loc[few, sums] = np.nan
    return _ordered(table, within)[columns]


def _ordered(table: pd.DataFrame, within: str) -> pd.DataFrame:
    """Rows by type and district, those that stand for others last."""
    last = (table["type"] == OTHER_TYPES, table[within] == OTHER_DISTRICTS)
    order = table.assign(_type=last[0], _district=last[1])
    order = order.sort_values(["_type", "type", "_district", within], kind="stable")
    return order[list(table.columns)].reset_index(drop=True)
