"""Reference points from a CSV: where, lost or not, in which stratum, under the names of common layouts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from selvawatch.core.files import check_plain
from selvawatch.errors import LayerError

LON = ("lon", "longitude", "x")
LAT = ("lat", "latitude", "y")
LABEL = ("label", "reference", "class", "lost", "loss")
STRATUM = ("stratum", "strata", "strata_code", "stratum_code")
"""Names, in any case of letters, of the columns of a sample: first that is there."""
STRATUM_AREA = ("stratum_area", "strata_area", "stratum_weight")
_DISTURBANCES = (("type1", "year1"), ("type2", "year2"), ("type3", "year3"))
LOST_WORDS = ("1", "1.0", "true", "loss", "lost", "deforestation", "forest loss")
"""Labels that mean loss, in small letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencePoints:
    """Interpreted points of a sample. All arrays are (n,)."""

    lon: np.ndarray
    """Degrees, WGS 84."""
    lat: np.ndarray
    """Degrees, WGS 84."""
    lost: np.ndarray
    """bool: forest loss in the reference."""
    strata: np.ndarray | None
    """Text; None where the file names no strata."""
    stratum_areas: dict[str, float] | None
    """Area of each stratum; None where nobody states it."""
    lost_labels: tuple[str, ...]
    """What counted as loss."""


def read_reference(
    path: Path,
    lost_labels: Sequence[str] = (),
    years: tuple[int, int] | None = None,
    areas_path: Path | None = None,
) -> ReferencePoints:
    """The points of a reference CSV.

    One column holds the label, or up to three pairs `TypeN, YearN` hold disturbances, of which those with
    a lost label (default: Deforestation) within `years` (both included) count.

    Raises
    ------
    LayerError
        For a file that is missing or no CSV, columns that are missing, or a label that does not occur.
    """
    frame = read_csv(path)
    columns = {str(name).strip().lower(): name for name in frame.columns}
    lon, lat = (number_column(path, frame, columns, names) for names in (LON, LAT))
    if "type1" in columns:
        lost, labels = _disturbed(path, frame, columns, lost_labels, years)
    else:
        lost, labels = _labelled(path, frame, columns, lost_labels)
    stratum = next((columns[name] for name in STRATUM if name in columns), None)
    strata = None if stratum is None else frame[stratum].astype(str).to_numpy()
    areas = None if strata is None else _areas(path, frame, columns, strata, areas_path)
    return ReferencePoints(
        lon=lon, lat=lat, lost=lost, strata=strata, stratum_areas=areas, lost_labels=tuple(labels)
    )


def read_csv(path: Path) -> pd.DataFrame:
    """A CSV as a frame; LayerError where it is missing, empty or no CSV."""
    try:
        check_plain(path)
        frame = pd.read_csv(path)
    except FileNotFoundError as error:
        raise LayerError("the file is missing", where=path, needed="a CSV file") from error
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise LayerError("the file cannot be read as CSV", where=path, got=error) from error
    if frame.empty:
        raise LayerError("the file has no rows", where=path)
    return frame


def number_column(
    path: Path, frame: pd.DataFrame, columns: dict[str, str], names: Sequence[str]
) -> np.ndarray:
    """A column of numbers, float64 (rows,), under one of its names; LayerError where it is none.

    columns: name of each column by its name in small letters.
    """
    found = next((columns[name] for name in names if name in columns), None)
    if found is None:
        raise LayerError(
            "a column is missing", where=path, got=list(frame.columns), needed=" or ".join(names)
        )
    values = pd.to_numeric(frame[found], errors="coerce").to_numpy(float)
    if bad := int(np.isnan(values).sum()):
        raise LayerError(f"column {found} is not a number", where=path, got=f"{bad} such rows")
    return values


def _disturbed(
    path: Path,
    frame: pd.DataFrame,
    columns: dict[str, str],
    lost_labels: Sequence[str],
    years: tuple[int, int] | None,
) -> tuple[np.ndarray, Sequence[str]]:
    labels = lost_labels or ("Deforestation",)
    wanted = [label.lower() for label in labels]
    lost = np.zeros(len(frame), bool)
    seen: set[str] = set()
    for kind, year in _DISTURBANCES:
        if kind not in columns:
            continue
        values = frame[columns[kind]].astype("string").str.strip()
        seen |= set(values.dropna())
        hit = values.str.lower().isin(wanted).to_numpy(bool, copy=True)
        if years is not None and year in columns:
            hit &= frame[columns[year]].between(*years).to_numpy(bool)
        lost |= hit
    _known(path, labels, seen)
    return lost, labels


def _labelled(
    path: Path, frame: pd.DataFrame, columns: dict[str, str], lost_labels: Sequence[str]
) -> tuple[np.ndarray, Sequence[str]]:
    found = next((columns[name] for name in LABEL if name in columns), None)
    if found is None:
        raise LayerError(
            "a label column is missing", where=path, got=list(frame.columns), needed=" or ".join(LABEL)
        )
    values = frame[found].astype(str).str.strip()
    labels = lost_labels or tuple(sorted({value for value in values if value.lower() in LOST_WORDS}))
    if not labels:
        raise LayerError(
            f"no value of {found} is known to mean loss",
            where=path,
            got=sorted(set(values))[:6],
            do="name it with --positive",
        )
    _known(path, labels, set(values))
    return values.str.lower().isin([label.lower() for label in labels]).to_numpy(bool), labels


def _known(path: Path, labels: Sequence[str], seen: set[str]) -> None:
    lower = {value.lower() for value in seen}
    for label in labels:
        if label.lower() not in lower:
            raise LayerError(f"no point has the label {label}", where=path, got=sorted(seen)[:8])


def _areas(
    path: Path, frame: pd.DataFrame, columns: dict[str, str], strata: np.ndarray, areas_path: Path | None
) -> dict[str, float] | None:
    if areas_path is not None:
        table = read_csv(areas_path)
        names = {str(name).strip().lower(): name for name in table.columns}
        stratum = next((names[name] for name in STRATUM if name in names), None)
        area = next((names[name] for name in ("area", "area_ha", *STRATUM_AREA) if name in names), None)
        if stratum is None or area is None:
            raise LayerError(
                "a column is missing", where=areas_path, got=list(table.columns), needed="stratum and area"
            )
        areas = {str(key): float(value) for key, value in zip(table[stratum], table[area], strict=True)}
        if missing := sorted(set(strata) - set(areas)):
            raise LayerError("strata without an area", where=areas_path, got=missing)
        return areas
    column = next((columns[name] for name in STRATUM_AREA if name in columns), None)
    if column is None:
        return None
    pairs = sorted({(str(key), float(value)) for key, value in zip(strata, frame[column], strict=True)})
    if len({key for key, _ in pairs}) < len(pairs):
        raise LayerError(f"column {column} gives one stratum two areas", where=path)
    return dict(pairs)
