"""A reference sample for error-adjusted areas: units drawn in the classes of a product's map, interpreted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from selvawatch.core.files import file_digest
from selvawatch.errors import LayerError
from selvawatch.validate.reference_points import (
    LABEL,
    LAT,
    LON,
    LOST_WORDS,
    STRATUM,
    number_column,
    read_csv,
)

STRATA = ("loss", "no loss")
"""Classes of the map that units are drawn in."""
_NOT_LOST_WORDS = (
    "0",
    "0.0",
    "false",
    "no loss",
    "not lost",
    "stable",
    "stable forest",
    "forest",
    "non-forest",
)
_STRATUM_HA = ("stratum_ha", "stratum_area_ha")
_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaSample:
    """Interpreted units. All arrays are (n,), in the order of the file's rows."""

    product: str
    """Name and version of the product whose map the units were drawn from."""
    area: np.ndarray
    """Text: area of interest."""
    year: np.ndarray
    """Text: four digits."""
    stratum: np.ndarray
    """Text, of `STRATA`: what the map says at the unit."""
    reference: np.ndarray
    """Text, of `STRATA`: what the interpreter says of that year."""
    lon: np.ndarray
    """Degrees, WGS 84."""
    lat: np.ndarray
    """Degrees, WGS 84."""
    stratum_ha: Mapping[tuple[str, str, str], float]
    """Hectares of each stratum by area, year and class, when the sample was drawn."""
    sha256: str
    """Digest of the file."""

    def __len__(self) -> int:
        return len(self.area)


def read_area_sample(path: Path) -> AreaSample:
    """The units of a CSV: product, area, year, stratum, stratum_ha, label, lon, lat; `unit` if it has ids.

    Columns may have the names that `validate loss` knows (`reference_points`).

    Raises
    ------
    LayerError
        For a file that is missing or no CSV, a column that is missing, a class that is unknown, a unit that
        stands twice, coordinates that are no degrees, several products, or a stratum without one area.
    """
    frame = read_csv(path)
    columns = {str(name).strip().lower(): str(name) for name in frame.columns}
    product, area = (_texts(path, frame, columns, (name,)) for name in ("product", "area"))
    if len(set(product)) > 1:
        raise LayerError("a sample is of one product", where=path, got=sorted(set(product))[:_LISTED])
    year = _years(path, frame, columns)
    stratum = _classes(path, _texts(path, frame, columns, STRATUM), "stratum")
    reference = _classes(path, _texts(path, frame, columns, LABEL), "label")
    lon, lat = (number_column(path, frame, columns, names) for names in (LON, LAT))
    _refuse(path, (np.abs(lon) > 180) | (np.abs(lat) > 90), "coordinates are no degrees", lon, lat)
    unit = _texts(path, frame, columns, ("unit",)) if "unit" in columns else np.full(len(frame), "", object)
    _refuse_twice(path, unit, area, year, lon, lat)
    return AreaSample(
        product=str(product[0]),
        area=area,
        year=year,
        stratum=stratum,
        reference=reference,
        lon=lon,
        lat=lat,
        stratum_ha=_stratum_ha(path, frame, columns, (area, year, stratum)),
        sha256=file_digest(path),
    )


def _texts(path: Path, frame: pd.DataFrame, columns: Mapping[str, str], names: Sequence[str]) -> np.ndarray:
    """A column of texts without outer blanks, under one of its names; LayerError where a row has none."""
    found = next((columns[name] for name in names if name in columns), None)
    if found is None:
        raise LayerError(
            "a column is missing", where=path, got=list(frame.columns), needed=" or ".join(names)
        )
    values = frame[found].astype("string").str.strip()
    empty = (values.isna() | (values == "")).to_numpy(bool)
    _refuse(path, empty, f"column {found} is empty")
    return values.to_numpy(object)


def _years(path: Path, frame: pd.DataFrame, columns: dict[str, str]) -> np.ndarray:
    years = number_column(path, frame, columns, ("year",))
    _refuse(path, (years != np.floor(years)) | (years < 1900) | (years > 2999), "year is no year", years)
    return years.astype(np.int64).astype(str).astype(object)


def _classes(path: Path, values: np.ndarray, name: str) -> np.ndarray:
    """`loss` or `no loss` of each value, text (rows,); LayerError for any other word."""
    plain = np.array([str(value).lower().replace("_", " ") for value in values], object)
    lost, kept = np.isin(plain, LOST_WORDS), np.isin(plain, _NOT_LOST_WORDS)
    if (strange := np.flatnonzero(~(lost | kept))).size:
        raise LayerError(
            f"column {name} has a class that is unknown",
            where=path,
            got=f"{values[strange[0]]!r} in {_rows(strange)}",
            needed="loss (or 1) or no loss (or 0)",
        )
    return np.where(lost, *STRATA).astype(object)


def _refuse(path: Path, bad: np.ndarray, what: str, *values: np.ndarray) -> None:
    """Refuse rows of a sample, with what the first of them has."""
    if not bad.any():
        return
    rows = np.flatnonzero(bad)
    shown = ", ".join(f"{column[rows[0]]:g}" for column in values)
    raise LayerError(what, where=path, got=f"{shown} in {_rows(rows)}" if shown else _rows(rows))


def _rows(rows: np.ndarray) -> str:
    shown = ", ".join(str(int(row) + 2) for row in rows[:_LISTED])
    return f"line {shown}{' ...' if len(rows) > _LISTED else ''}"


def _refuse_twice(
    path: Path, unit: np.ndarray, area: np.ndarray, year: np.ndarray, lon: np.ndarray, lat: np.ndarray
) -> None:
    """Refuse a unit that stands twice: by its id, or by its place, in one area and year."""
    frame = pd.DataFrame({"area": area, "year": year, "unit": unit, "lon": lon, "lat": lat})
    named = frame["unit"] != ""
    twice = named & frame.duplicated(["area", "year", "unit"])
    twice |= frame.duplicated(["area", "year", "lon", "lat"])
    _refuse(path, twice.to_numpy(bool), "a unit stands twice")


def _stratum_ha(
    path: Path, frame: pd.DataFrame, columns: dict[str, str], keys: tuple[np.ndarray, ...]
) -> dict[tuple[str, str, str], float]:
    """Hectares of each stratum; LayerError where one has none, two, or a part of its year has no units."""
    ha = number_column(path, frame, columns, _STRATUM_HA)
    _refuse(path, ~np.isfinite(ha) | (ha < 0), "stratum_ha is no area", ha)
    found: dict[tuple[str, str, str], float] = {}
    for area, year, stratum, value in zip(*keys, ha, strict=True):
        if found.setdefault((area, year, stratum), float(value)) != value:
            raise LayerError(
                "a stratum has two areas",
                where=path,
                got=f"{found[area, year, stratum]:g} and {value:g} ha in `{stratum}` of {area} {year}",
                needed="the hectares of the whole stratum in each of its rows",
            )
    for area, year, _ in list(found):
        for stratum in STRATA:
            if (area, year, stratum) not in found:
                raise LayerError(
                    "a stratum has no units, so that its area is not known",
                    where=path,
                    got=f"none in `{stratum}` of {area} {year}",
                    needed="units of both classes, drawn at random in each",
                )
    return found
