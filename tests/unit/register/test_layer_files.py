"""Files of layers from anywhere: read as what they state, or one line, at a cost that is limited."""

import json
import os
import sqlite3
import stat
import struct
import time
import zipfile

import geopandas as gpd
import numpy as np
import pytest
import shapely

from lying_services import HERE, ring
from selvawatch.errors import LayerError, SelvawatchError, SourceError
from selvawatch.register import archives
from selvawatch.register.archives import read_file
from selvawatch.register.coordinate_reference import is_located
from selvawatch.register.readers.isolated_reading import ReadingLimits
from selvawatch.register.vector_files import Reading, check_file, polygons, read_vector

SQUARES = [shapely.box(-70.2 + 0.02 * n, -12.9, -70.19 + 0.02 * n, -12.89) for n in range(2)]
HAYFORD = (
    'GEOGCS["GCS_unknown",DATUM["D_Unknown_based_on_International_1924",SPHEROID["International_1924",'
    '6378388.0,297.0]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]'
)


def frame(crs=4326, **columns):
    return gpd.GeoDataFrame({"A": [1, 2], **columns}, geometry=SQUARES, crs=4326).to_crs(crs)


def read(path, tmp_path, layer="", **rest):
    """The frame of a file as an import reads it, in this process, and remarks on it."""
    reading = Reading(extent=HERE, **rest)
    return read_file(path, layer, reading, tmp_path / f"scratch-{time.monotonic_ns()}"), reading.remarks


def collection(*coordinates, **members):
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": part}}
        for part in coordinates or ([ring(0)],)
    ]
    return json.dumps({"type": "FeatureCollection", **members, "features": features})


def west(found):
    return pytest.approx(found.total_bounds[0], abs=2e-6)


