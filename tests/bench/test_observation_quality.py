"""Where an observation's error depends on what is known when it is made: tables for models/screening.md."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import world_sky
from make_world import make_world
from scipy import ndimage
from simulated_area import TILE, Area, plan_of

from selvawatch.core.observation import QUALITY, Observation
from selvawatch.core.settings import load
from selvawatch.core.stack import NODATA
from selvawatch.detect import harmonic
from selvawatch.detect.baseline import name_of
from selvawatch.detect.evidence import EvidenceRule
from selvawatch.detect.model import Model
from selvawatch.detect.shared_parts import SharedParts
from selvawatch.detect.shift_rule import CommonShift, Corner
from selvawatch.prepare.harmonise import to_msi
from selvawatch.prepare.indices import INDICES
from selvawatch.prepare.mask import Screening, screen
from selvawatch.prepare.observation_files import observation_path, read_observation
from selvawatch.prepare.observation_keys import observation_keys
from selvawatch.simulate.climate import sun
from selvawatch.sources.open import open_source
from selvawatch.sources.sensors.sensor_table import sensor_of, stream_of
from selvawatch.store.contents import BASELINES
from selvawatch.store.tile_state import load_arrays
from selvawatch.validate.judge_raster import validate_cube
from selvawatch.validate.reference_cube import CubeReading
from selvawatch.validate.series import read_series

pytestmark = [pytest.mark.bench, pytest.mark.campaign]

SEED = int(os.environ.get("SELVAWATCH_QUALITY_SEED", "530"))
WORLD_SEED = int(os.environ.get("SELVAWATCH_QUALITY_WORLD", "221"))
MODELS = Path(__file__).resolve().parents[2] / "models"
SCREENING = load(Screening, MODELS / "screening.toml")
AIRLIGHTS = {
    "as in the harder world": (0.35, 0.36, 0.37, 0.45, 0.35, 0.25),
    "blue aerosol": (0.30, 0.25, 0.20, 0.25, 0.08, 0.04),
    "smoky": (0.30, 0.22, 0.16, 0.30, 0.16, 0.07),
    "white": (0.6, 0.6, 0.6, 0.6, 0.6, 0.6),
    "brown": (0.12, 0.14, 0.16, 0.22, 0.16, 0.10),
}
"""Light of the air in blue, green, red, near and both short-wave infrareds, reflectance."""
HOTS = (-1.0, 0.015, 0.02, 0.025, 0.03, 0.035, 0.0451)
EXCESSES = (-1.0, 0.0, 0.005, 0.01, 1.0)
METRES = (10.0, 20.0, 30.0, 50.0, 100.0, 200.0, 1e9)
DEGREES = (0.0, 50.0, 55.0, 60.0, 90.0)
BLOCK = 64
FAR = {"ndvi": -3.0, "nbr": -3.0, "for forest, nats": -1.0}
FALL = -0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """Residuals of stable forest, and what was known of each when its observation was made."""

    of: Mapping[str, np.ndarray]
    """By index, (n,)."""
    known: Mapping[str, np.ndarray]
    """By what is known, (n,)."""
    far: Mapping[str, float]
    """Below which one is in the tail, by index."""


def table(found: Residuals, name: str, edges: Sequence[float], least: int = 40) -> dict[float, float]:
    """Print robust spread and tail by ranges of what is known; shares of NDVI in the tail by lower edge."""
    columns = [f"{index} median / spread / < {found.far[index]:g}" for index in found.of]
    print(f"\n| {name} | n | {' | '.join(columns)} |")
    print(f"|---|---:|{'---|' * len(columns)}")
    tails = {}
    for low, high in zip(edges, edges[1:], strict=False):
        chosen = (found.known[name] >= low) & (found.known[name] < high)
        if chosen.sum() < least:
            continue
        cells = []
        for index, values in found.of.items():
            part = values[chosen]
            middle = np.median(part)
            spread = 1.4826 * np.median(np.abs(part - middle))
            tail = float((part < found.far[index]).mean())
            cells.append(f"{middle:+.3f} / {spread:.3f} / {tail:.1%}")
            if index == "ndvi":
                tails[low] = tail
        print(f"| {low:g} to {high:g} | {chosen.sum()} | {' | '.join(cells)} |")
    return tails


def of_points(folder: Path) -> Residuals:
    """Forest points of the raw series: values less the point's own median over what the screening leaves."""
    series = read_series(folder / "series.parquet")
    points = pd.read_parquet(folder / "points.parquet").astype({"pid": str}).set_index("pid")
    forest = (points.loc[list(series.pids), "label"] == "Forest").to_numpy()
    bands = {name: values[:, forest] for name, values in series.values.items()}
    clear = screen(bands, SCREENING)
    residuals = {}
    for name in ("ndvi", "nbr"):
        values = np.where(clear, INDICES[name].of(bands), np.float32(np.nan))
        residuals[name] = (values - np.nanmedian(values, axis=0))[clear]
    return Residuals(of=residuals, known={"hot": _hot(bands)[clear]}, far=dict.fromkeys(residuals, FALL))


