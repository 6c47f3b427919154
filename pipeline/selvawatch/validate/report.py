"""What a validation says: stable names for machines, short lines for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from selvawatch.validate.hectares.hectare_figures import HectareFigures

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]

DECIMALS = 6
"""Decimals of a machine figure: enough to compare, few enough to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How the figures were obtained."""

    detector: str
    """Name of the detector or of the map that was judged."""
    model_digest: str = ""
    """sha256 of the model's canonical text; empty where no model was used."""
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    """Every number that the result depends on, and what was read."""
    notes: tuple[str, ...] = ()
    """What a reader must know: fallbacks, what is missing, what the delay is measured against."""

    def as_json(self) -> dict[str, JsonValue]:
        """The method as a JSON object."""
        return {
            "detector": self.detector,
            "model_digest": self.model_digest or None,
            "parameters": {name: _rounded(value) for name, value in sorted(self.parameters.items())},
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """What was confirmed of the units of one class of ground."""

    name: str
    n: int
    lost: int
    """Units with a day of loss."""
    confirmed: int
    """Units that were ever confirmed."""
    found: int
    """Lost units that were confirmed on or after their day."""
    per_1000_km2_year: float
    """Confirmed units without a loss by the ground and time on which the class was watched."""
    dieback: int | None = None
    """Units that stood as dying back at the end, which is no alert; None: the detector says it of none."""

    def as_json(self) -> dict[str, JsonValue]:
        """The figures as a JSON object."""
        return {
            "n": self.n,
            "lost": self.lost,
            "confirmed": self.confirmed,
            "found": self.found,
            "dieback": self.dieback,
            "false_per_1000_km2_year": round(self.per_1000_km2_year, DECIMALS),
        }

    @property
    def line(self) -> str:
        """For people."""
        parts = [f"{self.name}: {self.confirmed} of {self.n} confirmed ({self.confirmed / self.n:.1%})"]
        parts += [f"{self.found} of {self.lost} lost found"] if self.lost else []
        parts += [] if self.dieback is None else [f"{self.dieback} die back ({self.dieback / self.n:.1%})"]
        return ", ".join([*parts, f"{self.per_1000_km2_year:.0f} false per 1,000 km2 and year"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """Figures of one validation; None where a figure does not apply."""

    n: int
    """Units judged: points, pixels or chips."""
    tp: int | None = None
    """Lost, and confirmed on or after the break."""
    fp: int | None = None
    """Confirmed without a loss, or before it."""
    fn: int | None = None
    """Lost and not confirmed, or confirmed before it."""
    tn: int | None = None
    """Not lost and not confirmed."""
    users_accuracy: float | None = None
    """Share of the confirmed that was lost (1 - commission)."""
    producers_accuracy: float | None = None
    """Share of the lost that was confirmed (1 - omission)."""
    f1: float | None = None
    """Harmonic mean of the two."""
    auc: float | None = None
    """Chance that a lost unit scores above one that was not, ties half."""
    delay_days_median: float | None = None
    """Median of confirmation day minus break (or reference) day, days."""
    delay_days_p90: float | None = None
    """90th percentile of the same, days."""
    early_share: float | None = None
    """Share of the lost that was confirmed before the break."""
    false_alarms_per_100_px_years: float | None = None
    """Confirmed false alarms per 100 years of one pixel watched."""
    ci95: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """95 % interval of a figure by its name."""
    classes: tuple[ClassFigures, ...] = ()
    """By class of ground, where the reference has classes."""
    hectares: HectareFigures | None = None
    """Of confirmed events and their intervals, where they are judged."""
    method: Method

    def as_json(self) -> dict[str, JsonValue]:
        """The stable machine object: figures, `ci95` and `method`; what does not apply is None. Where the
        reference has classes, `by_class` holds theirs by name; where hectares of events are judged,
        `hectares` holds those.
        """
        figures: dict[str, JsonValue] = {name: _rounded(getattr(self, name)) for name in FIGURES}
        intervals: dict[str, JsonValue] = {
            name: [_rounded(low), _rounded(high)] for name, (low, high) in sorted(self.ci95.items())
        }
        by_class: dict[str, JsonValue] = (
            {"by_class": {one.name: one.as_json() for one in self.classes}} if self.classes else {}
        )
        hectares: dict[str, JsonValue] = (
            {} if self.hectares is None else {"hectares": dict(self.hectares.as_json())}
        )
        return figures | by_class | hectares | {"ci95": intervals or None, "method": self.method.as_json()}

    def lines(self) -> list[str]:
        """Short lines for people, one figure each, with its interval; notes last."""
        counts = [
            f"{name.upper()} {getattr(self, name)}" for name in COUNTS if getattr(self, name) is not None
        ]
        text = ["  ".join([f"n {self.n}", *counts])]
        for name, label, percent in _LABELS:
            value = getattr(self, name)
            if value is not None:
                text.append(f"{label}: {_figure(value, percent)}{self._interval(name, percent)}")
        text += [
            f"{label}: {_figure(1 - value, True)}" for label, value in self._errors() if value is not None
        ]
        text += [one.line for one in self.classes]
        text += [] if self.hectares is None else self.hectares.lines()
        text += [f"dates: {dates}" for dates in [self._dates()] if dates]
        digest = f" (model {self.method.model_digest[:12]})" if self.method.model_digest else ""
        return [*text, f"method: {self.method.detector}{digest}", *(f"note: {n}" for n in self.method.notes)]

    def _errors(self) -> tuple[tuple[str, float | None], ...]:
        return (("commission", self.users_accuracy), ("omission", self.producers_accuracy))

    def _dates(self) -> str:
        parameters = self.method.parameters
        parts = (
            [f"{parameters['from']} to {parameters['until']}"]
            if "from" in parameters and "until" in parameters
            else []
        )
        dates = parameters.get(DATES)
        if isinstance(dates, list):
            first, middle, last = dates
            parts.append(f"lost units confirmed from {first} to {last}, median {middle}")
        return "; ".join(parts)

    def _interval(self, name: str, percent: bool) -> str:
        if name not in self.ci95:
            return ""
        low, high = self.ci95[name]
        return f" (95 % interval {_figure(low, percent)} to {_figure(high, percent)})"


COUNTS = ("tp", "fp", "fn", "tn")
FIGURES = (
    "n",
    *COUNTS,
    "users_accuracy",
    "producers_accuracy",
    "f1",
    "auc",
    "delay_days_median",
    "delay_days_p90",
    "early_share",
    "false_alarms_per_100_px_years",
)
"""Names of the figures, in the order of the machine object."""

DATES = "confirmed_dates"
"""Parameter of a method: first, median and last day on which lost units were confirmed."""

_LABELS = (
    ("users_accuracy", "user's accuracy", True),
    ("producers_accuracy", "producer's accuracy", True),
    ("f1", "F1", False),
    ("auc", "AUC", False),
    ("delay_days_median", "delay, median (days)", False),
    ("delay_days_p90", "delay, 90th percentile (days)", False),
    ("early_share", "confirmed before the break", True),
    ("false_alarms_per_100_px_years", "false alarms per 100 pixel-years", False),
)


def _figure(value: float, percent: bool) -> str:
    return f"{100 * value:.1f} %" if percent else f"{value:.3f}"


def _rounded(value: JsonValue) -> JsonValue:
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
