"""Plain charts of tables, with the same bytes for the same numbers."""

import io
from pathlib import Path

import numpy as np

from selvawatch.core.files import write_checked
from selvawatch.write.language.i18n import N_
from selvawatch.write.language.sanitise import single_line

HECTARES_AXIS = N_("ha; lines: confirmed pixels to rim, no error interval")
"""Message of the axis of hectares with their bounds."""


def draw_bars(
    path: Path,
    *,
    labels: list[str],
    values: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    title: str,
    unit: str,
) -> Path:
    """Draw horizontal bars with bounds into a .png or .svg and return the path."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "selvawatch", "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(9, 1.6 + 0.3 * len(labels)), layout="constrained")
        axes = figure.subplots()
        position = np.arange(len(labels))
        known = np.nan_to_num(values)
        bounds = np.stack([np.nan_to_num(known - low), np.nan_to_num(high - known)]).clip(min=0)
        axes.barh(position, known, color="#b4572a", height=0.7)
        axes.errorbar(known, position, xerr=bounds, fmt="none", ecolor="#333333", elinewidth=1, capsize=2)
        axes.set_yticks(position, [single_line(label, 80) for label in labels], parse_math=False)
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        axes.set_title(title, loc="left", fontsize=10, parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
        metadata = {"Software": None} if path.suffix.lower() == ".png" else {"Date": None}
        content = io.BytesIO()
        figure.savefig(content, format=path.suffix.lower().removeprefix("."), dpi=120, metadata=metadata)
    return write_checked(path, content.getvalue())
