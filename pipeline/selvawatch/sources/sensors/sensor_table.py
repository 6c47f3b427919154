"""Sensors as data: how to recognise one, where its bands are kept, and how stored numbers become physical
ones.

Spaces of reflectance: MSI (Sentinel-2A) to OLI, Claverie et al. 2018, doi:10.1016/j.rse.2018.09.002, table 5
(its near-infrared is the narrow band 8A, and no adjustment is published for band 8 alone); ETM+ to OLI, Roy
et al. 2016, doi:10.1016/j.rse.2015.12.024, table 2, surface reflectance by ordinary least squares (TM is
taken as ETM+). Sentinel-2B and 2C are calibrated to 2A and left as they are.

Days between acquisitions of a place, at the equator: Sentinel-2 5 with two satellites, 10 each (ESA,
Sentinel-2 User Handbook, 2015); Landsat 8 with two satellites, 16 each (USGS, Landsat 9 Data Users Handbook,
LSDS-2082); Sentinel-1 12, the repeat cycle of one satellite (ESA, Sentinel-1 User Handbook,
GMES-S1OP-EOPG-TN-13-0001), since a second one has not flown at all times; HLS and ready indices as the
sensors that they are made from.

Collections of Earth Engine with dashes for slashes are those that `mirror` keeps of it (`earthengine_files`).
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from selvawatch.core.scene import Asset, Scene
from selvawatch.errors import SceneError
from selvawatch.sources.sensors import quality
from selvawatch.sources.sensors.platforms import platform_spelled
from selvawatch.sources.sensors.sensor import Band, Scaling, Sensor


def _sentinel_2_rule(scene: Scene) -> Scaling | None:
    """1e-4, and -0.1 since baseline 04.00 unless the archive took the offset away (Earth Search flag, Earth
    Engine).
    """
    if scene.collection in ("sentinel-2-c1-l2a", "COPERNICUS-S2_SR_HARMONIZED"):
        return 1e-4, -0.1
    if scene.collection == "COPERNICUS/S2_SR_HARMONIZED":
        return 1e-4, 0.0
    if scene.properties.get("earthsearch:boa_offset_applied") == "true":
        return 1e-4, 0.0
    try:
        baseline = float(scene.processing)
    except ValueError:
        return None
    return 1e-4, (-0.1 if baseline >= 4.0 else 0.0)


def _landsat_rule(scene: Scene) -> Scaling:  # noqa: ARG001
    """2.75e-5 and -0.2: Collection 2 Level 2 surface reflectance, all Landsats."""
    return 2.75e-5, -0.2


def _hls_rule(scene: Scene) -> Scaling:  # noqa: ARG001
    return 1e-4, 0.0


def _plain_rule(scene: Scene) -> Scaling:  # noqa: ARG001
    return 1.0, 0.0


def _reflectance(nodata: float, **assets: tuple[str, ...]) -> Mapping[str, Band]:
    return MappingProxyType({name: Band(assets=keys, nodata=nodata) for name, keys in assets.items()})


TO_OLI: dict[str, Mapping[str, tuple[float, float]]] = {
    "msi": {
        "blue": (0.9778, -0.0040),
        "green": (1.0053, -0.0009),
        "red": (0.9765, 0.0009),
        "nir": (0.9983, -0.0001),
        "swir16": (0.9987, -0.0011),
        "swir22": (1.0030, -0.0012),
    },
    "oli": {},
    "etm": {
        "blue": (0.8474, 0.0003),
        "green": (0.8483, 0.0088),
        "red": (0.9047, 0.0061),
        "nir": (0.8462, 0.0412),
        "swir16": (0.8937, 0.0254),
        "swir22": (0.9071, 0.0172),
    },
}
"""Slope and offset by space and band: OLI = slope * space + offset; (1, 0) where a band has none."""

FAMILIES = ("sentinel-2", "landsat", "sentinel-1")
"""Streams that a site names a source for."""

_OPTICAL = ("ndvi", "nbr", "ndmi", "mndwi", "blue")
_INDICES = _OPTICAL[:-1]

SENTINEL_2 = Sensor(
    name="sentinel-2",
    stream="sentinel-2",
    collections=(
        "sentinel-2-c1-l2a",
        "sentinel-2-pre-c1-l2a",
        "sentinel-2-l2a",
        "COPERNICUS/S2_SR_HARMONIZED",
        "COPERNICUS-S2_SR_HARMONIZED",
    ),
    archives={
        "earth-search": ("sentinel-2-c1-l2a",),
        "planetary-computer": ("sentinel-2-l2a",),
        "copernicus": ("sentinel-2-l2a",),
    },
    platforms=("sentinel-2a", "sentinel-2b", "sentinel-2c", "sentinel-2d", "sentinel-2"),
    bands=_reflectance(
        0,
        blue=("blue", "B02", "B2", "B02_10m"),
        green=("green", "B03", "B3", "B03_10m"),
        red=("red", "B04", "B4", "B04_10m"),
        nir=("nir", "B08", "B8", "B08_10m"),
        swir16=("swir16", "B11", "B11_20m"),
        swir22=("swir22", "B12", "B12_20m"),
    ),
    quality={
        "scl": Band(assets=("scl", "SCL", "SCL_20m"), kind="quality", nodata=0),
        "cloud_score": Band(assets=("cs_cdf",), kind="quality", needed=False),
    },
    clear=quality.scl_clear,
    indices=_OPTICAL,
    resolution=10,
    revisit_days=5,
    rule=_sentinel_2_rule,
    bandpass="msi",
)

LANDSAT_8 = Sensor(
    name="landsat-8",
    stream="landsat",
    collections=("landsat-c2-l2", "landsat-c2l2-sr", "LANDSAT/LC08/C02/T1_L2", "LANDSAT-LC08-C02-T1_L2"),
    archives={"planetary-computer": ("landsat-c2-l2",)},
    platforms=("landsat-8",),
    bands=_reflectance(
        0,
        blue=("blue", "SR_B2"),
        green=("green", "SR_B3"),
        red=("red", "SR_B4"),
        nir=("nir08", "SR_B5"),
        swir16=("swir16", "SR_B6"),
        swir22=("swir22", "SR_B7"),
    ),
    quality={
        "qa_pixel": Band(assets=("qa_pixel", "QA_PIXEL"), kind="quality", nodata=1),
        "qa_radsat": Band(assets=("qa_radsat", "QA_RADSAT"), kind="quality", needed=False),
    },
    clear=quality.qa_pixel_clear,
    indices=_OPTICAL,
    resolution=30,
    revisit_days=8,
    rule=_landsat_rule,
    bandpass="oli",
)
LANDSAT_9 = replace(
    LANDSAT_8,
    name="landsat-9",
    collections=("landsat-c2-l2", "landsat-c2l2-sr", "LANDSAT/LC09/C02/T1_L2", "LANDSAT-LC09-C02-T1_L2"),
    platforms=("landsat-9",),
)
LANDSAT_7 = replace(
    LANDSAT_8,
    name="landsat-7",
    collections=("landsat-c2-l2", "landsat-c2l2-sr", "LANDSAT/LE07/C02/T1_L2", "LANDSAT-LE07-C02-T1_L2"),
    platforms=("landsat-7",),
    bands=_reflectance(
        0,
        blue=("blue", "SR_B1"),
        green=("green", "SR_B2"),
        red=("red", "SR_B3"),
        nir=("nir08", "SR_B4"),
        swir16=("swir16", "SR_B5"),
        swir22=("swir22", "SR_B7"),
    ),
    bandpass="etm",
)
LANDSAT_5 = replace(
    LANDSAT_7,
    name="landsat-5",
    collections=("landsat-c2-l2", "landsat-c2l2-sr", "LANDSAT/LT05/C02/T1_L2", "LANDSAT-LT05-C02-T1_L2"),
    platforms=("landsat-5",),
)

SENTINEL_1 = Sensor(
    name="sentinel-1",
    stream="sentinel-1",
    collections=("sentinel-1-rtc",),
    archives={"planetary-computer": ("sentinel-1-rtc",)},
    platforms=("sentinel-1a", "sentinel-1b", "sentinel-1c", "sentinel-1d", "sentinel-1"),
    bands={
        "vv": Band(assets=("vv",), kind="power", nodata=-32768),
        "vh": Band(assets=("vh",), kind="power", nodata=-32768, needed=False),
    },
    indices=("vv", "vh"),
    resolution=10,
    revisit_days=12,
    rule=_plain_rule,
    radar=True,
    orbit_needed=True,
)
SENTINEL_1_GRD = replace(
    SENTINEL_1,
    name="sentinel-1-grd",
    angled=True,
    collections=("COPERNICUS/S1_GRD", "COPERNICUS-S1_GRD"),
    archives={},
    bands={
        "vv": Band(assets=("VV",), kind="power"),
        "vh": Band(assets=("VH",), kind="power", needed=False),
    },
)
SENTINEL_1_OPERA = replace(
    SENTINEL_1,
    name="sentinel-1-opera",
    collections=("OPERA_L2_RTC-S1_V1_1", "OPERA_L2_RTC-S1_V1", "OPERA/RTC/L2_V1/S1", "OPERA-RTC-L2_V1-S1"),
    archives={"asf-opera": ("OPERA_L2_RTC-S1_V1_1",)},
    bands={
        "vv": Band(assets=("0_VV", "VV"), kind="power"),
        "vh": Band(assets=("0_VH", "VH"), kind="power", needed=False),
    },
    quality={"mask": Band(assets=("0_mask", "mask"), kind="quality", nodata=255, needed=False)},
    clear=quality.rtc_mask_clear,
    resolution=30,
)
SENTINEL_1_INDIGO = replace(
    SENTINEL_1,
    name="sentinel-1-indigo",
    collections=("sentinel1-rtc-aws",),
    archives={},
    bands={
        "vv": Band(assets=("gamma0_vv",), kind="power", nodata=0),
        "vh": Band(assets=("gamma0_vh",), kind="power", nodata=0, needed=False),
    },
    resolution=20,
)

HLS_S30 = Sensor(
    name="hls-s30",
    stream="hls",
    collections=("HLSS30_2.0", "HLSS30.v2.0", "hls2-s30"),
    archives={"planetary-computer": ("hls2-s30",)},
    bands=_reflectance(
        -9999,
        blue=("B02",),
        green=("B03",),
        red=("B04",),
        nir=("B8A",),
        swir16=("B11",),
        swir22=("B12",),
    ),
    quality={"fmask": Band(assets=("Fmask", "fmask"), kind="quality", nodata=255)},
    clear=quality.fmask_clear,
    indices=_OPTICAL,
    revisit_days=5,
    rule=_hls_rule,
    bandpass="oli",
)
HLS_L30 = replace(
    HLS_S30,
    name="hls-l30",
    revisit_days=8,
    collections=("HLSL30_2.0", "HLSL30.v2.0", "hls2-l30"),
    archives={"planetary-computer": ("hls2-l30",)},
    bands=_reflectance(
        -9999,
        blue=("B02",),
        green=("B03",),
        red=("B04",),
        nir=("B05",),
        swir16=("B06",),
        swir22=("B07",),
    ),
)
HLS_VI = Sensor(
    name="hls-vi",
    stream="hls",
    collections=("HLSL30_VI_2.0", "HLSS30_VI_2.0", "HLSL30_VI.v2.0", "HLSS30_VI.v2.0"),
    bands={
        "ndvi": Band(assets=("NDVI", "ndvi"), kind="index", nodata=-19999),
        "nbr": Band(assets=("NBR", "nbr"), kind="index", nodata=-19999, needed=False),
        "ndmi": Band(assets=("NDMI", "ndmi"), kind="index", nodata=-19999, needed=False),
    },
    quality={"fmask": Band(assets=("Fmask",), kind="quality", nodata=255, needed=False)},
    clear=quality.fmask_clear,
    indices=("ndvi", "nbr", "ndmi"),
    revisit_days=5,
    rule=_hls_rule,
)


def _ready(*names: str) -> Mapping[str, Band]:
    return {name: Band(assets=(name,), kind="index", needed=False) for name in names}


LANDSAT_NDVI = Sensor(
    name="landsat-ndvi",
    stream="landsat",
    platforms=("landsat-5", "landsat-7", "landsat-8", "landsat-9", "landsat"),
    bands=_ready("ndvi", "nbr", "ndmi", "mndwi"),
    indices=_INDICES,
    revisit_days=8,
)
SENTINEL_2_NDVI = replace(
    LANDSAT_NDVI,
    name="sentinel-2-ndvi",
    stream="sentinel-2",
    platforms=SENTINEL_2.platforms,
    resolution=10,
    revisit_days=5,
)
SENTINEL_1_VV_DB = Sensor(
    name="sentinel-1-vv-db",
    stream="sentinel-1",
    platforms=SENTINEL_1.platforms,
    bands={
        "vv": Band(assets=("vv_db",), kind="decibel", needed=False),
        "vh": Band(assets=("vh_db",), kind="decibel", needed=False),
    },
    indices=("vv", "vh"),
    resolution=10,
    revisit_days=12,
    radar=True,
)

SENSORS: dict[str, Sensor] = {
    sensor.name: sensor
    for sensor in (
        SENTINEL_2,
        LANDSAT_5,
        LANDSAT_7,
        LANDSAT_8,
        LANDSAT_9,
        SENTINEL_1,
        SENTINEL_1_GRD,
        SENTINEL_1_OPERA,
        SENTINEL_1_INDIGO,
        HLS_S30,
        HLS_L30,
        HLS_VI,
        LANDSAT_NDVI,
        SENTINEL_2_NDVI,
        SENTINEL_1_VV_DB,
    )
}
"""Every sensor by name; the order is that in which an item is compared with them."""

STREAMS = tuple(sorted({sensor.stream for sensor in SENSORS.values()}))
"""Streams of all sensors, those of a radar without its orbit."""


def recognise(collection: str, platform: str, constellation: str, assets: Collection[str]) -> Sensor | None:
    """The sensor of an item, or None.

    A collection a sensor names decides, with the platform; an item of a free collection is that of a platform
    whose needed bands it all has, or else a ready index of it.
    """
    names = {platform_spelled(platform), platform_spelled(constellation)} - {""}

    def flies(sensor: Sensor) -> bool:
        return not sensor.platforms or bool(names & set(sensor.platforms))

    listed = [sensor for sensor in SENSORS.values() if collection in sensor.collections]
    if listed:
        exact = [sensor for sensor in listed if flies(sensor)]
        return exact[0] if exact else (listed[0] if len(listed) == 1 and not names else None)
    flying = [sensor for sensor in SENSORS.values() if sensor.platforms and flies(sensor)]
    for sensor in flying:
        if sensor.collections and not missing(sensor, assets):
            return sensor
    for sensor in flying:
        if not sensor.collections and any(sensor.asset(band, assets) for band in sensor.bands):
            return sensor
    return None


def missing(sensor: Sensor, assets: Collection[str]) -> list[str]:
    """Names of the needed bands and quality layers that an item lacks."""
    layers = {**sensor.bands, **sensor.quality}
    return [name for name, band in layers.items() if band.needed and sensor.asset(name, assets) is None]


def sensor_of(scene: Scene) -> Sensor:
    """The table's entry of a scene's sensor; SceneError (reason `sensor`) when there is none."""
    try:
        return SENSORS[scene.sensor]
    except KeyError:
        raise SceneError(
            "the sensor is not in the table",
            reason="sensor",
            where=f"scene {scene.id}",
            got=scene.sensor,
            needed=", ".join(SENSORS),
        ) from None


def stream_of(scene: Scene) -> str:
    """Stream a scene's observations go to: the sensor's, with orbit and track for radar."""
    sensor = sensor_of(scene)
    if not sensor.radar or not scene.orbit:
        return sensor.stream
    return f"{sensor.stream}-{scene.orbit}" + (f"-t{scene.track}" if scene.track else "")


def indices_of(scene: Scene) -> tuple[str, ...]:
    """Indices that a scene can give: those of its sensor, less the ready ones it has no file for."""
    sensor = sensor_of(scene)
    return tuple(
        name
        for name in sensor.indices
        if name not in sensor.bands or sensor.asset(name, scene.assets) is not None
    )


def asset_of(scene: Scene, band: str) -> Asset:
    """The file that keeps a band or quality layer of a scene; SceneError (reason `missing-asset`) when there
    is none.
    """
    sensor = sensor_of(scene)
    key = sensor.asset(band, scene.assets)
    if key is None:
        raise SceneError(
            f"the scene has no {band}",
            reason="missing-asset",
            where=f"scene {scene.id}",
            got=", ".join(sorted(scene.assets)),
            needed=" or ".join((sensor.bands.get(band) or sensor.quality[band]).assets),
        )
    return scene.assets[key]


def revisit_days_of(stream: str) -> int:
    """Days from one acquisition of a place to the next, of a stream: those of its most frequent sensor.

    stream: one of `STREAMS`.
    """
    return min(sensor.revisit_days for sensor in SENSORS.values() if sensor.stream == stream)


DECIDED = "offset_decided"
"""Property of a scene whose scale and offset something else than its metadata decided."""


def stated_scaling(scene: Scene, band: str) -> Scaling | None:
    """Scale and offset that a scene's item states of a band; None where it states none."""
    key = sensor_of(scene).asset(band, scene.assets)
    if key is None:
        return None
    asset = scene.assets[key]
    if asset.scale is None and asset.offset is None:
        return None
    return 1.0 if asset.scale is None else asset.scale, asset.offset or 0.0


