"""Made-up alerts for the tests of `write`: every column of the table, some texts meant to harm."""

import datetime as dt
from functools import cache

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine

from selvawatch.core.days import to_day
from selvawatch.core.schema import Table, Tier
from selvawatch.core.status import Reason
from selvawatch.core.tables import ALERTS, CELLS
from selvawatch.write import tiers
from selvawatch.write.bulletin.bulletin_model import (
    Bulletin,
    Coverage,
    LayerVintage,
    LossRow,
    LossTable,
    Picture,
    Reference,
    SensorCoverage,
    TileCoverage,
    UnreadScene,
    headline,
    shown_in_full,
)
from selvawatch.write.bulletin.pictures import Window, drawn_alike
from selvawatch.write.run_provenance import Run
from selvawatch.write.tiers import TierRule

CRS = "EPSG:32719"
DATA_DAY = to_day("2026-06-30")
RULE = TierRule(delay_days=60, grid_m=1000.0, isolated_buffer_m=5000.0, withhold_unchecked=True)
OPEN_RULE = TierRule(delay_days=0, grid_m=1000.0, isolated_buffer_m=5000.0, withhold_unchecked=False)
ORIGIN = (368_640.0, 8_581_120.0)
PROVENANCE = {"run_id": "0123456789abcdef" * 4, "model": "ab" * 32, "version": "0.1.0"}

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><b>x",
    '=HYPERLINK("http://x.example")',
    "+1",
    "-1+2",
    "@SUM(A1)",
    "dos\nlíneas, \"comillas\"; y 'más'",
    "abc\u202etxt.exe\u200f",
    "x" * 10_240,
    "]]>&amp;{{7*7}}{% raw %}",
    "cero\x00 y campana\x07",
)
"""Texts that a layer from outside may carry."""


def _value(table: Table, name: str, number: int) -> object:
    column = table.column(name)
    if column.choices:
        return column.choices[number % len(column.choices)]
    day = dt.date(2026, 1, 10) + dt.timedelta(days=9 * number)
    return {
        "text": f"{name} {number}",
        "date": pd.Timestamp(day),
        "int": number + 1,
        "float": 1.5 + number,
        "bool": number % 2 == 0,
        "geometry": None,
    }[column.dtype]


def alerts(count: int = 6, *, table: Table = ALERTS, **columns: list) -> gpd.GeoDataFrame:
    """Alerts one after another to the north-east, 1.7 km apart; `columns` replaces whole columns."""
    rows = {column.name: [_value(table, column.name, n) for n in range(count)] for column in table.columns}
    outlines = [
        shapely.Point(ORIGIN[0] + 1730 * n, ORIGIN[1] + 1730 * n).buffer(60 + 15 * n, 4) for n in range(count)
    ]
    rows["geometry"] = outlines
    if "lon" in rows:
        points = gpd.GeoSeries(shapely.point_on_surface(np.array(outlines, object)), crs=CRS)
        degrees = points.to_crs("EPSG:4326")
        rows |= {"lon": degrees.x, "lat": degrees.y, "utm_e": points.x, "utm_n": points.y}
    if "isolated_peoples" in rows:
        rows["isolated_peoples"] = ["no"] * count
    rows |= columns
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=CRS)


def cells(count: int = 8) -> gpd.GeoDataFrame:
    """Loss cells of the same kind."""
    return alerts(count, table=CELLS)


def restricted_names(table: Table) -> set[str]:
    """Columns that only the restricted tier may see as they are."""
    return {column.name for column in table.columns if column.tier == Tier.RESTRICTED}


