"""`selvawatch table` for every table, cut and counted in every way the issue names, on ten made-up years."""

import datetime as dt
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine

import made_decade
import selvawatch
from selvawatch.core.tier import Tier
from selvawatch.site import Site
from selvawatch.steps.register import import_zone
from selvawatch.steps.run import attribute_events
from selvawatch.store.folders import Store
from selvawatch.store.run_files import read_tracked
from selvawatch.tables import TABLES

NAMED = (
    "loss_by_type",
    "loss_by_zone",
    "loss_by_period",
    "loss_type_zone_period",
    "granted_by_period",
    "loss_by_concession_type",
    "share_inside_outside",
    "overlap_conflicts",
    "corridor_conflict_share",
    "site_category",
    "loss_by_right",
    "loss_by_district",
    "revisions",
    "published_comparison",
    "displacement_rings",
    "front_age",
    "area_coverage",
)
EARLIER = dt.date(2022, 7, 1)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def decade(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decade")
    site, store = made_decade.write_decade(folder, rights=160, events=220, days=(EARLIER, made_decade.TAKEN))
    return ["--site", site, "--store", store]


@pytest.fixture
def table(decade, command, tmp_path):
    """A table by the command line, read back from its CSV."""

    def make(name, *words):
        out = tmp_path / "t.csv"
        said = command("table", name, *words, *decade, "--out", out)
        assert said.code == 0, said
        return pd.read_csv(out)

    return make


def test_the_list_names_every_table_that_was_asked_for(command):
    said = command("table", "list").out
    assert [name for name in NAMED if f"{name}: " not in said] == []
    assert set(NAMED) <= set(TABLES)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_has_bounds_wholes_and_a_product_with_its_version(table, name):
    words = ["--as-of", EARLIER.isoformat()] if name == "revisions" else []
    found = table(name, *words, "--tier", "restricted")
    assert len(found) > 0
    assert set(found["loss_product"]) == {"selvawatch fused 2"}
    if name != "spda_charts":
        assert {"ha", "ha_lo", "ha_hi"} <= set(found.columns)
        known = found.dropna(subset=["ha", "ha_lo", "ha_hi"])
        assert (known["ha_lo"] <= known["ha"] + 1e-9).all() and (known["ha"] <= known["ha_hi"] + 1e-9).all()
    if "share" in found:
        assert found["share_of"].notna().all()


@pytest.mark.parametrize("accounting", ["exclusive", "fractional", "combination"])
@pytest.mark.parametrize("clock", ["at-loss", "today"])
def test_rows_that_may_be_added_are_all_the_loss_and_shown_shares_are_100(table, accounting, clock):
    total = table("loss_by_district", "--tier", "restricted")["ha"].sum()
    for name in ("loss_by_type", "loss_by_zone"):
        found = table(name, "--accounting", accounting, "--clock", clock, "--tier", "restricted")
        assert found["ha"].sum() == pytest.approx(total, abs=1e-6)
        assert found["share_pct"].sum() == 100
        assert found["additive"].all()


def test_what_is_not_additive_says_so(table):
    found = table("loss_by_type", "--accounting", "inclusive")
    assert not found["additive"].any()
    assert (found["share_of"] != "").all()


def test_periods_are_cut_by_month_by_year_and_by_law(table):
    whole = table("loss_by_period", "--tier", "restricted")
    months = table("loss_by_period", "--periods", "month", "--tier", "restricted")
    years = table("loss_by_period", "--periods", "year", "--tier", "restricted")
    assert months["period"].str.fullmatch(r"\d{4}-\d{2}").all() and len(months) > 100
    assert years["period"].tolist() == list(range(2015, 2027))
    assert months["ha"].sum() == pytest.approx(years["ha"].sum()) == pytest.approx(whole["ha"].sum())
    cross = table("loss_type_zone_period", "--periods", "month", "--tier", "restricted")
    assert cross["ha"].sum() == pytest.approx(whole["ha"].sum())


def test_as_of_tells_what_an_earlier_run_knew_and_revisions_what_changed(table):
    words = ["--tier", "restricted"]
    now = table("loss_by_district", *words)["ha"].sum()
    then = table("loss_by_district", *words, "--as-of", "2022-12-31")["ha"].sum()
    assert 0 < then < now
    changed = table("revisions", "--as-of", "2022-12-31", *words)
    assert changed["difference_ha"].sum() == pytest.approx(now - then, abs=1e-4)
    assert set(changed["change"]) <= {"new", "grown"}


def test_revisions_name_each_event_that_another_run_changed_with_its_hectares_then_and_now(decade, table):
    runs = sorted((Path(decade[3]) / "runs").iterdir())
    cells = [read_tracked(run).cells for run in runs]
    confirmed = [one["ha"].where(one["status"] != "provisional", 0.0) for one in cells]
    then, now = (ha.groupby(one["event_id"]).sum() for ha, one in zip(confirmed, cells, strict=True))
    truth = pd.DataFrame({"ha_then": then, "ha": now})
    is_new = truth["ha_then"].isna()
    truth = truth.fillna(0.0)[is_new | ((truth["ha"] - truth["ha_then"]).abs() > 1e-6)]
    found = table("revisions", "--as-of", "2022-12-31", "--tier", "restricted").set_index("event_id")
    assert set(found.index) == set(truth.index) and len(truth) > 10
    truth = truth.loc[found.index]
    np.testing.assert_allclose(found[["ha_then", "ha"]], truth, atol=1e-6)
    np.testing.assert_allclose(found["difference_ha"], truth["ha"] - truth["ha_then"], atol=1e-5)
    assert (found["change"] == "new").equals(is_new.loc[found.index])
    assert set(found["change"]) <= {"new", "grown"}


def test_an_earlier_run_is_told_with_the_register_it_saw(tmp_path, caplog):
    days = (EARLIER, made_decade.TAKEN)
    site, store = made_decade.write_decade(tmp_path, rights=60, events=60, days=days)
    words = {"site": site, "store": store, "tier": "restricted"}
    before = selvawatch.table("loss_by_type", **words, as_of="2022-12-31")
    titles = made_decade.layers(np.random.default_rng(5), 90)["mining-cadastre"]
    titles.to_parquet(tmp_path / "titles.parquet")
    later = made_decade.TAKEN + dt.timedelta(days=9)
    import_zone(
        Site.load(site), Store(store), "mining-cadastre", str(tmp_path / "titles.parquet"), date=later
    )
    again = selvawatch.table("loss_by_type", **words, as_of="2022-12-31")
    pd.testing.assert_frame_equal(before, again)
    now = selvawatch.table("loss_by_type", **words)
    assert set(now["register_version"]) != set(again["register_version"])
    changed = selvawatch.table("revisions", **words, as_of="2022-12-31")
    assert set(changed["register_then"]) == set(again["register_version"])
    assert set(changed["register_now"]) == set(now["register_version"])
    assert "register" in set(changed["change"])
    assert not caplog.records


@pytest.mark.parametrize(("noted", "told"), [(True, "yes"), (False, "no")])
def test_an_earlier_run_is_told_with_its_register_though_an_older_layer_came_later(tmp_path, noted, told):
    days = (EARLIER, made_decade.TAKEN)
    site, store = made_decade.write_decade(tmp_path, rights=40, events=40, days=days, noted=noted)
    words = {"site": site, "store": store, "tier": "restricted", "as_of": "2022-12-31"}
    before = selvawatch.table("loss_by_type", **words)
    assert before.attrs["provenance"]["register_of_run"] == "yes"
    west, south = made_decade.WEST, made_decade.SOUTH
    ground = [shapely.box(west, south, west + 5000, south + 5000)]
    gpd.GeoDataFrame({"a": [1]}, geometry=ground, crs="EPSG:32719").to_parquet(tmp_path / "p.parquet")
    older = made_decade.TAKEN - dt.timedelta(days=9)
    file = str(tmp_path / "p.parquet")
    import_zone(Site.load(site), Store(store), "isolated-peoples", file, date=older, confirmed=True)
    again = selvawatch.table("loss_by_type", **words)
    assert again.attrs["provenance"]["register_of_run"] == told
    assert again.equals(before) == noted
    changed = selvawatch.table("revisions", **words)
    assert changed.attrs["provenance"]["register_of_run"] == "no"
    assert changed.attrs["provenance"]["earlier_register_of_run"] == told


def test_the_register_of_an_earlier_run_is_read_once(tmp_path, monkeypatch):
    site, store = made_decade.write_decade(tmp_path, rights=20, events=10, days=(EARLIER, made_decade.TAKEN))
    for number in (40, 60, 80):
        day = made_decade.TAKEN + dt.timedelta(days=number)
        titles = made_decade.layers(np.random.default_rng(5), number)["mining-cadastre"]
        titles.to_parquet(tmp_path / "t.parquet")
        import_zone(Site.load(site), Store(store), "mining-cadastre", str(tmp_path / "t.parquet"), date=day)
    real, reads = attribute_events.read_register, []

    def counted(manifest, snapshots, **rest):
        reads.append(len(snapshots))
        return real(manifest, snapshots, **rest)

    monkeypatch.setattr(attribute_events, "read_register", counted)
    selvawatch.table("loss_by_type", site=site, store=store, as_of="2022-12-31", tier="restricted")
    assert len(reads) == 2 and reads[0] - reads[1] == 3


def test_an_earlier_run_is_told_without_ground_of_isolated_peoples_that_is_known_only_today(tmp_path):
    days = (EARLIER, made_decade.TAKEN)
    site, store = made_decade.write_decade(tmp_path, rights=40, events=60, days=days)
    words = {"site": site, "store": store, "as_of": "2022-12-31"}
    before = {
        tier: selvawatch.table("loss_by_district", **words, tier=tier) for tier in ("public", "restricted")
    }
    west, south = made_decade.WEST, made_decade.SOUTH
    grown = [shapely.box(west - 40_000, south, west + 50_000, south + made_decade.SIDE)]
    gpd.GeoDataFrame({"a": [1]}, geometry=grown, crs="EPSG:32719").to_parquet(tmp_path / "peoples.parquet")
    later = made_decade.TAKEN + dt.timedelta(days=9)
    file = str(tmp_path / "peoples.parquet")
    import_zone(Site.load(site), Store(store), "isolated-peoples", file, date=later, confirmed=True)
    after = {tier: selvawatch.table("loss_by_district", **words, tier=tier) for tier in before}
    pd.testing.assert_frame_equal(before["restricted"], after["restricted"])
    assert 0 < after["public"]["ha"].sum() < before["public"]["ha"].sum()
    seen = read_tracked(Store(store).run(f"{1:016x}"), Tier.RESTRICTED)
    buffer_m = Site.load(site).config.tiers.isolated_buffer_m
    guarded = set(seen.events["event_id"][seen.events.geometry.dwithin(grown[0], buffer_m)])
    elsewhere = ~seen.cells["event_id"].isin(guarded) & (seen.cells["status"] != "withdrawn")
    counted = after["public"][["ha", "loss_provisional"]].sum().sum()
    assert counted == pytest.approx(seen.cells["ha"][elsewhere].sum(), abs=1e-3)
    changed = selvawatch.table("revisions", **words, tier="public")  # without what is the same then and now
    assert changed["ha"].sum() > 0 and changed["ha_then"].sum() <= after["public"]["ha"].sum() + 1e-4
    every = selvawatch.table("revisions", **words, tier="restricted")
    assert set(changed["event_id"]) < set(every["event_id"])


def test_no_run_until_a_day_is_one_line(decade, command, tmp_path):
    said = command("table", "loss_by_type", "--as-of", "2015-01-01", *decade, "--out", tmp_path / "t.csv")
    assert said.code == 1 and "no run until that day" in said.error
    assert not (tmp_path / "t.csv").exists()


def test_a_split_adds_up_and_another_measure_counts_less(table):
    words = ["--tier", "restricted"]
    whole = table("loss_by_type", *words)["ha"].sum()
    split = table("loss_by_type", "--by", "district", "--by", "year", *words)
    assert split["ha"].sum() == pytest.approx(whole)
    assert split.groupby(["district", "year"])["share_pct"].sum().isin([0, 100]).all()
    mining = table("loss_by_type", "--measure", "loss_mining", *words)["ha"].sum()
    expected = table("loss_by_type", "--measure", "loss_mining_expected", *words)["ha"].sum()
    assert 0 < mining < whole and 0 < expected < whole
    one = table("loss_by_type", "--area", "la-pampa", *words)["ha"].sum()
    assert 0 < one < whole


def test_two_scales_move_hectares_and_lose_none(table):
    words = ("loss_by_type", "--tier", "restricted", "--scale")
    last, first = (table(*words, scale) for scale in ("mining-last", "mining-first"))
    assert last["ha"].sum() == pytest.approx(first["ha"].sum())
    by_class = [found.groupby("class")["ha"].sum() for found in (last, first)]
    assert by_class[0]["mining"] < by_class[1]["mining"]


@pytest.mark.parametrize("encoding", ["hansen", "gfw-integrated", "mapbiomas-mining"])
def test_loss_of_others_is_kept_by_name_and_version_and_never_mixed(decade, command, tmp_path, encoding):
    values = np.zeros((40, 40), np.int32)
    values[5:15, 5:15] = {"hansen": 18, "gfw-integrated": 31200, "mapbiomas-mining": 30}[encoding]
    transform = Affine(30, 0, made_decade.WEST + 20_000, 0, -30, made_decade.SOUTH + 40_000)
    with rasterio.open(
        tmp_path / "loss.tif", "w", driver="GTiff", dtype="int32", count=1, width=40, height=40,
        crs="EPSG:32719", transform=transform,
    ) as file:  # fmt: skip
        file.write(values, 1)
    words = ["--loss", tmp_path / "loss.tif", "--encoding", encoding, "--register-as", encoding]
    words += ["--year", "2020"] if encoding == "mapbiomas-mining" else []
    said = command("attribute", *words, "--product-version", "v9", *decade)
    assert said.code == 0, said
    site, store = decade[1], decade[3]
    found = selvawatch.table("loss_by_type", site=site, store=store, product=encoding)
    assert set(found["loss_product"]) == {f"{encoding} v9"}
    assert found["ha"].sum() == pytest.approx(9.0, rel=0.01)
    own = selvawatch.table("loss_by_type", site=site, store=store, tier="restricted")
    assert set(own["loss_product"]) == {"selvawatch fused 2"}


def test_a_product_is_replaced_only_when_asked_and_never_by_one_without_a_version(tmp_path, command):
    place = made_decade.write_site(tmp_path / "site")
    west, south = made_decade.WEST, made_decade.SOUTH
    for name, side in (("old", 100), ("new", 200)):
        box = shapely.box(west, south, west + side, south + side)
        gpd.GeoDataFrame({"id": [1]}, geometry=[box], crs="EPSG:32719").to_file(tmp_path / f"{name}.gpkg")
    words = ["--register-as", "made", "--allow-undated", "--site", place, "--store", tmp_path / "store"]

    def kept(loss, *more):
        return command("attribute", "--loss", tmp_path / f"{loss}.gpkg", *words, *more)

    assert kept("old", "--product-version", "1").code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "store" / "products").rglob("*.*")}
    for more, said in (
        (["--product-version", "2"], "keeps a product of that name; got made 1; give another name"),
        (["--replace"], "a version cannot be replaced by one of none; got made 1; needed --product-version"),
    ):
        refused = kept("new", *more)
        assert refused.code == 1 and said in refused.err and refused.err.count("\n") == 1
    assert {path: path.read_bytes() for path in before} == before
    replaced = kept("new", "--product-version", "2", "--replace")
    assert replaced.code == 0 and "4.00 ha kept as made 2" in replaced.out