def scaling_of(scene: Scene, band: str) -> Scaling:
    """Scale and offset of a scene's band: what item and rule agree on, the one of them that says something,
    or what was decided of the scene (`sources.catalogues.offsets`).

    A ready index of which neither says anything is taken as physical already.

    Raises
    ------
    SceneError
        Reason `offset`: item and rule contradict each other, or neither says anything.
    """
    asset_of(scene, band)
    sensor, stated = sensor_of(scene), stated_scaling(scene, band)
    if scene.properties.get(DECIDED) and stated is not None:
        return stated
    rule = sensor.rule(scene)
    if stated is not None and rule is not None and not np.allclose(stated, rule, rtol=1e-6, atol=1e-9):
        raise SceneError(
            f"the item's scale and offset of {band} contradict those of its archive and processing baseline",
            reason="offset",
            where=f"scene {scene.id}",
            got=f"{stated[0]:g}, {stated[1]:g} in the item",
            needed=f"{rule[0]:g}, {rule[1]:g} for {scene.collection} {scene.processing}".rstrip(),
        )
    if rule is not None or stated is not None:
        return rule if rule is not None else stated  # type: ignore[return-value]
    if sensor.ready:
        return 1.0, 0.0
    raise SceneError(
        f"neither the item nor a rule gives scale and offset of {band}",
        reason="offset",
        where=f"scene {scene.id}",
        got=f"collection {scene.collection}, processing {scene.processing or 'not stated'}",
        needed="a processing baseline, or raster:bands with scale and offset",
    )