def of_area(area: Area) -> Iterator[tuple[str, Residuals]]:
    """Stable forest of a simulated area by stream: residuals in sigmas as the detector sees them."""
    site, halo = area.site, area.site.halo_px
    folder = area.store.baseline(TILE.id, area.state.baseline)
    baselines = load_arrays(folder, BASELINES).assign_attrs(model=site.model.digest)
    side = TILE.grid.tile_px
    corner = Corner(row=-(TILE.row + 1) * side - halo, column=TILE.column * side - halo)
    parts = SharedParts(site.model, baselines, site.common_shift, corner)
    rule = EvidenceRule(site.model, baselines)
    source = open_source(f"folder:{area.archive}")
    first, last = site.days.first_day, area.state.until_day
    scenes = {
        (scene.day, stream_of(scene)): scene
        for scene in source.search(TILE.lonlat_outline_with(halo), first, last).scenes
    }
    found: dict[str, list[Residuals]] = {}
    for key in observation_keys(area.state.scene_records, first, last):
        scene = scenes[key.day, key.stream]
        if sensor_of(scene).radar:
            continue
        path = observation_path(area.store.observations(TILE.id), key.stream, key.day)
        raw = read_observation(path, with_halo=True)
        data = source.read(scene, TILE, ("blue", "red"), halo)
        bands = to_msi({name: data[name].values for name in ("blue", "red")}, sensor_of(scene).bandpass)
        shown = parts.without_shared(raw)
        inner = np.s_[halo:-halo, halo:-halo]
        chosen = np.zeros(raw.shape, bool)
        chosen[inner] = area.lost_on == 0
        chosen &= (raw.values["ndvi"] != NODATA) & (
            baselines[name_of(key.stream, "ndvi", "sigma")] > 0
        ).values
        if shown is not None:
            chosen &= (shown.values["ndvi"] != NODATA) & (shown.values["nbr"] != NODATA)
        if shown is None or not chosen.any():
            continue
        known = _known(raw, bands, baselines[name_of(key.stream, "ndvi", "sigma")].to_numpy() > 0)
        residuals = {name: _sigmas(area, shown, baselines, name)[chosen] for name in ("ndvi", "nbr")}
        residuals["for forest, nats"] = -site.model.unit * rule.of_day([_unweighed(shown)])[chosen]
        found.setdefault(key.stream, []).append(
            Residuals(of=residuals, known={name: values[chosen] for name, values in known.items()}, far=FAR)
        )
    for stream, pieces in sorted(found.items()):
        yield stream, _together(pieces)


