"""Small pictures of an alert: one stretch for all moments; outline, date and scale bar drawn in."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from PIL import Image, ImageDraw, ImageFont

PICTURE_BYTES = 40_000
"""Most bytes of a picture: what a poor line carries."""
_OUTLINE = (255, 214, 10)
_NOT_SEEN = (58, 62, 66)
_DARK_FOREST = np.array([0.02, 0.035, 0.016])
"""Red, green and blue reflectance of shaded forest without haze: what is darker in no pixel is haze."""
_BRIGHT, _WHITE = 0.18, 0.09
"""Least reflectance of a cloud in each colour, and most difference between its colours."""
_LEAST_SEEN = 1 / 3
"""Share of a picture that must have been seen at all: at an archive's edge much is not."""
_FORMS = {
    "ndvi": (0.0, 0.9),
    "nbr": (-0.3, 0.8),
    "mndwi": (-0.6, 0.6),
    "vv": (-18.0, -3.0),
    "vh": (-26.0, -10.0),
}
"""Range shown of an index (unit scale) or of a radar band (dB)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a sensor saw around an alert on one day."""

    values: np.ndarray
    """float32, NaN = not seen: (3, y, x) reflectance as red, green, blue, or (y, x) of an index or of dB."""
    index: str = ""
    """Name of the index of a (y, x) window: ndvi, nbr, mndwi, vv, vh; empty for colour."""
    natural: bool = True
    """Whether the colours are those the eye sees; False: other bands stand for them."""
    transform: Affine
    """Pixel to metre."""
    caption: str
    """Date and sensor, as printed into the picture."""

    def __post_init__(self) -> None:
        """Refuse a window of another shape."""
        if self.values.ndim != (2 if self.index else 3) or (not self.index and len(self.values) != 3):
            raise ValueError(f"window of {self.index or 'colours'} has shape {self.values.shape}")
        if self.index and self.index not in _FORMS:
            raise ValueError(f"index is {self.index!r}, need one of {', '.join(_FORMS)}")


def drawn_alike(
    windows: Sequence[Window], outline: shapely.Geometry, *, side: int = 360, limit: int = PICTURE_BYTES
) -> tuple[bytes, ...]:
    """A JPEG of each window, all with one stretch, each at most so many bytes; equal inputs, equal bytes.

    outline: in the windows' CRS. side: width and height of a picture, pixels.
    """
    stretch = _stretch(windows)
    return tuple(within_bytes(_drawn(window, outline, stretch, side), limit) for window in windows)


