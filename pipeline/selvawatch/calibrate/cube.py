"""Operating points of a detector on a synthetic cube: false alarms, power and delay by threshold."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from selvawatch.calibrate.operating_points import KnownLoss, OperatingPoint, operating_points
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import CommonShift
from selvawatch.validate.detection import Watched
from selvawatch.validate.judge_raster import RESOLUTION, watch_cube
from selvawatch.validate.reference_cube import CubeReading, open_cube


def calibrate_on_cube(
    folder: Path,
    tag: str,
    model: Model,
    factors: Sequence[float],
    *,
    shared: CommonShift,
    reading: CubeReading,
    workers: int = 1,
) -> list[OperatingPoint]:
    """One point for each factor on the model's thresholds; kinds of loss: soil, and pond where the cube says.

    Each watches the cube as `validate_cube` lets it, from its history on: what is asked more where sums ran
    high in it follows from the thresholds. shared, reading: as there.

    Raises
    ------
    LayerError
        When the cube is not there or incomplete, or the model reads none of it.
    """
    cube = open_cube(folder, tag)
    with np.load(folder / f"meta_{tag}.npz") as meta:
        pond = meta["pond"].astype(bool) if "pond" in meta else np.zeros(cube.break_day.shape, np.bool_)
    truth = KnownLoss(
        lost_on=cube.break_day,
        kinds=np.where(cube.break_day > 0, np.where(pond, "pond", "soil"), ""),
        resolution=RESOLUTION,
        first_day=cube.history_end + 1,
    )

    def watch(scaled: Model) -> Watched:
        return watch_cube(
            folder, tag, scaled, shared=shared, reading=reading, workers=workers, scored=False
        ).watched

    return operating_points(model, factors, watch, truth)


def point_lines(points: Sequence[OperatingPoint]) -> list[str]:
    """The points for people, one line each."""
    lines = []
    for point in points:
        low, high = point.per_1000_km2_year_ci95
        power = "; ".join(
            f"{kind.kind}: {100 * kind.found:.2f} % found, {kind.delay_median:.0f} days median,"
            f" {kind.delay_p90:.0f} days 90 %"
            for kind in point.power
        )
        lines.append(
            f"thresholds x {point.factor:g}: {point.per_1000_km2_year:.0f} false pixels per 1,000 km2"
            f" and year (95 % {low:.0f} to {high:.0f}); {power}"
        )
    return lines
