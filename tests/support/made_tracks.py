"""Radar of a simulated landscape on several tracks, through the levels, the baseline and the state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import dask.array as da
import numpy as np
import xarray as xr

from selvawatch.core.days import to_times
from selvawatch.core.observation import Observation
from selvawatch.core.stack import DECIBEL_SCALE
from selvawatch.core.status import Reason, Status
from selvawatch.detect import fusion
from selvawatch.detect.baseline import fit_baselines
from selvawatch.detect.common_shift import without_common_shift
from selvawatch.detect.track_levels import TrackLevels
from selvawatch.prepare.indices import INDICES, stored
from selvawatch.prepare.scene_indices import boxcar
from selvawatch.simulate import SimulationPlan
from selvawatch.simulate.archive.all_scenes import Studio
from selvawatch.simulate.archive.scene_files import timetable
from selvawatch.simulate.archive.truth import truth_of
from selvawatch.simulate.simulation_plan import RadarTrack
from selvawatch.simulate.sky.radar import sentinel1_assets
from selvawatch.site import Site, default_site
from selvawatch.steps.tile.baseline import level_tracks

STREAM = "sentinel-1-descending"
SITE = Site.load(default_site())
FIRST = RadarTrack(track=127, satellite="A", days=12, first_pass=7, level_db=0.0)
SECOND = RadarTrack(track=25, satellite="C", days=12, first_pass=2, level_db=1.5)


def third(plan: SimulationPlan) -> RadarTrack:
    """A satellite that begins a month after the start of the monitoring, on a track of its own."""
    first, start, _ = plan.days
    return RadarTrack(track=54, satellite="D", days=12, first_pass=start - first + 30, level_db=-1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run over one landscape gave."""

    state: xr.Dataset
    false_alarms: int
    """Pixels of stable forest that are confirmed or provisional at the end, or were confirmed."""
    delays: np.ndarray
    """Days from loss to detection, of the lost pixels that were detected."""
    detected: float
    """Share of the lost pixels that were detected."""


def observations(plan: SimulationPlan, tile, tracks: Sequence[RadarTrack]) -> list[Observation]:
    """Every radar observation of a plan's landscape, by day."""
    flown = replace(plan, sensors=replace(plan.sensors, radar_tracks=tuple(tracks)))
    studio = Studio(flown, tile)
    side = SITE.recipe.index_rule.radar_box_px
    made = []
    for slot in timetable(flown):
        if slot.sensor != "sentinel-1":
            continue
        power = sentinel1_assets(studio.landscape, studio.speckle, slot.day, slot.level_db)
        values = {}
        for name, plane in power.items():
            mean = boxcar(np.pad(plane, side // 2, mode="reflect"), side)
            values[name] = stored(INDICES[name].of({name: mean}), DECIBEL_SCALE, np.ones(mean.shape, bool))
        made.append(
            Observation(
                day=slot.day,
                stream=f"{STREAM}-t{slot.track}",
                values=values,
                scales=dict.fromkeys(values, DECIBEL_SCALE),
                scene_ids=(),
                clear_share=1.0,
            )
        )
    return made


def fitted(made: Sequence[Observation], start: int) -> tuple[xr.Dataset, dict[str, dict[str, float]]]:
    """Baselines and levels of the observations before a day."""
    stacks = {}
    for stream in sorted({one.stream for one in made if one.day < start}):
        past = [one for one in made if one.stream == stream and one.day < start]
        for name in past[0].values:
            data = da.from_array(np.stack([one.values[name] for one in past]), chunks=(-1, -1, -1))
            times = {"time": to_times(np.array([one.day for one in past]))}
            stacks[stream, name] = xr.DataArray(
                data, dims=("time", "y", "x"), coords=times, attrs={"scale": DECIBEL_SCALE, "stream": stream}
            )
    merged, levels = level_tracks(stacks, SITE.common_shift.tracks)
    return fit_baselines(SITE.model, merged).compute(), levels


def state_of(
    made: Sequence[Observation], start: int, steps: Sequence[Sequence[Observation]] | None = None
) -> xr.Dataset:
    """The state after the observations from a day on; steps: those of each run, None: all at once."""
    baselines, levels = fitted(made, start)
    after = [one for one in made if one.day >= start]
    by_key = {(one.stream, one.day): one for one in after}
    reason = xr.DataArray(np.full(after[0].shape, Reason.MONITORED, np.uint8), dims=("y", "x"))
    state = fusion.start(SITE.model, reason, resolution=10.0)
    seen: list[tuple[str, int]] = []
    for step in [after] if steps is None else steps:
        seen += [(one.stream, one.day) for one in step]
        tracks = TrackLevels(
            SITE.model, baselines, levels, SITE.common_shift.tracks, seen,
            lambda stream, day: by_key[stream, day],
        )  # fmt: skip
        used = (tracks.levelled(one) for one in step)
        flat = (
            without_common_shift(one, SITE.model, baselines, SITE.common_shift)
            for one in used
            if one is not None
        )
        state = fusion.advance(SITE.model, baselines, state, flat)
    return state


def outcome(plan: SimulationPlan, tile, tracks: Sequence[RadarTrack]) -> Outcome:
    """False alarms and delays of a plan's landscape seen on some tracks."""
    made, start = observations(plan, tile, tracks), plan.days[1]
    state = state_of(made, start)
    landscape = Studio(plan, tile).landscape
    layers = fusion.layers(state)
    truth = truth_of(landscape)
    onset, forest = truth.onset.astype(int), truth.forest > 0
    stable = forest & (truth.share == 0)
    raised = np.isin(layers["status"], (Status.PROVISIONAL, Status.CONFIRMED, Status.CLOSED))
    lost = forest & (onset >= start)
    found = lost & raised & (layers["detected_on"].to_numpy() > 0)
    delays = layers["detected_on"].to_numpy().astype(int)[found] - onset[found]
    return Outcome(
        state=state,
        false_alarms=int((raised & stable).sum()),
        delays=delays,
        detected=float(found.sum() / max(1, lost.sum())),
    )