def clouded_share(values: np.ndarray) -> float:
    """Share of what a picture shows that is cloud, 0-1: bright in red, green and blue, and nearly white.

    values: (band, y, x) reflectance as red, green, blue, NaN = not seen; of one band none is cloud. 1 where
    next to nothing was seen. Bare sand is as bright and not white: its blue is darker than its red.
    """
    seen = np.isfinite(values).all(axis=0)
    if seen.mean() < _LEAST_SEEN:
        return 1.0
    if len(values) < 3:
        return 0.0
    shown = values[:, seen]
    return float(((shown.min(axis=0) > _BRIGHT) & (np.ptp(shown, axis=0) < _WHITE)).mean())


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Range of each colour, and how strongly the dark is lifted."""

    low: np.ndarray
    high: np.ndarray
    lift: float


def _stretch(windows: Sequence[Window]) -> _Stretch:
    """One stretch for all windows.

    Natural colours have a fixed range above the haze, the dark lifted: forest and sand are both seen. Other
    bands are shown between percentiles.
    """
    colours = [window.values.reshape(3, -1) for window in windows if not window.index]
    values = np.concatenate(colours, axis=1) if colours else np.zeros((3, 0), np.float32)
    values = values[:, np.isfinite(values).all(axis=0)]
    if not values.size:
        return _Stretch(np.zeros(3, np.float32), np.ones(3, np.float32), 0.0)
    if all(window.natural for window in windows):
        haze = np.clip(np.percentile(values, 1, axis=1) - _DARK_FOREST, 0, 0.1).astype(np.float32)
        return _Stretch(haze, haze + np.float32(0.36), 14.0)
    low, high = np.percentile(values, (1, 99.5), axis=1).astype(np.float32)
    return _Stretch(low, np.maximum(high, low + np.float32(0.25)), 0.0)


def _painted(window: Window, stretch: _Stretch) -> np.ndarray:
    """(y, x, 3) uint8 of a window; what was not seen is dark grey."""
    if window.index:
        floor, ceiling = _FORMS[window.index]
        seen = np.isfinite(window.values)
        share = np.clip((np.where(seen, window.values, floor) - floor) / (ceiling - floor), 0, 1)
        colours = _ramp(window.index)[np.round(share * 255).astype(np.uint8)]
    else:
        seen = np.isfinite(window.values).all(axis=0)
        low, high = stretch.low[:, None, None], stretch.high[:, None, None]
        share = np.clip((np.where(seen, window.values, low) - low) / (high - low), 0, 1)
        if stretch.lift:
            share = np.arcsinh(share * stretch.lift / 2) / np.arcsinh(stretch.lift / 2)
        colours = np.round(255 * np.moveaxis(share, 0, -1)).astype(np.uint8)
    colours = colours.copy()
    colours[~seen] = _NOT_SEEN
    return colours


def _ramp(index: str) -> np.ndarray:
    """(256, 3) uint8: grey for radar, brown to white to blue for water, sand to forest for vegetation."""
    stops = {
        "mndwi": [(122, 88, 52), (233, 226, 208), (24, 84, 140)],
        "vv": [(0, 0, 0), (255, 255, 255)],
        "vh": [(0, 0, 0), (255, 255, 255)],
    }.get(index, [(120, 74, 40), (222, 196, 142), (150, 178, 92), (18, 82, 46)])
    at = np.linspace(0, 255, len(stops))
    bands = [np.interp(np.arange(256), at, [stop[band] for stop in stops]) for band in range(3)]
    return np.round(np.stack(bands, axis=1)).astype(np.uint8)


def _drawn(window: Window, outline: shapely.Geometry, stretch: _Stretch, side: int) -> Image.Image:
    painted = Image.fromarray(_painted(window, stretch))
    scale = side / max(painted.size)
    size = (max(1, round(painted.width * scale)), max(1, round(painted.height * scale)))
    image = painted.resize(size, Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image)
    to_pixel = ~window.transform
    for ring in _rings(outline):
        columns = to_pixel.a * ring[:, 0] + to_pixel.b * ring[:, 1] + to_pixel.c
        rows = to_pixel.d * ring[:, 0] + to_pixel.e * ring[:, 1] + to_pixel.f
        points = list(zip((columns * scale).tolist(), (rows * scale).tolist(), strict=True))
        draw.line(points, fill=(0, 0, 0), width=4, joint="curve")
        draw.line(points, fill=_OUTLINE, width=2, joint="curve")
    _caption(draw, window.caption, size)
    _scale_bar(draw, abs(window.transform.a) / scale, size)
    return image


def _rings(outline: shapely.Geometry) -> list[np.ndarray]:
    polygons = shapely.get_parts(outline)
    polygons = polygons[shapely.get_type_id(polygons) == 3]
    return [shapely.get_coordinates(ring) for ring in shapely.get_rings(polygons)]


def _caption(draw: ImageDraw.ImageDraw, text: str, size: tuple[int, int]) -> None:
    font = _font(max(11, size[0] // 24))
    box = draw.textbbox((0, 0), text, font=font)
    draw.rectangle((0, 0, box[2] + 14, box[3] + 10), fill=(20, 24, 22))
    draw.text((7, 4), text, font=font, fill=(255, 255, 255))


def _scale_bar(draw: ImageDraw.ImageDraw, metres_px: float, size: tuple[int, int]) -> None:
    metres = _round_length(metres_px * size[0] / 3)
    text = f"{metres:g} m" if metres < 1000 else f"{metres / 1000:g} km"
    font = _font(max(10, size[0] // 28))
    length = metres / metres_px
    left, bottom = 10, size[1] - 10
    draw.rectangle((left - 4, bottom - 6 - font.size - 6, left + length + 6, bottom + 4), fill=(20, 24, 22))
    draw.text((left, bottom - 8 - font.size), text, font=font, fill=(255, 255, 255))
    draw.rectangle((left, bottom - 3, left + length, bottom), fill=(255, 255, 255))


def _round_length(metres: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not longer."""
    power = 10.0 ** np.floor(np.log10(metres))
    return float(max(step * power for step in (1, 2, 5) if step * power <= metres))


def within_bytes(image: Image.Image, limit: int) -> bytes:
    """A JPEG of an image of at most so many bytes: quality goes down first, then size."""
    while True:
        for quality in (85, 75, 65, 55, 45, 35):
            stream = BytesIO()
            image.save(stream, "JPEG", quality=quality, optimize=True, subsampling=2)
            if stream.tell() <= limit:
                return stream.getvalue()
        image = image.resize((image.width * 3 // 4, image.height * 3 // 4), Image.Resampling.LANCZOS)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans as matplotlib brings it: the same letters on every machine."""
    import matplotlib  # slow to import

    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
