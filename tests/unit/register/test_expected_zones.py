"""A layer of isolated peoples is believed for what it holds, and what nobody checked opens nothing."""

import datetime as dt
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import affinity

from conftest import ROOT
from selvawatch.core.files import write_checked_json
from selvawatch.core.hectares import equal_area_crs
from selvawatch.core.settings import load
from selvawatch.demo.layout import TILE
from selvawatch.errors import LayerError
from selvawatch.register import snapshots
from selvawatch.register.entries import ExpectedZone, Fetch, LayerEntry
from selvawatch.register.expected_zones import misfits
from selvawatch.register.manifest import Manifest, read_register
from selvawatch.register.site_extent import SiteExtent
from selvawatch.register.snapshot_index import INDEX, import_order, indexed
from selvawatch.register.snapshots import Origin, accept, keep, records, stored_snapshots
from selvawatch.simulate.archive.rights_register import ZONES, outline
from selvawatch.site import SiteFile

LON, LAT = -70.8, -11.7
EQUAL_AREA = equal_area_crs(LON, LAT)
HERE = SiteExtent(west=-70.7, south=-13.3, east=-69.2, north=-12.2)
SHAPE = shapely.Polygon([(0, 0), (60, 0), (60, 20), (25, 30), (20, 100), (0, 100)])
"""Kilometres; nothing that lies mirrored on itself."""


def reserve(shape=SHAPE):
    """The ground of the reserve in degrees, its middle at `LON`, `LAT`."""
    middle = SHAPE.centroid
    metres = affinity.scale(affinity.translate(shape, -middle.x, -middle.y), 1000, 1000, origin=(0, 0))
    return gpd.GeoSeries([metres], crs=EQUAL_AREA).to_crs(4326)[0]


ZONE = ExpectedZone(name="Reserva de Prueba", ha=SHAPE.area * 100, lon=LON, lat=LAT)


def entry(expected=(ZONE,), lost=0.0, **rest):
    fetch = Fetch(kind="arcgis", url="http://a.example", layer="0", max_lost_share=lost)
    return LayerEntry(
        name="peoples", title="x", kind="zone", type="isolated_peoples", source="x", licence="x", fetch=fetch,
        open_ended=True, expected=tuple(expected), **rest,
    )  # fmt: skip


def layer(*shapes, names=("RESERVA  DE PRUEBA",)):
    return gpd.GeoDataFrame({"zr": list(names)}, geometry=list(shapes), crs=4326)


def kept(root, frame, day=1, confirmed=False, one=None):
    origin = Origin(date=dt.date(2026, 10, day), address="x", extent=HERE, confirmed=confirmed)
    return keep(root, one or entry(), frame, origin=origin, equal_area=EQUAL_AREA, salt=b"s")


def register(root, one=None):
    one = one or entry()
    snapshots = stored_snapshots(root, [one.name])
    return read_register(
        Manifest(layer=(one,)), snapshots, crs="EPSG:32719", equal_area=equal_area_crs(-70, -13)
    )[0]


WRONG = {
    "moved by 40 km": affinity.translate(reserve(), 0.36, 0),
    "mirrored at the equator": affinity.scale(reserve(), 1, -1, origin=(0, 0)),
    "with its axes swapped": shapely.transform(reserve(), lambda at: at[:, ::-1]),
    "tiny": reserve().centroid.buffer(0.01),
    "twice as large": affinity.scale(reserve(), 1.42, 1.42),
    "emptied": shapely.Polygon(),
    "without a geometry": None,
    "a point": reserve().centroid,
    "a line": reserve().exterior,
}


@pytest.mark.parametrize("what", WRONG)
def test_a_reserve_that_is_not_the_expected_one_is_refused_in_one_line_and_nothing_is_kept(tmp_path, what):
    with pytest.raises(LayerError) as caught:
        kept(tmp_path, layer(WRONG[what]))
    said = str(caught.value)
    assert "peoples" in said and "\n" not in said and list(tmp_path.rglob("*.*")) == []


def test_a_refusal_says_what_was_found_what_is_expected_and_what_to_do(tmp_path):
    with pytest.raises(LayerError) as caught:
        kept(tmp_path, layer(WRONG["tiny"]))
    said = str(caught.value)
    assert "got Reserva de Prueba has 378 ha" in said
    assert (
        f"{ZONE.ha:,.0f} ha ± 5%" in said and "within 15 km of -70.8, -11.7" in said and "--confirm" in said
    )


