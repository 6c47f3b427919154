"""The real conservation and ecotourism concessions of Madre de Dios, imported as they are."""

import re
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from selvawatch.core.days import to_day
from selvawatch.core.hectares import equal_area_crs
from selvawatch.register.register import IN_FORCE, NOT_IN_FORCE, UNKNOWN, validity
from selvawatch.site import Site
from selvawatch.steps.run.attribute_events import read_zones
from selvawatch.store.folders import Store

EQUAL_AREA = equal_area_crs(-70.3, -12.5)
"""The site's own: hectares are taken there."""
KINDS = {"cons": "conservation", "ecot": "ecotourism"}
FILES = {"cons": 57, "ecot": 47}
OF_MADRE_DE_DIOS = {"cons": 15, "ecot": 25}
SNAPSHOT = "2014-12-31"
ENTRY = """
[[layer]]
name = "{name}"
title = "Concesiones de 2010 a 2014"
kind = "right"
type = "other_right"
types = {{ CONSERVACION = "conservation", ECOTURISMO = "ecotourism" }}
type_column = "MODALIDAD"
id_columns = ["CONTRATO"]
id_with_outline = true
holder_column = "BENEFIC"
source = "MINAG-DGFFS"
licence = "MIT"
only_named = true
"""
COLUMNS = (
    "status=SITUACION", "valid_from=AÑO", "document=DOC_LEGAL", "ha_legal=AREA_APROB", "subtype=MODALIDAD",
    "ha_register=AREA_SIG", "holder=",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A site with a layer for each file; the store beside it is made on first use."""
    folder = tmp_path_factory.mktemp("real")
    for part in ("aoi", "models"):
        shutil.copytree(ROOT / part, folder / "site" / part)
    path = folder / "site" / "aoi" / "zones.toml"
    entries = "".join(ENTRY.format(name=name) for name in KINDS)
    path.write_text(path.read_text("utf-8") + entries, "utf-8")
    return folder


@pytest.fixture
def imported(place, reference_data, command):
    """The place, once both files are in its store."""
    if not (place / "store").exists():
        for name in KINDS:
            file = reference_data / "peru-forest-concessions-2010" / f"conc_{name}_without_holders.shp"
            words = [word for one in COLUMNS for word in ("--column", one)]
            said = command(
                "zones", "import", name, file, *words, "--date", SNAPSHOT, "--site", place / "site",
                "--store", place / "store",
            )  # fmt: skip
            assert said.code == 0 and f"{name}: {FILES[name]} features" in said.out, said.error
    return place


@pytest.fixture
def rights(imported):
    """The register's rows of both layers."""
    zones = read_zones(Site.load(imported / "site"), Store(imported / "store"))
    found = zones.register.rights
    return found[found["layer"].isin(list(KINDS))].reset_index(drop=True)


def original(reference_data, name):
    """A shapefile by plain geopandas: whether each row is of Madre de Dios, its year, and its ground."""
    file = reference_data / "peru-forest-concessions-2010" / f"conc_{name}_without_holders.shp"
    frame = gpd.read_file(file)
    return frame.assign(here=frame["REGION"] == "MADRE DE DIOS")


def matched(rights, reference_data, name):
    """The rows of Madre de Dios of a file, each with the right on the same ground."""
    frame = original(reference_data, name)
    frame = frame[frame["here"]].to_crs(EQUAL_AREA).reset_index(drop=True)
    ours = rights[rights["layer"] == name].to_crs(EQUAL_AREA)
    shared = [
        int(np.argmax(ours.geometry.intersection(shape).area / ours.geometry.union(shape).area))
        for shape in frame.geometry.make_valid()
    ]
    assert len(set(shared)) == len(frame)
    return frame, ours.iloc[shared].reset_index(drop=True)


@pytest.mark.parametrize("name", KINDS)
def test_every_concession_is_there_once_with_its_type_contract_and_area(rights, reference_data, name):
    assert (rights["layer"] == name).sum() == FILES[name]
    frame, ours = matched(rights, reference_data, name)
    assert len(frame) == OF_MADRE_DE_DIOS[name]
    assert set(ours["type"]) == {KINDS[name]} == set(rights.loc[rights["layer"] == name, "type"])
    assert rights["right_id"].is_unique and set(rights["holder_type"]) == {"unknown"}
    contracts = frame["CONTRATO"].replace("EN PROCESO", None).fillna("-").str.strip()
    assert ours["source_key"].str.rpartition("/")[0].tolist() == contracts.tolist()
    assert contracts.duplicated().sum() == {"cons": 4, "ecot": 2}[name]
    np.testing.assert_allclose(
        ours.area, frame.geometry.make_valid().area, atol=10.0
    )  # 1 mm grid: under 10 m2
    np.testing.assert_allclose(ours["ha_legal"], frame["AREA_APROB"])
    np.testing.assert_allclose(ours["ha_register"], frame["AREA_SIG"])
    true = frame.geometry.make_valid().to_crs("ESRI:102033").area / 1e4
    np.testing.assert_allclose(ours["ha_here"], true, rtol=5e-4)
    assert 0.990 < float((ours["ha_here"] / frame["AREA_SIG"]).median()) < 0.994


def test_persons_who_were_entered_instead_of_a_contract_are_nowhere(imported, reference_data):
    """Rows of other regions have a name as contract: of two persons and a company; and one has none yet."""
    kept = [path.read_bytes() for path in (imported / "store").rglob("*") if path.is_file()]
    for name in KINDS:
        contracts = original(reference_data, name)["CONTRATO"].dropna()
        words = [one for one in contracts if not re.search(r"\d|/", one)]
        assert len(words) == {"cons": 0, "ecot": 4}[name]
        assert not any(one.encode() in body for one in words for body in kept)
    (record,) = (imported / "store" / "zones" / "ecot").glob("*.json")
    assert "4 of 47 keys (CONTRATO) are words alone" in record.read_text("utf-8")


def test_their_ground_is_less_than_the_registers_own_planar_area(rights, reference_data):
    """The files' GIS areas are planar in zone 18, 500 km off its meridian: 0.8 % more than the ground."""
    shares = []
    for name in KINDS:
        frame, ours = matched(rights, reference_data, name)
        shares += (ours.area / 1e4 / frame["AREA_SIG"]).tolist()
    assert np.median(shares) == pytest.approx(0.992, abs=0.001)
    assert sum(abs(share - 0.992) > 0.01 for share in shares) == 1  # the record that is 10,177 ha off


@pytest.mark.parametrize("name", KINDS)
def test_who_is_dated_by_a_year_alone_is_not_in_force_before_it_and_unknown_from_it(
    rights, reference_data, name
):
    frame, ours = matched(rights, reference_data, name)
    dates, rows = validity(ours), np.arange(len(ours))
    years = pd.to_numeric(frame["AÑO"])
    assert years.isna().sum() == {"cons": 0, "ecot": 2}[name]
    for year in range(1999, 2016):
        for day in (f"{year}-01-01", f"{year}-12-31"):
            states = dates.states(rows, np.full(len(ours), to_day(day)))
            expected = np.where(years > year, NOT_IN_FORCE, UNKNOWN)
            np.testing.assert_array_equal(states, expected, err_msg=day)
            assert IN_FORCE not in states


def test_the_loss_of_amazon_mining_watch_on_them_is_that_of_plain_geopandas(
    imported, reference_data, rights, command, tmp_path
):
    amw = reference_data / "amw-madre-de-dios" / "amw_mining_2018_2021.gpkg"
    said = command(
        "attribute", "--loss", f"{amw}:mining", "--date-field", "period", "--date-form", "%Y00",
        "--tier", "restricted",
        "--out", tmp_path / "t.parquet", "--site", imported / "site", "--store", imported / "store",
    )  # fmt: skip
    assert said.code == 0, said.error
    table = pd.read_parquet(tmp_path / "t.parquet")
    on_them = table[table["zone_layer"].isin(list(KINDS))]
    ours = on_them.groupby("zone_right_id")["attributed_ha"].sum()
    loss = gpd.read_file(amw, layer="mining").to_crs("EPSG:32719")
    ground = loss.geometry.make_valid()
    theirs = {}
    for right_id, shape in zip(rights["right_id"], rights.geometry, strict=True):
        cut = ground.intersection(shape)
        ha = cut[~cut.is_empty].to_crs(EQUAL_AREA).area.sum() / 1e4
        if ha > 1e-6:
            theirs[right_id] = ha
    assert len(theirs) > 5 and sum(theirs.values()) > 500
    ours = ours[ours > 1e-6]
    assert set(ours.index) == set(theirs)
    assert max(abs(ours[key] - ha) for key, ha in theirs.items()) < 1e-3
