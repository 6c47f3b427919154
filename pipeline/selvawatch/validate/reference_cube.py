"""The synthetic reference cube on disk: optical and radar observations, and the day each pixel broke."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from selvawatch.core.observation import QUALITY, Observation
from selvawatch.core.stack import DECIBEL_SCALE, NODATA, UNIT_SCALE, encode
from selvawatch.errors import LayerError
from selvawatch.prepare.mask import Screening
from selvawatch.prepare.observation_quality import quality_of, scale_of

Sensors = Literal["optical", "radar", "all"]

OPTICAL_STREAM = "sentinel-2"
RADAR_STREAM = "sentinel-1"
RESOLUTION = 30.0
"""Metres of a pixel of the cube."""

CLASSES = (
    "stable-forest",
    "clearing",
    "pit",
    "die-off",
    "logging",
    "windthrow",
    "fallow",
    "water",
    "regrowth",
    "other",
)
"""What the codes of `class_T.npy` mean, 0 first."""

_BAND_ORDER = ("blue", "green", "red", "nir", "swir1", "swir2")
_STORED_NODATA = -9999
_REFLECTANCE = np.float32(10_000)
_INDICES: Mapping[str, tuple[str, str]] = {
    "ndvi": ("nir", "red"),
    "nbr": ("nir", "swir2"),
    "mndwi": ("green", "swir1"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeReading:
    """What is read of a cube."""

    sensors: Sensors = "all"
    screening: Screening | None = None
    """Whose rule of quality weighs optical pixels, as an ingest does; None: all have full weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceCube:
    """A cube that is read date by date."""

    folder: Path
    tag: str
    days: np.ndarray
    """(optical dates,) int."""
    radar_days: np.ndarray
    """(radar dates,) int; empty where the cube has no radar."""
    break_day: np.ndarray
    """(y, x) int: day of the loss, 0 = none."""
    history_end: int
    """Last day of the history."""
    classes: np.ndarray | None = None
    """(y, x) uint8: code of `CLASSES`; None: the cube has no file of them."""

    def observations(self, sensors: Sensors, screening: Screening | None = None) -> Iterator[Observation]:
        """Observations in (day, stream) order, read when asked for; with quality where the screening has a
        rule for it, but as clear as the cube has them.
        """
        pairs: list[tuple[int, str, int]] = []
        if sensors != "radar":
            pairs += [(int(day), OPTICAL_STREAM, row) for row, day in enumerate(self.days)]
        if sensors != "optical":
            pairs += [(int(day), RADAR_STREAM, row) for row, day in enumerate(self.radar_days)]
        optical = self._open("refl", 4) if sensors != "radar" else None
        radar = self._open("s1", 4) if sensors != "optical" else None
        for day, stream, row in sorted(pairs):
            if stream == OPTICAL_STREAM and optical is not None:
                values = optical_indices(np.asarray(optical[row]), screening)
            elif radar is not None:
                values = {
                    name: encode(np.asarray(radar[row, band]), DECIBEL_SCALE)
                    for band, name in enumerate(("vv", "vh"))
                }
            first = next(iter(values.values()))
            yield Observation(
                day=day,
                stream=stream,
                values=values,
                scales={name: scale_of(name) for name in values},
                scene_ids=(f"{self.tag}-{stream}-{row:04d}",),
                clear_share=float((first != NODATA).mean()),
            )

    def _open(self, kind: str, dimensions: int) -> np.ndarray:
        path = self.folder / f"{kind}_{self.tag}.npy"
        array = _load(path)
        if array.ndim != dimensions or array.shape[-2:] != self.break_day.shape:
            raise LayerError(
                "files of the cube do not fit",
                where=path,
                got=array.shape,
                needed=self.break_day.shape,
            )
        return array


def open_cube(folder: Path, tag: str) -> ReferenceCube:
    """The cube of that tag in a folder.

    Raises
    ------
    LayerError
        When a file is missing or not what the generator writes.
    """
    meta_path = folder / f"meta_{tag}.npz"
    if not meta_path.exists():
        tags = sorted(path.stem.removeprefix("meta_") for path in folder.glob("meta_*.npz"))
        raise LayerError("the cube is missing", where=meta_path, got=f"tags {tags}", needed=f"tag {tag}")
    try:
        with np.load(meta_path) as meta:
            if missing := [name for name in ("days", "s1_days", "brk", "hist_end") if name not in meta]:
                raise LayerError("the cube's table is incomplete", where=meta_path, needed=missing)
            days, radar_days = meta["days"].astype(np.int64), meta["s1_days"].astype(np.int64)
            break_day, history_end = meta["brk"].astype(np.int64), int(meta["hist_end"])
    except (OSError, ValueError) as error:
        raise LayerError("the cube's table cannot be read", where=meta_path, got=error) from error
    return ReferenceCube(
        folder=folder,
        tag=tag,
        days=days,
        radar_days=radar_days,
        break_day=break_day,
        history_end=history_end,
        classes=_classes(folder / f"class_{tag}.npy", break_day.shape),
    )


def _classes(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """Codes of a cube that has them."""
    if not path.exists():
        return None
    codes = np.asarray(_load(path))
    if codes.shape != shape or codes.dtype != np.uint8 or codes.max(initial=0) >= len(CLASSES):
        raise LayerError(
            "the classes of the cube cannot be used",
            where=path,
            got=f"{codes.dtype} {codes.shape}, largest {codes.max(initial=0)}",
            needed=f"uint8 {shape}, at most {len(CLASSES) - 1}",
        )
    return codes


def optical_indices(bands: np.ndarray, screening: Screening | None = None) -> dict[str, np.ndarray]:
    """int16 indices, blue reflectance, and quality where the screening has a rule for it, by name from
    (6, y, x) int16 reflectance * 10000 in the order of the file.
    """
    missing = (bands == _STORED_NODATA).any(axis=0)
    reflectance = {
        name: np.where(missing, np.nan, bands[row].astype(np.float32)) for row, name in enumerate(_BAND_ORDER)
    }
    indices = {
        name: encode(_normalised(reflectance[first], reflectance[second]), UNIT_SCALE)
        for name, (first, second) in _INDICES.items()
    }
    values = indices | {"blue": encode(reflectance["blue"] / _REFLECTANCE, UNIT_SCALE)}
    if screening is not None:
        unit = {name: band / _REFLECTANCE for name, band in reflectance.items()}
        weights = quality_of(unit, ~missing, screening)
        if weights is not None:
            values[QUALITY] = weights
    return values


def _normalised(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    total = first + second
    return np.divide(first - second, total, out=np.full(total.shape, np.nan, np.float32), where=total > 0)


def _load(path: Path) -> np.ndarray:
    try:
        array: np.ndarray = np.load(path, mmap_mode="r")
    except FileNotFoundError as error:
        raise LayerError("a file of the cube is missing", where=path) from error
    except (OSError, ValueError) as error:
        raise LayerError("a file of the cube cannot be read", where=path, got=error) from error
    return array
