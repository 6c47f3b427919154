"""Tables on a screen: within its width, with all hectares, and what is the same of all rows below."""

import numpy as np
import pandas as pd
import pytest

import attribute_made as made
from attribute_made import box
from selvawatch.cli.console_table import WIDTH, console_table
from selvawatch.core.table_options import TableOptions
from selvawatch.tables import TABLES, build

PROVENANCE = {"site": "somewhere", "data_date": "2026-01-01", "register_sha256": "f" * 64}


@pytest.fixture(scope="module")
def inputs():
    rights = made.register(
        [
            {"type": "mining", "geometry": box(0, 0, 600, 400)},
            {"type": "timber", "geometry": box(300, 0, 900, 400), "first": "2010-01-01"},
            {"type": "corridor", "geometry": box(0, 0, 1_000, 200), "name": "a corridor of a long name " * 4},
            {"type": "buffer", "geometry": box(0, 200, 1_000, 400), "name": "another"},
            {"type": "area", "geometry": box(0, 0, 1_000, 400), "name": "la-pampa"},
        ]
    )
    loss = made.cells([box(10, 10, 700, 300), box(850, 50, 990, 350)])
    return made.inputs(loss, rights, watched_from=made.TODAY - 900)


@pytest.mark.parametrize("name", sorted(set(TABLES) - {"revisions"}))
def test_no_line_of_a_table_is_wider_than_the_screen_and_no_hectare_is_left_out(inputs, name):
    frame = build(name, inputs, TableOptions())
    text = console_table(frame, PROVENANCE)
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    words = text.split()
    if "ha" in frame:
        shown = [f"{value:.2f}" for value in frame["ha"].dropna() if abs(value) >= 0.005]
        assert [value for value in shown if value not in words] == []
    assert [str(column) for column in frame.columns if str(column) not in text] == []


def test_what_is_the_same_in_all_rows_stands_once_and_below(inputs):
    lines = console_table(build("loss_by_type", inputs, TableOptions()), PROVENANCE).splitlines()
    assert sum("exclusive" in line for line in lines) == 1
    first = next(index for index, line in enumerate(lines) if line.startswith("measure: loss_all"))
    assert "data_date: 2026-01-01" in lines[first:] and not any(
        "mining-last" in line for line in lines[:first]
    )


def test_missing_numbers_are_empty_and_small_ones_are_not_zero():
    frame = pd.DataFrame({"class": ["a", "b", "c"], "ha": [np.nan, 0.0004, 0.0]})
    lines = [line.split() for line in console_table(frame, {}).splitlines()]
    assert lines[:4] == [["class", "ha"], ["a"], ["b", "0.0004"], ["c", "0.00"]]


def test_a_long_cell_is_cut_aloud():
    frame = pd.DataFrame({"name": ["x" * 300, "y"], "ha": [1.0, 2.0]})
    text = console_table(frame, {})
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert "--out has them as they are" in text


def test_a_table_without_rows_says_so():
    assert console_table(pd.DataFrame({"ha": []}), {"site": "s"}).splitlines()[-1] == "site: s"
