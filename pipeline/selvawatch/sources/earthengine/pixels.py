"""Pixels from Earth Engine: one request for each image and tile with all its bands, on the image's own grid.

Where the image's CRS is that of the target or its UTM twin, the window asked for is of the image's own pixels
and is spread by the rule of `sources.reading.pixel_rule`, as files are: nothing is resampled, and Landsat,
whose pixel edges lie on 10 m pixel centres, falls as it does elsewhere. Other images are reprojected by Earth
Engine, nearest.
"""

import functools
import os
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from selvawatch.core.scene import Asset, Scene
from selvawatch.errors import SceneError, SourceError
from selvawatch.sources.reading.pixel_rule import align
from selvawatch.sources.sensors.scaling import physical
from selvawatch.sources.sensors.sensor import Band
from selvawatch.sources.sensors.sensor_table import asset_of, scaling_of, sensor_of
from selvawatch.web.retry import (
    PassingError,
    StatusError,
    UnreachableError,
    is_passing,
    reason_of,
    retried,
)
from selvawatch.web.throttle import turn_at
from selvawatch.web.traffic import add_received

PREFIX = "earthengine:"
"""Begins the href of every asset; the image's id follows."""
HIGH_VOLUME = "https://earthengine-highvolume.googleapis.com"
MOST_BYTES = 50_331_648
"""Most bytes of one answer, uncompressed; Earth Engine counts a mask byte for each value."""
CLOUD_SCORE = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"
_CLOUD_SCORE_BAND = "cs_cdf"
ANGLE = "angle"
"""Band of the incidence angle, degrees."""
MASKED = -32768
"""What a masked reflectance or backscatter comes as."""
_DEADLINE_MS = 180_000
_FORBIDDEN = 403
_PASSING = re.compile(
    r"quota|too many requests|rate limit|timed? ?out|deadline|unavailable|internal error|try again|capacity",
    re.IGNORECASE,
)
"""What Earth Engine says when the fault passes."""
_guard = threading.Lock()


