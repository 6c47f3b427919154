"""Amazon Mining Watch published what its mining polygons hold by unit: the overlay must say the same."""

import pandas as pd
import pytest

from selvawatch.attribute.loss.any_loss import attribute_layer
from selvawatch.core.hectares import equal_area_crs
from selvawatch.register.vector_files import read_vector

CRS = "EPSG:32719"
OUTSIDE_THE_CLIP = "PESN06_0"


@pytest.fixture(scope="module")
def layers(reference_data):
    units = reference_data / "land-units-madre-de-dios" / "land_units.gpkg"
    names = ("native_community", "protected_area", "buffer_zone", "private_conservation_area")
    found = {name: read_vector(f"{units}:{name}", crs=CRS) for name in names}
    folder = reference_data / "amw-madre-de-dios"
    loss = read_vector(f"{folder / 'amw_mining_2018_2021.gpkg'}:mining", crs=CRS)
    published = pd.read_csv(folder / "published_mining_by_unit_2018_2021.csv")
    return loss, found, published


def compared(result, published, column):
    inside = result[result["zone_layer"].notna()]
    ours = inside.groupby([inside["zone_amw_id"], inside["period"].astype(int)])[column].sum()
    theirs = published.groupby(["amw_id", "period"])["area_ha"].sum()
    ours.index.names = theirs.index.names
    return pd.concat([ours.rename("ours"), theirs.rename("theirs")], axis=1).fillna(0.0)


def overlaid(loss, zones, **rest):
    return attribute_layer(loss, zones, equal_area=equal_area_crs(-70.3, -12.5), **rest)


def test_every_unit_period_of_native_communities_is_within_half_a_hectare(layers):
    loss, found, published = layers
    zones = {"native_community": found["native_community"]}
    result = overlaid(loss, zones, area_field="mined_area_ha")
    table = compared(result, published[published["unit_set"] == "native_communities"], "attributed_ha")
    assert len(table) == 37
    assert (table["ours"] - table["theirs"]).abs().max() < 0.5


def test_every_unit_period_of_protected_areas_and_buffers_is_within_three_percent(layers):
    loss, found, published = layers
    zones = {name: zone for name, zone in found.items() if name != "native_community"}
    mine = published[published["unit_set"] == "protected_areas_and_buffer_zones"]
    mine = mine[mine["amw_id"] != OUTSIDE_THE_CLIP]
    table = compared(overlaid(loss, zones), mine, "overlap_ha")
    table = table[table["theirs"] > 0]
    assert len(table) == len(mine.groupby(["amw_id", "period"]))
    assert (table["ours"] / table["theirs"] - 1).abs().max() < 0.03


def test_each_loss_feature_is_wholly_inside_and_outside_one_layer_of_zones(layers):
    loss, found, _ = layers
    zones = {"protected_area": found["protected_area"]}  # reserves do not overlap
    result = overlaid(loss, zones, area_field="mined_area_ha")
    total = result.groupby("det_id")["attributed_ha"].sum()
    expected = loss.groupby("det_id")["mined_area_ha"].sum()
    assert (total - expected).abs().max() < 1e-6
