"""The register: what a source's columns become, what is repaired, and who was in force when."""

import datetime as dt
import json
import zipfile

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import attribute_made as made
from attribute_made import box, register, snapshot
from selvawatch.core.hectares import equal_area_crs, hectares
from selvawatch.errors import LayerError
from selvawatch.register.archives import read_file
from selvawatch.register.layer_rows import column_dates, holder_hash, holder_type, normalise_layer
from selvawatch.register.register import IN_FORCE, NOT_IN_FORCE, UNKNOWN, register_of, validity
from selvawatch.register.vector_files import Reading, read_vector, split_layer


def day(text: str) -> int:
    return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days


def state(rights, text: str, row: int = 0) -> int:
    return int(validity(rights.rights).states(np.array([row]), np.array([day(text)]))[0])


def test_a_right_is_in_force_from_its_first_day_through_its_last():
    rights = register(
        [{"type": "timber", "geometry": box(0, 0, 9, 9), "first": "2010-03-01", "last": "2020-02-29"}]
    )
    days = ["2010-02-28", "2010-03-01", "2020-02-29", "2020-03-01"]
    assert [state(rights, one) for one in days] == [NOT_IN_FORCE, IN_FORCE, IN_FORCE, NOT_IN_FORCE]


def test_a_contract_without_an_end_is_of_unknown_validity_and_a_title_is_open():
    rows = [{"type": "timber", "geometry": box(0, 0, 9, 9), "first": "2010-01-01"}]
    assert state(register(rows, open_ended=False), "2015-01-01") == UNKNOWN
    assert state(register(rows, open_ended=False), "2009-01-01") == NOT_IN_FORCE
    assert state(register(rows), "2015-01-01") == IN_FORCE


def test_an_undated_zone_is_in_force_only_while_it_is_seen_in_the_layer():
    rows = [{"type": "buffer", "geometry": box(0, 0, 9, 9), "first": None}]
    rights = register(rows, kind="zone", listed_is_valid=True)
    assert state(rights, "2025-12-31") == UNKNOWN
    assert state(rights, "2026-01-01") == IN_FORCE


def test_what_ended_on_an_unknown_day_is_unknown_before_the_snapshot_and_over_after_it():
    frame = gpd.GeoDataFrame(
        {
            "type": ["mining"],
            "key": ["1"],
            "name": [None],
            "first": ["2005-01-01"],
            "last": [None],
            "s": ["EXTINGUIDO"],
        },
        geometry=[box(0, 0, 9, 9)],
        crs=made.CRS,
    )
    entry = made.entry("made", status_column="s", ended_statuses=("EXTINGUIDO",))
    one = made.normalise_layer(frame, entry, equal_area=made.EQUAL_AREA, date=made.TAKEN, sha256="")
    rights = register_of([one], crs=made.CRS)
    assert [state(rights, text) for text in ("2004-01-01", "2010-01-01", "2026-01-01")] == [
        NOT_IN_FORCE,
        UNKNOWN,
        NOT_IN_FORCE,
    ]
    later = made.normalise_layer(
        frame, entry, equal_area=made.EQUAL_AREA, date=dt.date(2026, 5, 1), sha256="1"
    )
    assert len(register_of([one, later], crs=made.CRS)) == 1


def test_a_right_that_vanishes_from_the_layer_stays_in_the_register_until_that_snapshot():
    row = {"type": "mining", "geometry": box(0, 0, 9, 9), "first": "2001-01-01", "key": "A"}
    other = {**row, "key": "B"}
    first = snapshot([row, other], date=dt.date(2020, 1, 1))
    second = snapshot([other], date=dt.date(2021, 1, 1))
    rights = register_of([second, first], crs=made.CRS)
    assert list(rights.rights["right_id"]) == ["made:A", "made:B"]
    assert state(rights, "2020-06-01") == IN_FORCE
    assert state(rights, "2021-01-01") == NOT_IN_FORCE
    assert state(rights, "2021-01-01", row=1) == IN_FORCE


def test_a_right_that_moved_has_two_versions_and_one_of_them_stands_on_each_day():
    row = {"type": "mining", "geometry": box(0, 0, 9, 9), "first": "2001-01-01", "key": "A"}
    first = snapshot([row], date=dt.date(2020, 1, 1))
    second = snapshot([{**row, "geometry": box(5, 0, 14, 9)}], date=dt.date(2021, 1, 1))
    rights = register_of([first, second], crs=made.CRS)
    for text in ("1999-01-01", "2005-01-01", "2020-12-31", "2021-01-01", "2025-01-01"):
        states = [state(rights, text, row) for row in (0, 1)]
        wanted = [0, 0] if text < "2001" else [1, 0] if text < "2021" else [0, 1]
        assert states == wanted, text


