"""What every table shares: its inputs and options, how hectares are added, and shares of what."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from selvawatch.attribute.accountings import ADDITIVE, Scale, account
from selvawatch.attribute.faces import SLIVER_HA, Faces
from selvawatch.attribute.loss.loss_in_periods import (
    STOCK,
    UNDATED,
    calendar_label,
    dating_of,
    in_calendar,
    meeting,
    possible_days,
)
from selvawatch.attribute.overlay import Pieces
from selvawatch.attribute.periods import PeriodSet, calendar
from selvawatch.core.days import NO_DAY, day_numbers
from selvawatch.core.schema import Column, column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tier import LEAST_RIGHTS, Tier
from selvawatch.errors import TableError
from selvawatch.register.manifest import References
from selvawatch.register.register import NOT_IN_FORCE, Register
from selvawatch.tables.single_rights import OTHER_DISTRICTS
from selvawatch.tables.table_settings import TableSettings
from selvawatch.tables.wording.explanations import share_of
from selvawatch.validate.area_sample import AreaSample

PROVISIONAL = "loss_provisional"
"""Hectares of a piece that are not confirmed yet."""

COUNTED_STATUSES = ("provisional", "confirmed", "closed")
NO_DISTRICT = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableInputs:
    """What tables are made of."""

    pieces: Pieces
    register: Register
    scales: Mapping[str, Scale]
    """Priority scales by name; the first is the default."""
    periods: Mapping[str, PeriodSet]
    """Period sets by name; the first is the default."""
    settings: TableSettings | None = None
    """Thresholds, rings and published figures, for the tables that use them."""
    faces: Faces | None = None
    """Faces of the register, for tables of the register itself."""
    references: References | None = None
    """Roads, rivers, water, for nearness."""
    watched_from: int | None = None
    """First day that loss was looked for; None: taken to be the first day of any loss."""
    watched_until: int | None = None
    """First day after those that loss was looked for; None: the day after today."""
    earlier: Pieces | None = None
    """Pieces of an earlier state of knowledge, for `revisions`."""
    other: "TableInputs | None" = None
    """Those of another product, for `products_compared`."""
    other_label: str = ""
    """Name and version of that product."""
    sample: AreaSample | None = None
    """Reference units, for `area_estimates`; None: no area is estimated."""
    lacking: tuple[str, ...] = ()
    """Layers that the site names and of which nothing is at hand: what they would say is unknown."""
    tier: Tier = Tier.RESTRICTED
    """For whom; below the partner tier a table of single rights is made in its public form."""
    least_rights: int = LEAST_RIGHTS
    """Rights that a row of a table of single rights tells of at least, below the partner tier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicForm:
    """A table of single rights as it is made below the partner tier: no row tells of one right."""

    build: Callable[[TableInputs, TableOptions], pd.DataFrame]
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """One table: what it says, in which columns, and how it is made."""

    name: str
    description: str
    """English; with the name, the id of the table's title in the catalogues of `write.language`."""
    build: Callable[[TableInputs, TableOptions], pd.DataFrame]
    columns: tuple[Column, ...]
    uses: tuple[str, ...] = ()
    """Options of `TableOptions` that change it, in any tier; `registry.check_options` refuses any other."""
    of_types: tuple[str, ...] = ()
    """Types of rights or zones that its rows tell of, one by one; where no layer can hold any of them a row
    without numbers says so, and numbers may be empty."""
    notes: tuple[str, ...] = field(default=())
    """What a reader must know before quoting it."""
    public: PublicForm | None = None
    """How it is made below the partner tier, where its rows tell of single rights; None: as above."""

    def __post_init__(self) -> None:
        """Let numbers be empty in a table that may have to say that no layer was there."""
        if not self.of_types:
            return
        numbers = [one.dtype in ("float", "int") for one in self.columns]
        open_columns = tuple(
            replace(one, nullable=True) if is_number else one
            for one, is_number in zip(self.columns, numbers, strict=True)
        )
        object.__setattr__(self, "columns", open_columns)

    def of_tier(self, tier: Tier) -> "TableSpec":
        """The table as it is made for a tier."""
        if self.public is None or tier >= Tier.PARTNER:
            return self
        return replace(self, build=self.public.build, columns=self.public.columns, public=None)

    @property
    def tier(self) -> Tier:
        """Lowest tier that may have the rows that `build` makes."""
        return Tier.PUBLIC if self.public is None else Tier.PARTNER

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Columns of the table in any tier: those of single rights from the partner tier on, then those that
        only its public form has.
        """
        if self.public is None:
            return self.columns
        public = {one.name: one for one in self.public.columns}
        names = {one.name for one in self.columns}
        detailed = tuple(
            replace(one, nullable=one.nullable or public[one.name].nullable)
            if one.name in public
            else replace(one, tier=max(one.tier, Tier.PARTNER))
            for one in self.columns
        )
        return (*detailed, *(one for name, one in public.items() if name not in names))


LAYER_DATES = column(
    "layer_dates",
    "text",
    "Date of each layer, as layer=date; layer=none: named by the site, and not at hand.",
)
HECTARES = (
    column(
        "ha", "float", "Loss of the measure; empty: not watched, or only spans.", unit="ha", nullable=True
    ),
    column(
        "ha_lo",
        "float",
        "Least: confirmed pixels, surely in this row by day and right; no error interval.",
        unit="ha",
        nullable=True,
    ),
    column(
        "ha_hi",
        "float",
        "Most: with a rim of half a pixel, and perhaps in this row; no error interval.",
        unit="ha",
        nullable=True,
    ),
    column("loss_all", "float", "All forest loss of the row, whatever its cause.", unit="ha", nullable=True),
    column("loss_mining", "float", "Loss whose published cause is mining.", unit="ha", nullable=True),
    column(
        "loss_mining_expected",
        "float",
        "Loss by its probability of being mining.",
        unit="ha",
        nullable=True,
    ),
    column("loss_undated", "float", "Of all loss, what has no date.", unit="ha", nullable=True),
    column(
        "loss_provisional",
        "float",
        "Not confirmed yet, whatever its cause: in no other hectares but `ha_hi`.",
        unit="ha",
        nullable=True,
    ),
    column("events_n", "int", "Events with ground in this row.", nullable=True),
)
SHARES = (
    column("share", "float", "Part of what `share_of` names, from 0 to 1.", nullable=True),
    column(
        "share_pct",
        "float",
        "The part in percent, rounded so that shown parts of one whole add up to 100.",
        unit="%",
        nullable=True,
    ),
    column("share_of", "text", "What the share is a share of."),
)
HOW = (
    column("measure", "text", "What `ha` counts: loss_all, loss_mining or loss_mining_expected."),
    column("accounting", "text", "How overlapping rights are counted."),
    column("additive", "bool", "Whether rows may be added up (no sumar, where not)."),
    column("clock", "text", "Rights in force at the loss, or today."),
    column("scale", "text", "Priority scale by which the exclusive accounting gives a hectare to one type."),
    column("register_version", "text", "Digest (sha256) of the register that the row was made with."),
    LAYER_DATES,
)
CLASS = (
    column(
        "class", "text", "Type, zone, combination; outside: in none of `layer_dates`; unknown: no layer says."
    ),
    column("validity", "text", "in_force, unknown (dates missing), or empty."),
)


def by_columns() -> tuple[Column, ...]:
    """Columns that `TableOptions.by` may add in front."""
    return columns(
        column("year", "text", "Calendar year of the loss, as YYYY."),
        column("month", "text", "Calendar month of the loss, as YYYY-MM."),
        column("area", "text", "Area of interest that the loss lies in; none: in none."),
        column("district", "text", "District that the ground lies in, by today's outlines; none: in none."),
        column("status", "text", "Status of the loss: provisional, confirmed or closed."),
        column("cause", "text", "Published cause of the loss: what it looks like, never who did it."),
        column("event_id", "text", "Id of the event, or of the feature of a loss product."),
        column("product", "text", "Name and version of the loss product."),
    )


def types_shown(inputs: TableInputs) -> set[str]:
    """Types that have a row though they lost nothing: of which some layer can tell, and the tier may know."""
    present = inputs.register.types_present()
    return present if inputs.tier is Tier.RESTRICTED else present - {"isolated_peoples"}


def watched(inputs: TableInputs) -> tuple[int, int]:
    """First day that was watched, and the first day after; an empty run of days where nothing is dated."""
    first, after = inputs.watched_from, inputs.watched_until
    if first is None:
        frame = inputs.pieces.frame
        days = np.concatenate([day_numbers(frame[name]) for name in ("onset", "onset_earliest")])
        days = days[days > NO_DAY]
        first = int(days.min()) if len(days) else inputs.pieces.today + 1
    return first, inputs.pieces.today + 1 if after is None else after


def watched_days(inputs: TableInputs, start: int, end: int) -> int:
    """How many of the days from `start` to before `end` were watched."""
    first, after = watched(inputs)
    return max(0, min(end, after) - max(start, first))


def coverage(inputs: TableInputs, start: int, end: int) -> str:
    """Whether the days were watched: `yes`, `partly` or `no`. No loss on days not watched says nothing."""
    days = watched_days(inputs, start, end)
    return "no" if days == 0 else "yes" if days >= end - start else "partly"


def settings_of(inputs: TableInputs) -> TableSettings:
    """The numbers of `aoi/tables.toml`; TableError where the inputs have none."""
    if inputs.settings is None:
        raise TableError("this table needs numbers from aoi/tables.toml", needed="TableInputs.settings")
    return inputs.settings


def scale_of(inputs: TableInputs, options: TableOptions) -> Scale:
    """The priority scale that the options name, or the first."""
    if not options.scale:
        return next(iter(inputs.scales.values()))
    if options.scale not in inputs.scales:
        raise TableError("unknown priority scale", got=options.scale, needed=sorted(inputs.scales))
    return inputs.scales[options.scale]


def periods_of(inputs: TableInputs, options: TableOptions) -> PeriodSet:
    """The period set that the options name (or years or months of all loss), or the first."""
    if options.periods in ("year", "month"):
        first, last = calendar_days(inputs)
        return calendar(options.periods, first, last, step=options.periods)
    if not options.periods:
        return next(iter(inputs.periods.values()))
    if options.periods not in inputs.periods:
        known = [*inputs.periods, "year", "month"]
        raise TableError("unknown period set", got=options.periods, needed=known)
    return inputs.periods[options.periods]


def calendar_days(inputs: TableInputs) -> tuple[int, int]:
    """First and last day of a series by year or month: of what was watched, and of all dated loss.

    Where nothing says which days were watched, of the loss alone.
    """
    start, after = watched(inputs)
    declared = inputs.watched_from is not None or inputs.watched_until is not None
    days = [start, after - 1] if declared and start < after else []
    first, last = possible_days(inputs.pieces.frame)
    dated = first != NO_DAY
    if dated.any():
        days += [int(first[dated].min()), int(last[dated].max())]
    return (min(days), max(days)) if days else (inputs.pieces.today,) * 2


def confirmed_alone(inputs: TableInputs) -> TableInputs:
    """The inputs with the hectares of provisional loss in a column of their own, so that no table adds them
    to loss that is confirmed.
    """
    return replace(
        inputs,
        pieces=_apart(inputs.pieces),
        earlier=None if inputs.earlier is None else _apart(inputs.earlier),
        other=None if inputs.other is None else confirmed_alone(inputs.other),
    )


def _apart(pieces: Pieces) -> Pieces:
    provisional = (pieces.frame["status"] == "provisional").to_numpy()
    ha = pieces.frame["ha"].to_numpy(np.float64)
    frame = pieces.frame.assign(ha=np.where(provisional, 0.0, ha))
    return replace(pieces, frame=frame.assign(**{PROVISIONAL: np.where(provisional, ha, 0.0)}))


def counted_pieces(inputs: TableInputs, options: TableOptions) -> np.ndarray:
    """Which pieces count: not withdrawn, no stock, and in the area asked for; bool (piece,)."""
    return in_scope(inputs, options) & (dating_of(inputs.pieces.frame) != STOCK)


def in_scope(inputs: TableInputs, options: TableOptions) -> np.ndarray:
    """Which pieces are not withdrawn, and in the area asked for; bool (piece,)."""
    kept = inputs.pieces.frame["status"].isin(COUNTED_STATUSES).to_numpy()
    if options.area:
        names = set(inputs.register.rights["name"][inputs.register.rights["type"] == "area"])
        if options.area not in names:
            raise TableError("unknown area", got=options.area, needed=sorted(str(name) for name in names))
        kept = kept & (district_of(inputs, "area") == options.area)
    return kept


def district_of(inputs: TableInputs, kind: str) -> np.ndarray:
    """Name of the area or district of each piece (today's outlines); `none` where it lies in no such place.

    Text (piece,).

    Raises
    ------
    TableError
        Where two places of a kind share more loss than a sliver; in slivers the first counts.
    """
    rights, members = inputs.register.rights, inputs.pieces.members
    mine = (rights["type"] == kind).to_numpy()[members["right"].to_numpy()]
    mine &= (members["today"] != NOT_IN_FORCE).to_numpy()
    piece, right = members["piece"].to_numpy()[mine], members["right"].to_numpy()[mine]
    first = np.unique(piece, return_index=True)[1]
    twice = np.setdiff1d(np.arange(len(piece)), first)
    if (double := float(inputs.pieces.frame["ha"].to_numpy()[np.unique(piece[twice])].sum())) > SLIVER_HA:
        raise TableError(
            f"places of kind {kind} overlap",
            got=f"{double:.2f} ha of loss in two",
            needed="a partition",
            do="correct their outlines",
        )
    names = np.full(len(inputs.pieces), NO_DISTRICT, object)
    names[piece[first]] = rights["name"].fillna("?").to_numpy()[right[first]]
    return names


def dimension(inputs: TableInputs, name: str) -> np.ndarray:
    """Label of each piece in one of `DIMENSIONS`, text (piece,).

    In place of a year or month: `across` several, `undated` or `stock`.
    """
    frame = inputs.pieces.frame
    if name in ("year", "month"):
        return calendar_label(frame, name)
    if name in ("area", "district"):
        return district_of(inputs, name)
    if name not in frame.columns:
        return np.full(len(frame), NO_DISTRICT, object)
    return frame[name].to_numpy(object)


def classes(inputs: TableInputs, options: TableOptions, *, over: str) -> pd.DataFrame:
    """Weights of the classes of all pieces that count (see `accountings.account`)."""
    rows = account(
        inputs.pieces,
        inputs.register,
        scale_of(inputs, options),
        accounting=options.accounting,
        clock=options.clock,
        over=over,
    )
    return rows[counted_pieces(inputs, options)[rows["piece"].to_numpy()]].reset_index(drop=True)


def all_pieces(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """All pieces that count, each with its full weight."""
    piece = np.flatnonzero(counted_pieces(inputs, options))
    return pd.DataFrame({"piece": piece, "weight": 1.0, "weight_lo": 1.0, "weight_hi": 1.0})


def added(
    inputs: TableInputs, options: TableOptions, rows: pd.DataFrame, keys: Sequence[str]
) -> pd.DataFrame:
    """Hectares of weighted pieces by keys; the dimensions of `options.by` come first among the keys.

    By year or month a piece stands in each that it may belong to (see `loss_in_periods.rows_in_periods`); a
    weight that is no number leaves hectares, and how many events there are, empty where nothing else adds.
    A dimension that is a column of `rows` is shown as it stands there.
    """
    frame = inputs.pieces.frame
    steps = [name for name in options.by if name not in keys and name not in rows]
    rows = _by_calendar(frame, rows, steps)
    if "period" in rows:
        for step in {"year", "month"} & set(steps):
            rows = meeting(rows, step, periods_of(inputs, options))
    piece = rows["piece"].to_numpy(np.int64)
    mining = (frame["cause"] == "mining").to_numpy()
    probability = frame["mining_probability"].to_numpy(np.float64)
    part = {
        "loss_all": np.ones(len(frame)),
        "loss_mining": mining.astype(np.float64),
        "loss_mining_expected": probability,
        "loss_undated": (dating_of(frame) == UNDATED).astype(np.float64),
    }
    ha, lo, hi = (np.asarray(frame[name], np.float64) for name in ("ha", "ha_lo", "ha_hi"))
    weight = np.asarray(rows["weight"], np.float64)
    parts = {name: weight * (ha * share)[piece] for name, share in part.items()}
    measured = part[options.measure]
    dimensions = {
        name: rows[name].to_numpy() if name in rows else dimension(inputs, name)[piece]
        for name in options.by
        if name not in keys
    }
    table = pd.DataFrame(
        {
            **dimensions,
            **{key: rows[key].array for key in keys},
            **parts,
            PROVISIONAL: weight * frame[PROVISIONAL].to_numpy(np.float64)[piece],
            "ha": parts[options.measure],
            "ha_lo": rows["weight_lo"].to_numpy() * (lo * measured)[piece],
            "ha_hi": rows["weight_hi"].to_numpy() * (hi * measured)[piece],
            "event": np.where(weight > 0, frame["event_id"].to_numpy(object)[piece], None),
        }
    )
    groups = [*[name for name in options.by if name not in keys], *keys]
    sums = ["ha", "ha_lo", "ha_hi", *part, PROVISIONAL]
    if not groups:
        groups, table["_all"] = ["_all"], "all"
    grouped = table.groupby(groups, dropna=False, sort=True)
    summed = grouped[sums].sum(min_count=1)
    events = grouped["event"].nunique()
    unsure = summed["ha"].isna() & (events == 0)
    summed["events_n"] = events.astype("Int64").mask(unsure) if unsure.any() else events
    return summed.reset_index().drop(columns="_all", errors="ignore")


def _by_calendar(frame: pd.DataFrame, rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The rows with columns of the year and the month where `by` names them."""
    if "month" in by:
        rows = in_calendar(frame, rows, "month")
        if "year" in by:
            years = calendar_label(frame, "year")[rows["piece"].to_numpy()]
            of_month = rows["month"].str.fullmatch(r"\d{4}-\d{2}").to_numpy(bool)
            rows = rows.assign(year=np.where(of_month, rows["month"].str[:4], years))
        return rows
    return in_calendar(frame, rows, "year") if "year" in by else rows


def with_stock(
    table: pd.DataFrame, inputs: TableInputs, options: TableOptions, keys: Mapping[str, str]
) -> pd.DataFrame:
    """The table with what was lost by a day, in rows of their own; the table itself where there is none.

    keys: what the table's own keys say in such a row. It is no part of any share.
    """
    stock = np.flatnonzero(in_scope(inputs, options) & (dating_of(inputs.pieces.frame) == STOCK))
    if not len(stock):
        return table
    rows = pd.DataFrame({"piece": stock, "weight": 1.0, "weight_lo": 1.0, "weight_hi": 1.0, **keys})
    more = added(inputs, options, rows, list(keys))
    if "share_of" in table:
        more = more.assign(share=np.nan, share_pct=np.nan, share_of=share_of("stock"))
    more = more[[name for name in table.columns if name in more.columns]]
    return pd.concat([part for part in (table, more) if len(part)], ignore_index=True)


def with_watched(
    table: pd.DataFrame, inputs: TableInputs, bounds: Mapping[str, tuple[int, int]]
) -> pd.DataFrame:
    """The table with `watched` of each row's period, and no number where its days were not watched.

    bounds: first day and first day after, by what column `period` says; other rows say nothing of it.
    """
    after = inputs.pieces.today + 1
    state = {
        name: coverage(inputs, start, max(start + 1, min(end, after)))
        for name, (start, end) in bounds.items()
    }
    return blank_unwatched(table.assign(watched=table["period"].map(state).fillna("")))


def blank_unwatched(table: pd.DataFrame) -> pd.DataFrame:
    """The table without numbers in rows whose days were not watched, unless loss may reach into them."""
    table = table.copy()
    unseen = (table["watched"] == "no").to_numpy()
    nothing = unseen & ~(table["ha_hi"] > 0).to_numpy()
    for name in ("ha", "share", "share_pct"):
        if name in table:
            table.loc[unseen & ~(table["ha"] > 0).to_numpy(), name] = np.nan
    for name in (one.name for one in HECTARES[1:-1]):
        if name in table:
            table.loc[nothing, name] = np.nan
    if "events_n" in table:
        table["events_n"] = table["events_n"].astype("Int64").mask(nothing)
    return table


def how(table: pd.DataFrame, inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """The table with the columns of `HOW`; without shares where its districts are not whole."""
    if "share" in table and "district" in table and (table["district"] == OTHER_DISTRICTS).any():
        table = table.assign(share=np.nan, share_pct=np.nan, share_of=share_of("joined"))
    return table.assign(
        measure=options.measure,
        accounting=options.accounting,
        additive=ADDITIVE[options.accounting],
        clock=options.clock,
        scale=scale_of(inputs, options).name,
        register_version=inputs.register.version,
        layer_dates=layer_dates(inputs.register),
    )


def counted_once(
    table: pd.DataFrame, inputs: TableInputs, options: TableOptions, clock: str = "none"
) -> pd.DataFrame:
    """The table with `HOW`, where ground counts once whatever rights lie on it."""
    neutral = replace(options, accounting="combination", clock="at-loss")
    return how(table, inputs, neutral).assign(accounting="none", clock=clock)


def layer_dates(register: Register) -> str:
    """Date of each layer as `layer=date`, separated by spaces."""
    return " ".join(f"{name}={date}" for name, date in sorted(register.layer_dates().items()))