def ask(question: Callable[[Any], Any]) -> Any:
    """What Earth Engine answers to a question, which gets the `ee` module.

    Address and project come from EARTHENGINE_URL (default: the high-volume endpoint) and EARTHENGINE_PROJECT
    (default: the credentials' own); credentials are Google's application default ones, which include a
    service account's key file named by GOOGLE_APPLICATION_CREDENTIALS. What passes is tried again by
    the rule of `web.retry`: 429, 5xx, rates that are exceeded, connections that break off.

    Raises
    ------
    SourceError
        When there are no credentials, or they are refused.
    UnreachableError
        When Earth Engine does not answer, or not for now: quotas, time limits, its own faults.
    OSError
        When it answers with another error; its text is Earth Engine's message.
    """
    import ee
    import google.auth.exceptions

    url = os.environ.get("EARTHENGINE_URL", HIGH_VOLUME)
    project = os.environ.get("EARTHENGINE_PROJECT", os.environ.get("GOOGLE_CLOUD_PROJECT", ""))
    try:
        with _guard:
            _begin(url, project, os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", ""))
        host = urlsplit(url).hostname or url
        return retried(lambda: _answer(ee, question, host), host=host)
    except google.auth.exceptions.GoogleAuthError as error:
        _begin.cache_clear()
        raise SourceError(
            "Earth Engine's credentials are missing or refused",
            where="source earthengine",
            got=type(error).__name__,
            needed="a service account or application default credentials",
            do="set GOOGLE_APPLICATION_CREDENTIALS to a key file and EARTHENGINE_PROJECT to a project",
        ) from None


def _answer(ee: Any, question: Callable[[Any], Any], host: str) -> Any:
    """One try of a question; the library's own tries are off, for they know no Retry-After."""
    try:
        with turn_at(host):
            return question(ee)
    except ee.EEException as error:
        raise _fault(error) from None
    except (ValueError, EOFError) as error:
        raise UnreachableError(f"Earth Engine's answer is broken ({type(error).__name__})") from None
    except OSError as error:
        raise PassingError(f"Earth Engine does not answer ({type(error).__name__})") from None


def _fault(error: Exception) -> Exception:
    """What an error of the library is to `web.retry`: a status, where a request had one."""
    message, passing = message_of(error), bool(_PASSING.search(str(error)))
    reply = getattr(error.__context__, "resp", {})
    status = int(reply.get("status", 0))
    if is_passing(status):
        return StatusError(status, reply.get("retry-after"), message)
    if status == _FORBIDDEN and passing:
        return PassingError(message)
    return UnreachableError(message) if passing else OSError(message)


def message_of(error: Exception) -> str:
    """First line of an error, without addresses and project."""
    text = " ".join(str(error).split())
    return re.sub(r"https?://\S+|projects/[\w-]+", "...", text)[:200]


@functools.lru_cache(maxsize=1)
def _begin(url: str, project: str, key_file: str) -> None:  # noqa: ARG001
    import ee
    import google.auth

    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise SourceError(
            "credentials are sent over https only", where="EARTHENGINE_URL", got=parts.scheme or "no scheme"
        )
    credentials, own_project = google.auth.default(scopes=ee.oauth.SCOPES)
    try:
        ee.Initialize(credentials, url=url, project=project or own_project)
    except ee.EEException as error:
        raise SourceError(
            "Earth Engine cannot be opened",
            where="source earthengine",
            got=message_of(error),
            do="check EARTHENGINE_PROJECT and the rights of the account",
        ) from None
    ee.data.setMaxRetries(0)
    ee.data.setDeadline(_DEADLINE_MS)
    ee.data.setDefaultWorkloadTag("selvawatch")


def read_image(scene: Scene, geobox: GeoBox, layers: Mapping[str, Band]) -> dict[str, np.ndarray]:
    """Layers of an image on a geobox, as `sources.scene_pixels.read_layers` gives those of files.

    Backscatter of a sensor that is kept in dB of sigma nought becomes linear gamma nought of the ellipsoid:
    10^(dB/10) / cos(incidence angle); that of others is linear already.

    Raises
    ------
    SceneError
        When Earth Engine does not give all of it.
    """
    assets = {name: asset_of(scene, name) for name in layers}
    sensor = sensor_of(scene)
    keys = {name: sensor.asset(name, scene.assets) or name for name in layers}
    wanted = {keys[name]: layers[name] for name in layers}
    if sensor.angled and any(band.kind == "power" for band in layers.values()):
        wanted[ANGLE] = Band(assets=(ANGLE,), kind="power")
    try:
        raw = _on_grid(scene, geobox, wanted, list(assets.values()))
    except OSError as error:
        raise SceneError(
            "the image cannot be read", reason=reason_of(error), where=f"scene {scene.id}", got=str(error)
        ) from error
    read = {}
    for name, band in layers.items():
        stored = raw[keys[name]]
        if band.kind == "quality":
            read[name] = stored
        elif band.kind == "power":
            read[name] = gamma(stored, raw[ANGLE]) if sensor.angled else linear(stored)
        else:
            read[name] = physical(stored, scaling_of(scene, name), MASKED)
    return read


def gamma(decibels: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Linear gamma nought, float32; NaN where backscatter or angle are masked."""
    seen = (decibels != MASKED) & (angle != MASKED)
    power = np.full(decibels.shape, np.nan, np.float32)
    sigma = 10 ** (decibels[seen].astype(np.float64) / 10)
    power[seen] = sigma / np.cos(np.radians(angle[seen].astype(np.float64)))
    return power


def linear(power: np.ndarray) -> np.ndarray:
    """Linear backscatter as it is, float32; NaN where it is masked."""
    return np.where(power == MASKED, np.float32(np.nan), power).astype(np.float32)


def _on_grid(
    scene: Scene, geobox: GeoBox, wanted: Mapping[str, Band], assets: list[Asset]
) -> dict[str, np.ndarray]:
    """Stored values on a geobox by band; masked ones hold the band's own fill."""
    fills = {key: fill_of(key, band) for key, band in wanted.items()}
    finest = min(
        (asset for asset in assets if asset.transform and asset.shape and asset.crs),
        key=lambda asset: abs(asset.transform[0]) if asset.transform else 0.0,
        default=None,
    )
    placed = None
    if finest is not None and finest.transform is not None and finest.shape is not None:
        transform = Affine(*finest.transform)
        placed = align(geobox, int(finest.crs.removeprefix("EPSG:")), transform, finest.shape)
    if placed is None or finest is None:
        return pixels(scene, wanted, str(geobox.crs), geobox.affine, tuple(geobox.shape))
    if placed.empty:
        return {key: np.full(placed.shape, fill, _type(wanted[key])) for key, fill in fills.items()}
    window = placed.window
    corner = transform @ Affine.translation(window.col_off, window.row_off)
    got = pixels(scene, wanted, finest.crs, corner, (int(window.height), int(window.width)))
    return {key: placed.spread(values, fills[key]) for key, values in got.items()}


def pixels(
    scene: Scene, wanted: Mapping[str, Band], crs: str, corner: Affine, shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Stored values of a window by band; asked for in strips where one answer would be too large.

    Masked values come as `fill_of` their band. Raises OSError when Earth Engine does not give all of it.
    """
    a_pixel = sum(np.dtype(_type(band)).itemsize + 1 for band in wanted.values())
    rows = max(1, min(shape[0], MOST_BYTES // (a_pixel * shape[1])))
    strips = []
    for first in range(0, shape[0], rows):
        height = min(rows, shape[0] - first)
        moved = corner @ Affine.translation(0, first)
        request = {
            "fileFormat": "NUMPY_NDARRAY",
            "grid": {
                "crsCode": crs,
                "affineTransform": {
                    "scaleX": moved.a,
                    "shearX": moved.b,
                    "translateX": moved.c,
                    "shearY": moved.d,
                    "scaleY": moved.e,
                    "translateY": moved.f,
                },
                "dimensions": {"width": shape[1], "height": height},
            },
        }
        strip = ask(functools.partial(_compute, scene=scene, wanted=wanted, request=request))
        if strip.shape != (height, shape[1]) or set(strip.dtype.names or ()) != set(wanted):
            raise OSError(f"the answer has shape {strip.shape} and bands {strip.dtype.names}")
        strips.append(strip)
    return {
        key: np.concatenate([strip[key] for strip in strips]).astype(_type(band), copy=False)
        for key, band in wanted.items()
    }


def _compute(ee: Any, scene: Scene, wanted: Mapping[str, Band], request: Mapping[str, Any]) -> np.ndarray:
    expression = _expression(ee, scene, wanted)
    pixels = np.asarray(ee.data.computePixels({**request, "expression": expression}))
    add_received(pixels.nbytes)
    return pixels


def _expression(ee: Any, scene: Scene, wanted: Mapping[str, Band]) -> Any:
    """The image of the wanted bands with masked pixels filled, outside its footprint too.

    Without a fill masked pixels come back as 0, which in a collection whose offset was taken away is a
    reflectance.
    """
    image_id = next(iter(scene.assets.values())).href.removeprefix(PREFIX)
    image = ee.Image(image_id)
    parts = []
    for key, band in wanted.items():
        if key == _CLOUD_SCORE_BAND:
            part = image.linkCollection(ee.ImageCollection(CLOUD_SCORE), [key]).select(key)
        else:
            part = image.select(key)
        if band.kind == "reflectance":
            part = part.toInt32()
        parts.append(part.unmask(fill_of(key, band), False))
    return functools.reduce(lambda left, right: left.addBands(right), parts)


def fill_of(key: str, band: Band) -> int:
    """Value that stands for masked pixels of a band."""
    if band.kind != "quality":
        return MASKED
    return -1 if key == _CLOUD_SCORE_BAND else int(band.nodata or 0)


def _type(band: Band) -> type[np.generic]:
    """Number that a band is asked for or comes in."""
    if band.kind == "reflectance":
        return np.int32
    if band.kind == "power":
        return np.float32
    return next((_QUALITY_TYPES[key] for key in band.assets if key in _QUALITY_TYPES), np.uint16)


_QUALITY_TYPES: Mapping[str, type[np.generic]] = {"SCL": np.uint8, _CLOUD_SCORE_BAND: np.float32}
