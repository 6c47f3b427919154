"""A store knows its site: what may be edited, what is refused at the plan, and the copy behind it."""

import json
import shutil

import geopandas as gpd
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import Transformer

from conftest import ROOT
from selvawatch.errors import DamagedError, SiteError
from selvawatch.site import Site
from selvawatch.store.folders import Store
from selvawatch.store.ledger import AlertRow, RunRow
from selvawatch.store.seal import seal_folder
from selvawatch.store.site_copy import keep_site_copy, read_site_copy, site_copy_path
from selvawatch.store.site_guard import refuse_other_site

WEST, SOUTH, EAST, NORTH = -70.2, -12.9, -70.1, -12.8


def lay(folder, edits=(), **areas):
    """A site of the packaged files with edits of its site file, and these areas (default: one square)."""
    (folder / "aoi").mkdir(parents=True, exist_ok=True)
    text = (ROOT / "aoi" / "site.toml").read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (folder / "aoi" / "site.toml").write_text(text, encoding="utf-8")
    areas = areas or {"pampa": shapely.box(WEST, SOUTH, EAST, NORTH)}
    features = [
        {
            "type": "Feature",
            "properties": {"name": name, "title": name, "version": "1"},
            "geometry": json.loads(shapely.to_geojson(outline)),
        }
        for name, outline in areas.items()
    ]
    path = folder / "aoi" / "areas-v1.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return Site.load(folder)


def committed(folder, site, events=1, status="confirmed"):
    """A store with one run of a site, with events in the middle of its square, 2 ha each."""
    store = Store(folder)
    to_metres = Transformer.from_crs("EPSG:4326", site.grid.crs, always_xy=True)
    x, y = to_metres.transform((WEST + EAST) / 2, (SOUTH + NORTH) / 2)
    outlines = [shapely.box(x + 300 * n, y, x + 300 * n + 200, y + 100) for n in range(events)]
    ids = [f"MDD-{n}" for n in range(events)]
    frame = gpd.GeoDataFrame(
        {"event_id": ids, "status": [status] * events}, geometry=outlines, crs=site.grid.crs
    )
    products = store.run("r1")
    for part in ("internal", "restricted"):
        (products / part).mkdir(parents=True)
    frame.to_parquet(products / "internal" / "events.parquet")
    made = {"parameters_sha256": site.digest, "since_date": str(site.days.monitoring_from)}
    table = pq.read_table(products / "internal" / "events.parquet")
    table = table.replace_schema_metadata({b"selvawatch": json.dumps(made).encode()})
    pq.write_table(table, products / "restricted" / "alerts.parquet")
    seal_folder(products)
    keep_site_copy(store, site)
    store.ledger.commit(
        RunRow(sequence=1, run_id="r1", area="all", until_day=20000, result={}),
        tiles=[],
        scenes=[],
        alerts=[
            AlertRow(alert_id=f"{one}.v1", event_id=one, version=1, status=status, cause="mining", ha=2.0)
            for one in ids
        ],
    )
    return store


@pytest.fixture
def store(tmp_path):
    return committed(tmp_path / "store", lay(tmp_path / "site"))


DAYS = ("history_from = 2023-01-01", "history_from = 2022-01-01")
EDITS = [
    (DAYS, "history_from 2022-01-01, the store has 2023-01-01"),
    (
        ("history_to = 2025-12-31", "history_to = 2025-06-30"),
        "history_to 2025-06-30, the store has 2025-12",
    ),
    (
        ("monitoring_from = 2026-01-01", "monitoring_from = 2026-03-01"),
        "monitoring_from 2026-03-01, the store has 2026-01-01",
    ),
    (("tile_px = 1024", "tile_px = 512"), "tile_px 512, the store has 1024"),
    (("resolution = 10.0", "resolution = 20.0"), "resolution 20.0, the store has 10.0"),
    (("lon = -70.3", "lon = -71.3"), "lon -71.3, the store has -70.3"),
    (('name = "madre-de-dios"', 'name = "peru"'), "name peru, the store has madre-de-dios"),
]


@pytest.mark.parametrize(("edit", "both"), EDITS)
def test_what_decides_events_may_not_be_edited_under_them(store, tmp_path, edit, both):
    with pytest.raises(SiteError, match="site.toml") as told:
        refuse_other_site(lay(tmp_path / "edited", [edit]), store)
    assert both in str(told.value) and "--store" in str(told.value) and "\n" not in str(told.value)


def test_a_history_taken_away_is_an_edit_of_the_days(store, tmp_path):
    lines = ("history_from = 2023-01-01 ", "#"), ("history_to = 2025-12-31", "")
    with pytest.raises(SiteError, match="history_from none, the store has 2023-01-01"):
        refuse_other_site(lay(tmp_path / "edited", lines), store)


@pytest.mark.parametrize("events", [0, 1])
def test_the_grid_may_not_be_edited_once_there_is_a_run_days_only_once_there_is_an_event(tmp_path, events):
    site = lay(tmp_path / "site")
    store = committed(tmp_path / "store", site, events)
    with pytest.raises(SiteError, match="tile_px 512, the store has 1024"):
        refuse_other_site(lay(tmp_path / "grid", [EDITS[3][0]]), store)
    edited = lay(tmp_path / "days", [DAYS])
    if events:
        with pytest.raises(SiteError):
            refuse_other_site(edited, store)
    else:
        refuse_other_site(edited, store)
    refuse_other_site(edited, Store(tmp_path / "new"))


