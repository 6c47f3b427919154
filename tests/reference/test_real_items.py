"""Items that others wrote: each is recognised, or refused with the right reason."""

import json
from collections import Counter
from urllib.parse import urljoin

import pytest
import shapely

from selvawatch.errors import SceneError
from selvawatch.sources.catalogues.items import collect
from selvawatch.sources.sensors.sensor_table import scaling_of, sensor_of
from selvawatch.web.addresses import remote

ITEMS = "stac-items-real"
EVERYWHERE = shapely.box(-180, -90, 180, 90)

S2_OFFSET, S2_PLAIN, LANDSAT, HLS = (1e-4, -0.1), (1e-4, 0.0), (2.75e-5, -0.2), (1e-4, 0.0)

TABLE = {
    "aws_rtc_S1A": {("sentinel-1-indigo", "ascending", "121", (1.0, 0.0)): 1},
    "e84_cog-archive": {("sentinel-2", "", "", "offset"): 1},
    "e84_publish-only": {"href": 1},
    "es_S1A_GRD": {"raw": 1},
    "es_S2A_0510": {"footprint": 1},
    "es_v0_S2A_28QCH": {("sentinel-2", "", "", "offset"): 1},
    "hls_HLS.L30.T19LDD.2022165T144027.v2.0": {("hls-l30", "", "", HLS): 1},
    "hls_HLS.S30.T19LDD.2022166T144741.v2.0": {("hls-s30", "", "", HLS): 1},
    "lst_LC08_L2SP_047027_20201204_02_T1": {("landsat-8", "", "", LANDSAT): 1},
    "lst_LC09_L2SP_010065_20220129_02_T1": {("landsat-9", "", "", LANDSAT): 1},
    "lst_LE07_L2SP_021030_20100109_02_T1": {("landsat-7", "", "", LANDSAT): 1},
    "lst_LT04_L2SP_002026_19830110_02_T1": {"sensor": 1},
    "lst_LT05_L2SP_010067_19860424_02_T2": {"tier": 1},
    "odc_LC08_L2SP_028030_20200114_20200824_02_T1_SR": {("landsat-8", "", "", LANDSAT): 1},
    "odc_LC08_L2SR_081119_20200101_20200823_02_T2": {"tier": 1},
    "odc_LE07_L2SP_044033_20210329_20210424_02_T1_SR": {("landsat-7", "", "", LANDSAT): 1},
    "odc_S2A_28QCH_20200714_0_L2A": {("sentinel-2", "", "", "offset"): 1},
    "odc_S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531": {("sentinel-2", "", "", S2_PLAIN): 1},
    "odc_S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531_raster_ext": {
        ("sentinel-2", "", "", S2_PLAIN): 1
    },
    "odc_ga_ls8c_ard_3-1-0_088080_2020-05-25_final.stac-item": {"sensor": 1},
    "odc_lidar_dem": {"sensor": 1},
    "odc_only_crs_proj": {"sensor": 1},
    "pc_LC09_010065": {("landsat-9", "", "", LANDSAT): 1},
    "pc_LE07": {("landsat-7", "", "", LANDSAT): 1},
    "pc_LT05_010067_T2": {"tier": 1},
    "pc_S2B_T06VVN": {("sentinel-2", "", "", S2_PLAIN): 1},
    "s1t_S1A_20200103_17RMJ_ASC": {("sentinel-1-indigo", "ascending", "121", (1.0, 0.0)): 1},
    "s1t_grd": {"raw": 1},
    "s2t_S2A_MSIL2A_20190212T192651_N0212_R013_T07HFE_20201007T160857.SAFE": {
        ("sentinel-2", "", "", S2_PLAIN): 1
    },
    "s2t_S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE": {"footprint": 1},
    "s2t_S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022158.SAFE": {"footprint": 1},
    "s2t_S2A_MSIL2A_20230625T234621_N0509_R073_T01WCS_20230626T022157.SAFE": {"footprint": 1},
    "s2t_S2A_MSIL2A_20230821T221941_N0509_R029_T01KAB_20230822T021825.SAFE": {"footprint": 1},
    "s2t_S2A_OPER_MSI_L2A_TL_2APS_20240108T121951_A044635_T34VEL": {("sentinel-2", "", "", S2_OFFSET): 1},
    "s2t_S2A_OPER_MSI_L2A_TL_SGS__20181231T210250_A018414_T10SDG": {("sentinel-2", "", "", S2_PLAIN): 1},
    "s2t_S2A_OPER_MSI_L2A_TL_VGS1_20220401T110010_A035382_T34LBP": {("sentinel-2", "", "", S2_OFFSET): 1},
    "s2t_S2A_OPER_MSI_L2A_TL_VGS1_20220401T110010_A035382_T34LBQ": {("sentinel-2", "", "", "offset"): 1},
    "s2t_S2A_T60CWS_20240109T203651_L2A": {"footprint": 1},
    "s2t_S2B_MSIL2A_20191228T210519_N0212_R071_T01CCV_20201003T104658.SAFE": {
        ("sentinel-2", "", "", S2_PLAIN): 1
    },
    "s2t_S2B_MSIL2A_20200914T231559_N0500_R087_T01VCG_20230315T224658": {
        ("sentinel-2", "", "", S2_OFFSET): 1
    },
    "s2t_S2B_MSIL2A_20220413T150759_N0400_R025_T33XWJ_20220414T082126.SAFE": {
        ("sentinel-2", "", "", S2_OFFSET): 1
    },
    "s2t_esa_S2B_MSIL2A_20210122T133229_N0214_R081_T22HBD_20210122T155500.SAFE": {
        ("sentinel-2", "", "", S2_PLAIN): 1
    },
    "sgp_base_sentinel2_l2a": {"item": 1},
    "sgp_landsat-c2-l2-pc": {("landsat-9", "", "", LANDSAT): 2, "tier": 2},
    "sgp_record_sentinel2_l2a": {"item": 5, "footprint": 1},
    "sgp_sentinel-1-rtc-pc": {("sentinel-1", "descending", "51", (1.0, 0.0)): 4},
    "sgp_sentinel-2-item": {("sentinel-2", "", "", S2_OFFSET): 1},
    "sgp_sentinel-2-l2a-pc": {("sentinel-2", "", "", S2_OFFSET): 4},
    "stactools_HLS.L30.T19LDD": {("hls-l30", "", "", HLS): 1},
    "stactools_HLS.S30.T19LDD": {("hls-s30", "", "", HLS): 1},
    "usgs_LC08_008059_MTL": {"item": 1},
    "usgs_LC08_008059_SR": {"datetime": 1},
    "usgs_LC08_028030_SR": {("landsat-8", "", "", LANDSAT): 1},
    "usgs_LC08_L2SP_008059_20191201_20200825_02_T1_SR_stac": {"datetime": 1},
    "usgs_LC08_L2SR_084024_20160111_20201016_02_T1_SR_stac": {"footprint": 1},
    "usgs_LE07_L2SP_021030_20100109_20200911_02_T1_SR_stac": {"datetime": 1},
    "usgs_LT05_L2SP_010067_19860424_20200918_02_T2_SR_stac": {"tier": 1},
}
"""By file: how many items are of a sensor, orbit, track and scale with offset (or the reason why that is not
known), or refused for a reason.
"""


def items_of(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, list):
        return content
    return content["features"] if content.get("type") == "FeatureCollection" else [content]


def told_of(item):
    def opened(address, href):
        return remote(urljoin(address, href), "stac.example")

    result = collect([("https://stac.example/item.json", item)], EVERYWHERE, 0, 60_000, opened)
    for problem in result.problems:
        return problem.reason
    (scene,) = result.scenes
    try:
        scaling = scaling_of(scene, next(iter(sensor_of(scene).bands)))
    except SceneError as error:
        scaling = error.reason
    return scene.sensor, scene.orbit, scene.track, scaling


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_real_item_is_recognised_or_refused_with_the_right_reason(name, reference_data):
    assert Counter(map(told_of, items_of(reference_data / ITEMS / f"{name}.json"))) == TABLE[name]


def test_no_real_item_is_left_out(reference_data):
    assert {path.stem for path in (reference_data / ITEMS).glob("*.json")} == set(TABLE)