def test_order_of_snapshots_and_rows_changes_no_byte_of_the_version():
    rows = [{"type": "mining", "geometry": box(x, 0, x + 9, 9), "key": "same"} for x in (0, 20, 40)]
    earlier = snapshot(rows, date=dt.date(2020, 1, 1))
    versions = {
        register_of(order, crs=made.CRS).version
        for order in ([earlier, snapshot(rows)], [snapshot(rows[::-1]), earlier])
    }
    assert len(versions) == 1


def test_rings_that_cross_themselves_are_repaired_and_the_change_is_listed():
    bow = shapely.Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    one = snapshot([{"type": "mining", "geometry": bow}, {"type": "mining", "geometry": None}])
    assert one.rights.geometry.is_valid.all()
    wanted = one.rights.geometry.to_crs(made.EQUAL_AREA).area.iloc[0] / 10_000
    assert one.rights["ha_here"].iloc[0] == pytest.approx(wanted, rel=1e-9) and 0.49 < wanted < 0.51
    assert [repair.what for repair in one.repairs] == ["invalid ring", "no geometry"]


def test_hectares_of_a_right_are_of_the_equal_area_projection_and_neither_planar_nor_the_registers():
    ring = box(0, 0, 5_000, 5_000)
    (right,) = snapshot(
        [{"type": "mining", "geometry": ring, "sig": 2500.0, "doc": 2400.0}],
        ha_register_column="sig",
        ha_column="doc",
    ).rights.to_dict("records")
    measured = hectares(np.array([ring]), made.CRS, made.EQUAL_AREA)[0]
    assert right["ha_here"] == pytest.approx(measured, rel=1e-14)  # its ring begins at another corner
    assert abs(right["ha_here"] - 2500.0) > 0.1
    assert (right["ha_legal"], right["ha_register"]) == (2400.0, 2500.0)


def test_the_version_of_a_register_does_not_follow_the_projection_of_its_hectares():
    """Runs find the register that they saw, whatever centre a later version measures hectares at."""
    frame = gpd.GeoDataFrame(
        {"type": ["mining"], "key": ["1"], "name": [None], "first": [None], "last": [None]},
        geometry=[box(0, 0, 5_000, 5_000)],
        crs=made.CRS,
    )
    found = [
        normalise_layer(frame, made.entry("made"), equal_area=crs, date=made.TAKEN, sha256="")
        for crs in (made.EQUAL_AREA, equal_area_crs(-69, -10))
    ]
    assert found[0].rights["ha_here"].iloc[0] != found[1].rights["ha_here"].iloc[0]
    assert len({register_of([one], crs=made.CRS).version for one in found}) == 1


def test_imported_vertices_stand_on_a_grid_of_one_millimetre():
    shape = shapely.Polygon([(0.00049, 0), (100.00051, 0.3), (50, 77.7777777)])
    coordinates = shapely.get_coordinates(
        snapshot([{"type": "mining", "geometry": shape}]).rights.geometry.to_numpy()
    )
    np.testing.assert_allclose(coordinates * 1000, np.round(coordinates * 1000), atol=1e-6)


def test_the_grid_of_the_import_does_not_snap_later_overlays():
    rights = snapshot([{"type": "mining", "geometry": box(0, 0, 10, 10)}]).rights
    assert (shapely.get_precision(rights.geometry.to_numpy()) == 0).all()


def test_milliseconds_before_1970_and_blank_texts_are_read_as_what_they_are():
    def days(values):
        return [str(day)[:10] for day in column_dates(pd.Series(values, name="d"), made.entry("x"))[0]]

    stamps = [-86_400_000 * 365, 1_262_304_000_000, np.nan]
    assert days(stamps) == ["1969-01-01", "2010-01-01", "NaT"]
    texts = [" ", "31/12/2010", "2010-12-31T00:00:00", None, "sin fecha"]
    assert days(texts) == ["NaT", "2010-12-31", "2010-12-31", "NaT", "NaT"]


def test_a_layer_whose_dates_fit_two_forms_is_refused_and_read_where_its_entry_names_one():
    texts = pd.Series(["01/02/2010", "03/04/2011"], name="FECHA")
    with pytest.raises(LayerError, match="layer x, column FECHA.*several forms.*date_form.*zones.toml"):
        column_dates(texts, made.entry("x"))
    read = column_dates(texts, made.entry("x", date_form="%d/%m/%Y"))[0]
    assert read.astype(str).tolist() == ["2010-02-01", "2011-04-03"]


def test_a_right_that_is_dated_by_its_year_is_of_unknown_validity_from_that_year_on():
    (right,) = snapshot([{"type": "mining", "geometry": box(0, 0, 9, 9), "first": "2010"}]).rights.to_dict(
        "records"
    )
    assert (str(right["valid_from"])[:10], right["dates_known"]) == ("2010-01-01", False)


