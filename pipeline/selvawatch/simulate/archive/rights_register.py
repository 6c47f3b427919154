"""A made-up register of rights and zones with overlaps and dates, under official field names."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.core.grid import Tile
from selvawatch.core.hectares import M2_PER_HA
from selvawatch.simulate.archive.geopackage import write_layers
from selvawatch.simulate.archive.reference_layers import river_polygon, to_metres
from selvawatch.simulate.archive.titles import mining_titles
from selvawatch.simulate.noise import generator
from selvawatch.simulate.terrain.landscape import Landscape

FRACTIONS = {
    "timber": [(0.02, 0.30), (0.30, 0.28), (0.36, 0.46), (0.33, 0.66), (0.03, 0.64)],
    "timber_east": [(0.70, 0.62), (0.99, 0.60), (0.99, 0.93), (0.72, 0.95)],
    "reforestation": [(0.30, 0.52), (0.62, 0.50), (0.63, 0.72), (0.31, 0.74)],
    "reforestation_west": [(0.05, 0.70), (0.26, 0.71), (0.25, 0.84), (0.06, 0.83)],
    "brazil_nut": [(0.60, 0.32), (0.86, 0.30), (0.90, 0.50), (0.62, 0.53)],
    "brazil_nut_north": [(0.32, 0.80), (0.52, 0.79), (0.53, 0.97), (0.33, 0.98)],
    "ecotourism": [(0.36, 0.21), (0.58, 0.22), (0.57, 0.34), (0.37, 0.33)],
    "conservation": [(0.84, 0.24), (0.98, 0.23), (0.98, 0.42), (0.88, 0.44)],
    "community": [(-0.04, 0.33), (0.13, 0.34), (0.15, 0.60), (0.06, 0.66), (-0.04, 0.65)],
    "core": [(-0.1, -0.2), (1.1, -0.2), (1.1, 0.155), (0.6, 0.145), (0.25, 0.16), (-0.1, 0.15)],
    "buffer": [
        (-0.1, 0.15),
        (0.25, 0.16),
        (0.6, 0.145),
        (1.1, 0.155),
        (1.1, 0.47),
        (0.55, 0.50),
        (-0.1, 0.45),
    ],
    "corridor": [(-0.1, 0.58), (0.5, 0.62), (1.1, 0.56), (1.1, 1.1), (-0.1, 1.1)],
    "isolated": [(0.66, -0.2), (1.1, -0.2), (1.1, 0.24), (0.80, 0.22), (0.68, 0.12)],
    "oil": [(0.45, -0.1), (0.92, -0.1), (0.92, 1.1), (0.45, 1.1)],
    "exclusion": [(-0.1, 0.15), (0.25, 0.16), (0.6, 0.145), (1.1, 0.155), (1.1, 0.36), (-0.1, 0.36)],
}
"""Outlines as shares of the tile's side from its south-west corner (x, y); the north is up."""


ZONES: dict[str, tuple[str, dict[str, str | float]]] = {
    "native_communities": (
        "community",
        {
            "nom_comuni": "Comunidad Simulada Uno",
            "estado": "TITULADA",
            "etnia": "-",
            "area_titul": 1890.0,
            "docleg": "RD SIM-0101-1988",
            "fec_titulo": "1988-07-12",
        },
    ),
    "protected_areas": (
        "core",
        {
            "anp_codi": "SIM01",
            "anp_nomb": "Reserva Simulada",
            "anp_cate": "Reserva Nacional",
            "anp_suleg": 2400.0,
            "anp_balec": "DS SIM-048-2000",
            "anp_felec": "2000-09-04",
        },
    ),
    "buffer_zones": (
        "buffer",
        {
            "anp_codi": "SIM01",
            "anp_nomb": "Reserva Simulada",
            "c_nomb": "Zona de amortiguamiento de la Reserva Simulada",
            "za_super": 3700.0,
            "za_balea": "RJ SIM-298-2001",
            "za_felea": "2001-10-16",
        },
    ),
    "mining_corridor": (
        "corridor",
        {
            "nombre": "Zona de pequeña minería y minería artesanal (simulada)",
            "norma": "DL SIM-1100",
            "fec_inicio": "2012-02-19",
        },
    ),
    "exclusion_zones": (
        "exclusion",
        {
            "nombre": "Zona de exclusión minera (simulada)",
            "norma": "DU SIM-012-2010",
            "fec_inicio": "2010-02-18",
        },
    ),
    "isolated_peoples": (
        "isolated",
        {
            "nombre": "Reserva territorial simulada",
            "norma": "RM SIM-0427-2002",
            "fec_inicio": "2002-04-22",
        },
    ),
    "oil_lots": (
        "oil",
        {
            "lote": "SIM-76",
            "contrato": "CONTRATO SIM-76",
            "estado": "EXPLORACION",
            "fec_inicio": "2006-05-02",
            "fec_termino": "2017-05-02",
        },
    ),
}
"""Layers of one row: name of its outline, and its columns under their official names."""


def write_register(path: Path, landscape: Landscape) -> Path:
    """Write every layer of the register into one GeoPackage and return its path."""
    tile = landscape.tile
    layers = {
        "mining_titles": mining_titles(tile, landscape.plan.seed, landscape.lines.streams),
        "forest_concessions": _forest_concessions(tile),
        "native_communities": _zone(tile, "native_communities"),
        "farm_plots": _farm_plots(landscape),
        "protected_areas": _zone(tile, "protected_areas"),
        "buffer_zones": _zone(tile, "buffer_zones"),
        "mining_corridor": _zone(tile, "mining_corridor"),
        "exclusion_zones": _zone(tile, "exclusion_zones"),
        "isolated_peoples": _zone(tile, "isolated_peoples"),
        "water_margins": _water_margins(landscape),
        "oil_lots": _zone(tile, "oil_lots"),
    }
    return write_layers(path, layers, landscape.plan.last_day.isoformat())


