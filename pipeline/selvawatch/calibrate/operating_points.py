"""What thresholds mean: false alarms on stable forest, and power and delay for each kind of loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from selvawatch.detect.model import SUM_CEILING, Model, Thresholds
from selvawatch.validate.detection import Watched

_DAYS_OF_YEAR = 365.25
_M2_OF_1000_KM2 = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """How one kind of loss is found."""

    kind: str
    pixels: int
    """Monitored pixels of that kind."""
    found: float
    """Share confirmed on or after the day of loss, 0-1; NaN where there is no pixel."""
    early: float
    """Share confirmed before it, 0-1."""
    delay_median: float
    """Days from loss to confirmation, median of those found; NaN where none was."""
    delay_p90: float
    """The same, 90th percentile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """What one set of thresholds does."""

    factor: float
    """Thresholds of the model times this."""
    thresholds: tuple[Thresholds, Thresholds, Thresholds]
    """Of the optical, radar and joint sums."""
    false_alarms: int
    """Confirmed pixels that were never lost."""
    pixel_years: float
    """Time that stable pixels were watched, to their alarm or to the last observation."""
    per_1000_km2_year: float
    """False alarms for 1,000 km2 of stable forest and a year, counted in pixels."""
    per_1000_km2_year_ci95: tuple[float, float]
    """Its exact Poisson interval, as if pixels were independent; as neighbours are not, too narrow."""
    power: tuple[Power, ...]
    """Each kind of loss, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLoss:
    """What truly happened on each pixel of a cube."""

    lost_on: np.ndarray
    """(y, x) int: day of loss, days since 1970-01-01; 0 = never lost."""
    kinds: np.ndarray
    """(y, x) text: kind of loss; empty where never lost."""
    resolution: float
    """Side of a pixel, metres."""
    first_day: int
    """First day on which a loss could be confirmed, days since 1970-01-01."""

    def years_of_1000_km2(self, pixel_years: float) -> float:
        """Years in which 1,000 km2 were watched, of the years in which pixels were."""
        return pixel_years * self.resolution**2 / _M2_OF_1000_KM2


def operating_points(
    model: Model, factors: Sequence[float], watch: Callable[[Model], Watched], truth: KnownLoss
) -> list[OperatingPoint]:
    """One point for each factor, in order; a factor whose thresholds the model refuses is left out.

    watch: lets a model watch what the truth is of.
    """
    points = []
    for factor in factors:
        try:
            scaled = scaled_model(model, factor)
        except ValueError:
            continue
        points.append(_point(scaled, factor, watch(scaled), truth))
    return points


def scaled_model(model: Model, factor: float) -> Model:
    """The model with its confirmation thresholds times a factor, within what a state can hold.

    Raises
    ------
    ValueError
        When one day's evidence could then confirm, or a threshold falls below the provisional one.
    """
    ceiling = SUM_CEILING * model.unit

    def scaled(level: Thresholds) -> Thresholds:
        return replace(
            level,
            confirmed=min(level.confirmed * factor, ceiling),
            confirmed_alone=min(level.confirmed_alone * factor, ceiling),
        )

    return replace(model, optical=scaled(model.optical), radar=scaled(model.radar), joint=scaled(model.joint))


def chosen(points: Sequence[OperatingPoint], most_per_1000_km2_year: float) -> OperatingPoint:
    """The point of lowest thresholds whose upper bound of false alarms is at most the rate given.

    Raises
    ------
    ValueError
        When no point keeps the rate.
    """
    kept = [point for point in points if point.per_1000_km2_year_ci95[1] <= most_per_1000_km2_year]
    if not kept:
        best = min((point.per_1000_km2_year_ci95[1] for point in points), default=float("nan"))
        raise ValueError(f"no thresholds keep {most_per_1000_km2_year:g} false alarms; the least is {best:g}")
    return min(kept, key=lambda point: point.factor)


def _point(model: Model, factor: float, found: Watched, truth: KnownLoss) -> OperatingPoint:
    from scipy import stats  # slow to import

    confirmed_on, watched = found.confirmed_on, found.watched
    lost_on, kinds = truth.lost_on, truth.kinds
    stable = watched & (lost_on == 0)
    alarmed = stable & (confirmed_on > 0)
    until = np.where(alarmed, confirmed_on, found.last_day)
    pixel_years = float((until - truth.first_day)[stable].sum() / _DAYS_OF_YEAR)
    years_of_1000_km2 = truth.years_of_1000_km2(pixel_years)
    count = int(alarmed.sum())
    low = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = stats.chi2.ppf(0.975, 2 * count + 2) / 2
    names = sorted(set(kinds[watched & (lost_on > 0)].tolist()))
    rate = years_of_1000_km2 if years_of_1000_km2 > 0 else float("nan")
    return OperatingPoint(
        factor=factor,
        thresholds=(model.optical, model.radar, model.joint),
        false_alarms=count,
        pixel_years=pixel_years,
        per_1000_km2_year=count / rate,
        per_1000_km2_year_ci95=(float(low / rate), float(high / rate)),
        power=tuple(
            _power(name, watched & (lost_on > 0) & (kinds == name), confirmed_on, lost_on) for name in names
        ),
    )


def _power(kind: str, pixels: np.ndarray, confirmed_on: np.ndarray, lost_on: np.ndarray) -> Power:
    alarm, loss = confirmed_on[pixels], lost_on[pixels]
    found = (alarm > 0) & (alarm >= loss)
    delays = (alarm - loss)[found]
    return Power(
        kind=kind,
        pixels=int(pixels.sum()),
        found=float(found.mean()),
        early=float(((alarm > 0) & (alarm < loss)).mean()),
        delay_median=float(np.median(delays)) if delays.size else float("nan"),
        delay_p90=float(np.quantile(delays, 0.9)) if delays.size else float("nan"),
    )