@pytest.mark.parametrize("name", ["a.geojson", "a.shp", "a.zip", "a.parquet"])
def test_a_named_pipe_is_refused_at_once(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(LayerError, match="a pipe, a socket or a device"):
        read(tmp_path / name, tmp_path)


def test_a_pipe_beside_a_shapefile_and_a_device_behind_a_link_are_refused(tmp_path):
    frame().to_file(tmp_path / "a.shp")
    (tmp_path / "a.dbf").unlink()
    os.mkfifo(tmp_path / "a.dbf")
    (tmp_path / "b.gpkg").symlink_to("/dev/zero")
    for name in ("a.shp", "b.gpkg"):
        with pytest.raises(LayerError, match="a pipe, a socket or a device"):
            read_vector(tmp_path / name, crs=4326)


def test_nothing_and_names_that_only_a_driver_knows_are_no_files(tmp_path):
    (tmp_path / "empty.gpkg").touch()
    (tmp_path / "folder.gdb").mkdir()
    for name in ("empty.gpkg", "folder.gdb"):
        with pytest.raises(LayerError, match="the file is empty"):
            check_file(tmp_path / name)
    for name in ("/vsicurl/http://127.0.0.1:9/a.gpkg", "/vsizip//etc/a.zip", "PG:host=127.0.0.1", "MEM:"):
        with pytest.raises(LayerError, match="no such file"):
            read_vector(name, crs=4326)


@pytest.mark.parametrize(
    ("crs", "known"),
    [("EPSG:4326", True), ("EPSG:24879", True), ("EPSG:32719", True), ("EPSG:31979", True),
     ("EPSG:5387", True),
     ("OGC:CRS84", True), ("EPSG:4618", True), (HAYFORD, False), ("EPSG:4022", False), ("EPSG:4035", False),
     (HAYFORD.replace("D_Unknown_based_on_International_1924", "D_Somewhere"), False),
     ("+proj=utm +zone=19 +south +ellps=intl", False), ("+proj=longlat +ellps=WGS84", False),
     ("+proj=utm +zone=19 +south +ellps=intl +towgs84=-279,175,-379", True)],
)  # fmt: skip
def test_a_crs_is_located_only_by_a_datum_that_is_known(crs, known):
    from pyproj import CRS

    assert is_located(CRS.from_user_input(crs)) == known


def test_a_prj_without_datum_is_not_wgs84_but_what_the_entry_declares(tmp_path):
    frame(4248).to_file(tmp_path / "a.shp")
    (tmp_path / "a.prj").write_text(HAYFORD)
    with pytest.raises(LayerError, match="does not tell its datum.*Unknown_based_on.*never guessed"):
        read(tmp_path / "a.shp", tmp_path)
    assert west(read(tmp_path / "a.shp", tmp_path, declared_crs="EPSG:4248")[0]) == -70.2
    with pytest.raises(LayerError, match="does not tell its datum"):
        read(tmp_path / "a.shp", tmp_path, declared_crs="EPSG:4022")
    with pytest.raises(LayerError, match="`crs` of the entry is no CRS"):
        read(tmp_path / "a.shp", tmp_path, declared_crs="nowhere")


@pytest.mark.parametrize(("srs_id", "code"), [(0, 4248), (-1, 24879), (99_999, 24879)])
def test_an_undefined_crs_of_a_geopackage_is_not_wgs84_but_what_the_entry_declares(tmp_path, srs_id, code):
    path = tmp_path / "a.gpkg"
    frame(code).to_file(path, layer="z")
    with sqlite3.connect(path) as base:
        base.create_function("ST_IsEmpty", 1, lambda _: 0)
        for name in [row[0] for row in base.execute("select name from sqlite_master where type='trigger'")]:
            base.execute(f'drop trigger "{name}"')
        for table in ("gpkg_geometry_columns", "gpkg_contents"):
            base.execute(f"update {table} set srs_id={srs_id}")
    with pytest.raises(LayerError, match="never guessed"):
        read(path, tmp_path)
    assert west(read(path, tmp_path, declared_crs=f"EPSG:{code}")[0]) == -70.2


@pytest.mark.parametrize(
    "member",
    [None, {"type": "link", "properties": {"href": "http://127.0.0.1:9/a"}},
     {"type": "name", "properties": {"name": "EPSG:999999"}}, {"type": "name", "properties": {"name": "x"}}],
)  # fmt: skip
def test_a_member_crs_that_tells_nothing_is_not_wgs84(tmp_path, member):
    path = tmp_path / "a.geojson"
    path.write_text(collection(crs=member))
    with pytest.raises(LayerError, match="never guessed"):
        read(path, tmp_path)
    assert len(read(path, tmp_path, declared_crs="EPSG:4326")[0]) == 1


def test_a_member_crs_is_heeded_and_without_one_the_entry_is(tmp_path):
    path, moved = tmp_path / "a.geojson", frame(24879).geometry.iloc[0]
    rings = [[list(corner) for corner in moved.exterior.coords]]
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::24879"}}
    path.write_text(collection(rings, crs=named))
    assert west(read(path, tmp_path)[0]) == -70.2
    path.write_text(collection(rings))
    assert west(read(path, tmp_path, declared_crs="EPSG:24879")[0]) == -70.2


def test_ordinates_in_the_other_order_are_put_right_where_only_so_they_lie_on_the_site(tmp_path):
    for code in (4326, 32719):
        turned = frame(code)
        swapped = shapely.transform(turned.geometry.to_numpy(), lambda x, y: (y, x), interleaved=False)
        turned.set_geometry(swapped).to_file(tmp_path / f"{code}.gpkg", layer="z")
        found, remarks = read(tmp_path / f"{code}.gpkg", tmp_path)
        assert west(found) == -70.2 and "in the other order" in remarks[0]
    frame().to_file(tmp_path / "right.gpkg", layer="z")
    assert read(tmp_path / "right.gpkg", tmp_path)[1] == []


@pytest.mark.parametrize(
    ("encoding", "cpg", "text"),
    [
        ("UTF-8", None, "Concesión Ñandú"),
        ("ISO-8859-1", None, "Concesión Ñandú"),
        ("UTF-8", "1252", "Concesión Ñandú"),
        ("cp1252", "ANSI 1252", "Concesión Ñandú"),
        ("ISO-8859-1", "88591", "Concesión Ñandú"),
        ("UTF-8", "nonsense", "Concesión Ñandú"),
        ("cp1252", None, "Concesión “Ñandú”"),
        ("UTF-8", "UTF-8", "Iñapari 10"),
    ],
)
def test_accents_of_a_shapefile_survive_a_missing_or_wrong_cpg(tmp_path, encoding, cpg, text):
    frame(NOM=[text, "Ñ"]).to_file(tmp_path / "a.shp", encoding=encoding)
    (tmp_path / "a.cpg").unlink(missing_ok=True)
    if cpg:
        (tmp_path / "a.cpg").write_text(cpg)
    assert read(tmp_path / "a.shp", tmp_path)[0]["NOM"].tolist() == [text, "Ñ"]


def test_texts_that_are_not_in_the_stated_encoding_are_refused_unless_the_entry_says_which(tmp_path):
    frame(NOM=["Concesión Ñandú", "x"]).to_file(tmp_path / "a.shp", encoding="ISO-8859-1")
    (tmp_path / "a.cpg").write_text("UTF-8")
    with pytest.raises(LayerError, match="not in the encoding.*utf-8.*`encoding`"):
        read(tmp_path / "a.shp", tmp_path)
    found, _ = read(tmp_path / "a.shp", tmp_path, encoding="ISO-8859-1")
    assert found["NOM"].iloc[0] == "Concesión Ñandú"
    text = collection().replace('"properties": {}', '"properties": {"a": "ó"}')
    (tmp_path / "b.geojson").write_bytes(text.encode("latin-1"))
    with pytest.raises(LayerError, match="not in the encoding"):
        read(tmp_path / "b.geojson", tmp_path)


NAN = float("nan")


@pytest.mark.parametrize(
    "coordinates",
    [
        [[[NAN, -12.9], *ring(0)[1:]]],
        [[*ring(0)[:2], [NAN, -12.9], *ring(0)[3:]]],
        [ring(0)[:2]],
        [[[1e300, 1e300], *ring(0)[1:-1], [1e300, 1e300]]],
    ],
)
def test_coordinates_that_are_none_are_one_line(tmp_path, coordinates):
    (tmp_path / "a.geojson").write_text(collection(coordinates))
    with pytest.raises(LayerError) as caught:
        read(tmp_path / "a.geojson", tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["<html>log in</html>", "{", collection()[:150], collection().replace("-70.2", "1e999"), "[" * 100_000,
     collection().replace('"properties": {}', f'"properties": {{"a": {"9" * 400}}}'),
     '{"type": "FeatureCollection"}'],
)  # fmt: skip
def test_what_is_no_layer_is_one_line(tmp_path, text):
    (tmp_path / "a.geojson").write_text(text)
    with pytest.raises(LayerError, match="cannot be read|has no geometry") as caught:
        read(tmp_path / "a.geojson", tmp_path)
    assert "\n" not in str(caught.value)


def packed(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def test_a_layer_is_found_in_any_folder_of_a_zip_and_in_a_zip_of_it(tmp_path):
    litter = [("__MACOSX/a/._b.geojson", b"\0" * 9), (".DS_Store", b"x"), ("leeme.txt", b"x")]
    deep = packed(tmp_path / "a.zip", [("a/b/c.geojson", collection()), *litter])
    assert len(read(deep, tmp_path)[0]) == 1
    nested = packed(tmp_path / "b.zip", [("x/a.zip", deep.read_bytes())])
    assert len(read(nested, tmp_path)[0]) == 1
    with pytest.raises(SourceError, match="archives lie in archives"):
        read(packed(tmp_path / "c.zip", [("b.zip", nested.read_bytes())]), tmp_path)
    two = packed(tmp_path / "two.zip", [("a.geojson", collection()), ("b.geojson", collection())])
    with pytest.raises(SourceError, match="not one vector file.*a.geojson.*b.geojson"):
        read(two, tmp_path)
    assert len(read(two, tmp_path, layer="b")[0]) == 1


LINK = zipfile.ZipInfo("a.geojson")
LINK.external_attr = (stat.S_IFLNK | 0o777) << 16


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("../../a.geojson", collection())], "links or worse"),
        ([("/tmp/a.geojson", collection())], "links or worse"),
        ([("..\\a.geojson", collection())], "links or worse"),
        ([("C:\\a.geojson", collection())], "links or worse"),
        ([("a" * 300 + ".geojson", collection())], "links or worse"),
        ([(LINK, "/etc/passwd")], "links or worse"),
        ([(f"{number}.txt", b"") for number in range(30)], "too many files"),
        ([("a.txt", b"")], "not one vector file"),
        ([], "not one vector file"),
    ],
)
def test_zips_that_lead_elsewhere_or_hold_no_layer_are_refused(tmp_path, monkeypatch, files, words):
    monkeypatch.setattr(archives, "MOST_FILES", 20)
    with pytest.raises(SourceError, match=words):
        read(packed(tmp_path / "a.zip", files), tmp_path)
    assert not (tmp_path.parent / "a.geojson").exists()


