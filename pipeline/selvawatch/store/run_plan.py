"""The plan of a run as a file of the store: what to bring up to which day, and from which scenes."""

import json
from dataclasses import dataclass
from pathlib import Path

from selvawatch.core.files import canonical_json, write_text
from selvawatch.core.grid import Tile
from selvawatch.core.scene import Scene, scene_from_json, scene_to_json
from selvawatch.prepare.ingest import scenes_on
from selvawatch.site import Site
from selvawatch.sources.source import Problem, Superseded
from selvawatch.store.folders import Store, open_store


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What a run needs to know, small enough to hand to any worker."""

    run_id: str
    """Digest of the run's inputs: equal inputs, equal id; a try after failed tiles or scenes has its own."""
    site: str
    """Folder of the site."""
    site_file: str
    """Site file in that folder."""
    store: str
    """Folder of the store."""
    area: str
    """Name of the area, or `all`."""
    until_day: int
    """Last day to take in."""
    source: str
    """Text that opened the source."""
    tiles: tuple[str, ...]
    """Tiles to bring up to the day."""
    sequence: int
    """Place of the run in the ledger."""
    done: bool
    """Whether a run of the same inputs was committed already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneInputs:
    """The scenes of a run, as its plan file keeps them."""

    scenes: tuple[Scene, ...]
    problems: tuple[Problem, ...]
    skipped: tuple[Scene, ...]
    """Scenes with more cloud than the site reads."""
    superseded: tuple[Superseded, ...]
    """Products that newer ones of the same acquisition replace: listed beside them, or read by the run before
    and no longer listed.
    """
    unsearched: tuple[str, ...]
    """Sensors that could not be searched; their scenes are those that runs before knew."""

    def of_tile(self, tile: Tile) -> tuple[Scene, ...]:
        """Scenes whose footprint shares ground with a tile."""
        return tuple(scenes_on(self.scenes, tile))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What every part of a run works on: opened once a run, or once a tile's step, and handed down."""

    site: Site
    store: Store
    plan: RunPlan
    inputs: SceneInputs


def open_run(plan: RunPlan) -> RunContext:
    """The context of a plan: its site loaded, its store opened, its scenes read."""
    return RunContext(
        site=Site.load(Path(plan.site), plan.site_file),
        store=open_store(plan.store),
        plan=plan,
        inputs=_read_inputs(plan),
    )


def _read_inputs(plan: RunPlan) -> SceneInputs:
    """The scenes of a plan."""
    values = json.loads(Store(Path(plan.store)).plan(plan.run_id).read_text(encoding="utf-8"))
    return SceneInputs(
        scenes=tuple(scene_from_json(scene) for scene in values["scenes"]),
        problems=tuple(Problem(**problem) for problem in values["problems"]),
        skipped=tuple(scene_from_json(scene) for scene in values["skipped"]),
        superseded=tuple(
            Superseded(scene=scene_from_json(older["scene"]), by=older["by"])
            for older in values["superseded"]
        ),
        unsearched=tuple(values["unsearched"]),
    )


def write_inputs(path: Path, inputs: SceneInputs) -> None:
    """Write the scenes of a run as its plan file."""
    values = {
        "scenes": [scene_to_json(scene) for scene in inputs.scenes],
        "problems": [
            {"scene_id": problem.scene_id, "reason": problem.reason, "text": problem.text}
            for problem in inputs.problems
        ],
        "skipped": [scene_to_json(scene) for scene in inputs.skipped],
        "superseded": [{"scene": scene_to_json(one.scene), "by": one.by} for one in inputs.superseded],
        "unsearched": list(inputs.unsearched),
    }
    write_text(path, canonical_json(values) + "\n")
