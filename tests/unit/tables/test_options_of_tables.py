"""Options of tables: those that a table uses change it, all others are refused."""

from dataclasses import replace

import pandas as pd
import pytest

import attribute_made as made
from attribute_made import SCALE, box
from selvawatch.core.table_options import OPTIONS, TableOptions, listed
from selvawatch.errors import TableError
from selvawatch.tables import TABLES, build, check_options
from selvawatch.tables.base import HOW

OTHER = TableOptions(
    by=("cause",),
    accounting="fractional",
    clock="today",
    measure="loss_mining",
    scale="mining-first",
    periods="maap-mercurio",
    area="far",
)
"""Every option with another value than its default."""


@pytest.fixture(scope="module")
def inputs():
    types = ("mining", *(name for name in SCALE.types if name not in ("mining", "protected_core")))
    first = replace(SCALE, name="mining-first", types=types, zones=SCALE.zones[::-1])
    rights = made.register(
        [
            {"type": "mining", "geometry": box(0, 0, 600, 400), "first": "2010-01-01"},
            {"type": "timber", "geometry": box(300, 0, 900, 400), "first": "2005-01-01"},
            {"type": "brazil_nut", "geometry": box(0, 0, 500, 300), "last": "2025-09-01"},
            {"type": "native_community", "geometry": box(600, 0, 1_000, 400)},
            {"type": "corridor", "geometry": box(0, 0, 1_000, 200), "name": "c"},
            {"type": "buffer", "geometry": box(0, 100, 1_000, 400), "name": "b", "last": "2025-09-01"},
            {"type": "protected_core", "geometry": box(20, 310, 280, 390), "name": "p"},
            {"type": "area", "geometry": box(0, 0, 500, 400), "name": "la-pampa"},
            {"type": "area", "geometry": box(500, 0, 1_000, 400), "name": "far"},
            {"type": "district", "geometry": box(0, 0, 450, 400), "name": "one"},
            {"type": "district", "geometry": box(450, 0, 1_000, 400), "name": "two"},
        ]
    )
    days = pd.to_datetime(["2023-06-01", "2025-06-01", "2018-03-01", "2025-07-01", "2018-05-01"])
    loss = made.cells(
        [
            box(10, 10, 480, 90),
            box(320, 100, 880, 250),
            box(300, 260, 560, 390),
            box(905, 10, 990, 390),
            box(20, 310, 280, 390),
        ],
        cause=["mining", "unknown", "mining", "mining", "unknown"],
        onset=days,
        onset_earliest=days,
        onset_latest=days,
    )
    given = made.inputs(loss, rights, scales={SCALE.name: SCALE, first.name: first}, watched_from=16_801)
    settings = replace(given.settings, front_least_ha=0.01)
    return replace(given, settings=settings, other=replace(given, settings=settings), other_label="x")


def made_with(name, inputs, options):
    try:
        frame = build(name, inputs, options)
    except TableError as error:
        return str(error)
    return frame.drop(columns=[one.name for one in HOW if one.name in frame]).to_csv()


@pytest.mark.parametrize("name", sorted(set(TABLES) - {"revisions"}))
def test_a_table_uses_the_options_that_change_it_and_no_other(inputs, name):
    plain = made_with(name, inputs, TableOptions())
    changed = {
        option
        for option in OPTIONS
        if made_with(name, inputs, replace(TableOptions(), **{option: getattr(OTHER, option)})) != plain
    }
    refused = {"products_compared": {"by"}}.get(name, set())
    assert changed - refused == set(TABLES[name].uses)


@pytest.mark.parametrize("name", sorted(TABLES))
@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_that_a_table_does_not_use_is_refused_with_those_that_it_does(name, option):
    options = replace(TableOptions(), **{option: getattr(OTHER, option)})
    uses = TABLES[name].uses
    if option in uses:
        check_options(name, options)
        return
    with pytest.raises(TableError, match="does not use the option") as refused:
        check_options(name, options)
    assert "\n" not in str(refused.value)
    assert all(used in str(refused.value) for used in uses) and option in str(refused.value)


@pytest.mark.parametrize(
    "given",
    ["year,area", "year, area", ["year", "area"], ["year,area"], ("year", "area", "year"), ["year,", "area"]],
)
def test_dimensions_are_listed_by_comma_or_one_by_one_in_text_or_list(given):
    assert listed(given) == ("year", "area")


@pytest.mark.parametrize("given", [None, "", [], [""], ","])
def test_no_dimension_is_none(given):
    assert listed(given) == ()