def test_everything_else_may_be_edited(store, tmp_path):
    site = lay(
        tmp_path / "edited", [("grid_m = 1000.0", "grid_m = 2000.0"), ('prefix = "MDD"', 'prefix = "X"')]
    )
    for name in ("rules", "tables", "priorities"):
        path = tmp_path / "edited" / "aoi" / f"{name}.toml"
        shutil.copyfile(ROOT / "aoi" / f"{name}.toml", path)
        path.write_text("# edited\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    edited = Site.load(tmp_path / "edited")
    assert edited.digest != site.digest != read_site_copy(store).digest
    refuse_other_site(edited, store)


SQUARE = shapely.box(WEST, SOUTH, EAST, NORTH)


@pytest.mark.parametrize(
    "areas",
    [
        {"pampa": SQUARE.buffer(0.02)},
        {"pampa": SQUARE, "other": shapely.box(WEST, SOUTH, EAST + 1, NORTH)},
        {"pampa": shapely.box(WEST, SOUTH, EAST - 0.01, NORTH)},
        {"pampa": shapely.segmentize(SQUARE, 0.01)},
        {"pampa": shapely.Polygon(shapely.get_coordinates(SQUARE)[::-1])},
    ],
)
def test_an_area_may_grow_be_added_and_lose_ground_without_events(store, tmp_path, areas):
    refuse_other_site(lay(tmp_path / "edited", **areas), store)


@pytest.mark.parametrize(
    ("areas", "now"),
    [
        ({"pampa": shapely.box(WEST, SOUTH, (WEST + EAST) / 2, NORTH)}, "6017.7 ha"),
        ({"pampa": shapely.affinity.translate(SQUARE, 0.3)}, "ha"),
        ({"renamed": SQUARE}, "no such area"),
        ({"north": shapely.box(WEST, SOUTH, EAST, -12.84), "south": SQUARE}, "no such area"),
    ],
)
def test_ground_may_not_go_from_under_an_event(store, tmp_path, areas, now):
    with pytest.raises(SiteError, match="area pampa .*MDD-0") as told:
        refuse_other_site(lay(tmp_path / "edited", **areas), store)
    assert now.split()[-1] in str(told.value) and "the store has" in str(told.value)


def test_ground_may_go_from_under_what_was_withdrawn(tmp_path):
    store = committed(tmp_path / "store", lay(tmp_path / "site"), status="withdrawn")
    refuse_other_site(lay(tmp_path / "edited", renamed=SQUARE), store)
    with pytest.raises(SiteError):
        refuse_other_site(lay(tmp_path / "edited", [DAYS]), store)


def damage(path, how):
    body = path.read_bytes()
    if how == "deleted":
        path.unlink()
    elif how == "bit":
        at = body.index(b"2023-01-01") + 3
        path.write_bytes(body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])
    else:
        path.write_bytes(
            {"emptied": b"", "cut": body[: len(body) // 2], "other": b"[1]", "nulls": bytes(99)}[how]
        )


@pytest.mark.parametrize("how", ["emptied", "cut", "bit", "other", "nulls"])
def test_a_damaged_copy_is_a_named_error_of_one_line(store, how):
    damage(site_copy_path(store), how)
    with pytest.raises(DamagedError, match=r"site\.json.*damaged") as told:
        read_site_copy(store)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("how", ["deleted", "emptied", "bit"])
def test_a_copy_that_is_gone_or_damaged_is_made_anew_where_nothing_contradicts(store, tmp_path, how):
    path = site_copy_path(store)
    before = path.read_bytes()
    damage(path, how)
    site = Site.load(tmp_path / "site")
    refuse_other_site(site, store)
    keep_site_copy(store, site)
    assert path.read_bytes() == before


@pytest.mark.parametrize("how", ["deleted", "cut"])
def test_without_its_copy_the_last_run_still_tells_another_site(store, tmp_path, how):
    damage(site_copy_path(store), how)
    refuse_other_site(lay(tmp_path / "tiers", [("grid_m = 1000.0", "grid_m = 2000.0")]), store)
    with pytest.raises(SiteError, match="monitoring_from 2026-03-01, the store has 2026-01-01"):
        refuse_other_site(lay(tmp_path / "days", [EDITS[2][0]]), store)
    with pytest.raises(SiteError, match="crs EPSG:32718, the store has EPSG:32719"):
        refuse_other_site(lay(tmp_path / "grid", [("EPSG:32719", "EPSG:32718")]), store)
    with pytest.raises(SiteError, match="1 events of the store stand outside all"):
        refuse_other_site(lay(tmp_path / "areas", pampa=shapely.affinity.translate(SQUARE, 0.3)), store)
    (store.run("r1") / "restricted" / "alerts.parquet").write_bytes(b"PAR1")
    with pytest.raises(DamagedError, match=r"alerts\.parquet"):
        refuse_other_site(Site.load(tmp_path / "site"), store)


def test_a_copy_holds_the_text_of_every_file_and_stays_the_same_bytes(store, tmp_path):
    path = site_copy_path(store)
    kept, changed = read_site_copy(store), path.stat().st_mtime_ns
    site = Site.load(tmp_path / "site")
    assert kept.digest == site.digest and set(kept.files) == set(site.files)
    for role, name in site.files.items():
        assert kept.files[role].text == site.path_of(name).read_text(encoding="utf-8")
    keep_site_copy(store, site)
    assert path.stat().st_mtime_ns == changed
    (tmp_path / "site" / "aoi" / "site.toml").write_text("edited meanwhile", encoding="utf-8")
    keep_site_copy(store, site)
    assert read_site_copy(store).files == {} and read_site_copy(store).deciding == kept.deciding
