"""A made-up store of ten years of a region: rights, zones, districts and areas, and a run with its events."""

import datetime as dt
import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from selvawatch.core.days import to_day
from selvawatch.core.hectares import hectares
from selvawatch.core.schema import Tier
from selvawatch.core.tables import ALERTS, CELLS, EVENTS
from selvawatch.events.track import Tracked
from selvawatch.site import Site
from selvawatch.steps.register import import_zone
from selvawatch.steps.run.attribute_events import attribute_events, read_zones
from selvawatch.steps.run.track import without_near
from selvawatch.store.folders import Store, new_folder
from selvawatch.store.ledger import RunRow
from selvawatch.store.run_files import write_seen, write_tracked
from selvawatch.store.site_copy import keep_site_copy
from selvawatch.write.formats.geoparquet import write_geoparquet
from selvawatch.write.tiers import Gate, apply

ROOT = Path(__file__).resolve().parents[2]
WEST, SOUTH, SIDE = 330_000.0, 8_560_000.0, 100_000.0
FIRST, LAST = dt.date(2016, 1, 1), dt.date(2025, 12, 31)
TAKEN = dt.date(2026, 1, 1)


def write_site(folder: Path) -> Path:
    """The packaged site with districts and areas of our own ground, monitored from 2016; its folder."""
    for part in ("aoi", "models"):
        shutil.copytree(ROOT / part, folder / part)
    text = (folder / "aoi" / "site.toml").read_text(encoding="utf-8")
    text = text.replace("2023-01-01", "2013-01-01").replace("2025-12-31", "2015-12-31")
    text = text.replace("monitoring_from = 2026-01-01", "monitoring_from = 2016-01-01")
    text = text.replace("areas-v1.geojson", "areas.geojson")
    (folder / "aoi" / "site.toml").write_text(text, encoding="utf-8")
    lonlat = Transformer.from_crs("EPSG:32719", "EPSG:4326", always_xy=True)
    features = []
    for index, name in enumerate(
        ("huepetuhe", "delta-1", "guacamayo", "la-pampa", "malinowski", "pariamanu")
    ):
        x, y = WEST + 5_000 + 32_000 * (index % 3), SOUTH + 5_000 + 50_000 * (index // 3)
        box = shapely.segmentize(shapely.box(x, y, x + 25_000, y + 35_000), 2_000)
        shape = shapely.transform(box, lonlat.transform, interleaved=False)
        properties = {"name": name, "title": name, "version": "1"}
        features.append(
            {"type": "Feature", "properties": properties, "geometry": json.loads(shapely.to_geojson(shape))}
        )
    collection = {"type": "FeatureCollection", "features": features}
    (folder / "aoi" / "areas.geojson").write_text(json.dumps(collection), encoding="utf-8")
    return folder


def layers(rng: np.random.Generator, rights: int) -> dict[str, gpd.GeoDataFrame]:
    """Made-up layers under the names and columns of the packaged manifest; `rights` mining titles."""

    def stamp(low: int, high: int, count: int) -> np.ndarray:
        return rng.integers(low, high, count).astype("datetime64[D]").astype("datetime64[ms]")

    def frame(columns: dict, shapes: np.ndarray) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:32719")

    x, y = (WEST + rng.integers(0, 97, rights) * 1000.0), (SOUTH + rng.integers(0, 97, rights) * 1000.0)
    wide, tall = rng.integers(1, 4, rights) * 1000.0, rng.integers(1, 4, rights) * 1000.0
    legends = rng.choice(["TITULADO", "TRAMITE", "EXTINGUIDO"], rights, p=[0.55, 0.3, 0.15])
    titles = frame(
        {
            "CODIGOU": [f"01{index:06d}" for index in range(rights)],
            "TIT_CONCES": [f"PERSONA {index}" for index in range(rights)],
            "LEYENDA": legends,
            "D_ESTADO": legends,
            "FEC_DENU": stamp(4_000, 19_000, rights),
            "HASDATUM": wide * tall / 10_000,
        },
        shapely.box(x, y, x + wide, y + tall),
    )
    count = rights // 2
    x, y = WEST + rng.uniform(0, 90_000, count), SOUTH + rng.uniform(0, 90_000, count)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    reach = rng.uniform(600, 2600, (count, 40))
    rings = np.stack([x[:, None] + reach * np.cos(angles), y[:, None] + reach * np.sin(angles)], axis=2)
    kinds = rng.choice(["J", "OPB-A", "ECO", "FYR", "CON"], count)
    concessions = frame(
        {
            "CONTRA": [f"17-TAM/C-{kind}-{index:04d}-02" for index, kind in enumerate(kinds)],
            "TIPCON": "80204",
            "NOMTIT": [f"EMPRESA {index} S.A.C." for index in range(count)],
            "SITUAC": "1",
            "FECINI": stamp(11_700, 16_000, count),
            "FECTER": stamp(17_000, 27_000, count),
            "DOCLEG": "RJ 1",
            "SUPAPR": 1.0,
        },
        shapely.polygons(rings),
    )
    strips = shapely.box(
        WEST + 9_000 * np.arange(11), SOUTH - 1_000, WEST + 9_000 * (np.arange(11) + 1) + 1_000, SOUTH + SIDE
    )
    strips = np.array([shapely.box(*one.bounds[:2], one.bounds[0] + 9_000, one.bounds[3]) for one in strips])
    corridor = shapely.box(WEST, SOUTH + 10_000, WEST + SIDE, SOUTH + 70_000)
    ubigeos, names = [f"17{index:04d}" for index in range(11)], [f"D{index}" for index in range(11)]
    x = WEST + 8_000 * np.arange(12)
    communities = shapely.box(x, SOUTH + 60_000, x + 6_000, SOUTH + 75_000)
    peoples = shapely.box(WEST - 40_000, SOUTH, WEST - 30_000, SOUTH + 5_000)
    return {
        "mining-cadastre": titles,
        "forest-concessions": concessions,
        "mining-corridor": frame({"a": [1]}, [corridor]),
        "protected-areas": frame(
            {"anp_codi": ["RN09"], "anp_nomb": ["Reserva"], "anp_cate": ["RN"],
             "anp_felec": stamp(11_200, 11_201, 1), "anp_balec": ["DS 1"], "anp_suleg": [1.0]},
            [shapely.box(WEST, SOUTH, WEST + SIDE, SOUTH + 9_000)],
        ),  # fmt: skip
        "native-communities": frame(
            {"nom_comuni": [f"CN {index}" for index in range(12)], "estado": "TITULADA", "area_titul": 1.0},
            communities,
        ),
        "isolated-peoples": frame({"a": [1]}, [peoples]),
        "districts": frame({"IDDIST": ubigeos, "NOMBDIST": names}, strips),
    }  # fmt: skip


def losses(rng: np.random.Generator, events: int, site: Site) -> Tracked:
    """Events of one to four cells of pixel edges, with onsets over ten years."""
    cells_n = rng.integers(1, 5, events)
    owner = np.repeat(np.arange(events), cells_n)
    x = WEST + rng.integers(0, 9_800, events)[owner] * 10.0 + rng.integers(-20, 20, len(owner)) * 10.0
    y = SOUTH + rng.integers(0, 9_800, events)[owner] * 10.0
    within = np.concatenate([np.arange(count) for count in cells_n])
    y = y + within * 400.0
    steps = rng.integers(1, 12, (len(owner), 4)) * 10.0
    shapes = np.array(
        [
            shapely.box(a, b, a + one[0] + 40, b + one[1] + 40).union(
                shapely.box(a + one[0], b + one[1], a + one[0] + one[2] + 60, b + one[1] + one[3] + 60)
            )
            for a, b, one in zip(x, y, steps, strict=True)
        ],
        object,
    )
    onset = to_day(FIRST) + rng.integers(0, to_day(LAST) - to_day(FIRST), len(owner))
    stamps = onset.astype("datetime64[D]").astype("datetime64[ms]")
    early = (onset - rng.integers(1, 40, len(owner))).astype("datetime64[D]").astype("datetime64[ms]")
    ids = np.array([f"MDD-{index:06d}" for index in range(events)], object)
    causes = rng.choice(["mining", "agriculture", "natural"], events, p=[0.6, 0.3, 0.1])
    statuses = rng.choice(["confirmed", "provisional"], events, p=[0.9, 0.1])
    ha = hectares(shapes, site.grid.crs, site.equal_area)
    cells = gpd.GeoDataFrame(
        {
            "cell_id": [f"{ids[event]}.{number}" for number, event in enumerate(owner)],
            "event_id": ids[owner],
            "status": statuses[owner],
            "cause": causes[owner],
            "mining_probability": np.where(causes[owner] == "mining", 0.9, 0.1),
            "onset": stamps,
            "onset_earliest": early,
            "onset_latest": stamps,
            "ha": ha,
        },
        geometry=shapes,
        crs=site.grid.crs,
    )
    outline = cells.dissolve("event_id").reindex(ids).geometry
    by = cells.groupby("event_id")
    first, last = by["onset"].min().reindex(ids).to_numpy(), by["onset"].max().reindex(ids).to_numpy()
    total = by["ha"].sum().reindex(ids).to_numpy()
    points = shapely.point_on_surface(outline.to_numpy())
    frame = pd.DataFrame(
        {
            "event_id": ids,
            "version": 1,
            "status": statuses,
            "confidence": "high",
            "change": "new",
            "withdrawn_reason": None,
            "merged_from": None,
            **dict.fromkeys(("first_detected", "onset"), first),
            **dict.fromkeys(("confirmed_on", "last_grown", "onset_latest"), last),
            "onset_earliest": by["onset_earliest"].min().reindex(ids).to_numpy(),
            "ha": total,
            "ha_lo": total,
            "ha_hi": total * 1.2,
            "looks": 9,
            "sensors": "sentinel-2",
            "ha_subpixel": np.nan,
            "chance": np.nan,
            "cause": causes,
            "mining_probability": np.where(causes == "mining", 0.9, 0.1),
            "cause_reasons": "x",
            "lon": -70.0,
            "lat": -12.5,
            "utm_e": shapely.get_x(points),
            "utm_n": shapely.get_y(points),
        }
    )
    tracked = gpd.GeoDataFrame(
        EVENTS.check(frame.assign(geometry=outline.to_numpy())), geometry="geometry", crs=site.grid.crs
    )
    return Tracked(events=tracked, cells=gpd.GeoDataFrame(CELLS.check(cells), crs=site.grid.crs))


def write_decade(
    folder: Path,
    *,
    rights: int,
    events: int,
    seed: int = 20260101,
    days: tuple[dt.date, ...] = (TAKEN,),
    noted: bool = True,
) -> tuple[Path, Path]:
    """A site and a store with a committed run for each day, each with the loss seen by then; both folders.

    noted: whether the runs say which snapshots they saw.
    """
    rng = np.random.default_rng(seed)
    place = write_site(folder / "site")
    site = Site.load(place)
    store = Store(folder / "store")
    store.folder.mkdir(parents=True)
    store.ledger.create()
    for name, frame in layers(rng, rights).items():
        frame.to_parquet(folder / "layer.parquet")
        confirmed = name == "isolated-peoples"  # made-up ground, which no entry can expect
        import_zone(site, store, name, str(folder / "layer.parquet"), date=TAKEN, confirmed=confirmed)
    whole = losses(rng, events, site)
    zones = read_zones(site, store)
    for number, day in enumerate(days, start=1):
        seen = set(whole.cells["event_id"][whole.cells["onset_latest"] <= pd.Timestamp(day)])
        tracked = Tracked(
            events=whole.events[whole.events["event_id"].isin(seen)].reset_index(drop=True),
            cells=whole.cells[whole.cells["onset_latest"] <= pd.Timestamp(day)].reset_index(drop=True),
        )
        run_id = f"{number:016x}"
        with new_folder(store.run(run_id)) as run:
            learned = without_near(tracked, zones.guard(site.config.tiers))
            for tier in Tier:
                write_tracked(run, tracked if tier is Tier.RESTRICTED else learned, tier)
            if noted:
                write_seen(run / "internal", zones.snapshots)
            for tier in (Tier.PUBLIC, Tier.RESTRICTED):
                of_tier = tracked if tier is Tier.RESTRICTED else learned
                attributed = attribute_events(site, zones, of_tier, to_day(day), store, tier)
                gate = Gate(tier=tier, rule=site.config.tiers, data_day=to_day(day), isolated=zones.isolated)
                released = apply(ALERTS, attributed.alerts, gate)
                version = attributed.zones.register.version
                (run / tier.name.lower()).mkdir()
                write_geoparquet(
                    run / tier.name.lower() / "alerts.parquet",
                    released,
                    {"run_id": run_id, "zones_sha256": version, "version": "0"},
                )
        row = RunRow(sequence=number, run_id=run_id, area="all", until_day=to_day(day), result={"failed": {}})
        keep_site_copy(store, site)
        store.ledger.commit(row, tiles=[], scenes=[], alerts=[])
    return place, store.folder
