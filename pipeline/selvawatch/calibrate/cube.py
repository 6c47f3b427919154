"""Operating points of a detector on a synthetic cube: false alarms, power and delay by threshold."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from selvawatch.calibrate.operating_points import KnownLoss, OperatingPoint, operating_points
from selvawatch.detect.model import Model
from selvawatch.validate.detection import baselines_of, known_to
from selvawatch.validate.judge_raster import RESOLUTION
from selvawatch.validate.reference_cube import Sensors, open_cube


def calibrate_on_cube(
    folder: Path,
    tag: str,
    model: Model,
    factors: Sequence[float],
    *,
    sensors: Sensors = "all",
    workers: int = 1,
) -> list[OperatingPoint]:
    """One point for each factor on the model's thresholds; kinds of loss: soil, and pond where the cube says.

    Raises
    ------
    LayerError
        When the cube is not there or incomplete, or the model reads none of it.
    """
    cube = open_cube(folder, tag)
    observations = known_to(model, cube.observations(sensors))
    history = [observation for observation in observations if observation.day <= cube.history_end]
    shape = cube.break_day.shape
    forest = np.ones(shape, np.bool_) if sensors == "radar" else None
    baselines, reason = baselines_of(model, history, shape, forest)
    with np.load(folder / f"meta_{tag}.npz") as meta:
        pond = meta["pond"].astype(bool) if "pond" in meta else np.zeros(shape, np.bool_)
    kinds = np.where(cube.break_day > 0, np.where(pond, "pond", "soil"), "")
    return operating_points(
        model,
        baselines,
        reason,
        [observation for observation in observations if observation.day > cube.history_end],
        KnownLoss(lost_on=cube.break_day, kinds=kinds, resolution=RESOLUTION),
        factors=factors,
        workers=workers,
    )


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
