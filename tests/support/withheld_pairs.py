"""Histories of three runs that differ in what lower tiers do not learn of, and what each was given."""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr

from selvawatch.core.days import to_day
from selvawatch.core.files import canonical_json, digest
from selvawatch.core.grid import Grid
from selvawatch.core.raster_layers import LAYERS as RASTERS
from selvawatch.core.schema import Tier
from selvawatch.core.status import Confidence, Reason, Status
from selvawatch.core.table_options import TableOptions, TableRequest
from selvawatch.detect.baseline import name_of
from selvawatch.detect.kernels.fusion import SUSPECT
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.register.manifest import Snapshot, read_register
from selvawatch.site import Site
from selvawatch.steps.register import import_zone
from selvawatch.steps.run import attribute_events, publish
from selvawatch.steps.run.attribute_events import read_zones
from selvawatch.steps.run.monitor import conclude
from selvawatch.steps.run.plan import register_facts
from selvawatch.steps.run.run_content import Published, RunContent, TileResults
from selvawatch.steps.tables import make_table, write_table
from selvawatch.store.contents import (
    ACCUMULATORS,
    ALERTS_FILE,
    BASELINES,
    COMPOSITE,
    DELAYED,
    LAYERS,
    REASON,
    STATE_FILE,
)
from selvawatch.store.folders import Store, new_folder
from selvawatch.store.run_plan import RunContext, write_plan
from selvawatch.store.tile_state import TileState, save_arrays
from selvawatch.write.formats.format_table import FORMATS
from selvawatch.write.language.i18n import language
from small_site import DEMO, NO_SCENES, context, write_area

SIDE = 64
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=SIDE).tile("x0560y13400")
FIRST = to_day("2024-01-01")
RUNS = (FIRST + 120, FIRST + 160, FIRST + 200)
DELAY = 30
RESERVE_COLUMN, BUFFER_M = 44, 60.0
GUARDED_COLUMN = RESERVE_COLUMN - int(BUFFER_M / 10) - 1
"""First column of the tile that the buffer touches."""
BASELINE = "b" * 16
LAYERS_OF_THE_SITE = """
[[layer]]
name = "{name}"
title = "{name}"
kind = "{kind}"
type = "{type}"
source = "made up"
licence = "none"
id_columns = ["code"]
name_column = "code"
valid_from = 2000-01-01
open_ended = true
"""
KINDS = {
    "titles": ("right", "mining"),
    "concessions": ("right", "timber"),
    "communities": ("right", "native_community"),
    "protected": ("zone", "protected_core"),
    "corridor": ("zone", "corridor"),
    "districts": ("place", "district"),
    "reserves": ("zone", "isolated_peoples"),
}


@dataclass(frozen=True, slots=True)
class Pixel:
    """What becomes of a pixel that was lost."""

    detected: int
    confirmed: int = 0
    withdrawn: int = 0
    wet: bool = False
    suspect: bool = False
    """Whether its signs stay too weak to be told of; `detected` is the day since which it is suspect."""


History = Mapping[tuple[int, int], Pixel]
"""Lost pixels by row and column of the tile."""


def write_site(folder: Path) -> Path:
    """The demo's site on one small tile with a delay, its register, and a reserve in the east of it."""
    (folder / "aoi").mkdir(parents=True)
    text = (DEMO / "site.toml").read_text(encoding="utf-8")
    for old, new in (
        ("tile_px = 1024", f"tile_px = {SIDE}"),
        ("delay_days = 0 ", f"delay_days = {DELAY} "),
        ("grid_m = 1000.0", "grid_m = 100.0"),
        ("isolated_buffer_m = 2000.0", f"isolated_buffer_m = {BUFFER_M}"),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "aoi" / "site.toml").write_text(text, encoding="utf-8")
    layers = [LAYERS_OF_THE_SITE.format(name=name, kind=kind, type=of) for name, (kind, of) in KINDS.items()]
    (folder / "aoi" / "zones.toml").write_text("\n".join(layers), encoding="utf-8")
    write_area(folder / "aoi" / "areas.geojson", TILE.lonlat_outline)
    return folder


