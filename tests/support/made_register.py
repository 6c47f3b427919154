"""A seeded made-up register under real field names: grid-cell titles, re-claimed ground, known overlap."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

CRS = "EPSG:32719"
WEST, SOUTH = 350_000.0, 8_560_000.0
CELL = 1000.0
OVERLAPPING = 0.74
"""Share of the corridor's mining rights over another right: Salo et al. (2016)."""


def milliseconds(days: np.ndarray) -> np.ndarray:
    """Days since 1970 as the milliseconds that ArcGIS services write."""
    return days.astype(np.int64) * 86_400_000


def write_register(path: Path, seed: int, titles: int = 100) -> Path:
    """Write layers `titles`, `concessions`, `corridor` and `reserve` into one GeoPackage.

    Titles are 100-ha grid cells, some re-claimed after extinction by a later application; exactly 74 of 100
    live ones lie over a forest concession.
    """
    rng = np.random.default_rng(seed)
    over = np.arange(titles) < round(OVERLAPPING * titles)
    rng.shuffle(over)
    column, row = np.arange(titles) % 20, np.arange(titles) // 20 * 3
    cells = shapely.box(
        WEST + column * CELL,
        SOUTH + row * CELL,
        WEST + (column + 1) * CELL,
        SOUTH + (row + 1) * CELL,
    )
    applied = rng.integers(4000, 16_000, titles)  # 1980 to 2013
    frame = pd.DataFrame(
        {
            "CODIGOU": [f"01{index:05d}" for index in range(titles)],
            "CONCESION": [f"CONCESION {index}" for index in range(titles)],
            "TIT_CONCES": [f"PERSONA {index}, UNA" for index in range(titles)],
            "FEC_DENU": milliseconds(applied),
            "HASDATUM": 100.0,
            "LEYENDA": np.where(rng.random(titles) < 0.7, "TITULADO", "TRAMITE"),
        }
    )
    dead = np.arange(0, titles, 9)
    extinct = frame.iloc[dead].assign(
        CODIGOU=[f"99{index:05d}" for index in dead],
        FEC_DENU=milliseconds(applied[dead] - 3000),
        LEYENDA="EXTINGUIDO",
    )
    rights = gpd.GeoDataFrame(
        pd.concat([frame, extinct], ignore_index=True), geometry=[*cells, *cells[dead]], crs=CRS
    )
    corner = shapely.bounds(cells[over])[:, :2]
    shapes = shapely.box(corner[:, 0] + 200, corner[:, 1] - 900, corner[:, 0] + 950, corner[:, 1] + 800)
    kinds = rng.choice(["C-J", "C-OPB-A", "C-ECO", "C-FYR"], len(shapes))
    concessions = gpd.GeoDataFrame(
        {
            "CONTRA": [f"17-TAM/{kind}-{index:03d}-02" for index, kind in enumerate(kinds)],
            "NOMTIT": [f"EMPRESA {index} S.A.C." for index in range(len(shapes))],
            "FECINI": milliseconds(rng.integers(11_700, 13_500, len(shapes))),
            "FECTER": milliseconds(rng.integers(20_600, 26_000, len(shapes))),
            "SUPAPR": 127.5,
        },
        geometry=shapes,
        crs=CRS,
    )
    west, south, east, north = rights.total_bounds
    zone = gpd.GeoDataFrame({"nombre": ["Zona"]}, geometry=[shapely.box(west, south, east, north)], crs=CRS)
    reserve = gpd.GeoDataFrame(
        {"anp_codi": ["RN00"], "anp_nomb": ["Reserva"], "anp_felec": [milliseconds(np.array([11_200]))[0]]},
        geometry=[shapely.box(west - 5000, south - 5000, east, south - 1500)],
        crs=CRS,
    )
    for name, layer in (
        ("titles", rights),
        ("concessions", concessions),
        ("corridor", zone),
        ("reserve", reserve),
    ):
        layer.to_file(path, layer=name, driver="GPKG")
    return path


def write_loss(path: Path, seed: int, count: int = 400) -> Path:
    """Write mining loss of 2002 to 2015 over the same ground: layer `loss` with `lost_on` and `mine_ha`."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(-200, 2000, count) * 10.0, rng.integers(-200, 1500, count) * 10.0
    wide, tall = rng.integers(2, 30, (2, count)) * 10.0
    shapes = shapely.box(WEST + x, SOUTH + y, WEST + x + wide, SOUTH + y + tall)
    day = np.datetime64("2002-01-01") + rng.integers(0, 14 * 365, count)
    frame = gpd.GeoDataFrame(
        {"lost_on": day.astype(str), "mine_ha": shapely.area(shapes) / 10_000}, geometry=shapes, crs=CRS
    )
    frame.to_file(path, layer="loss", driver="GPKG")
    return path


ZONES = """
[[layer]]
name = "mining-cadastre"
title = "Catastro minero (inventado)"
kind = "right"
type = "other_right"
source = "made up"
licence = "CC0"
file = "register.gpkg:titles"
date = 2016-01-01
type_column = "LEYENDA"
types = { TITULADO = "mining", TRAMITE = "mining_application", EXTINGUIDO = "mining" }
status_column = "LEYENDA"
ended_statuses = ["EXTINGUIDO"]
id_columns = ["CODIGOU"]
holder_column = "TIT_CONCES"
applied_column = "FEC_DENU"
ha_column = "HASDATUM"
open_ended = true
listed_is_valid = true

[[layer]]
name = "forest-concessions"
title = "Concesiones forestales (inventadas)"
kind = "right"
type = "other_right"
source = "made up"
licence = "CC0"
file = "register.gpkg:concessions"
date = 2016-01-01
type_column = "CONTRA"
id_columns = ["CONTRA"]
holder_column = "NOMTIT"
from_column = "FECINI"
to_column = "FECTER"
ha_column = "SUPAPR"

[layer.type_by_pattern]
"/C-OPB" = "brazil_nut"
"/C-ECO" = "ecotourism"
"/C-FYR" = "reforestation"
"/C-J" = "timber"

[[layer]]
name = "mining-corridor"
title = "Corredor minero (inventado)"
kind = "zone"
type = "corridor"
source = "made up"
licence = "CC0"
file = "register.gpkg:corridor"
date = 2016-01-01
name_column = "nombre"
valid_from = 2012-02-19
open_ended = true

[[layer]]
name = "protected-areas"
title = "Reserva (inventada)"
kind = "zone"
type = "protected_core"
source = "made up"
licence = "CC0"
file = "register.gpkg:reserve"
date = 2016-01-01
id_columns = ["anp_codi"]
name_column = "anp_nomb"
from_column = "anp_felec"
open_ended = true
"""
"""A manifest for the file that `write_register` writes."""
