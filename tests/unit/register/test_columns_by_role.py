"""A file whose columns have other names is imported by saying what they are for, and so again later."""

import dataclasses
import datetime as dt
import json
import re

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from conftest import ROOT
from selvawatch.core.hectares import equal_area_crs
from selvawatch.errors import LayerError
from selvawatch.register.entries import (
    COLUMN_ROLES,
    ExpectedZone,
    Fetch,
    LayerEntry,
    RoadMark,
    columns_by_role,
)
from selvawatch.register.manifest import Manifest, read_register
from selvawatch.register.snapshots import Origin, keep, stored_snapshots

SQUARES = [shapely.box(-70.2 + 0.02 * n, -12.9, -70.19 + 0.02 * n, -12.89) for n in range(2)]
THEIRS = {
    "NOMBRE": ["Uno", "Dos"],
    "FECHA": pd.to_datetime(["2001-05-06", "2003-01-02"]),
    "CLAVE": ["a", "b"],
    "AÑO": [1, 2],
    "TITULAR": ["PEREZ QUISPE, JUAN", "MINERA S.A.C."],
}


def entry(**rest):
    fetch = Fetch(kind="arcgis", url="http://a.example", layer="0", max_lost_share=1, drop=("DUENO",))
    given = {"kind": "zone", "type": "buffer", "fetch": fetch, "id_columns": ("codi",), "name_column": "nomb",
             "from_column": "felec", **rest}  # fmt: skip
    return LayerEntry(name="test", title="x", source="x", licence="x", open_ended=True, **given)


def kept(root, words, columns=None, by_hand=True, **rest):
    frame = gpd.GeoDataFrame(THEIRS if columns is None else columns, geometry=SQUARES, crs=4326)
    origin = Origin(date=dt.date(2026, 10, 1), address="x", by_hand=by_hand, columns=columns_by_role(words))
    return keep(root, entry(**rest), frame, origin=origin, equal_area=equal_area_crs(-70, -13), salt=b"s")


def rows(root, **rest):
    snapshots = stored_snapshots(root, ["test"])
    return read_register(
        Manifest(layer=(entry(**rest),)), snapshots, crs="EPSG:32719", equal_area=equal_area_crs(-70, -13)
    )[0].rights


NAMED = ("id=CLAVE", "name=NOMBRE", "valid_from=FECHA")


def test_columns_named_by_hand_mean_what_those_of_the_entry_do_and_stand_in_the_record(tmp_path):
    record = kept(tmp_path, NAMED)
    assert "columns named by hand: id=CLAVE, name=NOMBRE, valid_from=FECHA" in record.remarks
    (path,) = (tmp_path / "test").glob("*.json")
    assert json.loads(path.read_text("utf-8"))["columns"] == {
        "id": ["CLAVE"], "name": ["NOMBRE"], "valid_from": ["FECHA"]
    }  # fmt: skip
    found = rows(tmp_path)
    assert found["right_id"].tolist() == ["test:a", "test:b"] and found["name"].tolist() == ["Uno", "Dos"]
    assert found["valid_from"].astype(str).tolist() == ["2001-05-06", "2003-01-02"]


def test_the_same_file_and_words_give_the_same_rows_as_the_entrys_own_names(tmp_path):
    kept(tmp_path / "a", NAMED)
    ours = {"codi": THEIRS["CLAVE"], "nomb": THEIRS["NOMBRE"], "felec": THEIRS["FECHA"]}
    kept(tmp_path / "b", (), columns=ours)
    one, other = (rows(tmp_path / name).drop(columns="snapshot_sha256") for name in "ab")
    pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other))


def test_a_key_of_several_columns_and_one_that_the_file_lacks_are_said_so(tmp_path):
    kept(tmp_path, ("id=CLAVE", "id=año", "name=", "valid_from="))
    found = rows(tmp_path)
    assert found["source_key"].tolist() == ["a/1", "b/2"]
    assert found["name"].isna().all() and found["valid_from"].isna().all()


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_refusal_names_the_columns_that_are_there_and_blames_a_service_only_where_one_was_asked(
    tmp_path, by_hand
):
    with pytest.raises(LayerError) as caught:
        kept(tmp_path, ("id=CLAVE", "name=NOMBRO"), by_hand=by_hand, only_named=True)
    said = str(caught.value)
    assert "got NOMBRE, FECHA, CLAVE, AÑO, TITULAR; needed NOMBRO (name), felec (valid_from)" in said
    assert ("the service changed" in said) != by_hand and ("--column ROLE=COLUMN" in said) == by_hand
    with pytest.raises(LayerError) as caught:
        kept(tmp_path, (), columns={}, by_hand=by_hand)
    assert "got no column but the geometry" in str(caught.value) and "[]" not in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [["NOMBRE"], ["nombre=NOMBRE"], ["=NOMBRE"], [""], ["name=NOMBRE", "name=CLAVE"], ["id=", "id=CLAVE"]],
    ids=str,
)
def test_words_that_say_nothing_clear_of_a_column_are_one_line(words):
    with pytest.raises(LayerError, match="--column: .*; got .*; needed ") as caught:
        columns_by_role(words)
    assert "\n" not in str(caught.value)


