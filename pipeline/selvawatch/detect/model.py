"""What a detector knows before it looks: streams, baselines, evidence rules and thresholds, as numbers."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

import numpy as np

from selvawatch.core.files import digest
from selvawatch.core.observation import without_track

Kind = Literal["optical", "radar"]
Combine = Literal["sum", "most"]
Side = Literal["fall", "rise", "both"]

SUM_CEILING = 255
"""Largest running sum a state can hold, in units of evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harmonic:
    """How the baseline of one index is fitted: mean and seasons, no trend."""

    harmonics: int
    """Seasonal pairs (cos, sin): 1 = yearly, 2 = half-yearly too."""
    ridge: float
    """Weight, in observations, that pulls each seasonal term to zero where the history is thin; 0 = none."""
    screens: tuple[float, ...]
    """After the first fit, one refit for each, without observations further than this many sigmas from the
    fit.
    """
    minimum_looks: int
    """Fewest screened observations that make a history."""
    minimum_share: float
    """Smallest share of observations that screening may leave; below it the history is unstable, 0-1."""
    maximum_shift: float
    """Largest reach of the walk of kept residuals, in sigma * sqrt(observations); above: an unstable history.
    """

    def __post_init__(self) -> None:
        """Refuse rules that no fit can follow."""
        _need(1 <= self.harmonics <= 3, "harmonics", self.harmonics, "1 to 3")
        _need(self.ridge >= 0, "ridge", self.ridge, "0 or more")
        _need(
            bool(self.screens) and min(self.screens) >= 1.5,
            "screens",
            self.screens,
            "at least one, each >= 1.5",
        )
        _need(
            self.minimum_looks > 2 * self.harmonics + 1,
            "minimum_looks",
            self.minimum_looks,
            "more than terms",
        )
        _need(0 <= self.minimum_share <= 1, "minimum_share", self.minimum_share, "0 to 1")
        _need(self.maximum_shift > 0, "maximum_shift", self.maximum_shift, "more than 0")

    @property
    def terms(self) -> int:
        """Number of coefficients."""
        return 2 * self.harmonics + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Log-likelihood ratio of not forest against forest of one residual: linear, monotone, clipped.

    `llr = clip(gain * (departure - centre), low, high)` in nats, with the departure in sigmas: how far the
    observation fell below (side = fall), rose above (rise) or left (both) the prediction. It is the ratio
    of two Gaussians of equal sigma that stand `gain` sigmas apart when `centre = gain / 2`. Where the index
    stands alone it is at most `alone`.
    """

    side: Side
    """Which way loss moves the index."""
    gain: float
    """Nats per sigma of departure."""
    centre: float
    """Departure, in sigmas, that speaks for neither side."""
    low: float
    """Most that one observation may say for forest, nats (negative)."""
    high: float
    """Most that one observation may say for loss, nats."""
    sigma_floor: float
    """Smallest sigma that is believed, in units of the index (dB for radar)."""
    alone: float | None = None
    """Most that one observation may say where no index of its stream before this one says more than `low`,
    nats; None: `high`.
    """

    def __post_init__(self) -> None:
        """Refuse rules that are not monotone or have no room on either side."""
        _need(self.side in ("fall", "rise", "both"), "side", self.side, "fall, rise or both")
        _need(self.gain > 0, "gain", self.gain, "more than 0")
        _need(self.low <= 0 < self.high, "low, high", (self.low, self.high), "low <= 0 < high")
        if self.alone is not None:
            _need(self.low <= self.alone <= self.high, "alone", self.alone, "low <= alone <= high")
        _need(self.sigma_floor > 0, "sigma_floor", self.sigma_floor, "more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialReference:
    """Stands in for a history that is missing or short: the day's forest around, by a high quantile."""

    quantile: float
    """Quantile of the day's values over the fixed neighbourhood; high, since much of it may be lost."""
    minimum_share: float
    """Smallest share of the neighbourhood that must be seen that day, 0-1."""
    minimum_pixels: int
    """Fewest neighbourhood pixels seen that day."""
    offset: float
    """Mean of forest minus the quantile, in units of the index."""
    spread: float
    """Standard deviation of that difference from one forest pixel to another, in units of the index."""
    noise: float
    """Standard deviation of one observation of forest around its own pixel's level, in units of the index."""
    gain: float
    """Nats per sigma of departure, sigma from `spread` and `noise`; side and clips as in the index's rule."""
    centre: float
    """Departure, in sigmas, that speaks for neither side."""

    def __post_init__(self) -> None:
        """Refuse a median: where two thirds of a forest are lost it is a value of lost forest."""
        _need(0.9 <= self.quantile <= 0.95, "quantile", self.quantile, "0.9 to 0.95")
        _need(0 <= self.minimum_share <= 1, "minimum_share", self.minimum_share, "0 to 1")
        _need(self.minimum_pixels >= 1, "minimum_pixels", self.minimum_pixels, "1 or more")
        _need(self.spread > 0 and self.noise > 0, "spread, noise", (self.spread, self.noise), "more than 0")
        _need(self.gain > 0, "gain", self.gain, "more than 0")

    def level_of(self, difference: np.ndarray, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Expected difference from the quantile, and sigma of an observation, for pixels with a few
        observations or none.

        The median difference of those observations is drawn towards `offset` by the ratio of noise to spread
        (empirical Bayes); without an observation it is `offset`, with sigma sqrt(spread^2 + noise^2). All in
        units of the index.

        difference, observations and both answers are arrays of one shape.
        """
        prior = (self.noise / self.spread) ** 2
        level = (observations * np.where(observations > 0, difference, 0) + prior * self.offset) / (
            observations + prior
        )
        return level, np.sqrt(self.noise**2 + self.spread**2 * prior / (observations + prior))


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexModel:
    """One index of a stream."""

    index: str
    """Name of the index, such as `ndvi` or `vv`."""
    scale: float
    """Physical value = stored * scale."""
    counts: bool
    """Whether its evidence counts; without, it is only held against haze."""
    harmonic: Harmonic
    evidence: Evidence
    reference: SpatialReference | None = None
    """Fallback without history; None: a pixel without history is not monitored by this index."""

    def __post_init__(self) -> None:
        """Refuse a scale that is none."""
        _need(self.scale > 0, "scale", self.scale, "more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Haze:
    """Haze as a third hypothesis beside forest and loss: what it does to three indices and to blue light.

    Air that mixes its own light into a forest's lowers the vegetation index and the soil index, raises the
    water index, and raises blue, in proportions that hold for any amount of it. Bare soil leaves the water
    index where it was, a pond the soil index, and neither is as bright in blue. So an observation may say for
    loss only as much as it says against haze: half the squared distance, in sigmas, from what haze could have
    made of the forest, above `freedom`. Where the three indices are not all there it may say `untested`.

    The proportions follow from mixing reflectances of forest with an airlight of 0.30 to 0.45 that is white
    to bluish; their slack covers that range and smoke (models/fused.md).
    """

    vegetation: str
    """Index whose fall says how much haze there would have to be; it falls with haze."""
    soil: str
    """Index that haze lowers less."""
    water: str
    """Index that haze raises."""
    soil_share: float
    """Fall of the soil index for a fall of 1 of the vegetation index."""
    soil_slack: float
    """Standard deviation of that share between kinds of haze."""
    water_share: float
    """Rise of the water index for a fall of 1 of the vegetation index."""
    water_slack: float
    """Standard deviation of that share."""
    most: float
    """Largest fall of the vegetation index that haze gives which no cloud mask finds."""
    beyond: float
    """Standard deviation of what lies beyond it."""
    unlit: float
    """Part of both slacks that holds where blue is not known, 0-1: without it a wide slack would hide losses.
    """
    blue_share: float
    """Rise of blue reflectance for a fall of 1 of the vegetation index."""
    blue_slack: float
    """Standard deviation of that share, as a part of it."""
    blue_noise: float
    """Standard deviation of blue over forest of one day, reflectance."""
    freedom: float
    """Squared distance that noise alone gives."""
    veiled: float
    """Most that an observation may say for loss which haze explains, nats."""
    unveiled: float
    """Most that an observation may say for loss which haze cannot explain, nats."""
    untested: float
    """Most that an observation may say for loss that cannot be held against haze, nats."""

    def __post_init__(self) -> None:
        """Refuse haze of fewer than three indices, or one that helps haze."""
        _need(len(set(self.indices)) == 3, "haze indices", self.indices, "three")
        _need(
            0 < self.veiled <= self.untested <= self.unveiled,
            "veiled, untested, unveiled",
            (self.veiled, self.untested, self.unveiled),
            "0 < veiled <= untested <= unveiled",
        )
        _need(0 < self.unlit <= 1, "unlit", self.unlit, "more than 0, at most 1")
        for name in ("soil_slack", "water_slack", "beyond", "blue_share", "blue_slack", "blue_noise"):
            _need(getattr(self, name) > 0, name, getattr(self, name), "more than 0")

    @property
    def indices(self) -> tuple[str, str, str]:
        """Vegetation, soil and water index."""
        return self.vegetation, self.soil, self.water


@dataclass(frozen=True, slots=True, kw_only=True)
class Composites:
    """What changes where observations are composites of many days: few a year, each the clearest of its days,
    so that falls have to be told from fewer values, and what years differ by weighs more than haze.
    """

    centre: float
    """Fall at which a composite speaks for neither, in sigmas of its index."""
    sigma_floor: float
    """Smallest sigma, units of the index."""

    def __post_init__(self) -> None:
        """Refuse composites that speak for loss where nothing fell."""
        _need(self.centre > 0, "centre", self.centre, "more than 0")
        _need(self.sigma_floor > 0, "sigma_floor", self.sigma_floor, "more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamModel:
    """One stream of observations."""

    stream: str
    """Name of the stream, such as `sentinel-2` or `sentinel-1-descending`."""
    kind: Kind
    """Whose accumulator it feeds besides the joint one."""
    combine: Combine
    """`sum`: indices see one thing with noise of their own, and their evidence is added. `most`: each sees
    another kind of loss (a pond, bare soil), and the one that says most for loss, with `Evidence.alone` taken
    off, speaks for the observation."""
    correlation: float
    """Correlation of residuals between indices that are added, 0-1: the sum of n is divided by
    1 + (n - 1) * correlation, so that what they share is not counted twice."""
    low: float
    """Most that one observation may say for forest, nats (negative)."""
    high: float
    """Most that one observation may say for loss where haze is not told, or there is no history to hold it
    against, nats.
    """
    indices: tuple[IndexModel, ...]
    haze: Haze | None = None
    """How haze is told from loss; None: it is not."""
    composites: Composites | None = None
    """What changes where observations are composites of many days; None: nothing."""

    def __post_init__(self) -> None:
        """Refuse a stream without evidence, or with haze of indices that it does not read."""
        names = [index.index for index in self.indices]
        _need(self.kind in ("optical", "radar"), "kind", self.kind, "optical or radar")
        _need(self.combine in ("sum", "most"), "combine", self.combine, "sum or most")
        _need(0 <= self.correlation <= 1, "correlation", self.correlation, "0 to 1")
        _need(self.low <= 0 < self.high, "low, high", (self.low, self.high), "low <= 0 < high")
        _need(bool(names) and len(set(names)) == len(names), "indices", names, "one or more, each once")
        _need(self.combine == "most" or len(names) <= 3, "indices of a sum", names, "three or fewer")
        counting = [index for index in self.indices if index.counts]
        _need(bool(counting), "indices", names, "at least one that counts")
        alone = [index.index for index in counting if index.evidence.alone is not None]
        may = [] if self.combine == "sum" else [index.index for index in counting[1:]]
        _need(set(alone) <= set(may), "indices with alone", alone, f"some of {may}, not the first, no sum")
        if self.haze is not None:
            _need(set(self.haze.indices) <= set(names), "haze", self.haze.indices, f"some of {names}")
            _need(self.combine == "most", "combine with haze", self.combine, "most")
            scales = {index.scale for index in self.indices if index.index in self.haze.indices}
            _need(len(scales) == 1, "scales of the indices of haze", sorted(scales), "one")
        else:
            _need(all(index.counts for index in self.indices), "indices", names, "all counting, without haze")

    def of_composites(self) -> "StreamModel":
        """The stream where its observations are composites of many days."""
        if (rule := self.composites) is None:
            return self
        indices = tuple(
            replace(index, evidence=replace(index.evidence, centre=rule.centre, sigma_floor=rule.sigma_floor))
            for index in self.indices
        )
        return replace(self, indices=indices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When one accumulator speaks, in nats of its running sum."""

    provisional: float
    """Sum at which a pixel becomes provisional."""
    confirmed: float
    """Sum that confirms where neighbours support it."""
    confirmed_alone: float
    """Sum that confirms a pixel without support."""
    withdrawn: float
    """A provisional pixel whose every sum is at or below its level is withdrawn."""
    day_low: float
    """Most that one day may add for forest, nats (negative)."""
    day_high: float
    """Most that one day may add for loss, nats."""

    def __post_init__(self) -> None:
        """Refuse levels out of order, and a confirmation that one day alone could reach."""
        _need(
            0 <= self.withdrawn < self.provisional < self.confirmed <= self.confirmed_alone,
            "thresholds",
            (self.withdrawn, self.provisional, self.confirmed, self.confirmed_alone),
            "0 <= withdrawn < provisional < confirmed <= confirmed_alone",
        )
        _need(
            self.day_low <= 0 < self.day_high,
            "day_low, day_high",
            (self.day_low, self.day_high),
            "low <= 0 < high",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """Neighbours that count: pixels at `distance` in eight directions with a provisional sum on that day."""

    neighbours: int
    """Fewest of the eight that lower the threshold from `confirmed_alone` to `confirmed`; 0: always."""
    distance: float
    """Metres between distinct source pixels: the coarsest sensor's resolution."""

    def __post_init__(self) -> None:
        """Refuse more neighbours than there are."""
        _need(0 <= self.neighbours <= 8, "neighbours", self.neighbours, "0 to 8")
        _need(self.distance > 0, "distance", self.distance, "more than 0 metres")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rim:
    """When a pixel beside a loss is only its rim: it fell by a small part of what one neighbour fell, and
    others hardly fell at all.

    A picture that lies off by part of a pixel, or a pixel that is cut in part, shows a neighbour's loss.
    Neighbours are those of `Support`.
    """

    index: str
    """Index whose fall is compared."""
    full: float
    """Fall that counts as whole, in units of the index; more is taken as that much."""
    weight: float
    """Weight of the newest observation in the running fall, 0-1."""
    least_share: float
    """Least share of the largest fall of its neighbours at which a pixel is confirmed, 0-1; 0: always."""
    outside_share: float
    """Neighbours whose fall is known and is no more than this share of the pixel's lie outside the loss, 0-1.
    """
    outside_fall: float
    """Neighbours that fell by no more than this lie outside too, in units of the index: what noise leaves."""
    outside: int
    """Fewest neighbours outside of a rim, 0-8: a weak loss among others as weak has fewer and is none."""

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        _need(self.full > 0, "full", self.full, "more than 0")
        _need(0.02 <= self.weight <= 1, "weight", self.weight, "0.02 to 1")
        _need(0 <= self.least_share < 1, "least_share", self.least_share, "0 to below 1")
        _need(0 <= self.outside_share < 1, "outside_share", self.outside_share, "0 to below 1")
        _need(0 <= self.outside_fall < self.full, "outside_fall", self.outside_fall, "0 to below full")
        _need(0 <= self.outside <= 8, "outside", self.outside, "0 to 8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Which pixels of a provisional sum are told of before they are confirmed; 0 and 0: all.

    Where the running fall of `Rim` is not known, as for radar alone, all are.
    """

    least_fall: float = 0.0
    """Running fall from which a pixel is provisional, in units of the index of `Rim`."""
    radar: float = 0.0
    """Radar sum from which it is all the same, nats."""

    def __post_init__(self) -> None:
        """Refuse a negative fall."""
        _need(self.least_fall >= 0, "least_fall", self.least_fall, "0 or more")
        _need(self.radar >= 0, "radar", self.radar, "0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRuns:
    """How much more is asked of a sum where it ran high in the history of its block and nothing was lost.

    Errors of observations that are close in time, and in space, are not independent: haze stays, and so do
    shadow, smoke and wet ground. What they add up to is measured where it happened (`detect.past_runs`).
    """

    rate: float
    """Runs that may reach the level of a confirmation, a pixel and year of history."""
    least_runs: int
    """So many runs in a block and its neighbours are too few to be a rate."""
    longest_days: int
    """A run that lasted longer is a loss that grew over, not an error, days."""
    most: float
    """Most that is added to a level, nats."""
    days: int
    """Last days of the history that count."""

    def __post_init__(self) -> None:
        """Refuse rates that are none."""
        _need(self.rate > 0, "rate", self.rate, "more than 0")
        _need(self.least_runs >= 0, "least_runs", self.least_runs, "0 or more")
        _need(self.longest_days >= 1, "longest_days", self.longest_days, "1 or more")
        _need(self.most > 0, "most", self.most, "more than 0")
        _need(self.days >= 1, "days", self.days, "1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """What a history of forest looks like in one index."""

    index: str
    minimum_level: float
    """Smallest mean of the baseline, in units of the index."""
    maximum_sigma: float
    """Largest residual sigma, in units of the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Everything the fused detector knows: one file in `models/`."""

    name: str
    version: str
    unit: float
    """Nats per unit of evidence: integer evidence times this is a log-likelihood ratio."""
    minimum_days: int
    """Fewest distinct days of evidence before a confirmation."""
    close_after_days: int
    """Days after confirmation at which a pixel is closed; 0: never."""
    buffer_days: int
    """How far back a late scene is still replayed, days; later ones enter at the next baseline."""
    optical: Thresholds
    radar: Thresholds
    joint: Thresholds
    radar_low_in_joint: float
    """Most that a day of radar may say for forest in the joint sum, nats (negative): it has no veto."""
    support: Support
    rim: Rim
    forest: tuple[Forest, ...]
    """Indices that decide what was forest; the first optical stream that has one decides."""
    streams: tuple[StreamModel, ...]
    promise: Promise = field(default_factory=Promise)
    lead_days: int = 0
    """Last days of the history that are watched as well, so that what fell in them is not new; 0: none."""
    past_runs: PastRuns | None = None
    """What is asked more where sums ran high in the history; None: the same everywhere."""

    def __post_init__(self) -> None:
        """Refuse streams named twice and thresholds that the state cannot hold or that one day can reach."""
        names = [stream.stream for stream in self.streams]
        optical = {
            index.index for stream in self.streams if stream.kind == "optical" for index in stream.indices
        }
        _need(
            not optical or self.rim.index in optical, "rim.index", self.rim.index, f"one of {sorted(optical)}"
        )
        _need(bool(names) and len(set(names)) == len(names), "streams", names, "one or more, each once")
        _need(self.unit > 0, "unit", self.unit, "more than 0")
        _need(self.minimum_days >= 1, "minimum_days", self.minimum_days, "1 or more")
        _need(self.lead_days >= 0, "lead_days", self.lead_days, "0 or more")
        _need(self.radar_low_in_joint <= 0, "radar_low_in_joint", self.radar_low_in_joint, "0 or less")
        for kind, level in (("optical", self.optical), ("radar", self.radar), ("joint", self.joint)):
            ceiling = SUM_CEILING * self.unit
            _need(
                level.confirmed_alone <= ceiling,
                f"{kind} confirmed_alone",
                level.confirmed_alone,
                f"<= {ceiling}",
            )
            least = (self.minimum_days - 1) * level.day_high
            _need(
                level.confirmed > least,
                f"{kind} confirmed",
                level.confirmed,
                f"more than {least:g}, what {self.minimum_days - 1} day(s) can add",
            )

    @property
    def digest(self) -> str:
        """sha256 of all numbers: equal models, equal digests."""
        return digest(asdict(self))

    def stream(self, name: str) -> StreamModel:
        """The stream of that name, whatever its track; KeyError when the model does not know it."""
        name = without_track(name)
        for stream in self.streams:
            if stream.stream == name:
                return stream
        raise KeyError(f"model {self.name} knows no stream {name}")

    def knows(self, name: str) -> bool:
        """Whether the model reads that stream, whatever its track."""
        name = without_track(name)
        return any(stream.stream == name for stream in self.streams)

    def of_composites(self) -> "Model":
        """The model where the observations of every stream are composites of many days."""
        return replace(self, streams=tuple(stream.of_composites() for stream in self.streams))

    def pairs(self) -> Iterator[tuple[StreamModel, IndexModel]]:
        """Every index of every stream, in the model's order."""
        for stream in self.streams:
            for index in stream.indices:
                yield stream, index

    def in_units(self, nats: float) -> int:
        """Nearest whole number of evidence units."""
        return round(nats / self.unit)


def _need(right: bool, field: str, got: object, needed: str) -> None:
    if not right:
        raise ValueError(f"{field} is {got}; needed {needed}")