def test_slivers_are_listed_and_repairs_tell_the_change_of_area(tmp_path, command):
    place = made_decade.write_site(tmp_path / "site")
    west, south = made_decade.WEST, made_decade.SOUTH
    bow = shapely.Polygon(
        [(west, south), (west + 100, south + 100), (west + 100, south), (west, south + 100)]
    )
    rows = [bow, shapely.box(west + 500, south, west + 600, south + 100)]
    rows.append(shapely.box(west + 599.9, south, west + 700, south + 100))
    titles = gpd.GeoDataFrame(
        {"nom_comuni": ["a", "b", "c"], "estado": "x", "area_titul": 1.0}, geometry=rows, crs="EPSG:32719"
    )
    titles.to_parquet(tmp_path / "c.parquet")
    site, store = Site.load(place), Store(tmp_path / "store")
    import_zone(site, store, "native-communities", str(tmp_path / "c.parquet"), date=made_decade.TAKEN)
    said = command("zones", "check", "--site", place, "--store", store.folder).out
    assert "invalid ring" in said and "->" in said
    assert "sliver of 0.00" in said and "native-communities:b" in said and "native-communities:c" in said


def test_status_names_date_age_and_state_of_every_layer(decade, command):
    said = command("zones", "status", "--date", "2026-02-01", "--json", *decade)
    rows = {row["layer"]: row for row in map(json.loads, said.out.splitlines())}
    assert rows["mining-cadastre"]["age_days"] == 31 and rows["mining-cadastre"]["state"] == "in use"
    assert rows["oil-lots"]["date"] is None and rows["oil-lots"]["by_hand"]
