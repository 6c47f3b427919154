"""What a bulletin and a map page say, before anyone chooses words or a language: the steps fill these."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import shapely

from selvawatch.core.days import to_date
from selvawatch.core.schema import Tier
from selvawatch.core.status import Reason
from selvawatch.errors import TableError
from selvawatch.write.bulletin.bulletin_changes import Changes
from selvawatch.write.run_provenance import Run
from selvawatch.write.tiers import Released

TOP_ALERTS = 12
"""Alerts by rank that a bulletin shows in full, and that get pictures."""
LARGEST_SHOWN = 3
"""Largest confirmed mines that are shown in full whatever their rank."""
LARGEST_LISTED = 10
"""Largest confirmed mines that every bulletin lists."""


def largest_mines(alerts: pd.DataFrame, number: int = LARGEST_LISTED) -> pd.DataFrame:
    """The largest confirmed alerts of possible mining, largest first, and closed ones that are as large.

    alerts: ALERTS. As many confirmed ones as asked for, where there are so many.
    """
    mines = alerts[(alerts["cause"] == "mining") & alerts["status"].isin(["confirmed", "closed"])]
    mines = mines.sort_values(["ha", "event_id"], ascending=[False, True], kind="stable")
    confirmed = mines["status"] == "confirmed"
    return mines[(confirmed & (confirmed.cumsum() <= number)) | (np.arange(len(mines)) < number)]


def largest_shown(alerts: pd.DataFrame) -> list[str]:
    """Ids of the largest confirmed mines that every page and message shows, largest first; closed ones only
    where there are too few.
    """
    mines = largest_mines(alerts, LARGEST_SHOWN).sort_values("status", ascending=False, kind="stable")
    return [str(name) for name in mines["alert_id"].iloc[:LARGEST_SHOWN]]


def shown_in_full(alerts: pd.DataFrame, top: int = TOP_ALERTS) -> list[str]:
    """Ids of the alerts that a bulletin shows in full, by rank: the first ones, and the largest mines.

    alerts: ALERTS; withdrawn ones are never shown in full.
    """
    live = alerts[alerts["status"] != "withdrawn"].sort_values(["rank", "alert_id"], kind="stable")
    first = live["alert_id"].isin(live["alert_id"].iloc[:top]) | live["alert_id"].isin(largest_shown(live))
    return [str(name) for name in live.loc[first, "alert_id"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The numbers a reader remembers."""

    loss_ha: float
    """All confirmed forest loss of the period, hectares by onset day."""
    mining_ha: float
    """Of it, hectares of events whose published cause is mining."""
    mining_expected_ha: float
    """Hectares weighted by the probability of mining."""
    loss_ha_lo: float
    loss_ha_hi: float
    mining_ha_lo: float
    mining_ha_hi: float
    confirmed: int
    """Alerts by status."""
    provisional: int
    withdrawn: int
    closed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LossRow:
    """One row of a loss table."""

    code: str
    """Type, zone or set of types joined by `+`; `outside`; or a text of its own when `label` is given."""
    label: str = ""
    """What to print instead of the words for the code; layer text is allowed and is escaped."""
    loss_ha: float
    mining_ha: float
    ha_lo: float
    ha_hi: float
    share: float | None = None
    """Share of the total, 0-1; None where shares do not add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTable:
    """Loss by type, zone or period."""

    name: str
    """`loss_by_type`, `loss_by_zone` or `loss_by_period`."""
    accounting: str
    """`exclusive`, `inclusive`, `fractional`, `combination`; empty where it does not apply."""
    clock: str
    """`at-loss` or `today`; empty where it does not apply."""
    additive: bool
    """Whether the rows add up to the total."""
    rows: tuple[LossRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TileCoverage:
    """How much of a tile was seen."""

    tile: str
    outline: shapely.Geometry
    """WGS 84."""
    observed_share: float
    """Share of the monitored pixels seen at least once in the period, 0-1."""
    observed_share_span: float | None = None
    """The same in the span since the last run of the area (`Coverage.span_from`); None: not known."""

    @property
    def lately_observed_share(self) -> float:
        """Share of the monitored pixels seen in the span; where that is not known, in the period."""
        return self.observed_share if self.observed_share_span is None else self.observed_share_span


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorCoverage:
    """What a sensor gave."""

    sensor: str
    searched: bool
    """False: its archive could not be searched, and `why` says so."""
    why: str = ""
    scenes_read: int = 0
    scenes_unread: int = 0
    last_day: int = 0
    """Day of its last scene read; 0: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSensor:
    """How new a sensor's scenes are: what its archive lists over the area, whatever their cloud."""

    sensor: str
    """Its stream, without the orbit of a radar."""
    searched: bool
    """False: its archive could not be searched, and the newest scene is the newest that runs before knew."""
    newest_day: int
    """Day of the newest scene; 0: there is none."""
    age_days: int
    """Days from that scene to the run's data day; 0 where there is none."""
    limit_days: int
    """Most days that a scene may be old before the sensor is stale: twice its revisit and three more."""

    @property
    def stale(self) -> bool:
        """Whether its archive lists no scene that is new enough; not known of one that was not searched."""
        return self.searched and (self.newest_day == 0 or self.age_days > self.limit_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadScene:
    """A scene that was there and could not be read."""

    scene_id: str
    sensor: str
    day: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SupersededScene:
    """A scene that a newer product of its acquisition replaced in this run."""

    scene_id: str
    sensor: str
    day: int
    by: str
    """Id of the newer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What was seen and what was not."""

    observed_share: float
    """Share of the area's monitored pixels seen at least once in the period, 0-1."""
    tiles: tuple[TileCoverage, ...] = ()
    sensors: tuple[SensorCoverage, ...] = ()
    unread: tuple[UnreadScene, ...] = ()
    """Scenes that some tile could not read, once for each reason; and tiles that failed."""
    unplaced: int = 0
    """Scenes that were found and are of no known sensor, day or place."""
    superseded: tuple[SupersededScene, ...] = ()
    """Reported once: by the run that replaces them."""
    unmonitored_ha: Mapping[Reason, float] = field(default_factory=dict)
    """Hectares not monitored, by reason."""
    monitored_ha: float = 0.0
    fallback_share: float = 0.0
    """Share of the monitored pixels whose baseline is the spatial fallback, 0-1."""
    span_from: int = 0
    """First day of the span since the last committed run of the area, 30 days back at least; 0: not counted.
    """
    observed_share_span: float | None = None
    """Share of the area's monitored pixels with a usable observation in the span, 0-1; None: not known."""
    observed_share_span_optical: float | None = None
    """The same, of optical sensors alone."""
    listed: tuple[ListedSensor, ...] = ()
    """Every sensor that the area is watched with, by name."""

    @property
    def lately_observed_share(self) -> float:
        """Share of the monitored pixels seen in the span; where that is not known, since monitoring began."""
        return self.observed_share if self.observed_share_span is None else self.observed_share_span

    @property
    def stale(self) -> tuple[ListedSensor, ...]:
        """Sensors whose archive lists no scene that is new enough."""
        return tuple(one for one in self.listed if one.stale)

    @property
    def scenes_unread(self) -> int:
        """Scenes that no tile could read, each once."""
        return self.unplaced + sum(one.scenes_unread for one in self.sensors)


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaUnderObservation:
    """Places in an area that are no alerts yet: patches of an event's size of signs too weak so far."""

    area: str
    """Stable name; empty: in no area."""
    title: str
    """What people read; empty: in no area."""
    patches: int
    ha: float
    """Hectares of their pixels in the pixel CRS; in no hectares of loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVintage:
    """How old a layer of rights or zones is."""

    layer: str
    title: str
    """What people read."""
    source: str
    day: int
    """Day the snapshot was taken; 0: there is no snapshot."""
    age_days: int
    """Days from the snapshot to the run's data day."""
    old: bool
    """Whether the site calls that too old."""


MOMENTS = ("before", "after", "now")
"""When a picture of an alert is from: before the loss, near its confirmation, now where it grew since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The ground of an alert at a moment."""

    moment: str
    """Of `MOMENTS`."""
    bands: str
    """`natural`, `swir` (short-wave infrared), or the name of an index."""
    day: int
    sensor: str
    content: bytes = b""
    """JPEG, at most 40 kB; empty: kept elsewhere."""

    @property
    def side(self) -> str:
        """What tells it from the other pictures of its alert, in names of files."""
        return f"{self.moment}-swir" if self.bands == "swir" else self.moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A line or outline that helps to find one's way; drawn faintly."""

    kind: str
    """`road`, `river`, `protected`, `community`, `corridor`, `district`, `settlement` (points) or `other`."""
    name: str
    geometry: shapely.Geometry
    """WGS 84."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulletin:
    """Everything a bulletin, a message and a map page say."""

    run: Run
    area_name: str
    area_title: str
    area: shapely.Geometry
    """WGS 84."""
    alerts: Released
    """ALERTS of the period, through the tiers."""
    headline: Headline
    """From rows that went through the same tier: see `headline`."""
    tables: tuple[LossTable, ...]
    coverage: Coverage
    layers: tuple[LayerVintage, ...] = ()
    pictures: Mapping[str, tuple[Picture, ...]] = field(default_factory=dict)
    """By alert id; printed only where the tier may see the column `before_picture`."""
    references: tuple[Reference, ...] = ()
    delay_days: int = 0
    """Delay of the public tier, days; what a public bulletin states."""
    grid_m: float = 1000.0
    """Grid of the lower tiers, metres; what such a bulletin states."""
    top: int = TOP_ALERTS
    """How many alerts are shown in full."""
    method: str = ""
    """Name of the detector and its model, one line."""
    changes: Changes | None = None
    """What is new since an earlier state of the tier; None: it was not compared."""
    under_observation: tuple[AreaUnderObservation, ...] | None = None
    """What the tier could show that is no alert yet, by area; None: not known."""
    unchecked: bool = False
    """Whether rows were given out that no layer of isolated peoples was there to check."""

    def __post_init__(self) -> None:
        """Refuse a bulletin whose rows are not of its day, or not of the alert table."""
        if self.alerts.table.name != "alerts":
            raise TableError(
                "a bulletin tells of alerts", got=f"table {self.alerts.table.name}", needed="alerts"
            )
        if self.alerts.data_day != self.run.data_day:
            raise TableError(
                "alerts were released for another day",
                got=to_date(self.alerts.data_day),
                needed=to_date(self.run.data_day),
            )

    @property
    def tier(self) -> Tier:
        """The tier of the rows."""
        return self.alerts.tier


def headline(alerts: Released, cells: pd.DataFrame, since_day: int, until_day: int) -> Headline:
    """The numbers of a period from released rows of ALERTS, and the CELLS of them that figures count.

    Hectares are those of confirmed and closed cells whose onset lies in the period; the most that they may be
    counts provisional ones too, and keeps the proportion that the most of an event has to its hectares.
    """
    events = pd.DataFrame(alerts.frame)
    frame = cells
    since, until = (pd.Timestamp(to_date(day)) for day in (since_day, until_day))
    frame = frame[(frame["onset"] >= since) & (frame["onset"] <= until) & (frame["status"] != "withdrawn")]
    ratios = events.drop_duplicates("event_id", keep="last").set_index("event_id")
    high = frame["event_id"].map(ratios["ha_hi"] / ratios["ha"]).fillna(1.0).to_numpy(float)
    most = frame["ha"].to_numpy(float) * high
    ha = frame["ha"].where(frame["status"] != "provisional", 0.0).to_numpy(float)
    mining = (frame["cause"] == "mining").to_numpy(bool)
    probability = frame["mining_probability"].to_numpy(float)
    counts = events["status"].value_counts()
    return Headline(
        loss_ha=_sum(ha),
        mining_ha=_sum(ha[mining]),
        mining_expected_ha=_sum(ha * probability),
        loss_ha_lo=_sum(ha),
        loss_ha_hi=_sum(most),
        mining_ha_lo=_sum(ha[mining]),
        mining_ha_hi=_sum(most[mining]),
        confirmed=int(counts.get("confirmed", 0)),
        provisional=int(counts.get("provisional", 0)),
        withdrawn=int(counts.get("withdrawn", 0)),
        closed=int(counts.get("closed", 0)),
    )


def loss_table(name: str, frame: pd.DataFrame, labels: Mapping[str, str] | None = None) -> LossTable:
    """A loss table of a bulletin from a table by type, zone or period; rows without loss are left out.

    labels: what to print for a period's name.
    """
    titles = labels or {}
    rows = []
    for _, row in frame[frame["loss_all"] > 0].iterrows():
        by_class = "class" in frame.columns
        doubt = "?" if by_class and row["validity"] == "unknown" else ""
        code = f"{row['class']}{doubt}" if by_class else str(row["period"])
        rows.append(
            LossRow(
                code=code,
                label="" if by_class or code == "no_period" else titles.get(code, code),
                loss_ha=float(row["loss_all"]),
                mining_ha=float(row["loss_mining"]),
                ha_lo=float(row["ha_lo"]),
                ha_hi=float(row["ha_hi"]),
                share=None if pd.isna(row["share"]) else float(row["share"]),
            )
        )
    how = {part: _single_value(frame, part) for part in ("accounting", "clock")}
    return LossTable(name=name, additive=bool(frame["additive"].all()), rows=tuple(rows), **how)


def _single_value(frame: pd.DataFrame, name: str) -> str:
    value = str(frame[name].iloc[0]) if len(frame) else ""
    return "" if value == "none" else value


def _sum(values: np.ndarray) -> float:
    return float(np.sum(values)) if values.size else 0.0