@pytest.mark.parametrize(
    "names", [("Otra reserva",), ("Reserva de Pruebas",), (None,), ("reserva prueba",)], ids=str
)
def test_the_right_ground_under_another_name_is_refused(tmp_path, names):
    with pytest.raises(LayerError, match="no feature is named Reserva de Prueba"):
        kept(tmp_path, layer(reserve(), names=names))


def test_a_name_is_found_whatever_its_case_accents_and_column_and_parts_count_together(tmp_path):
    west, east = shapely.box(-80, -20, LON, 0), shapely.box(LON, -20, -60, 0)
    halves = [reserve().intersection(west), reserve().intersection(east)]
    frame = gpd.GeoDataFrame(
        {
            "id": [1, 2, 3],
            "tipo": "R. Territorial",
            "nombre": ["«Réserva de  PRUEBA» (norte)", "RESERVA-DE-PRUEBA", "Otra"],
        },
        geometry=[*halves, affinity.translate(halves[0], 1.5, 0)],
        crs=4326,
    )
    assert misfits(frame, entry()) == ()
    assert kept(tmp_path, frame).state == "accepted"
    assert misfits(frame.iloc[1:], entry()) != ()


def test_an_expected_layer_opens_the_lower_tiers_and_an_unexpected_one_only_when_confirmed(tmp_path):
    kept(tmp_path / "right", layer(reserve()))
    assert "isolated_peoples" in register(tmp_path / "right").types_present()
    record = kept(tmp_path / "wrong", layer(WRONG["tiny"]), confirmed=True)
    assert record.confirmed and any("confirmed by hand" in one for one in record.remarks)
    assert "isolated_peoples" in register(tmp_path / "wrong").types_present()
    assert not kept(tmp_path / "right", layer(reserve()), day=2, confirmed=True).confirmed


def test_a_layer_kept_by_an_earlier_version_guards_its_ground_and_opens_nothing(tmp_path):
    kept(tmp_path, layer(WRONG["tiny"], names=["x"]), one=entry(expected=[zone_like(WRONG["tiny"], "x")]))
    found = register(tmp_path)
    assert "isolated_peoples" not in found.types_present()
    assert not found.could_hold("isolated_peoples", np.array([20_000]))[0]
    assert (found.rights["type"] == "isolated_peoples").sum() == 1
    believed = register(tmp_path, entry(expected=[zone_like(WRONG["tiny"], "x")]))
    assert "isolated_peoples" in believed.types_present() and believed.version != found.version


def zone_like(shape, name):
    ha = gpd.GeoSeries([shape], crs=4326).to_crs(EQUAL_AREA).area[0] / 1e4
    return ExpectedZone(name=name, ha=ha, lon=shape.centroid.x, lat=shape.centroid.y)


def test_an_entry_that_expects_nothing_asks_each_time(tmp_path):
    with pytest.raises(LayerError, match=r"no zone is expected.*needed \[\[layer\.expected\]\].*--confirm"):
        kept(tmp_path, layer(reserve()), one=entry(expected=()))
    assert kept(tmp_path, layer(reserve()), one=entry(expected=()), confirmed=True).confirmed


def test_the_demo_expects_the_reserve_that_its_tile_has():
    (demo,) = [
        one for one in load(Manifest, ROOT / "aoi" / "demo" / "zones.toml").layer if one.tells_isolated
    ]
    tile = load(SiteFile, ROOT / "aoi" / "demo" / "site.toml").grid.tile(TILE)
    shape, name = outline(tile, "isolated"), ZONES["isolated_peoples"][1]["nombre"]
    frame = gpd.GeoDataFrame({"nombre": [name]}, geometry=[shape], crs=tile.grid.crs)
    assert misfits(frame, demo) == () != misfits(frame.set_geometry(frame.buffer(2000)), demo)


@pytest.mark.parametrize("change", ["mirrored on itself", "moved by 3 km"])
def test_ground_that_is_no_longer_guarded_is_a_loss_though_name_area_and_middle_fit(tmp_path, change):
    kept(tmp_path, layer(reserve()))
    mirrored = reserve(affinity.scale(SHAPE, -1, 1, origin=SHAPE.centroid))
    other = mirrored if change == "mirrored on itself" else affinity.translate(reserve(), 0.027, 0)
    held = kept(tmp_path, layer(other), day=2)
    assert held.state == "quarantined" and "of guarded ground lost against 2026-10-01" in held.why
    assert len(stored_snapshots(tmp_path, ["peoples"])) == 1
    assert accept(tmp_path, "peoples").state == "accepted"