def test_a_zip_that_holds_more_than_it_says_is_stopped(tmp_path, monkeypatch):
    path = packed(tmp_path / "a.zip", [("a.geojson", b" " * 100_000)])
    monkeypatch.setattr(archives, "LEAST_BYTES", 10_000)
    monkeypatch.setattr(archives, "LARGEST_RATIO", 1)
    with pytest.raises(SourceError, match="holds too much"):
        read(path, tmp_path)
    content = bytearray(path.read_bytes())
    entry = content.rfind(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 1000)
    path.write_bytes(content)
    with pytest.raises(SourceError, match="half an archive|holds too much"):
        read(path, tmp_path)


def isolated(path, **limits):
    return read_vector(path, crs=4326, reading=Reading(limits=ReadingLimits(**limits)))


def test_another_process_reads_what_this_one_does(tmp_path):
    frame(24879, NOM=["ñ", None], D=["2020-01-31", "x"]).to_file(tmp_path / "a.shp")
    here, there = read_vector(tmp_path / "a.shp", crs=4326), isolated(tmp_path / "a.shp")
    assert here.equals(there) and here.crs == there.crs
    with pytest.raises(LayerError, match="no such layer; got b"):
        isolated(f"{tmp_path / 'a.shp'}:b")


def test_a_layer_that_costs_too_much_is_one_line_and_the_next_is_read(tmp_path):
    ground = [shapely.Polygon(np.random.default_rng(n).random((200_000, 2))) for n in range(2)]
    gpd.GeoDataFrame({"A": [1, 2]}, geometry=ground, crs=4326).to_parquet(tmp_path / "large.parquet")
    frame().to_file(tmp_path / "a.gpkg", layer="z")
    with sqlite3.connect(tmp_path / "a.gpkg") as base:
        base.execute(
            "create view v as with recursive c(x) as (select 1 union all select x + 1 from c)"
            " select x as fid, (select geom from z limit 1) as geom from c"
        )
        columns = "table_name, data_type, identifier, srs_id"
        base.execute(f"insert into gpkg_contents({columns}) values('v', 'features', 'v', 4326)")
        base.execute("insert into gpkg_geometry_columns values('v', 'geom', 'POLYGON', 4326, 0, 0)")
    assert len(isolated(tmp_path / "a.gpkg:z")) == 2
    with pytest.raises(LayerError, match="400002 vertices; needed 1000 or less"):
        isolated(tmp_path / "large.parquet", vertices=1000)
    with pytest.raises(LayerError, match="takes too long"):
        isolated(tmp_path / "a.gpkg:v", seconds=0.5)
    with pytest.raises(LayerError, match="memory"):
        isolated(tmp_path / "large.parquet", memory_bytes=4_000_000)
    assert len(isolated(tmp_path / "a.gpkg:z")) == 2


def test_rings_that_cross_themselves_without_end_are_refused_before_they_are_mended():
    wild = shapely.Polygon(np.random.default_rng(1).random((300, 2)) * 1000)
    few = shapely.Polygon(np.random.default_rng(1).random((20, 2)) * 1000)
    assert polygons(np.array([few], object), ["0"])[1][0].what == "invalid ring"
    with pytest.raises(
        LayerError, match="row 1.*cross themselves too often|cross themselves too often.*row 1"
    ):
        polygons(np.array([few, wild], object), ["0", "1"])


def test_every_refusal_is_an_error_of_the_program():
    assert issubclass(LayerError, SelvawatchError) and issubclass(SourceError, SelvawatchError)


def test_a_product_is_not_kept_of_a_layer_that_lacks_geometries(tmp_path, command):
    path = tmp_path / "a.geojson"
    path.write_text(collection([ring(0)], []).replace('"coordinates": []', '"coordinates": [[]]'))
    said = command("attribute", "--loss", path, "--register-as", "p", "--store", tmp_path / "store")
    assert said.code == 1 and "features have no geometry; got 1 of 2" in said.err
    assert not (tmp_path / "store" / "products" / "p").exists()