def ground(rows: slice, columns: slice) -> shapely.Polygon:
    """The outline of some rows and columns of the tile."""
    west, _, _, north = TILE.bounds
    return shapely.box(
        west + 10 * columns.start, north - 10 * rows.stop, west + 10 * columns.stop, north - 10 * rows.start
    )


def write_register(site: Site, store: Store, folder: Path) -> None:
    """Rights in rows and columns over the tile, one of each kind in the reserve too."""
    every = slice(0, SIDE)
    shapes = {
        "titles": [ground(slice(y, y + 16), slice(x, x + 16)) for y in range(0, 64, 16) for x in (0, 24, 48)],
        "concessions": [ground(slice(y, y + 20), every) for y in (6, 40)],
        "communities": [ground(slice(20, 44), slice(10, 60))],
        "protected": [ground(slice(50, 64), every)],
        "corridor": [ground(slice(0, 30), every)],
        "districts": [ground(every, slice(0, 20)), ground(every, slice(20, SIDE))],
        "reserves": [ground(every, slice(RESERVE_COLUMN, SIDE))],
    }
    for name, outlines in shapes.items():
        codes = [f"{name}-{number}" for number in range(len(outlines))]
        path = folder / "layer.parquet"
        gpd.GeoDataFrame({"code": codes}, geometry=outlines, crs=TILE.grid.crs).to_parquet(path)
        confirmed = name == "reserves"  # made-up ground, which no entry can expect
        import_zone(site, store, name, str(path), date=dt.date(2024, 1, 1), confirmed=confirmed)


def make_store(folder: Path) -> tuple[Site, Store]:
    """The site, and an empty store with its register."""
    site = Site.load(write_site(folder / "site"))
    store = Store(folder / "store")
    store.folder.mkdir()
    store.ledger.create()
    write_register(site, store, folder)
    sigma = np.full((SIDE, SIDE), 100, np.int16)
    pairs = site.model.pairs()
    arrays = {name_of(stream.stream, index.index, "sigma"): (("y", "x"), sigma) for stream, index in pairs}
    with new_folder(store.baseline(TILE.id, BASELINE)) as part:
        save_arrays(xr.Dataset(arrays), part / BASELINES)
        reason = np.full((SIDE, SIDE), Reason.MONITORED, np.uint8)
        save_arrays(xr.Dataset({"reason": (("y", "x"), reason)}), part / REASON)
    return site, store


def layers_of(history: History, day: int) -> xr.Dataset:
    """LAYERS of the tile on a day."""
    arrays = {name: np.zeros((SIDE, SIDE), layer.dtype) for name, layer in RASTERS.items()}
    arrays["reason"][:] = Reason.MONITORED
    arrays["last_look"][:] = day
    arrays["looks_total"][:] = (day - FIRST) // 10
    for at, pixel in history.items():
        if pixel.detected > day or pixel.suspect:
            continue
        arrays["detected_on"][at] = arrays["provisional_on"][at] = pixel.detected
        arrays["onset"][at] = arrays["onset_latest"][at] = pixel.detected - 5
        arrays["onset_earliest"][at] = pixel.detected - 10
        arrays["looks"][at] = 1 + (day - pixel.detected) // 10
        arrays["status"][at], arrays["confidence"][at] = Status.PROVISIONAL, Confidence.LOW
        if 0 < pixel.confirmed <= day:
            arrays["status"][at], arrays["confidence"][at] = Status.CONFIRMED, Confidence.HIGH
            arrays["confirmed_on"][at] = pixel.confirmed
        if 0 < pixel.withdrawn <= day:
            arrays["status"][at], arrays["confidence"][at] = Status.WITHDRAWN, Confidence.LOW
            arrays["withdrawn_on"][at], arrays["looks"][at] = pixel.withdrawn, 0
    return xr.Dataset({name: (("y", "x"), values) for name, values in arrays.items()})


