"""What an alert says of its ground: rights and zones, legal context, nearness, order of rights."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.attribute.accountings import OUTSIDE, Scale, account
from selvawatch.attribute.authorities import authorities_of
from selvawatch.attribute.faces import Faces
from selvawatch.attribute.former.forest_kind import forest_kinds
from selvawatch.attribute.former.remining import remining
from selvawatch.attribute.overlay import Pieces, attribute
from selvawatch.attribute.river_water import river_distance
from selvawatch.attribute.roads import road_kilometres
from selvawatch.attribute.rules import Rules, contexts, rule_changes
from selvawatch.attribute.seniority import later_mining
from selvawatch.core.days import day_numbers
from selvawatch.core.tables import ALERTS, CELLS, CONCESSION_TYPES, EVENTS
from selvawatch.events.calibrated.interval_rule import IntervalRule
from selvawatch.events.hectares.interval import interval_columns
from selvawatch.register.manifest import References
from selvawatch.register.register import IN_FORCE, NOT_IN_FORCE, Register

_WATER_STEPS = ((0.0, "in_water"), (50.0, "under_50_m"), (100.0, "under_100_m"), (500.0, "under_500_m"))
SITE_HALF = 0.5
"""Share of the ground that a title must cover for the site proxy, as planetGOLD's rule is put in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What alerts are described with."""

    register: Register
    faces: Faces
    scale: Scale
    rules: Rules
    references: References
    today: int
    """The day called today: the run's data day."""
    loss_product: str
    """Whose loss the events are: name and version of the detector."""
    isolated_buffer_m: float
    """Distance from a reserve of isolated peoples within which an alert is sensitive, metres."""
    parameters_digest: str | None = None
    code_version: str | None = None
    guarding: Register | None = None
    """Register whose reserves of isolated peoples are guarded; None: `register`."""
    lacking: tuple[str, ...] = ()
    """Names of the layers of the site that are not at hand, of those that the reader may be told of."""


def describe(events: gpd.GeoDataFrame, cells: gpd.GeoDataFrame, setting: Setting) -> pd.DataFrame:
    """The columns of ALERTS that attribution owns, one row per event, in the order of the events.

    Events with cells are described by them, each on its own day of loss; others by their outline.
    """
    no_cells = events[~events["event_id"].isin(cells["event_id"])]
    located = pd.concat([part for part in (cells, outline_cells(no_cells)) if len(part)] or [cells])
    located = located[located["event_id"].isin(events["event_id"])]
    loss = gpd.GeoDataFrame(located, geometry="geometry", crs=events.crs).reset_index(drop=True)
    cut = attribute(loss, setting.faces, setting.register, today=setting.today)
    ids = pd.Index(events["event_id"])
    position = ids.get_indexer(pd.Index(cut.frame["event_id"]))
    table = pd.DataFrame(index=ids)
    area = np.bincount(position, cut.frame["ha"], len(ids))
    _classes(table, cut, position, area, setting)
    _rights(table, cut, position, setting)
    _zones(table, cut, position, setting)
    _site_category(table, cut, position, area, setting)
    grounds, years = cut.frame.geometry.to_numpy(), loss_years(cut.frame["onset"])
    river_m = river_distance(grounds, years, setting.references.river_water)
    _legal(table, cut, position, setting, river_m)
    _districts(table, cut, position, setting)
    _distances(table, events, setting)
    changes = rule_changes(cut, setting.register, setting.rules, river_m)
    doubtful = cut.frame["date_uncertain"].to_numpy(bool) | changes
    table["date_uncertain"] = np.bincount(position, doubtful, len(ids)) > 0
    later = later_mining(cut, setting.register)
    table["mining_title_later"] = _by_event(later["mining_title_later"], position, len(ids))
    lag = pd.Series(later["days_to_mining_application"]).groupby(position).min()
    table["days_to_mining_application"] = lag.reindex(range(len(ids))).astype("Int64").to_numpy()
    dates = {**setting.register.layer_dates(), **{n: d.isoformat() for n, d in setting.references.dates}}
    named = [*sorted(dates.items()), *((name, "none") for name in setting.lacking)]
    table["layer_dates"] = " ".join(f"{name}={date}" for name, date in named)
    table["register_version"] = setting.register.version
    references = setting.references
    table["remining"] = remining(events, references.scars, setting.rules.remining)
    table["forest"] = forest_kinds(events, references.primary, setting.rules.forest)
    points = np.array(references.mark_points, object)
    table["road_km"] = road_kilometres(events.geometry.to_numpy(), references.roads, references.marks, points)
    bodies = authorities_of(cut, setting.register, setting.rules.authority, position, len(ids))
    table["authority"], table["authority_verified"] = bodies
    for name in ("before_picture", "after_picture", "scenes"):
        table[name] = None
    table["parameters_digest"], table["code_version"] = setting.parameters_digest, setting.code_version
    table["loss_product"] = setting.loss_product
    table["review"], table["review_date"], table["review_version"] = None, pd.NaT, pd.NA
    return table


