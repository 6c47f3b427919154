"""GeoPackage with aliases, domains and styles, QGIS project and shapefile, as desktop programs open them."""

import sqlite3
import zipfile
from contextlib import closing
from xml.etree import ElementTree

import geopandas as gpd
import pyogrio
import pytest
import shapely

from selvawatch.core.files import folder_digests
from selvawatch.core.schema import Tier
from selvawatch.core.tables import ALERTS, CAUSES, RIGHTS
from selvawatch.errors import TableError
from selvawatch.register.vector_files import read_vector
from selvawatch.write import tiers
from selvawatch.write.formats.desktop.gpkg import write_gpkg, write_people_gpkg
from selvawatch.write.formats.desktop.qgis_project import data_of_project, write_qgis
from selvawatch.write.formats.desktop.shapefile import FIELDS, _bytes_of, write_shapefile
from selvawatch.write.formats.endings import path_of_parts
from selvawatch.write.language.i18n import language
from write_data import DATA_DAY, OPEN_RULE, PROVENANCE, alerts, hostile_alerts, real_alerts

SPANISH = language("es")


def released(tier=Tier.RESTRICTED, frame=None, table=ALERTS):
    frame = real_alerts() if frame is None else frame
    return tiers.apply(table, frame, tiers.Gate(tier=tier, rule=OPEN_RULE, data_day=DATA_DAY))


def rows_of(path, query):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.RESTRICTED])
def test_a_geopackage_has_one_layer_an_alias_for_each_column_and_a_domain_for_each_of_codes(tmp_path, tier):
    out = released(tier)
    path = write_gpkg(tmp_path / "a.gpkg", out, PROVENANCE)
    assert [name for name, _ in pyogrio.list_layers(path)] == ["alerts"]
    columns = [column for column in out.table.columns if column.dtype != "geometry"]
    found = rows_of(path, "SELECT column_name, name, description, constraint_name FROM gpkg_data_columns")
    aliases = {name: alias for name, alias, _, _ in found}
    assert list(aliases) == [column.name for column in columns]
    assert aliases["first_detected"] == "Primera detección"
    assert len(set(aliases.values())) == len(aliases) and all(meaning for _, _, meaning, _ in found)
    query = "SELECT constraint_name, value, description FROM gpkg_data_column_constraints"
    codes = {(name, code): words for name, code, words in rows_of(path, query)}
    domains = {name: domain for name, _, _, domain in found if domain}
    assert set(domains) == {column.name for column in columns if column.choices}
    for column in (column for column in columns if column.choices):
        assert {code for name, code in codes if name == domains[column.name]} == set(column.choices)
    assert codes["alerts_status", "confirmed"] == "confirmada"
    assert ("alerts_isolated_peoples", "yes") in codes or tier is Tier.PUBLIC


def test_a_geopackage_for_people_has_styles_for_qgis_and_is_read_without_naming_its_layer(
    tmp_path,
):
    path = write_people_gpkg(tmp_path / "a.gpkg", released(), PROVENANCE, SPANISH)
    query = "SELECT f_table_name, f_geometry_column, styleName, useAsDefault, styleQML FROM layer_styles"
    styles = rows_of(path, query)
    assert [row[:4] for row in styles] == [("alerts", "geom", "Causa", 1), ("alerts", "geom", "Estado", 0)]
    (geometry,) = rows_of(path, "SELECT column_name FROM gpkg_geometry_columns")
    assert geometry == ("geom",)
    style = ElementTree.fromstring(styles[0][4].split("\n", 1)[1])
    categories = {one.get("value"): one.get("label") for one in style.iter("category")}
    assert set(categories) == {*CAUSES, "withdrawn"} and categories["mining"] == "posible minería"
    assert {one.get("name") for one in style.iter("symbol")} == {str(n) for n in range(len(categories))}
    for text in (row[4] for row in styles):
        made = list(ElementTree.fromstring(text.split("\n", 1)[1]).iter("category"))
        assert [one.get("value") for one in made if one.get("render") == "false"] == ["withdrawn"]
    assert {one.get("field"): one.get("name") for one in style.iter("alias")}["ha"] == "Área"
    assert len(pyogrio.read_dataframe(path, layer="alerts")) == 8
    assert len(read_vector(path, crs="EPSG:32719")) == 8


