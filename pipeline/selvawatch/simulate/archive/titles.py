"""Made-up mining titles on the 1 km grid of 100-ha cells, some over older rights."""

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.core.grid import Tile
from selvawatch.core.hectares import M2_PER_HA
from selvawatch.simulate.archive.reference_layers import to_metres
from selvawatch.simulate.noise import generator

CELL_M = 1000.0
STATES = {"T": ("Titulado", "TITULADO"), "P": ("En trámite", "TRAMITE"), "X": ("Extinguido", "EXTINGUIDO")}
"""Code, text and legend of a title's state."""


def mining_titles(tile: Tile, seed: int, streams: tuple[np.ndarray, ...]) -> gpd.GeoDataFrame:
    """Titles along the streams; where one was extinguished, somebody asked for its cells again."""
    rng = generator(seed, "mining titles")
    rows: list[dict[str, object]] = []
    for stream in streams:
        metres = to_metres(tile, stream)
        for position in np.linspace(0.12, 0.85, max(1, round(len(metres) * tile.grid.resolution / 1500))):
            east, north = metres[int(position * (len(metres) - 1))]
            cells = _cells(rng, float(east), float(north))
            applied = dt.date(
                int(rng.integers(1994, 2014)), int(rng.integers(1, 13)), int(rng.integers(1, 28))
            )
            state = str(rng.choice(["T", "P", "X"], p=[0.55, 0.25, 0.2]))
            rows.append(_row(len(rows) + 1, rng, cells, applied, state))
            if state == "X":
                again = dt.date(
                    int(rng.integers(2015, 2022)), int(rng.integers(1, 13)), int(rng.integers(1, 28))
                )
                rows.append(_row(len(rows) + 1, rng, cells, again, "P"))
    frame = gpd.GeoDataFrame(pd.DataFrame(rows), geometry="geometry", crs=tile.grid.crs)
    for name in ("FEC_DENU", "FEC_TITULO", "FEC_EXTIN", "FECHA_ACTU"):
        frame[name] = pd.to_datetime(frame[name]).astype("datetime64[ms]")
    return frame


def _cells(rng: np.random.Generator, east: float, north: float) -> shapely.Geometry:
    """One to four neighbouring cells of the 1 km grid around a point."""
    left, bottom = east // CELL_M * CELL_M, north // CELL_M * CELL_M
    wide, tall = ((1, 1), (1, 2), (2, 1), (2, 2))[int(rng.integers(4))]
    return shapely.box(left, bottom, left + wide * CELL_M, bottom + tall * CELL_M)


def _row(
    number: int, rng: np.random.Generator, cells: shapely.Geometry, applied: dt.date, state: str
) -> dict[str, object]:
    waited = dt.timedelta(days=int(rng.integers(180, 1600)))
    granted = applied + waited if state in ("T", "X") else None
    ended = None
    if state == "X" and granted:
        ended = min(granted + dt.timedelta(days=int(rng.integers(900, 3000))), dt.date(2014, 11, 30))
        granted = min(granted, ended - dt.timedelta(days=300))
    holder = "EMPRESA MINERA" if rng.random() < 0.35 else "PERSONA"
    hectares = float(cells.area / M2_PER_HA)
    return {
        "CODIGOU": f"99{number:04d}{applied:%y}",
        "CONCESION": f"SIMULADA {number:02d}",
        "TIT_CONCES": f"{holder} {100 + number}",
        "FEC_DENU": applied,
        "FEC_TITULO": granted,
        "FEC_EXTIN": ended,
        "HECTAGIS": hectares,
        "HASDATUM": hectares,
        "ESTADO": state,
        "D_ESTADO": STATES[state][0],
        "LEYENDA": STATES[state][1],
        "SUSTANCIA": "M",
        "DEPA": "SIMULADO",
        "FECHA_ACTU": dt.date(2024, 1, 15),
        "geometry": cells,
    }