def sums_of(history: History, day: int, halo: int) -> xr.Dataset:
    """Of the running sums of the tile and its halo what says which pixels are suspect."""
    flags, since = np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint16)
    for at, pixel in history.items():
        if pixel.detected <= day:
            flags[at], since[at] = SUSPECT if pixel.suspect else Status.PROVISIONAL, pixel.detected
    arrays = {"flags": flags, "provisional_on": since}
    return xr.Dataset({name: (("y", "x"), np.pad(values, halo)) for name, values in arrays.items()})


def composite_of(history: History, day: int) -> xr.Dataset:
    """What the tile looks like on a day: forest, bare pits and ponds."""
    arrays = {name: np.full((SIDE, SIDE), value, np.float32) for name, value in FOREST.items()}
    for at, pixel in history.items():
        if pixel.detected <= day and not pixel.suspect:
            arrays["ndvi"][at], arrays["mndwi"][at] = (0.0, 0.4) if pixel.wet else (0.15, -0.4)
            arrays["nbr"][at], arrays["fall"][at] = -0.1, 0.7
    return xr.Dataset({name: (("y", "x"), values) for name, values in arrays.items()})


FOREST = {"ndvi": 0.85, "ndvi_baseline": 0.85, "nbr": 0.6, "mndwi": -0.6, "fall": np.nan}


def keep_state(store: Store, history: History, day: int, number: int, halo: int) -> TileState:
    """The state of the tile on a day, and the one that lags behind it, kept. halo: pixels around its sums."""
    days = range(FIRST, day + 1, 10)
    records = tuple(
        SceneRecord(
            scene_id=f"s{one}",
            sensor="sentinel-1",
            day=one,
            stream="sentinel-1",
            state="read",
            clear_share=1.0,
        )
        for one in days
    )
    state = TileState(
        tile=TILE.id,
        state=f"{number:016x}",
        until_day=day,
        baseline=BASELINE,
        baseline_rule="made-up",
        observations=(),
        scene_records=records,
        delayed_until=day - DELAY,
    )
    with new_folder(store.state(TILE.id, state.state)) as part:
        for prefix, until in (("", day), (DELAYED, day - DELAY)):
            save_arrays(sums_of(history, until, halo), part / (prefix + ACCUMULATORS))
            save_arrays(layers_of(history, until), part / (prefix + LAYERS))
            save_arrays(composite_of(history, until), part / (prefix + COMPOSITE))
        (part / STATE_FILE).write_text(canonical_json(state.as_json()), encoding="utf-8")
    return state


def run(site: Site, store: Store, history: History, day: int, number: int) -> None:
    """One run to a day, committed, under the same id whatever it found."""
    state = keep_state(store, history, day, number, site.halo_px)
    archive = store.folder.parent / "archive"
    archive.mkdir(exist_ok=True)
    (archive / "catalog.json").touch()
    made = context(site, store, day, NO_SCENES, f"folder:{archive}")
    plan = replace(
        made.plan,
        run_id=f"{number:016x}",
        sequence=number,
        tiles=(TILE.id,),
        register_digest=digest(register_facts(site, store)),
    )
    write_plan(store, plan, NO_SCENES)
    before = {} if number == 1 else {TILE.id: TileState.read(store.state(TILE.id, f"{number - 1:016x}"))}
    results = TileResults(states={TILE.id: state}, before=before, advanced={TILE.id: state.state}, failed={})
    with mock.patch.object(publish, "publish", _publish_little):
        planned = RunContext(site=site, store=store, plan=plan, inputs=NO_SCENES)
        conclude(planned, results, read_zones(site, store))


_publish = publish.publish


def _publish_little(
    context: RunContext,
    states: Mapping[str, TileState],
    folder: Path,
    content: RunContent,
    tier: Tier,
) -> Published:
    """What a tier is given; of the restricted one only the alerts, whose provenance tables read."""
    if tier is not Tier.RESTRICTED:
        return _publish(context, states, folder, content, tier)
    released = publish._for_tier(context.site, content, tier)
    path = folder / ALERTS_FILE
    FORMATS["geoparquet"].write(path, released.alerts, content.runs[tier].provenance, language("es"))
    return Published(
        bulletin=path, map_page=path, alerts=path, tables=folder, headline=released.headline, by_type=()
    )