def test_an_import_that_loses_features_asks_and_is_used_when_confirmed(tmp_path):
    by_hand = LayerEntry(
        name="lots", title="x", kind="aside", type="oil_lot", source="x", licence="x", open_ended=True
    )
    squares = [shapely.box(LON + n / 9, LAT, LON + n / 9 + 0.1, LAT + 0.1) for n in range(3)]
    kept(tmp_path, layer(*squares, names="abc"), one=by_hand)
    held = kept(tmp_path, layer(*squares[:2], names="ab"), day=2, one=by_hand)
    assert held.state == "quarantined" and "33.3% of" in held.why
    used = kept(tmp_path, layer(*squares[:2], names="ab"), day=2, one=by_hand, confirmed=True)
    assert used.state == "accepted" and "confirmed by hand: 33.3% of" in used.remarks[0]
    assert kept(tmp_path, layer(*squares, names="abc"), day=3, one=by_hand).state == "accepted"


LOTS = LayerEntry(
    name="lots", title="x", kind="aside", type="oil_lot", source="x", licence="x", open_ended=True
)


@pytest.mark.parametrize("order", ["ab", "ba", "aba", "bab"])
def test_of_several_imports_of_one_day_the_last_stands_on_every_reader(tmp_path, order):
    shapes = {
        "a": shapely.box(LON, LAT, LON + 0.1, LAT + 0.1),
        "b": shapely.box(LON, LAT, LON + 0.1, LAT + 0.1001),
    }
    for name in order:
        last = kept(tmp_path / "s", layer(shapes[name], names=[name]), one=LOTS, confirmed=True)
    assert "it replaces what was kept of that day: 1 features" in last.remarks[-1]
    copied = shutil.copytree(tmp_path / "s", tmp_path / "copy")
    for root in (tmp_path / "s", copied):
        assert records(root, "lots")[-1].sha256 == last.sha256
        rights = register(root, LOTS).rights
        assert rights["snapshot_sha256"].tolist() == [last.sha256]
        backwards = stored_snapshots(root, ["lots"])[::-1]
        read, _ = read_register(
            Manifest(layer=(LOTS,)), backwards, crs="EPSG:32719", equal_area=equal_area_crs(-70, -13)
        )
        pd.testing.assert_frame_equal(read.rights, rights)
        assert read.layers[0].sha256 == last.sha256


def test_of_references_of_one_day_the_one_imported_last_is_measured_to(tmp_path):
    roads = LayerEntry(name="lots", title="x", kind="reference", type="road", source="x", licence="x")
    for order in ("ab", "ba"):
        for name in order:
            line = shapely.LineString([(LON, LAT), (LON + 0.1, LAT + (name == "a"))])
            kept(tmp_path / order, layer(line, names=[name]), one=roads, confirmed=True)
        snapshots = stored_snapshots(tmp_path / order, ["lots"])
        for given in (snapshots, snapshots[::-1]):
            _, found = read_register(
                Manifest(layer=(roads,)), given, crs="EPSG:32719", equal_area=equal_area_crs(-70, -13)
            )
            height = found.roads.to_crs(4326).total_bounds[3]
            assert (height > LAT + 0.5) == (order[-1] == "a")


@pytest.mark.parametrize(
    "rest",
    [{"ha": 0}, {"ha": -1}, {"ha": float("nan")}, {"lon": 200}, {"name": " "}, {"ha_tolerance": 1.0}],
    ids=str,
)
def test_an_expected_zone_that_nothing_or_everything_fits_is_refused(rest):
    with pytest.raises(ValueError, match="expected zone"):
        ExpectedZone(**{"name": "a", "ha": 1.0, "lon": 0.0, "lat": 0.0, **rest})