def _known(raw: Observation, bands: Mapping[str, np.ndarray], forest: np.ndarray) -> dict[str, np.ndarray]:
    """What is known of each pixel of an observation when it is made, each (y, x)."""
    clear, hot = raw.values["ndvi"] != NODATA, _hot(bands)
    level = np.full(hot.shape, np.nan)
    for row in range(0, hot.shape[0], BLOCK):
        for column in range(0, hot.shape[1], BLOCK):
            block = np.s_[row : row + BLOCK, column : column + BLOCK]
            values = hot[block][clear[block] & forest[block]]
            if values.size > BLOCK:
                level[block] = np.quantile(values, 0.25)
    _, south, _, north = TILE.lonlat_bounds
    return {
        "metres to what is not seen": ndimage.distance_transform_edt(clear) * TILE.grid.resolution,
        "hot": hot,
        "hot above the block's forest": hot - level,
        "elevation of the sun": np.full(hot.shape, sun(raw.day, (south + north) / 2)[0]),
    }


def _unweighed(observation: Observation) -> Observation:
    values, scales = (
        {name: one for name, one in part.items() if name != QUALITY}
        for part in (observation.values, observation.scales)
    )
    return replace(observation, values=values, scales=scales)


def _sigmas(area: Area, shown: Observation, baselines: object, name: str) -> np.ndarray:
    stream = area.site.model.stream(shown.stream)
    index = next(one for one in stream.indices if one.index == name)
    terms, sigma = (baselines[name_of(stream.stream, name, part)].to_numpy() for part in ("terms", "sigma"))
    basis = harmonic.angles(np.array([shown.day]), index.harmonic.harmonics)[0]
    width = np.maximum(sigma, index.evidence.sigma_floor / index.scale)
    return (shown.values[name] - np.tensordot(basis, terms, 1)) / width


def _together(pieces: Sequence[Residuals]) -> Residuals:
    of, known = (
        {
            name: np.concatenate([getattr(one, part)[name] for one in pieces])
            for name in getattr(pieces[0], part)
        }
        for part in ("of", "known")
    )
    return Residuals(of=of, known=known, far=pieces[0].far)


def _hot(bands: Mapping[str, np.ndarray]) -> np.ndarray:
    return bands["blue"] - SCREENING.hot_slope * bands["red"]


def test_real_forest_errs_the_more_the_hazier_it_is(reference_data):
    tails = table(of_points(reference_data / "s2-t20lkp-raw-series"), "hot", HOTS)
    rule = SCREENING.quality
    assert rule is not None
    clear, hazy = (
        [tail for low, tail in tails.items() if is_hazy == (low >= rule.full_hot)]
        for is_hazy in (False, True)
    )
    assert min(hazy) > max(clear)


@pytest.mark.parametrize("colour", AIRLIGHTS)
def test_weighed_observations_hold_staying_haze_of_any_colour(colour, tmp_path, monkeypatch):
    model, shared = load(Model, MODELS / "fused.toml"), load(CommonShift, MODELS / "common.toml")
    monkeypatch.setattr(world_sky, "HAZE", np.array(AIRLIGHTS[colour], np.float32))
    make_world(tmp_path, "w", WORLD_SEED, frozenset({"haze"}))
    false = []
    for name, screening in (("unweighed", None), ("weighed", SCREENING)):
        reading = CubeReading(screening=screening)
        report = validate_cube(tmp_path, "w", model, shared=shared, reading=reading)
        stable = next(one for one in report.classes if one.name == "stable-forest")
        false.append(stable.per_1000_km2_year)
        print(
            f"\n| {colour} | {name} | {report.f1:.4f} | {report.tp / (report.tp + report.fn):.3f}"
            f" | {false[-1]:.0f} | {report.delay_days_median:.0f} |"
        )
    assert false[1] <= false[0]


def test_simulated_forest_errs_beside_clouds_and_in_haze(tmp_path):
    for stream, found in of_area(Area(tmp_path, plan_of(SEED, mixed=False))):
        print(f"\n{stream}")
        near = table(found, "metres to what is not seen", METRES, 2000)
        haze = table(found, "hot above the block's forest", EXCESSES, 2000)
        table(found, "hot", HOTS, 2000)
        table(found, "elevation of the sun", DEGREES, 2000)
        assert near[METRES[0]] > near[METRES[3]]
        assert haze[EXCESSES[-2]] > haze[EXCESSES[1]]
