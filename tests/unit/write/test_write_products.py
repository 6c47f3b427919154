import json
from xml.etree import ElementTree

import pandas as pd
import pyogrio
import pystac
import pytest
import shapely

from selvawatch.core.files import file_digest, folder_digests
from selvawatch.core.schema import Tier
from selvawatch.core.tables import ALERTS, CELLS, EVENTS, RIGHTS
from selvawatch.errors import TableError
from selvawatch.write import tiers
from selvawatch.write.bulletin.bulletin_model import Reference, TileCoverage
from selvawatch.write.bulletin.overview import Mark, overview_svg
from selvawatch.write.formats.companions import write_dictionary
from selvawatch.write.formats.geojson import write_geojson
from selvawatch.write.formats.geoparquet import write_geoparquet
from selvawatch.write.formats.gpx import write_gpx
from selvawatch.write.formats.kml import write_kml
from selvawatch.write.formats.stac_catalogue import Product, write_stac
from selvawatch.write.language.i18n import language
from write_data import CRS, DATA_DAY, HOSTILE, OPEN_RULE, alerts, bulletin, hostile_alerts, real_alerts


def released(tier=Tier.RESTRICTED, frame=None, table=ALERTS):
    return tiers.apply(
        table,
        real_alerts() if frame is None else frame,
        tiers.Gate(tier=tier, rule=OPEN_RULE, data_day=DATA_DAY),
    )


@pytest.mark.parametrize("write", [write_kml, write_gpx])
@pytest.mark.parametrize("tier", list(Tier))
def test_field_files_are_read_by_gdal_and_lie_where_the_alerts_lie(tmp_path, write, tier):
    out = released(tier)
    path = tmp_path / f"alerts.{write.__name__[-3:]}"
    if write is write_gpx and tier is not Tier.RESTRICTED:
        with pytest.raises(TableError, match="needed tier restricted; give --tier restricted"):
            write(path, out, language("es"))
        assert not path.exists()
        return
    write(path, out, language("es"))
    layers = ["waypoints"] if write is write_gpx else [name for name, _ in pyogrio.list_layers(path)]
    back = pd.concat([pyogrio.read_dataframe(path, layer=layer) for layer in layers])
    assert len(back) == len(out.frame)
    moved = back.geometry.to_crs(CRS).bounds.mean()
    assert moved.to_numpy() == pytest.approx(out.frame.geometry.bounds.mean().to_numpy(), abs=700)


@pytest.mark.parametrize("write", [write_kml, write_gpx])
def test_field_files_take_hostile_texts_and_equal_inputs_give_equal_bytes(tmp_path, write):
    out = released(frame=hostile_alerts().assign(alert_id=list(HOSTILE)))
    first, second = (write(tmp_path / name, out, language("en")).read_bytes() for name in ("a.xml", "b.xml"))
    assert first == second and b"\x00" not in first and b"<script" not in first
    assert "\u202e".encode() not in first
    ElementTree.fromstring(first)


def test_field_files_of_the_public_tier_say_that_places_are_squares(tmp_path):
    text = write_kml(tmp_path / "a.kml", released(Tier.PUBLIC), language("es")).read_text()
    assert text.count("El contorno es un cuadro de la cuadrícula") == 8
    assert "cuadrícula" not in write_kml(tmp_path / "b.kml", released(), language("es")).read_text()


def test_events_go_to_the_field_too_and_rights_do_not(tmp_path):
    events = alerts(3, table=EVENTS, cause=["mining", "road", "river"])
    assert write_gpx(tmp_path / "e.gpx", released(frame=events, table=EVENTS), language("es")).exists()
    with pytest.raises(TableError, match="table rights"):
        write_gpx(tmp_path / "r.gpx", released(frame=alerts(2, table=RIGHTS), table=RIGHTS), language("es"))


def products(folder):
    out = released()
    return (
        Product(
            id="alerts",
            title="Alertas",
            geometry=shapely.box(-70.2, -12.9, -70, -12.7),
            files={
                "geoparquet": write_geoparquet(folder / "tables" / "alerts.parquet", out, {}),
                "dictionary": write_dictionary(folder / "tables" / "diccionario.csv", (ALERTS, CELLS)),
            },
        ),
        Product(
            id="x0001y0002",
            title="x0001y0002",
            geometry=shapely.box(-70.1, -12.8, -70, -12.7),
            files={"geojson": write_geojson(folder / "tiles" / "x.geojson", out)},
            properties={"proj:code": CRS},
        ),
    )


def test_the_catalogue_is_valid_movable_and_names_every_byte(tmp_path):
    folder = tmp_path / "run"
    path = write_stac(folder, bulletin().run, "la-pampa", "La Pampa", products(folder))
    moved = folder.rename(tmp_path / "elsewhere")
    catalogue = pystac.Catalog.from_file(str(moved / path.name))
    items = list(catalogue.get_items(recursive=True))
    assert [item.id for item in items] == ["alerts", "x0001y0002"]
    for item in items:
        assert item.datetime.date().isoformat() == "2026-06-30"
        assert item.properties["selvawatch:run_id"] == bulletin().run.run_id
        for asset in item.assets.values():
            file = moved / pystac.utils.make_absolute_href(asset.href, item.self_href)
            assert asset.extra_fields["file:checksum"] == "1220" + file_digest(file)
            assert asset.extra_fields["file:size"] == file.stat().st_size
    for file in moved.rglob("*.json"):
        links = json.loads(file.read_text()).get("links", [])
        assert all(link["href"].startswith(".") for link in links if link["rel"] != "self")
        assert str(tmp_path) not in file.read_text()


def test_equal_runs_have_equal_catalogues(tmp_path):
    for name in "ab":
        write_stac(tmp_path / name, bulletin().run, "la-pampa", "La Pampa", products(tmp_path / name))
    assert folder_digests(tmp_path / "a") == folder_digests(tmp_path / "b")


def test_a_file_outside_the_catalogue_is_refused(tmp_path):
    product = products(tmp_path / "other")[0]
    with pytest.raises(ValueError, match="not in the subpath"):
        write_stac(tmp_path / "run", bulletin().run, "a", "A", (product,))


def test_the_overview_is_plain_xml_with_every_mark():
    area = shapely.box(-70.2, -12.9, -70.0, -12.7)
    observations = (TileCoverage(tile="x1", outline=area, observed_share=0.0),)
    lines = tuple(
        Reference(kind=kind, name=text, geometry=shapely.LineString([(-70.3, -12.8), (-69.9, -12.8)]))
        for kind, text in zip(("road", "river", "strange"), HOSTILE, strict=False)
    )
    marks = tuple(Mark(number=n, lon=-70.1, lat=-12.8, colour="#b02a30") for n in (1, 2))
    svg = overview_svg(area, observations, lines, marks, HOSTILE[0])
    root = ElementTree.fromstring(svg)
    names = {element.tag.split("}")[1] for element in root.iter()}
    assert names == {"svg", "title", "rect", "path", "text"}
    assert [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")][:2] == ["2", "1"]