def scenery(height: int = 60, seed: int = 3, cleared: float = 0.0) -> np.ndarray:
    """(3, y, x) reflectance of a forest with a river, and a clearing with a pond if `cleared` is above 0."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:height] / height
    texture = rng.normal(0, 0.006, (height, height))
    red, green, blue = 0.03 + texture, 0.055 + texture, 0.028 + texture
    river = np.abs(x - 0.18 - 0.06 * np.sin(6 * y)) < 0.045
    for band, value in ((red, 0.12), (green, 0.11), (blue, 0.08)):
        band[river] = value
    if cleared:
        sand = (x - 0.55) ** 2 + 1.6 * (y - 0.5) ** 2 < 0.06 * cleared
        pond = (x - 0.58) ** 2 + 1.6 * (y - 0.53) ** 2 < 0.012 * cleared
        for band, bare, water in ((red, 0.34, 0.2), (green, 0.29, 0.19), (blue, 0.22, 0.12)):
            band[sand] = bare + rng.normal(0, 0.02, int(sand.sum()))
            band[pond] = water
    return np.stack([red, green, blue]).astype(np.float32)


@cache
def pictures(number: int) -> tuple[Picture, ...]:
    """Pictures before and after, every third time one of now, in both kinds of colours."""
    transform = Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1])
    outline = shapely.affinity.translate(
        shapely.affinity.scale(shapely.Point(0, 0).buffer(60), 2.4, 1.9), ORIGIN[0] + 330, ORIGIN[1] - 300
    )
    shots = [("before", 0.0, "2026-01-04"), ("after", 0.6, "2026-04-18"), ("now", 1.0, "2026-06-18")]
    shots = shots if number % 3 == 0 else shots[:2]
    made = []
    for bands in ("natural", "swir"):
        windows = [
            Window(
                values=scenery(seed=number, cleared=share)[:: 1 if bands == "natural" else -1],
                transform=transform,
                natural=bands == "natural",
                caption=f"{day} · Sentinel-2",
            )
            for _, share, day in shots
        ]
        made += [
            Picture(moment=moment, bands=bands, day=to_day(day), sensor="sentinel-2", content=content)
            for (moment, _, day), content in zip(shots, drawn_alike(windows, outline), strict=True)
        ]
    return tuple(made)


def bulletin(
    tier: Tier = Tier.PUBLIC, *, count: int = 8, rule: TierRule = OPEN_RULE, hostile: bool = False
) -> Bulletin:
    """A bulletin over made-up alerts; `hostile`: harmful texts wherever a layer or archive may bring text."""
    frame = real_alerts(count) if not hostile else hostile_alerts()
    released = tiers.apply(ALERTS, frame, tiers.Gate(tier=tier, rule=rule, data_day=DATA_DAY))
    kept = tiers.apply(CELLS, cells(count), tiers.Gate(tier=tier, rule=rule, data_day=DATA_DAY))
    evil = HOSTILE if hostile else ("",) * len(HOSTILE)
    west, south, east, north = -70.22, -12.90, -70.02, -12.70
    area = shapely.Polygon(
        [(west, south), (east, south + 0.01), (east - 0.01, north), (west + 0.04, north - 0.03)]
    )
    observations = tuple(
        TileCoverage(
            tile=f"x{column:04d}y{row:04d}",
            outline=shapely.box(
                west + column * 0.1, south + row * 0.1, west + column * 0.1 + 0.1, south + row * 0.1 + 0.1
            ),
            observed_share=(0.95, 0.81, 0.4, 0.99)[2 * row + column],
        )
        for row in range(2)
        for column in range(2)
    )
    road = shapely.LineString([(west, -12.83), (-70.1, -12.79), (east, -12.8)])
    river = shapely.LineString([(-70.05, north), (-70.09, -12.78), (-70.06, south)])
    return Bulletin(
        run=Run(
            run_id="0123456789abcdef" * 4,
            since_day=to_day("2026-01-01"),
            data_day=DATA_DAY,
            version="0.1.0",
            digests={"model": "ab" * 32, "areas": "cd" * 32, "zones": "ef" * 32, "scenes": "01" * 32},
        ),
        area_name="la-pampa",
        area_title=evil[0] or "La Pampa",
        area=area,
        alerts=released,
        headline=headline(released, pd.DataFrame(kept.frame), to_day("2026-01-01"), DATA_DAY),
        tables=(
            loss(
                "loss_by_type",
                [("mining+brazil_nut", 12.3, 11.8), ("mining?", 5.1, 4.9), ("outside", 8.2, 3.0)],
            ),
            loss("loss_by_zone", [("corridor", 15.0, 13.1), ("buffer", 6.4, 4.4), ("outside", 4.2, 2.2)]),
        ),
        coverage=Coverage(
            observed_share=0.823,
            tiles=observations,
            sensors=(
                SensorCoverage(
                    sensor="sentinel-2", searched=True, scenes_read=31, scenes_unread=1, last_day=DATA_DAY - 3
                ),
                SensorCoverage(sensor="landsat", searched=True, scenes_read=12, last_day=DATA_DAY - 9),
                SensorCoverage(sensor="sentinel-1", searched=False, why=evil[1] or "no hay clave de acceso"),
            ),
            unread=(
                UnreadScene(
                    scene_id=evil[2] or "S2A_T19LCF_20260312T145731_L2A",
                    sensor="sentinel-2",
                    day=to_day("2026-03-12"),
                    reason=evil[8] or "archivo truncado",
                ),
            ),
            unmonitored_ha={Reason.NOT_FOREST: 1840.2, Reason.NEVER_CLEAR: 12.4, Reason.SHORT_HISTORY: 0.0},
            monitored_ha=8640.0,
            fallback_share=0.07,
        ),
        layers=(
            LayerVintage(
                layer="mining",
                title=evil[9] or "Catastro minero (GEOCATMIN)",
                source="INGEMMET",
                day=to_day("2026-05-20"),
                age_days=41,
                old=False,
            ),
            LayerVintage(
                layer="timber",
                title="Concesiones forestales maderables",
                source=evil[10] or "SERFOR",
                day=to_day("2024-11-02"),
                age_days=605,
                old=True,
            ),
        ),
        pictures={alert_id: pictures(n) for n, alert_id in enumerate(shown_in_full(frame))},
        references=(
            Reference(kind="road", name=evil[3] or "Interoceánica Sur", geometry=road),
            Reference(kind="river", name="Malinowski", geometry=river),
        ),
        delay_days=rule.delay_days,
        grid_m=rule.grid_m,
        top=12,
        method=evil[4]
        or "Baseline armónica robusta, evidencia por sensor, CUSUM de Page; modelo fused-2026.1",
    )


def loss(name: str, rows: list[tuple[str, float, float]]) -> LossTable:
    """A loss table."""
    total = sum(ha for _, ha, _ in rows)
    return LossTable(
        name=name,
        accounting="combination" if name == "loss_by_type" else "exclusive",
        clock="at-loss",
        additive=True,
        rows=tuple(
            LossRow(code=code, loss_ha=ha, mining_ha=mining, ha_lo=0.8 * ha, ha_hi=1.2 * ha, share=ha / total)
            for code, ha, mining in rows
        ),
    )


def real_alerts(count: int = 8) -> gpd.GeoDataFrame:
    """Alerts with values as a run gives them."""
    some = range(count)

    def cycle(*values: object) -> list:
        return [values[n % len(values)] for n in some]

    return alerts(
        count,
        alert_id=[f"mdd-7f3k{n:02d}.v{1 + n % 3}" for n in some],
        event_id=[f"mdd-7f3k{n:02d}" for n in some],
        status=cycle("confirmed", "confirmed", "provisional", "confirmed", "withdrawn"),
        confidence=cycle("highest", "high", "low", "high", "low"),
        change=cycle("grown", "new", "new", "stable"),
        cause=cycle("mining", "mining", "agriculture", "mining", "river", "unknown"),
        cause_reasons=cycle("pond_share+ bare_share+ old_mine_share+", "bare_share+ log_road_km-"),
        rank=[n + 1 for n in some],
        rank_reasons=cycle("core growth mining", "buffer news size", "news"),
        withdrawn_reason=cycle(None, None, None, None, "forest-seen"),
        mining_probability=cycle(0.97, 0.88, 0.12, 0.91, 0.03, 0.5),
        ha=[12.34 / (n + 1) for n in some],
        ha_lo=[10.2 / (n + 1) for n in some],
        ha_hi=[14.1 / (n + 1) for n in some],
        district=cycle("Inambari", "Tambopata", "Laberinto"),
        area_name=cycle("La Pampa"),
        combination=cycle("mining+brazil_nut", "outside", "reforestation+mining_application?"),
        combination_today=cycle("mining+brazil_nut", "mining", "reforestation"),
        zones=cycle("buffer corridor", "", "protected_core"),
        protected=cycle("buffer", "out", "core"),
        protected_name=cycle("Reserva Nacional Tambopata", None, "Reserva Nacional Tambopata"),
        in_native_community=cycle("out", "in"),
        native_community=cycle(None, "Tres Islas"),
        corridor=cycle("in", "out"),
        near_water=cycle("under_50_m", "far", "in_water"),
        distance_road_m=cycle(3420.0, 180.0, None),
        road_km=cycle(103.0, 107.0, None),
        remining=cycle("no", "yes"),
        forest=cycle("unknown", "primary", "secondary", "mixed"),
        legal_context=cycle("prohibited_area", "allowed_area_no_title", "undetermined"),
        legal_citation=cycle("DL 1100, anexo 1", None),
        authority=cycle("FEMA Madre de Dios", None),
    )


def hostile_alerts() -> gpd.GeoDataFrame:
    """One alert for each harmful text, the text in every column that a layer may fill."""
    texts = list(HOSTILE)
    names = (
        "district",
        "area_name",
        "protected_name",
        "native_community",
        "legal_citation",
        "authority",
        "combination",
    )
    frame = real_alerts(len(texts))
    return frame.assign(
        **dict.fromkeys((*names, "cause_reasons", "rank_reasons", "zones"), texts), protected="core"
    )
