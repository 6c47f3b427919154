"""Which table, cut and counted how, of what and for whom: the options of a table, once for all callers."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from selvawatch.core.tier import Tier
from selvawatch.errors import TableError

MEASURES = ("loss_all", "loss_mining", "loss_mining_expected")
"""What `ha` may count: all loss, that of events whose published cause is mining, or by its probability."""

DIMENSIONS = ("year", "month", "area", "district", "status", "cause", "event_id", "product")
"""What a table may be split by, besides its own rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """How a table is cut and counted; the defaults are those of the command and of the Python call."""

    by: tuple[str, ...] = ()
    """Dimensions to split by, of `DIMENSIONS`."""
    accounting: str = "exclusive"
    clock: str = "at-loss"
    measure: str = "loss_all"
    """What `ha`, `ha_lo`, `ha_hi` and shares count, of `MEASURES`."""
    scale: str = ""
    """Priority scale; empty: the first."""
    periods: str = ""
    """Period set, `year` or `month`; empty: the first set."""
    area: str = ""
    """Area of interest to keep to; empty: all loss."""

    def __post_init__(self) -> None:
        """Refuse a measure or dimension that no table knows."""
        if self.measure not in MEASURES:
            raise TableError("unknown measure", got=self.measure, needed=MEASURES)
        if strange := [name for name in self.by if name not in DIMENSIONS]:
            raise TableError("unknown dimension", got=strange, needed=DIMENSIONS)

    def changed(self) -> tuple[str, ...]:
        """Names of the options that are not as they are by default, in order."""
        plain = TableOptions()
        return tuple(name for name in OPTIONS if getattr(self, name) != getattr(plain, name))


OPTIONS = tuple(one.name for one in fields(TableOptions))
"""Names of all options of tables."""


def listed(given: str | Iterable[str] | None) -> tuple[str, ...]:
    """The words of a text or of several texts, with commas between or not, each once, in order."""
    texts = [given] if isinstance(given, str) else list(given or ())
    words = [word.strip() for text in texts for word in text.split(",")]
    return tuple(dict.fromkeys(word for word in words if word))


DETECTIONS = "detections"
"""What `TableRequest.against` says for our own detections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRequest:
    """Which table, of what, for whom."""

    name: str
    options: TableOptions = field(default_factory=TableOptions)
    tier: Tier = Tier.PUBLIC
    as_of: str = ""
    """ISO day: the table as the last run until then saw it; for `revisions`, what to compare with."""
    product: str = ""
    """Loss product kept by `attribute --register-as`; empty: our own detections."""
    sample: str = ""
    """CSV of reference units for `area_estimates`; empty: none."""
    against: str = ""
    """Another product for `products_compared`, or `DETECTIONS`: our own detections; empty: none."""