@pytest.mark.parametrize("what", ["its name alone", "another area", "another place", "swapped axes"])
def test_the_packaged_entry_refuses_a_reserve_that_is_not_that_of_madre_de_dios(command, tmp_path, what):
    middle, wide, high = (-70.781, -11.667), 0.4, 0.437
    if what in ("its name alone", "another area"):
        wide, high = 0.02, 0.02
    if what == "another place":
        middle = (-70.4, -11.667)
    (x, y), name = middle, "Reserva Territorial Madre de Dios"
    shape = shapely.box(x - wide, y - high, x + wide, y + high)
    if what == "swapped axes":
        shape = shapely.transform(shape, lambda at: at[:, ::-1])
    frame = gpd.GeoDataFrame({"nombre": [name]}, geometry=[shape], crs=4326)
    frame.to_file(tmp_path / "p.geojson", driver="GeoJSON")
    words = ("zones", "import", "isolated-peoples", tmp_path / "p.geojson", "--store", tmp_path / "store")
    said = command(*words)
    assert said.code == 1 and "isolated-peoples: the layer is not what its entry expects; got " in said.error
    assert "needed Madre de Dios of 829,941 ha" in said.error and said.error.count("\n") == 0
    assert list((tmp_path / "store").rglob("*.parquet")) == []
    used = command(*words, "--confirm")
    assert used.code == 0 and "confirmed by hand: " in used.out
    status = command("zones", "status", "--store", tmp_path / "store").out
    assert "stay empty" not in status


def test_the_reserve_as_its_norm_has_it_is_taken_and_status_tells_of_a_second_import(command, tmp_path):
    for high in (0.4367, 0.43671):
        shape = shapely.box(-70.781 - 0.3935, -11.667 - high, -70.781 + 0.3935, -11.667 + high)
        frame = gpd.GeoDataFrame({"nombre": ["RT Madre de Dios"]}, geometry=[shape], crs=4326)
        frame.to_file(tmp_path / "p.geojson", driver="GeoJSON")
        place = ("--store", tmp_path / "store")
        said = command(
            "zones", "import", "isolated-peoples", tmp_path / "p.geojson", *place, "--date", "2026-10-01"
        )
        assert said.code == 0, said.error
    assert "it replaces what was kept of that day: 1 features" in said.out
    status = command("zones", "status", *place, "--date", "2026-10-02").out
    assert "1 features, in use, the last of 2 imports of that day" in status and "stay empty" not in status


def test_what_an_earlier_version_kept_unchecked_is_told_by_status(command, tmp_path, monkeypatch):
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.box(-70, -12.9, -69.9, -12.8)], crs=4326)
    frame.to_file(tmp_path / "p.geojson", driver="GeoJSON")
    place = ("--store", tmp_path / "store")
    with monkeypatch.context() as patched:
        patched.setattr(snapshots, "_doubts", lambda *_: ())
        assert command("zones", "import", "isolated-peoples", tmp_path / "p.geojson", *place).code == 0
    status = command("zones", "status", *place).out
    assert "is not what its entry expects (no feature is named Madre de Dios), so public" in status


def test_a_fetch_is_confirmed_layer_by_layer(command, tmp_path):
    site = tmp_path / "site"
    for part in ("aoi", "models"):
        shutil.copytree(ROOT / part, site / part)
    path = site / "aoi" / "zones.toml"
    path.write_text(path.read_text("utf-8").replace('contact = ""', 'contact = "a@example.org"'), "utf-8")
    said = command("zones", "fetch", "--confirm", "--site", site, "--store", tmp_path / "store")
    assert said.code == 1 and "which layers are confirmed; name them" in said.error


@pytest.mark.parametrize("name", ["a", "b"])
def test_an_index_of_an_earlier_version_has_no_order_and_the_next_import_stands_all_the_same(tmp_path, name):
    shapes = {
        "a": shapely.box(LON, LAT, LON + 0.1, LAT + 0.1),
        "b": shapely.box(LON, LAT, LON + 0.1, LAT + 0.1001),
    }
    kept_by_name = {
        one: kept(tmp_path, layer(shapes[one], names=[one]), one=LOTS, confirmed=True).sha256 for one in "ab"
    }
    files = indexed(tmp_path)
    write_checked_json(tmp_path / INDEX, {"files": files})
    assert import_order(tmp_path) == {}
    assert records(tmp_path, "lots")[-1].sha256 == max(kept_by_name.values())
    kept(tmp_path, layer(shapes[name], names=[name]), one=LOTS, confirmed=True)
    assert records(tmp_path, "lots")[-1].sha256 == kept_by_name[name]
    assert indexed(tmp_path) == files