def outline(tile: Tile, name: str) -> shapely.Polygon:
    """One outline of `FRACTIONS` in metres."""
    west, south, east, _ = tile.bounds
    side = east - west
    return shapely.Polygon(
        [(round(west + x * side, 1), round(south + y * side, 1)) for x, y in FRACTIONS[name]]
    )


def as_dates(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The frame with its date columns (fec..., ...felec, ...felea) as datetime64[ms]."""
    dated = frame.copy()
    for name in dated.columns:
        if name.lower().startswith("fec") or name.endswith(("felec", "felea")):
            dated[name] = pd.to_datetime(dated[name], format="%Y-%m-%d").astype("datetime64[ms]")
    return dated


def _zone(tile: Tile, layer: str) -> gpd.GeoDataFrame:
    shape, columns = ZONES[layer]
    rows = {name: [value] for name, value in columns.items()}
    return as_dates(gpd.GeoDataFrame(rows, geometry=[outline(tile, shape)], crs=tile.grid.crs))


def _forest_concessions(tile: Tile) -> gpd.GeoDataFrame:
    rows = [
        ("timber", "MADERABLE", "17-SIM/C-J-001-02", "EMPRESA 01 S.A.C.", "2002-06-14", "2042-06-14"),
        ("timber_east", "MADERABLE", "17-SIM/C-J-002-02", "EMPRESA 02 S.A.C.", "2002-06-14", "2042-06-14"),
        ("reforestation", "REFORESTACION", "17-SIM/C-FYR-003-05", "PERSONA 03", "2005-03-08", "2045-03-08"),
        ("reforestation_west", "REFORESTACION", "17-SIM/C-FYR-004-09", "PERSONA 04", "2009-11-20", None),
        ("brazil_nut", "CASTAÑA", "17-SIM/C-OPB-A-005-03", "PERSONA 05", "2003-10-01",
         "2043-10-01"),
        ("brazil_nut_north", "CASTAÑA", "17-SIM/C-OPB-A-006-04", "PERSONA 06",
         "2004-01-15", "2023-12-31"),
        ("ecotourism", "ECOTURISMO", "17-SIM/C-ECO-007-06", "EMPRESA 07 S.A.C.", "2006-02-27", "2046-02-27"),
        ("conservation", "CONSERVACION", "17-SIM/C-CON-008-11", "ASOCIACION 08", "2011-08-30", "2051-08-30"),
    ]  # fmt: skip
    names, kinds, contracts, holders, begins, ends = (list(column) for column in zip(*rows, strict=True))
    shapes = [outline(tile, name) for name in names]
    hectares = [round(shape.area / M2_PER_HA, 2) for shape in shapes]
    frame = gpd.GeoDataFrame(
        {
            "FUENTE": ["SIMULADA"] * len(rows),
            "DOCREG": [f"SIM-{number:03d}" for number in range(1, len(rows) + 1)],
            "FECREG": begins,
            "TIPCON": kinds,
            "CONTRA": contracts,
            "NOMTIT": holders,
            "FECINI": begins,
            "FECTER": ends,
            "SITUAC": [1] * len(rows),
            "SUPSIG": hectares,
            "SUPAPR": [round(area * 1.013, 1) for area in hectares],
            "DOCLEG": [f"CONTRATO {contract}" for contract in contracts],
            "FECLEG": begins,
        },
        geometry=shapes,
        crs=tile.grid.crs,
    )
    return as_dates(frame)


def _farm_plots(landscape: Landscape) -> gpd.GeoDataFrame:
    """Rectangular plots along the road; every third has no date of title."""
    rng = generator(landscape.plan.seed, "farm plots")
    size, tile = landscape.size, landscape.tile
    road, shapes, dates = landscape.lines.road, [], []
    width = max(4, size // 26)
    for number, column in enumerate(range(width // 2, size - width, int(width * 1.7))):
        side = -1 if number % 2 else 1
        depth = width * rng.uniform(1.1, 1.9)
        rows = [road[column] + side, road[column + width] + side]
        corners = np.array(
            [
                (rows[0], column),
                (rows[1], column + width),
                (rows[1] + side * depth, column + width),
                (rows[0] + side * depth, column),
            ]
        )
        shapes.append(shapely.Polygon(to_metres(tile, corners)))
        year = 1996 + int(rng.integers(0, 20))
        dates.append(None if number % 3 == 2 else f"{year}-0{1 + number % 9}-15")
    frame = gpd.GeoDataFrame(
        {
            "UNIDAD_CAT": [f"SIM{number:05d}" for number in range(1, len(shapes) + 1)],
            "TITULAR": [f"PERSONA {number:02d}" for number in range(21, 21 + len(shapes))],
            "FEC_TITULO": dates,
        },
        geometry=shapes,
        crs=tile.grid.crs,
    )
    return as_dates(frame)


def _water_margins(landscape: Landscape) -> gpd.GeoDataFrame:
    """The river with 50 m on both sides."""
    margin = shapely.simplify(shapely.buffer(river_polygon(landscape), 50.0, quad_segs=4), 3.0)
    return as_dates(
        gpd.GeoDataFrame(
            {
                "nombre": ["Faja marginal del Río Simulado"],
                "resolucion": ["RD SIM-77-2014"],
                "fec_inicio": ["2014-05-09"],
            },
            geometry=[margin],
            crs=landscape.tile.grid.crs,
        )
    )