PERSONS = [
    (("name=NOMTIT",), {"holder_column": "NOMTIT"}, "names persons would be kept"),
    (("name=dueno",), {}, "names persons would be kept"),
    (("name=TITULAR", "holder=TITULAR"), {"holder_column": "NOMTIT"}, "names persons would be kept"),
    (("name=NOMBRE", "holder="), {"holder_column": "NOMTIT"}, "names of persons may be kept"),
    (("name=NOMBRE", "holder="), {"holder_column": "NOMTIT", "only_named": True}, "--column holder=COLUMN"),
]


@pytest.mark.parametrize(("words", "rest", "why"), PERSONS, ids=str)
def test_no_column_that_names_persons_gets_another_role(tmp_path, words, rest, why):
    columns = THEIRS | {"NOMTIT": THEIRS["TITULAR"], "Dueno": THEIRS["TITULAR"]}
    with pytest.raises(LayerError, match=why):
        kept(tmp_path, ("id=CLAVE", "valid_from=FECHA", *words), columns=columns, **rest)
    assert list(tmp_path.rglob("*.parquet")) == []


def test_a_holder_named_by_hand_is_kept_as_a_kind_alone_and_the_entrys_own_goes_too(tmp_path):
    columns = THEIRS | {"nomtit": THEIRS["TITULAR"]}
    record = kept(tmp_path, (*NAMED, "holder=TITULAR"), columns=columns, holder_column="NOMTIT")
    body = (tmp_path / "test" / record.file).read_bytes()
    frame = gpd.read_parquet(tmp_path / "test" / record.file)
    assert not {"TITULAR", "nomtit", "NOMTIT"} & set(frame.columns) and b"QUISPE" not in body
    found = rows(tmp_path, holder_column="NOMTIT")
    assert (
        found["holder_type"].tolist() == ["natural_person", "company"] and found["holder_hash"].nunique() == 2
    )


def test_a_file_without_holders_is_believed_where_only_named_columns_are_kept(tmp_path):
    record = kept(tmp_path, (*NAMED, "holder="), holder_column="NOMTIT", only_named=True)
    frame = gpd.read_parquet(tmp_path / "test" / record.file)
    assert set(frame.columns) == {"CLAVE", "NOMBRE", "FECHA", "geometry"}
    assert set(rows(tmp_path, holder_column="NOMTIT", only_named=True)["holder_type"]) == {"unknown"}


def test_the_command_maps_columns_of_a_packaged_layer(command, tmp_path):
    frame = gpd.GeoDataFrame(THEIRS, geometry=SQUARES, crs=4326).drop(columns="FECHA")
    frame.to_file(tmp_path / "lots.geojson", driver="GeoJSON")
    place = ("--store", tmp_path / "store", "--date", "2026-10-01")
    words = ("--column", "name=NOMBRE", "--column", "id=CLAVE")
    said = command("zones", "import", "oil-lots", tmp_path / "lots.geojson", *words, *place)
    assert said.code == 0 and "columns named by hand: name=NOMBRE, id=CLAVE" in said.out, said.error
    wrong = command("zones", "import", "oil-lots", tmp_path / "lots.geojson", "--column", "nombre=X", *place)
    assert wrong.code == 1 and "one of type, subtype, id, name" in wrong.error
    assert "remarks" in command("zones", "check", "--store", tmp_path / "store").out


TABLES = {
    "## `[[layer]]`": {one.name for one in dataclasses.fields(LayerEntry)},
    "## `[layer.fetch]`": {one.name for one in dataclasses.fields(Fetch)},
    "## `[[layer.marks]]`": {one.name for one in dataclasses.fields(RoadMark)},
    "## `[[layer.expected]]`": {one.name for one in dataclasses.fields(ExpectedZone)},
    "## A file whose columns have other names": set(COLUMN_ROLES),
}


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_of_a_layer_stands_in_its_table_and_nothing_else_does(heading):
    text = (ROOT / "docs" / "layers.md").read_text("utf-8").split(f"{heading}\n")[1].split("\n## ")[0]
    keys = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert sorted(keys) == sorted(TABLES[heading])
    if heading.startswith("## A file"):
        pairs = dict(re.findall(r"^\| `(\w+)` \| `(\w+)`", text, re.MULTILINE))
        assert pairs == COLUMN_ROLES


@pytest.mark.parametrize("dates", [["2001", "enero"], ["31/02/2001", "2001"], [202502, 202503]], ids=str)
def test_dates_that_no_later_command_could_read_are_refused_before_anything_is_kept(tmp_path, dates):
    with pytest.raises(LayerError, match="FECHA") as caught:
        kept(tmp_path, NAMED, columns=THEIRS | {"FECHA": dates})
    assert "\n" not in str(caught.value) and list(tmp_path.rglob("*.parquet")) == []


@pytest.mark.parametrize(
    ("key", "stays"), [("JUAN PEREZ QUISPE", False), ("17-TAM/C-ECO-J-001-06", True), ("C 17", True)]
)
def test_a_person_who_was_entered_instead_of_a_contract_is_not_kept(tmp_path, key, stays):
    columns = THEIRS | {"CLAVE": [key, "b"]}
    record = kept(tmp_path, (*NAMED, "holder=TITULAR"), columns=columns, holder_column="NOMTIT")
    assert (key.encode() in (tmp_path / "test" / record.file).read_bytes()) == stays
    assert any("words alone" in one for one in record.remarks) != stays
    assert rows(tmp_path, holder_column="NOMTIT")["source_key"].tolist() == sorted(
        [key if stays else "-", "b"]
    )
