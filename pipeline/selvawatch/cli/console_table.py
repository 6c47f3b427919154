"""A table on a screen: blocks of columns that fit, and below them what is the same in all rows."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from selvawatch.core.table_options import DIMENSIONS

WIDTH = 120
"""Characters of a line at most."""
LONGEST = 40
"""Characters of a cell at most; longer text is cut with `...`."""
SHOWN = ("site", "site_edits", "data_date", "product_covers", "run_id", "version")
"""What of a table's provenance is shown, in order; `--out` has all of it."""
_CUT = "..."


def console_table(frame: pd.DataFrame, provenance: Mapping[str, str], width: int = WIDTH) -> str:
    """The rows in blocks of columns that fit the width, then what is the same in all of them, as text.

    The columns that name a row begin each block. Hectares have two decimals, shares four. Missing is empty.
    """
    same = [str(name) for name in frame.columns if _is_below(str(name), frame[name])]
    shown = frame.drop(columns=same)
    below = {name: _text(frame[name].tolist()[0]) for name in same if len(frame)}
    below |= {name: provenance[name] for name in SHOWN if provenance.get(name)}
    cells = {str(name): _cells(shown[name]) for name in shown.columns}
    keys = [name for name in cells if name in _KEYS] or list(cells)[:1]
    lines = [f"{len(frame)} rows" if len(frame) != 1 else "1 row"] if not len(shown.columns) else []
    for block in _blocks(cells, keys, width):
        lines += [*_lines({name: cells[name] for name in block}, shown, width), ""]
    if any(len(text) > LONGEST for column in cells.values() for text in column):
        lines.append(f"Cells that end in {_CUT} are longer: --out has them as they are.")
    for name, text in below.items():
        lines += textwrap.wrap(f"{name}: {text}", width, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(line.rstrip() for line in lines)


_KEYS = (
    *DIMENSIONS,
    *("class", "type", "zone", "validity", "period", "name", "ring", "side", "site_category", "place"),
    *("right_id", "right_senior", "right_junior", "type_senior", "type_junior", "first_year", "rights"),
    *("coverage", "zone_other", "name_other", "chart", "least_ha"),
)
"""Columns that name a row, of whatever table."""

_NEVER_BELOW = ("ha", "ha_lo", "ha_hi", *_KEYS)


def _is_below(name: str, values: pd.Series) -> bool:
    """Whether a column stands below: it says how, or the same, of every row; never hectares and names."""
    if not len(values) or name in _NEVER_BELOW:
        return False
    is_same = values.astype(object).where(values.notna(), None).map(str).nunique() == 1
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return is_same and not is_number


def _cells(values: pd.Series) -> list[str]:
    decimals = 4 if str(values.name).startswith(("share", "rest_within")) else 2
    return [_text(value, decimals) for value in values.tolist()]


def _text(value: object, decimals: int = 2) -> str:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, float):
        rounded = f"{value:.{decimals}f}"
        return rounded if value == 0 or float(rounded) != 0 else f"{value:.1g}"
    return str(value).replace("\n", " ")


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - len(_CUT)] + _CUT


def _blocks(cells: dict[str, list[str]], keys: Sequence[str], width: int) -> list[list[str]]:
    """Names of the columns of each block: the keys, as far as they fit half of it, and what fits beside."""
    wide = {name: _width(name, column) for name, column in cells.items()}
    kept: list[str] = []
    for name in keys:
        if sum(wide[one] + 2 for one in [*kept, name]) <= width // 2:
            kept.append(name)
    blocks: list[list[str]] = []
    rest = [name for name in cells if name not in kept]
    while rest or not blocks:
        block, used = list(kept), sum(wide[name] + 2 for name in kept)
        while rest and (len(block) == len(kept) or used + wide[rest[0]] <= width):
            used += wide[rest[0]] + 2
            block.append(rest.pop(0))
        blocks.append(block)
    return [block for block in blocks if block]


def _width(name: str, column: Sequence[str]) -> int:
    return max([len(name), *(min(len(text), LONGEST) for text in column)])


def _lines(block: dict[str, list[str]], shown: pd.DataFrame, width: int) -> list[str]:
    """A line of names and one for each row, numbers to the right."""
    parts = []
    for name, column in block.items():
        texts = [name[:width], *(_clipped(text) for text in column)]
        wide = max(len(text) for text in texts)
        right = pd.api.types.is_numeric_dtype(shown[name]) and not pd.api.types.is_bool_dtype(shown[name])
        parts.append([text.rjust(wide) if right else text.ljust(wide) for text in texts])
    return ["  ".join(line) for line in zip(*parts, strict=True)]
