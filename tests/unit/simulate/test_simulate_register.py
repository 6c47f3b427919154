"""The made-up register: official field names, dates, overlaps, nothing that names a person."""

import geopandas as gpd
import numpy as np
import pyogrio
import pytest

from selvawatch.core.grid import Grid
from selvawatch.simulate.archive.titles import mining_titles
from selvawatch.simulate.terrain.lines import draw_lines

LAYERS = {
    "mining_titles": "FEC_DENU",
    "forest_concessions": "FECINI",
    "native_communities": "fec_titulo",
    "farm_plots": "FEC_TITULO",
    "protected_areas": "anp_felec",
    "buffer_zones": "za_felea",
    "mining_corridor": "fec_inicio",
    "exclusion_zones": "fec_inicio",
    "isolated_peoples": "fec_inicio",
    "water_margins": "fec_inicio",
    "oil_lots": "fec_inicio",
}


@pytest.fixture(scope="module")
def titles() -> gpd.GeoDataFrame:
    tile = Grid(crs="EPSG:32719", resolution=10, tile_px=1024).tile("x0036y0838")
    lines = draw_lines(20240607, 1024, streams=7, river_width_px=13, river_shift_px=3)
    return mining_titles(tile, 20240607, lines.streams)


def test_every_layer_is_there_valid_and_dated(small_archive):
    assert [name for name, _ in pyogrio.list_layers(small_archive.register)] == list(LAYERS)
    for name, column in LAYERS.items():
        frame = gpd.read_file(small_archive.register, layer=name)
        assert frame.crs.to_epsg() == 32719
        assert frame.is_valid.all(), name
        assert frame[column].dtype.kind == "M", name


def test_titles_are_whole_cells_of_100_ha(titles):
    assert (titles.bounds % 1000 == 0).all().all()
    assert (titles.area % 1e6 == 0).all()
    np.testing.assert_allclose(titles.HASDATUM, titles.area / 1e4)


def test_titles_are_applied_for_then_granted_then_ended(titles):
    assert titles.CODIGOU.is_unique
    assert set(titles.LEYENDA) == {"TITULADO", "TRAMITE", "EXTINGUIDO"}
    granted = titles[titles.FEC_TITULO.notna()]
    assert (granted.LEYENDA != "TRAMITE").all()
    ended = titles[titles.FEC_EXTIN.notna()]
    assert (ended.FEC_EXTIN > ended.FEC_TITULO).all()
    titled = titles[titles.LEYENDA == "TITULADO"]
    assert (titled.FEC_TITULO > titled.FEC_DENU).all()


def test_extinguished_ground_is_asked_for_again(titles):
    ended = titles[titles.LEYENDA == "EXTINGUIDO"]
    for title in ended.itertuples():
        over = titles[titles.intersects(title.geometry.centroid) & (titles.FEC_DENU > title.FEC_EXTIN)]
        assert len(over), title.CODIGOU


def test_holders_are_plainly_made_up(titles):
    assert titles.TIT_CONCES.str.fullmatch(r"(EMPRESA MINERA|PERSONA) \d+").all()


def test_reference_lines_can_be_measured_to(small_archive):
    kinds = {"rivers": "Polygon", "streams": "LineString", "roads": "LineString", "districts": "Polygon"}
    for name, kind in kinds.items():
        frame = gpd.read_file(small_archive.reference, layer=name)
        assert len(frame)
        assert frame.is_valid.all()
        assert all(geometry.geom_type.endswith(kind) for geometry in frame.geometry)
    west, east = gpd.read_file(small_archive.reference, layer="districts").geometry
    assert west.intersection(east).area == pytest.approx(0, abs=1e-6)