def alerts_of(
    events: gpd.GeoDataFrame,
    described: pd.DataFrame,
    ranks: pd.DataFrame,
    *,
    interval: IntervalRule | None = None,
    pixel_m: float = 0.0,
) -> gpd.GeoDataFrame:
    """ALERTS rows of events, what `describe` says of them, and `rank`, `score`, `rank_reasons` by id.

    interval: how far hectares may be off; None: nothing tells. pixel_m: side of a pixel, metres.
    """
    keyed = events.set_index("event_id", drop=False)
    ranked = ranks.reindex(keyed.index)
    intervals = interval_columns(keyed, interval, pixel_m)
    joined = pd.concat([keyed, described.reindex(keyed.index), ranked, intervals], axis=1)
    versions = zip(joined["event_id"], joined["version"], strict=True)
    joined["alert_id"] = [f"{event}.v{version}" for event, version in versions]
    checked = ALERTS.check(pd.DataFrame(joined)).sort_values(["rank", "alert_id"]).reset_index(drop=True)
    return gpd.GeoDataFrame(checked, geometry="geometry", crs=events.crs)


def outline_cells(events: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Each event's whole outline as one CELLS row on its median day of loss."""
    names = [one.name for one in CELLS.columns if one.name != "cell_id" and one in EVENTS.columns]
    shared = [one.name for one in CELLS.columns if one.name in events.columns]
    frame = events[list(dict.fromkeys([*names, *shared]))].assign(cell_id=events["event_id"])
    return gpd.GeoDataFrame(CELLS.check(frame), geometry="geometry", crs=events.crs)


def _classes(
    table: pd.DataFrame, cut: Pieces, position: np.ndarray, area: np.ndarray, setting: Setting
) -> None:
    """Class and combination with most ground, on both clocks; ties go to the first in the scale."""
    order = {name: index for index, name in enumerate([*setting.scale.types, OUTSIDE])}
    for clock, suffix in (("at-loss", ""), ("today", "_today")):
        for accounting, name in (("exclusive", "exclusive_class"), ("combination", "combination")):
            rows = account(
                cut, setting.register, setting.scale, accounting=accounting, clock=clock, over="type"
            )
            rows = rows[rows["weight"] > 0]
            piece = rows["piece"].to_numpy()
            rows = rows.assign(
                event=position[piece], ha=rows["weight"].to_numpy() * cut.frame["ha"].to_numpy()[piece]
            )
            summed = rows.groupby(["event", "class"], as_index=False).agg({"ha": "sum"})
            first = summed["class"].str.split("+").str[0].str.rstrip("?")
            summed["order"] = first.map(order).fillna(len(order))
            summed["ha"] = summed["ha"].round(9)
            best = summed.sort_values(["event", "ha", "order", "class"], ascending=[True, False, True, True])
            best = best.drop_duplicates("event").set_index("event")
            table[f"{name}{suffix}"] = best["class"].reindex(range(len(table))).to_numpy()
            if accounting == "exclusive" and not suffix:
                share = best["ha"].reindex(range(len(table))).to_numpy() / area
                table["exclusive_share"] = np.minimum(share, 1.0)


def _rights(table: pd.DataFrame, cut: Pieces, position: np.ndarray, setting: Setting) -> None:
    rights, members = setting.register.rights, cut.members
    held = members[members["at_loss"] != NOT_IN_FORCE]
    rows = rights.iloc[held["right"].to_numpy()].assign(event=position[held["piece"].to_numpy()])
    rows = rows[rows["kind"] == "right"]
    counts = rows.groupby("event")["right_id"].nunique()
    table["overlap_n"] = counts.reindex(range(len(table)), fill_value=0).to_numpy()
    concessions = rows[rows["type"].isin(CONCESSION_TYPES)]
    for column, name, of in (
        ("right_id", "overlap_list", rows),
        ("type", "concession_type", concessions),
        ("source_key", "concession_code", concessions),
        ("status", "concession_status", concessions),
        ("holder_type", "holder_types", rows),
    ):
        table[name] = _joined(of[column], of["event"], len(table))


def _zones(table: pd.DataFrame, cut: Pieces, position: np.ndarray, setting: Setting) -> None:
    rights, members = setting.register.rights, cut.members
    held = members[members["at_loss"] != NOT_IN_FORCE]
    rows = rights.iloc[held["right"].to_numpy()].assign(event=position[held["piece"].to_numpy()])
    zones = rows[rows["kind"] == "zone"]
    table["zones"] = _joined(zones["type"], zones["event"], len(table))
    days = day_numbers(cut.frame["onset"], setting.today)

    def where(kind: str) -> np.ndarray:
        inside = np.isin(np.arange(len(table)), rows["event"][rows["type"] == kind])
        silent = position[~setting.register.could_hold(kind, days)]
        out = np.where(np.isin(np.arange(len(table)), silent), "unknown", "out")
        return np.where(inside, "in", out)

    table["corridor"] = where("corridor")
    table["in_native_community"] = where("native_community")
    table["oil_lot"] = where("oil_lot")
    core, buffer = where("protected_core"), where("buffer")
    out = np.where((core == "unknown") | (buffer == "unknown"), "unknown", "out")
    table["protected"] = np.where(core == "in", "core", np.where(buffer == "in", "buffer", out))
    for kinds, name in (
        (("protected_core", "buffer"), "protected_name"),
        (("native_community",), "native_community"),
    ):
        named = rows[rows["type"].isin(kinds)]
        table[name] = _joined(named["name"], named["event"], len(table), "; ")


def _site_category(
    table: pd.DataFrame, cut: Pieces, position: np.ndarray, area: np.ndarray, setting: Setting
) -> None:
    table["site_category"] = site_categories(cut, setting.register, setting.scale, position, area)


def site_categories(
    cut: Pieces, register: Register, scale: Scale, group: np.ndarray, area: np.ndarray
) -> np.ndarray:
    """PlanetGOLD's categories as a proxy for places: mining title over half of it x any third surface right.

    One for each group of pieces, `area` its hectares; `undetermined` where the register has no layer of
    titles, or titles of unknown validity would decide.

    group: (pieces,) int. area: (groups,) float. Object array of codes, (groups,).
    """
    count = len(area)
    if "mining" not in register.types_present():
        return np.full(count, "undetermined", object)
    surface = tuple(kind for kind in scale.types if kind not in ("mining", "mining_application"))
    titled = covered_ha(cut, register, ("mining",), group, count) >= SITE_HALF * area
    third = covered_ha(cut, register, surface, group, count) > 0
    perhaps = covered_ha(cut, register, ("mining",), group, count, unknown=True) >= SITE_HALF * area
    names = np.where(titled, np.where(third, "II", "I"), np.where(third, "IV", "III")).astype(object)
    names[~titled & perhaps] = "undetermined"
    return names


def covered_ha(
    cut: Pieces,
    register: Register,
    kinds: tuple[str, ...],
    group: np.ndarray,
    count: int,
    *,
    unknown: bool = False,
) -> np.ndarray:
    """Hectares by group of pieces under these types in force at the loss (or also of unknown validity).
    group: (pieces,) int. (groups,) float64, hectares.
    """
    members = cut.members
    on = np.isin(register.rights["type"].to_numpy()[members["right"].to_numpy()], kinds)
    state = members["at_loss"].to_numpy()
    on &= (state != NOT_IN_FORCE) if unknown else (state == IN_FORCE)
    under = np.zeros(len(cut), bool)
    under[members["piece"].to_numpy()[on]] = True
    return np.bincount(group[under], cut.frame["ha"].to_numpy()[under], count)


def _legal(
    table: pd.DataFrame, cut: Pieces, position: np.ndarray, setting: Setting, river_m: np.ndarray
) -> None:
    found = contexts(cut, setting.register, setting.rules, river_m)
    rows = found.assign(event=position, ha=cut.frame["ha"].to_numpy())
    summed = rows.groupby(["event", "legal_context"], as_index=False).agg({"ha": "sum"})
    best = summed.sort_values(["event", "ha", "legal_context"], ascending=[True, False, False])
    first = best.drop_duplicates("event").set_index("event")["legal_context"]
    table["legal_context"] = first.reindex(range(len(table))).to_numpy()
    by_id = {rule.id: rule for rule in setting.rules.rule}
    used = rows.explode("rules").dropna(subset="rules").groupby("event")["rules"].unique()
    lists = [sorted(used[index]) if index in used.index else [] for index in range(len(table))]
    table["legal_rules"] = np.array([" ".join(one) or None for one in lists], object)
    table["legal_citation"] = np.array(
        ["; ".join(by_id[name].cited for name in one) or None for one in lists], object
    )
    table["legal_verified"] = [bool(one) and all(by_id[name].verified for name in one) for one in lists]


def _districts(table: pd.DataFrame, cut: Pieces, position: np.ndarray, setting: Setting) -> None:
    """The area and district that hold most of each event."""
    rights, members = setting.register.rights, cut.members
    piece, right = members["piece"].to_numpy(), members["right"].to_numpy()
    for kind, columns in (
        ("area", {"name": "area_name"}),
        ("district", {"name": "district", "source_key": "ubigeo"}),
    ):
        mine = (rights["type"] == kind).to_numpy()[right] & (members["today"] != NOT_IN_FORCE).to_numpy()
        rows = pd.DataFrame(
            {
                "event": position[piece[mine]],
                "right": right[mine],
                "ha": cut.frame["ha"].to_numpy()[piece[mine]],
            }
        )
        summed = rows.groupby(["event", "right"], as_index=False).agg({"ha": "sum"})
        best = summed.sort_values(["event", "ha", "right"], ascending=[True, False, True])
        first = best.drop_duplicates("event").set_index("event")["right"].reindex(range(len(table)))
        for source, name in columns.items():
            values = rights[source].to_numpy(object)
            chosen = [None if np.isnan(one) else values[int(one)] for one in first.to_numpy(np.float64)]
            table[name] = np.array(chosen, object)


def _distances(table: pd.DataFrame, events: gpd.GeoDataFrame, setting: Setting) -> None:
    outlines = events.geometry.to_numpy()
    rights = setting.register.rights
    current = rights[rights["recorded_to"].isna()]
    references = setting.references
    shapes = (references.rivers, references.water)
    river = np.concatenate([one.geometry.to_numpy() for one in shapes])
    table["distance_road_m"] = nearest(outlines, references.roads.geometry.to_numpy())
    of_year = river_distance(outlines, loss_years(events["onset"]), references.river_water)
    table["distance_river_m"] = np.fmin(nearest(outlines, river), np.where(of_year < 0.01, 0.0, of_year))
    for kind, name in (
        ("protected_core", "distance_reserve_m"),
        ("native_community", "distance_community_m"),
    ):
        table[name] = nearest(outlines, current.geometry[current["type"] == kind].to_numpy())
    margin = current.geometry[current["type"] == "water_margin"].to_numpy()
    table["near_water"] = _near_water(events, setting, margin)
    guarding = setting.guarding or setting.register
    guarded = guarding.rights[guarding.rights["recorded_to"].isna()]
    isolated = nearest(outlines, guarded.geometry[guarded["type"] == "isolated_peoples"].to_numpy())
    has_layer = "isolated_peoples" in guarding.types_present()
    near = np.nan_to_num(isolated, nan=np.inf) <= setting.isolated_buffer_m
    table["isolated_peoples"] = np.where(near, "yes", "no" if has_layer else "unknown")


def _near_water(events: gpd.GeoDataFrame, setting: Setting, margin: np.ndarray) -> np.ndarray:
    """Class of distance to rivers and to water of the year of loss; a water margin counts as under 50 m.

    Without a layer of rivers or water, only losses near which imagery told river water have an answer.
    """
    references = setting.references
    outlines = events.geometry.to_numpy()
    years = loss_years(events["onset"])
    found = nearest(outlines, references.rivers.geometry.to_numpy())
    of_year = pd.to_numeric(pd.Series(references.water["year"]), errors="coerce").to_numpy(np.float64)
    for year in np.unique(years):
        mine = years == year
        shapes = references.water.geometry.to_numpy()[np.isnan(of_year) | (of_year == year)]
        found[mine] = np.fmin(found[mine], nearest(outlines[mine], shapes))
    found = np.fmin(found, river_distance(outlines, years, references.river_water))
    in_margin = nearest(outlines, margin) == 0
    classes = np.full(len(events), "far", object)
    for metres, name in reversed(_WATER_STEPS):
        classes[found <= metres if metres == 0 else found < metres] = name
    classes[in_margin & np.isin(classes, ["far", "under_500_m", "under_100_m"])] = "under_50_m"
    layers = len(references.rivers) + len(references.water) > 0
    classes[np.isnan(found) & ~in_margin & (not layers)] = "unknown"
    return classes


def loss_years(onset: pd.Series) -> np.ndarray:
    """(n,) float64: calendar year of each day of loss; NaN where there is none."""
    return pd.to_datetime(onset).dt.year.to_numpy(np.float64)


def nearest(outlines: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(n,) float64: metres from each of n outlines to the nearest target; NaN without targets. Both object
    arrays of geometries in one projected CRS.
    """
    found = np.full(len(outlines), np.nan)
    if len(targets) and len(outlines):
        pairs, metres = shapely.STRtree(targets).query_nearest(
            outlines, return_distance=True, all_matches=False
        )
        found[pairs[0]] = metres
    return found


def _joined(values: pd.Series, events: pd.Series, count: int, by: str = " ") -> np.ndarray:
    """Distinct texts by event, sorted and joined; None where there is none."""
    kept = values.notna().to_numpy()
    groups = values[kept].groupby(events[kept].to_numpy()).unique()
    found = [by.join(sorted(map(str, groups[one]))) if one in groups.index else None for one in range(count)]
    return np.array(found, object)


def _by_event(answers: pd.Series, position: np.ndarray, count: int) -> list[str]:
    """Yes before unknown before no."""
    found = ["no"] * count
    for answer in ("unknown", "yes"):
        for event in np.unique(position[(answers == answer).to_numpy()]):
            found[event] = answer
    return found
