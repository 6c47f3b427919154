"""Series of composites: which of their values were filled in, and whether they are composites at all."""

from dataclasses import replace

import numpy as np

from selvawatch.core.days import calendar
from selvawatch.detect.charts.chart_models import Detector
from selvawatch.detect.model import Model
from selvawatch.validate.series import PointSeries

ROUNDING = 1.5e-4
"""Furthest that a value may lie from the straight line between its neighbours to be on it: three values
rounded to 1e-4, as archives store reflectance, give 1e-4 at most.
"""

SURE_COLUMNS = 3
"""Bands or indices whose lines all agree by chance in none of many thousand values."""

SURE_RUN = 3
"""Values in a row on one line that stand in for the columns that a series lacks."""

LEAST_STEP, LEAST_DAYS = 8, 6
"""Shortest step of composites, days, and fewest dates that show one."""


def prepared(series: PointSeries, detector: Detector) -> tuple[PointSeries, Detector, tuple[str, ...]]:
    """The series without values that were filled in, the detector as it reads such dates, and what a reader
    of the figures must know of both.
    """
    notes: list[str] = []
    filled = filled_in(series)
    if filled.any():
        observed = np.any([np.isfinite(grid) for grid in series.values.values()], axis=0)
        share = 100 * filled.sum() / observed.sum()
        notes.append(
            f"{share:.1f} % of the values lie on a straight line between their neighbours:"
            " filled in, not observed, and left out"
        )
        without = {name: np.where(filled, np.float32(np.nan), grid) for name, grid in series.values.items()}
        series = replace(series, values=without)
    if are_composites(series.days) and isinstance(detector, Model):
        detector = detector.of_composites()
        notes.append("the dates are those of composites of many days: falls are held against their own rule")
    return series, detector, tuple(notes)


def filled_in(series: PointSeries) -> np.ndarray:
    """(days, n) bool: values that lie on the straight line between the next of the same point before and
    after, in every band: they were filled in, and observe nothing.

    Lines are drawn over days or over equal steps, as fillers do either. A series of one or two bands or
    indices needs `SURE_RUN` such values in a row.
    """
    grids = list(series.values.values())
    observed = np.all([np.isfinite(grid) for grid in grids], axis=0)
    on_line = np.zeros(observed.shape, bool)
    if len(series.days) < 3:
        return on_line
    days = series.days.astype(float)
    for weight in ((days[1:-1] - days[:-2]) / (days[2:] - days[:-2]), np.full(days.size - 2, 0.5)):
        near = observed[:-2] & observed[1:-1] & observed[2:]
        for grid in grids:
            line = grid[:-2] + weight[:, None] * (grid[2:] - grid[:-2])
            near &= np.abs(grid[1:-1] - line) <= ROUNDING
        on_line[1:-1] |= near
    return on_line if len(grids) >= SURE_COLUMNS else _in_runs(on_line, SURE_RUN)


def _in_runs(marked: np.ndarray, least: int) -> np.ndarray:
    """(days, n) bool: marks that stand in a run of at least `least` days."""
    kept = np.zeros(marked.shape, bool)
    for start in range(marked.shape[0] - least + 1):
        kept[start : start + least] |= marked[start : start + least].all(axis=0)
    return kept


def are_composites(days: np.ndarray) -> bool:
    """Whether dates are those of composites of many days rather than of single pictures.

    They are where, over two years or more, every date lies on a calendar of equal steps of at least
    `LEAST_STEP` days that begins anew on each first of January, or on one day of the month: no orbit keeps to
    either. Composites of another calendar are read as single pictures.

    days: (days,) int, days since 1970-01-01.
    """
    of_year, of_month = calendar(days)
    years = np.unique(days - of_year)
    if days.size < LEAST_DAYS or years.size < 2:
        return False
    return bool(np.gcd.reduce(of_year) >= LEAST_STEP or np.unique(of_month).size == 1)