def test_a_qgis_project_opens_the_geopackage_beside_it_wherever_the_two_are_moved(tmp_path):
    (tmp_path / "made").mkdir()
    path = write_qgis(tmp_path / "made" / "alertas.qgz", released(), PROVENANCE, SPANISH)
    assert sorted(one.name for one in path.parent.iterdir()) == ["alertas.gpkg", "alertas.qgz"]
    moved = path.parent.rename(tmp_path / "moved")
    with zipfile.ZipFile(moved / "alertas.qgz") as archive:
        assert archive.namelist() == ["alertas.qgs"]
        text = archive.read("alertas.qgs").decode()
    assert str(tmp_path) not in text
    project = ElementTree.fromstring(text.split("\n", 1)[1])
    (layer,) = project.find("projectlayers")
    file, name = layer.findtext("datasource").split("|layername=")
    back = pyogrio.read_dataframe(moved / file, layer=name)
    assert file.startswith("./") and len(back) == 8
    assert layer.findtext("srs/spatialrefsys/authid") == back.crs.to_string() == "EPSG:32719"
    assert layer.findtext("id") == project.find("layer-tree-group/layer-tree-layer").get("id")
    extent = project.find("mapcanvas/extent")
    west, south, east, north = (float(extent.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax"))
    assert shapely.box(west, south, east, north).contains(shapely.box(*back.total_bounds))
    drawn_by = layer.find("renderer-v2").get("attr")
    assert drawn_by == """CASE WHEN "status" = 'withdrawn' THEN 'withdrawn' ELSE "cause" END"""
    rendering = layer.find("labeling/settings/rendering")
    assert (rendering.get("scaleMin"), rendering.get("scaleMax")) == ("0", "50000")
    assert write_qgis(tmp_path / "alertas.qgs", released(), PROVENANCE, SPANISH).read_text("utf-8") == text


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.RESTRICTED])
def test_a_shapefile_is_read_back_with_short_names_real_dates_and_the_texts_as_they_were(tmp_path, tier):
    out = released(tier)
    path = write_shapefile(tmp_path / "a.shp", out, PROVENANCE)
    parts = {"a.shp", "a.shx", "a.dbf", "a.prj", "a.cpg", "a-procedencia.json"}
    assert {one.name for one in tmp_path.iterdir()} == parts
    assert path.stat().st_size == _bytes_of(out.frame.geometry.to_numpy())
    back = gpd.read_file(path)
    assert len(back) == len(out.frame) and back.crs == out.frame.crs
    names = [name for name in back.columns if name != "geometry"]
    assert set(names) == {FIELDS[name] for name in FIELDS if name in out.frame.columns}
    assert all(len(name) <= 10 for name in names) and len(set(FIELDS.values())) == len(FIELDS)
    assert [f"{day:%Y-%m-%d}" for day in back["first_seen"]] == [
        f"{day:%Y-%m-%d}" for day in out.frame["first_detected"]
    ]
    assert back["ha"].tolist() == pytest.approx(out.frame["ha"].tolist(), abs=1e-6)
    assert back["alert_id"].tolist() == out.frame["alert_id"].tolist()
    assert back["legal"].tolist() == out.frame["legal_context"].tolist()
    assert shapely.equals_exact(back.geometry.normalize(), out.frame.geometry.normalize(), 1e-6).all()


def test_desktop_files_take_hostile_texts_and_no_rows_and_equal_inputs_give_equal_bytes(tmp_path):
    for name, frame in (("hostile", hostile_alerts()), ("empty", real_alerts(1).iloc[:0])):
        for copy in "ab":
            folder = tmp_path / name / copy
            folder.mkdir(parents=True)
            write_gpkg(folder / "a.gpkg", released(frame=frame), PROVENANCE)
            write_qgis(folder / "b.qgz", released(frame=frame), PROVENANCE, SPANISH)
            write_shapefile(folder / "c.shp", released(frame=frame), PROVENANCE)
        assert folder_digests(tmp_path / name / "a") == folder_digests(tmp_path / name / "b")
        assert len(gpd.read_file(tmp_path / name / "a" / "c.shp")) == len(frame)
        assert len(pyogrio.read_dataframe(tmp_path / name / "a" / "b.gpkg", layer="alerts")) == len(frame)


def test_a_geopackage_of_somebody_else_is_not_replaced_and_that_of_a_project_is(tmp_path):
    path = tmp_path / "a.qgz"
    (tmp_path / "a.gpkg").write_text("mine")
    with pytest.raises(TableError, match="would replace another file.*a.gpkg without a project"):
        data_of_project(path)
    (tmp_path / "a.qgs").write_text("project")
    assert data_of_project(path) == tmp_path / "a.gpkg"


@pytest.mark.parametrize(
    ("given", "meant"), [("a", "a.shp"), ("a.shp", "a.shp"), ("a.SHP", "a.shp"), ("a.2026", "a.2026.shp")]
)
def test_a_file_of_parts_is_called_what_its_parts_are(tmp_path, given, meant):
    assert path_of_parts(tmp_path / given, ".shp") == tmp_path / meant


def test_a_fault_of_a_shapefile_that_is_not_the_disks_is_not_called_one(tmp_path, monkeypatch):
    def refused(*_given, **_more):
        raise pyogrio.errors.FieldError("no such type of field")

    monkeypatch.setattr(pyogrio, "write_arrow", refused)
    with pytest.raises(TableError, match="a shapefile cannot hold these rows.*no such type of field"):
        write_shapefile(tmp_path / "a.shp", released(), PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_rights_have_no_style_and_no_project(tmp_path):
    rights = released(frame=alerts(2, table=RIGHTS), table=RIGHTS)
    path = write_people_gpkg(tmp_path / "r.gpkg", rights, {}, SPANISH)
    assert len(pyogrio.list_layers(path)) == 1
    with pytest.raises(TableError, match="only events and alerts have a style"):
        write_qgis(tmp_path / "r.qgz", rights, {}, SPANISH)
