"""Plain charts of tables, with the same bytes for the same numbers."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from selvawatch.write.charts.drawing import COLOURS, About, write_chart
from selvawatch.write.language.i18n import N_
from selvawatch.write.language.sanitise import single_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HECTARES_AXIS = N_("ha; lines: confirmed pixels to rim, no error interval")
"""Message of the axis of hectares with their bounds."""


def draw_bars(
    path: Path,
    *,
    labels: list[str],
    values: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    unit: str,
    about: About,
) -> Path:
    """Draw horizontal bars with bounds into a .png or .svg and return the path; TableError for others."""

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        position = np.arange(len(labels))
        known = np.nan_to_num(values)
        bounds = np.stack([np.nan_to_num(known - low), np.nan_to_num(high - known)]).clip(min=0)
        axes.barh(position, known, color=COLOURS[0], height=0.7)
        axes.errorbar(known, position, xerr=bounds, fmt="none", ecolor="#333333", elinewidth=1, capsize=2)
        axes.set_yticks(position, [single_line(label, 80) for label in labels], parse_math=False)
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        axes.spines[["top", "right"]].set_visible(False)

    return write_chart(path, about, draw, (9.0, 1.9 + 0.3 * len(labels)))
