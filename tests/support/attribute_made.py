"""Made-up rights and loss for tests of attribution."""

import datetime as dt
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.attribute.accountings import OWNED_TYPES, ZONE_TYPES, Scale
from selvawatch.attribute.faces import Faces, faces_of
from selvawatch.attribute.overlay import Pieces, attribute, extent_of
from selvawatch.attribute.periods import Periods
from selvawatch.attribute.touches import with_touches
from selvawatch.core.hectares import equal_area_crs, hectares
from selvawatch.core.settings import load
from selvawatch.core.tables import CELLS
from selvawatch.register.entries import LayerEntry
from selvawatch.register.layer_rows import LayerSnapshot, normalise_layer
from selvawatch.register.register import Register, register_of
from selvawatch.tables import TableInputs
from selvawatch.tables.table_settings import TableSettings

AOI = Path(__file__).resolve().parents[2] / "aoi"
CRS = "EPSG:32719"
EQUAL_AREA = equal_area_crs(-70.3, -12.5)
WEST, SOUTH = 340_000.0, 8_560_000.0
TAKEN = dt.date(2026, 1, 1)
TODAY = (TAKEN - dt.date(1970, 1, 1)).days

SCALE = Scale(
    name="mining-last",
    title="minería al final",
    types=(
        "protected_core",
        "native_community",
        "conservation",
        "ecotourism",
        "brazil_nut",
        "other_non_timber",
        "wildlife",
        "timber",
        "reforestation",
        "farm_plot",
        "other_right",
        "mining",
        "mining_application",
    ),
    zones=ZONE_TYPES,
)
assert set(OWNED_TYPES) <= set(SCALE.types)


def box(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    """A box in metres from a corner in La Pampa."""
    return shapely.box(WEST + west, SOUTH + south, WEST + east, SOUTH + north)


def entry(name: str, kind: str = "right", **rest: object) -> LayerEntry:
    """A layer whose type stands in column `type`, with dates `first` and `last`."""
    plain = {
        "types": {one: one for one in (*OWNED_TYPES, *ZONE_TYPES, "oil_lot", "area", "district")},
        "from_column": "first",
        "to_column": "last",
        "open_ended": True,
        "id_columns": ("key",),
    }
    return LayerEntry(
        name=name,
        title=name,
        kind=kind,
        type="other_right",
        source="made up",
        licence="CC0",
        type_column="type",
        name_column="name",
        **{**plain, **rest},
    )


def snapshot(rows: list[dict], name: str = "made", date: dt.date = TAKEN, **rest: object) -> LayerSnapshot:
    """Rows of `type`, `geometry` and any of `key`, `name`, `first`, `last` as a snapshot of one layer."""
    empty = {"key": None, "name": None, "first": None, "last": None}
    frame = pd.DataFrame([{**empty, "key": f"k{index}", **row} for index, row in enumerate(rows)])
    if not rows:
        frame = pd.DataFrame(columns=[*empty, "type", "geometry"])
    made = gpd.GeoDataFrame(frame, geometry="geometry", crs=CRS)
    return normalise_layer(made, entry(name, **rest), equal_area=EQUAL_AREA, date=date, sha256="0" * 64)


def register(rows: list[dict], **rest: object) -> Register:
    """A register with a layer for each kind; rows without `first` are in force since 2000."""
    rows = [{"first": "2000-01-01", "key": f"k{index}", **row} for index, row in enumerate(rows)]
    kinds = {"oil_lot": "aside", "area": "place", "district": "place"}
    by_kind: dict[str, list[dict]] = {}
    for row in rows:
        kind = kinds.get(row["type"], "right" if row["type"] in OWNED_TYPES else "zone")
        by_kind.setdefault(str(rest.get("kind", kind)), []).append(row)
    plain = {name: value for name, value in rest.items() if name != "kind"}
    layers = [
        snapshot(part, name="made" if kind == "right" else f"made-{kind}", kind=kind, **plain)
        for kind, part in sorted(by_kind.items())
    ]
    return register_of(layers, crs=CRS)


def cells(shapes: list[shapely.Geometry], **columns: object) -> gpd.GeoDataFrame:
    """Loss cells, all confirmed mining on 2025-06-01 unless columns say otherwise."""
    count = len(shapes)
    frame = pd.DataFrame(
        {
            "cell_id": [f"c{index:05d}" for index in range(count)],
            "event_id": [f"e{index:05d}" for index in range(count)],
            "status": "confirmed",
            "cause": "mining",
            "mining_probability": 0.9,
            "onset": pd.Timestamp(2025, 6, 1),
            "onset_earliest": pd.Timestamp(2025, 6, 1),
            "onset_latest": pd.Timestamp(2025, 6, 1),
            "ha": hectares(np.array(shapes, object), CRS, EQUAL_AREA) if count else 0.0,
        },
        index=range(count),
    ).assign(**columns)
    return gpd.GeoDataFrame(CELLS.check(gpd.GeoDataFrame(frame, geometry=shapes, crs=CRS)), crs=CRS)


def pieces(loss: gpd.GeoDataFrame, rights: Register, today: int = TODAY) -> Pieces:
    """The loss cut by the faces of a register."""
    return attribute(loss, faces_under(loss, rights), rights, today=today)


def faces_under(loss: gpd.GeoDataFrame, rights: Register) -> Faces:
    """The faces of a register under the loss, with what only touches by the site's own tolerance."""
    faces = faces_of(
        rights.rights,
        extent_of([loss, rights.rights]),
        equal_area=EQUAL_AREA,
        register_version=rights.version,
    )
    return with_touches(faces, rights, load(TableSettings, AOI / "tables.toml").touch, EQUAL_AREA)


def inputs(loss: gpd.GeoDataFrame, rights: Register, **rest: object) -> TableInputs:
    """Everything tables need, with the site's own scales, periods and settings."""
    faces = faces_under(loss, rights)
    made = {
        "pieces": attribute(loss, faces, rights, today=TODAY),
        "register": rights,
        "scales": {"mining-last": SCALE},
        "periods": load(Periods, AOI / "periods.toml").by_name,
        "settings": load(TableSettings, AOI / "tables.toml"),
        "faces": faces,
    }
    return TableInputs(**{**made, **rest})