def test_no_name_of_a_holder_enters_the_register():
    frame = gpd.GeoDataFrame(
        {
            "type": ["mining", "mining"],
            "key": ["1", "2"],
            "name": None,
            "first": None,
            "last": None,
            "holder": ["QUISPE MAMANI, JUAN", "MINERA AURÍFERA DEL SUR S.A.C."],
        },
        geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)],
        crs=made.CRS,
    )
    one = made.normalise_layer(
        frame,
        made.entry("made", holder_column="holder"),
        equal_area=made.EQUAL_AREA,
        date=made.TAKEN,
        sha256="",
        salt=b"s",
    )
    assert list(one.rights["holder_type"]) == ["natural_person", "company"]
    assert one.rights["holder_hash"].str.len().tolist() == [32, 32]
    assert "QUISPE" not in one.rights.to_csv()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("", "unknown"), ("COMUNIDAD NATIVA KOTSIMBA", "community"), ("MADERERA RIO E.I.R.L.", "company"),
     ("GOBIERNO REGIONAL", "state"), ("SALAS ROJAS, MARIA", "natural_person")],
)  # fmt: skip
def test_holders_are_sorted_by_their_names(name, kind):
    assert holder_type(name or None) == kind


def test_hashes_of_holders_ignore_accents_and_need_a_salt():
    assert (
        holder_hash("José  Pérez", b"x") == holder_hash("JOSE PEREZ", b"x") != holder_hash("JOSE PEREZ", b"y")
    )
    assert holder_hash("José Pérez", b"") is None


def test_a_layer_without_a_crs_is_refused_in_one_line(tmp_path):
    path = tmp_path / "bare.shp"
    with pytest.warns(UserWarning, match="crs"):
        gpd.GeoDataFrame({"a": [1]}, geometry=[box(0, 0, 1, 1)]).to_file(path)
    with pytest.raises(LayerError, match="has no CRS.*never guessed") as caught:
        read_vector(path, crs=made.CRS)
    assert "\n" not in str(caught.value)
    assert len(read_vector(path, crs=made.CRS, declared_crs=made.CRS)) == 1


def test_a_missing_file_and_a_missing_layer_are_named(tmp_path):
    with pytest.raises(LayerError, match="no such file"):
        read_vector(tmp_path / "none.gpkg", crs=made.CRS)
    path = tmp_path / "two.gpkg"
    for layer in ("a", "b"):
        gpd.GeoDataFrame({"x": [1]}, geometry=[box(0, 0, 1, 1)], crs=made.CRS).to_file(path, layer=layer)
    with pytest.raises(LayerError, match="name one, as two.gpkg:LAYER"):
        read_vector(path, crs=made.CRS)
    with pytest.raises(LayerError, match="no such layer"):
        read_vector(f"{path}:c", crs=made.CRS)
    assert split_layer(f"{path}:a") == (path, "a")


def test_a_file_that_is_no_layer_is_refused(tmp_path):
    path = tmp_path / "text.gpkg"
    path.write_text("not a database")
    with pytest.raises(LayerError, match="cannot be read"):
        read_vector(path, crs=made.CRS)


def leading(name, secret):
    """Bytes of a file whose content is where another file lies."""
    if name.startswith("stream"):
        read = f"gdal vector pipeline ! read {secret} ! write --of=stream streamed_dataset"
        return json.dumps({"type": "gdal_streamed_alg", "command_line": read}).encode()
    layer = f"<OGRVRTLayer name='a'><SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer>"
    return f"<OGRVRTDataSource>{layer}</OGRVRTDataSource>".encode()


@pytest.mark.parametrize(
    "name", ["a.shp", "a.gpkg", "a.geojson", "a.json", "a.gml", "a.kml", "stream.json", "stream.shp"]
)
def test_a_file_that_leads_to_another_is_refused_in_any_clothes(tmp_path, name):
    secret = tmp_path / "secret.gpkg"
    gpd.GeoDataFrame({"x": [1]}, geometry=[box(0, 0, 1, 1)], crs=made.CRS).to_file(secret, layer="a")
    path = tmp_path / name
    path.write_bytes(leading(name, secret))
    assert len(gpd.read_file(path)) == 1
    with pytest.raises(LayerError, match="may lead to others.*got (OGR_VRT|GDALG)"):
        read_vector(path, crs=made.CRS)
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(path, name)
    with pytest.raises(LayerError, match="may lead to others|cannot be read"):
        read_file(packed, "", Reading(), tmp_path / "unpacked", crs=made.CRS)


def test_hostile_texts_pass_through_unharmed():
    texts = ["<b>&\"'\n x", "=1+1", "\u202eabc", "x" * 10_000]
    rows = [{"type": "mining", "geometry": box(0, 0, 9, 9), "name": text} for text in texts]
    assert sorted(snapshot(rows).rights["name"]) == sorted(texts)