def given_out(site: Site, store: Store, out: Path, tier: Tier, tables: tuple[str, ...]) -> dict[str, bytes]:
    """Every file that a tier was given, by name: those of all runs, and tables made on demand."""
    found = {}
    for path in sorted((store.folder / "runs").glob(f"*/{tier.name.lower()}/**/*")):
        if path.is_file():
            found[path.relative_to(store.folder).as_posix()] = path.read_bytes()
    for name in tables:
        request = TableRequest(name=name, options=TableOptions(), tier=tier)
        folder = out / name
        write_table(folder / f"{name}.csv", make_table(site, store, request))
        found |= {f"{name}/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}
        shutil.rmtree(folder)
    return found


@dataclass(frozen=True, slots=True)
class Pair:
    """Two histories, and the tiers to which they are the same."""

    kind: str
    mine: History
    other: History
    tiers: tuple[Tier, ...]


def patch(
    rng: np.random.Generator, rows: tuple[int, int], columns: tuple[int, int], days: tuple[int, int]
) -> dict[tuple[int, int], Pixel]:
    """A patch of 36 pixels or more that grows for a while, somewhere in rows and columns."""
    tall, wide = rng.integers(6, 9, 2)
    top, left = rng.integers(rows[0], rows[1] - tall + 1), rng.integers(columns[0], columns[1] - wide + 1)
    begin, wet, sure = rng.integers(*days), bool(rng.random() < 0.5), rng.random() < 0.7
    every = int(rng.integers(0, 6))
    found = {}
    for column in range(int(wide)):
        for row in range(int(tall)):
            detected = int(begin + every * column)
            confirmed = detected + int(rng.integers(5, 30)) if sure else 0
            found[int(top + row), int(left + column)] = Pixel(detected, confirmed, 0, wet)
    return found


def shifted(history: History, days: int) -> dict[tuple[int, int], Pixel]:
    """The same pixels, detected and confirmed some days later."""
    return {
        at: replace(one, detected=one.detected + days, confirmed=one.confirmed and one.confirmed + days)
        for at, one in history.items()
    }


def pairs(rng: np.random.Generator) -> Iterator[Pair]:
    """One random pair of each kind."""
    lower = (Tier.PUBLIC, Tier.PARTNER)
    days = (FIRST + 12, FIRST + 150)
    west, east = (0, GUARDED_COLUMN - 3), (GUARDED_COLUMN, SIDE)

    def told() -> dict[tuple[int, int], Pixel]:
        found: dict[tuple[int, int], Pixel] = {}
        for top in (0, 22, 44):
            if rng.random() < 0.8:
                found |= patch(rng, (top, top + 16), west, days)
        return found

    for kind in ("more", "grown", "day", "cause", "right", "withdraws"):
        base, hidden = told(), patch(rng, (0, SIDE), east, days)
        later = {
            "more": {},
            "grown": {at: one for at, one in hidden.items() if one.detected <= min(
                pixel.detected for pixel in hidden.values()) + 1},
            "day": shifted(hidden, int(rng.integers(5, 30))),
            "cause": {at: replace(one, wet=not one.wet) for at, one in hidden.items()},
            "right": patch(rng, (0, SIDE), east, days),
            "withdraws": {at: replace(one, withdrawn=one.detected + 40) for at, one in hidden.items()},
        }[kind]  # fmt: skip
        yield Pair(kind, base | hidden, base | later, lower)
    for kind in ("into", "merge"):
        base = told()
        top, begin = int(rng.integers(0, SIDE - 8)), int(rng.integers(FIRST + 12, FIRST + 90))
        every, start = int(rng.integers(1, 5)), GUARDED_COLUMN - 8
        # What touches the front is one event with it, and would have to stop growing with it.
        base = {at: one for at, one in base.items() if not top - 3 < at[0] < top + 9}
        front = {
            (top + row, start + column): Pixel(begin + every * column, begin + every * column + 12, 0, True)
            for row in range(7)
            for column in range(16 if kind == "into" else 6)
        }
        reached = begin + every * 8
        if kind == "merge":
            reached = begin + 40
            front |= {
                (top + row, GUARDED_COLUMN - 2 + column): Pixel(reached, reached + 9, 0, False)
                for row in range(7)
                for column in range(8)
            }
            front |= {(top + row, start - 1): Pixel(reached + 5, 0, 0, True) for row in range(7)}
        stopped = {at: one for at, one in front.items() if one.detected < reached}
        yield Pair(kind, {**base, **front}, {**base, **stopped}, lower)
    base = told()
    young = patch(rng, (0, SIDE), west, (RUNS[-1] - DELAY + 1, RUNS[-1] - 5))
    yield Pair("young", {**young, **base}, base, (Tier.PUBLIC,))
    sure = {at: replace(one, confirmed=RUNS[-1] - DELAY + 3) for at, one in base.items()}
    unsure = {at: replace(one, confirmed=0) for at, one in base.items()}
    yield Pair("confirmed lately", sure, unsure, (Tier.PUBLIC,))
    base = told() | suspects(patch(rng, (0, SIDE), west, days))
    hidden = suspects(patch(rng, (0, SIDE), east, days))
    yield Pair("suspect", {**hidden, **base}, base, lower)
    young = suspects(patch(rng, (0, SIDE), west, (RUNS[-1] - DELAY + 1, RUNS[-1] - 5)))
    yield Pair("suspect lately", {**young, **base}, base, (Tier.PUBLIC,))


def suspects(history: History) -> dict[tuple[int, int], Pixel]:
    """The same pixels, with signs that stay too weak to be told of."""
    return {at: replace(one, confirmed=0, suspect=True) for at, one in history.items()}


def remembered(read: Callable[..., object]) -> Callable[..., object]:
    """A function that reads each set of snapshots once, for stores whose layers are the same."""
    known: dict[object, object] = {}

    def register(manifest: object, snapshots: Sequence[Snapshot], **settings: object):
        key = tuple((one.layer, one.date, one.sha256, one.order, one.confirmed) for one in snapshots)
        if key not in known:
            known[key] = read(manifest, snapshots, **settings)
        return known[key]

    return register


READ_ONCE = remembered(read_register)
"""Every store here begins as a copy of one: its register is read once for all of them."""


def published(folder: Path, blank: tuple[Site, Store], history: History) -> tuple[Site, Store]:
    """A copy of an empty store in which the three runs of a history were committed.

    Faces of the register are the same for all: the first copy leaves them to the others.
    """
    site, store = blank
    shutil.copytree(store.folder, folder / "store")
    mine = Store(folder / "store")
    for number, day in enumerate(RUNS, start=1):
        run(site, mine, history, day, number)
    if not store.faces.exists():
        shutil.copytree(mine.faces, store.faces)
    return site, mine


def differences(folder: Path, blank: tuple[Site, Store], pair: Pair, tables: tuple[str, ...]) -> list[str]:
    """Tier and name of every file that tells the histories of a pair apart; empty where nothing does."""
    stores, found = [], []
    with mock.patch.object(attribute_events, "read_register", READ_ONCE):
        for name, history in (("mine", pair.mine), ("other", pair.other)):
            (folder / name).mkdir(parents=True)
            stores.append(published(folder / name, blank, history)[1])
        given = [
            [given_out(blank[0], store, folder / "out", tier, tables) for store in stores]
            for tier in pair.tiers
        ]
    for tier, (mine, other) in zip(pair.tiers, given, strict=True):
        found += [
            f"{pair.kind}: {tier.name.lower()} {name}"
            for name in sorted(mine.keys() | other.keys())
            if mine.get(name) != other.get(name)
        ]
    shutil.rmtree(folder)
    return found
