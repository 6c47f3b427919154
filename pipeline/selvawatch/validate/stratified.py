"""Accuracy and area from a stratified sample, by the design: ratio estimators with their standard errors.

Olofsson et al. 2014 (doi:10.1016/j.rse.2014.02.015), where the strata are the map's classes, and Stehman 2014
(doi:10.1080/01431161.2014.930207), where they are not; the first is a special case of the second.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Z95 = 1.96
"""Standard errors on either side of a 95 % interval, as in the paper's example."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its standard error; NaN where the sample cannot tell."""

    value: float
    standard_error: float

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval."""
        return self.value - Z95 * self.standard_error, self.value + Z95 * self.standard_error


@dataclass(frozen=True, slots=True, kw_only=True)
class StratifiedAccuracy:
    """Accuracy and area of one class."""

    users_accuracy: Estimate
    producers_accuracy: Estimate
    overall_accuracy: Estimate
    area: Estimate
    """Area of the class in the reference, unit of the stratum areas."""
    mapped_area: Estimate
    """Area of the class in the map, estimated from the same sample."""


def stratified_accuracy(
    strata: np.ndarray,
    mapped: np.ndarray,
    reference: np.ndarray,
    stratum_areas: Mapping[str, float],
    label: str,
) -> StratifiedAccuracy:
    """Estimates for one class from sampled units.

    Parameters
    ----------
    strata, mapped, reference
        (n,) text: stratum, class in the map and class in the reference of each unit.
    stratum_areas
        Area of every stratum, any one unit.
    label
        The class asked for.

    Raises
    ------
    ValueError
        When a unit lies in a stratum without an area, or a stratum with area has fewer than two units.
    """
    strata, mapped, reference = (np.asarray(values).astype(str) for values in (strata, mapped, reference))
    if unknown := sorted(set(strata) - set(stratum_areas)):
        raise ValueError(f"strata without an area: {', '.join(unknown)}")
    thin = [name for name, area in stratum_areas.items() if area > 0 and np.count_nonzero(strata == name) < 2]
    if thin:
        raise ValueError(f"strata with fewer than two units: {', '.join(sorted(thin))}")
    in_map, in_reference = (mapped == label).astype(float), (reference == label).astype(float)
    both, ones = in_map * in_reference, np.ones(strata.size)
    total = float(sum(stratum_areas.values()))

    def estimate(part: np.ndarray, total: np.ndarray) -> Estimate:
        return _ratio(strata, part, total, stratum_areas)

    def area(values: np.ndarray) -> Estimate:
        share = estimate(values, ones)
        return Estimate(share.value * total, share.standard_error * total)

    return StratifiedAccuracy(
        users_accuracy=estimate(both, in_map),
        producers_accuracy=estimate(both, in_reference),
        overall_accuracy=estimate((mapped == reference).astype(float), ones),
        area=area(in_reference),
        mapped_area=area(in_map),
    )


def _ratio(
    strata: np.ndarray, part: np.ndarray, total: np.ndarray, stratum_areas: Mapping[str, float]
) -> Estimate:
    """Combined ratio estimator sum(N mean(part)) / sum(N mean(whole)), finite-population factor left out."""
    chosen = {name: strata == name for name, area in stratum_areas.items() if area > 0}
    top = sum(stratum_areas[name] * part[units].mean() for name, units in chosen.items())
    bottom = sum(stratum_areas[name] * total[units].mean() for name, units in chosen.items())
    if not bottom:
        return Estimate(float("nan"), float("nan"))
    value = float(top / bottom)
    variance = sum(
        stratum_areas[name] ** 2 * (part[units] - value * total[units]).var(ddof=1) / np.count_nonzero(units)
        for name, units in chosen.items()
    )
    return Estimate(value, float(np.sqrt(variance)) / float(bottom))


_TAIL = 0.025
"""Probability beyond either end of a 95 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustedArea:
    """Error-adjusted area of a class of which the map's classes are the strata; unit of the stratum areas."""

    area: Estimate
    low: float
    """Lower end of the 95 % interval, 0 at least."""
    high: float
    """Upper end, all strata at most."""
    users_accuracy: Estimate
    producers_accuracy: Estimate


def adjusted_area(
    strata: np.ndarray, reference: np.ndarray, stratum_areas: Mapping[str, float], label: str
) -> AdjustedArea:
    """Area of a class by its share in each stratum, with a 95 % interval.

    Where each stratum has units of both kinds, the interval is that of Olofsson et al. 2014 (equations 9 to
    11), cut at 0 and at all ground. A stratum whose units all agree has no variance of its own, and would
    give an interval that is too narrow; it adds the exact binomial bound of its share instead (Clopper and
    Pearson 1934, joined by squares as Zou and Donner 2008 do, doi:10.1002/sim.3095).

    Parameters
    ----------
    strata, reference
        (n,) text: stratum, which is the class in the map, and class in the reference of each unit.
    stratum_areas
        Area of every stratum, any one unit.
    label
        The class asked for.

    Raises
    ------
    ValueError
        As `stratified_accuracy`.
    """
    accuracy = stratified_accuracy(strata, strata, reference, stratum_areas, label)
    below = above = 0.0
    for name, area in stratum_areas.items():
        hits = np.asarray(reference)[np.asarray(strata) == name] == label
        if area > 0:
            down, up = _reach(int(hits.sum()), hits.size)
            below, above = below + (area * down) ** 2, above + (area * up) ** 2
    total = float(sum(stratum_areas.values()))
    return AdjustedArea(
        area=accuracy.area,
        low=max(0.0, accuracy.area.value - float(np.sqrt(below))),
        high=min(total, accuracy.area.value + float(np.sqrt(above))),
        users_accuracy=accuracy.users_accuracy,
        producers_accuracy=accuracy.producers_accuracy,
    )


def _reach(hits: int, units: int) -> tuple[float, float]:
    """How far below and above the share of a stratum its 95 % interval reaches, 0 to 1."""
    if hits in (0, units):
        bound = 1 - _TAIL ** (1 / units)
        return (0.0, bound) if hits == 0 else (bound, 0.0)
    share = hits / units
    half = Z95 * float(np.sqrt(share * (1 - share) / (units - 1)))
    return half, half
