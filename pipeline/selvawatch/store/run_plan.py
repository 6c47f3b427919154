"""The plan of a run as a file of the store: what to bring up to which day, and from which scenes."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import shapely

from selvawatch.core.files import canonical_json, digest, read_checked_json, write_checked_json
from selvawatch.core.grid import Tile
from selvawatch.core.scene import Scene, scene_from_json, scene_to_json
from selvawatch.errors import DamagedError, SiteError, StoreError
from selvawatch.prepare.ingest import scenes_on
from selvawatch.site import Site
from selvawatch.sources.source import Duplicate, Problem, Superseded
from selvawatch.store.folders import Store, open_store
from selvawatch.store.ledger import Listing

Item = TypeVar("Item")


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
    site_digest: str
    """Digest of the site that the run id stands for."""
    register_digest: str
    """Digest of the layers' snapshots, and of the products of mining, that the run id stands for."""


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
    duplicates: tuple[Duplicate, ...] = ()
    """Scenes of second sources, read only where those of the first cannot be."""
    stopped: tuple[str, ...] = ()
    """Sources that brought nothing new or could not be searched while another of the sensor went on, a line
    each.
    """

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

    def until(self, day: int) -> "RunContext":
        """The same run as if it went to another day."""
        return replace(self, plan=replace(self.plan, until_day=day))


def open_run(plan: RunPlan) -> RunContext:
    """The context of a plan: its site loaded, its store opened, its scenes read.

    Raises
    ------
    SiteError
        When the site is no longer the one that was planned with.
    StoreError
        When the plan's file is damaged or gone.
    """
    store = open_store(plan.store)
    inputs = inputs_of(*read_listing(store, plan), store)
    return RunContext(site=planned_site(plan), store=store, plan=plan, inputs=inputs)


def planned_site(plan: RunPlan) -> Site:
    """The site of a plan, loaded; SiteError when it is no longer the one that was planned with."""
    site = Site.load(Path(plan.site), plan.site_file)
    if site.digest != plan.site_digest:
        raise SiteError(
            "the site was edited while the run was going",
            where=site.folder / site.file,
            got=f"digest {site.digest[:12]}",
            needed=plan.site_digest[:12],
            do="run again",
        )
    return site


def write_plan(store: Store, plan: RunPlan, inputs: SceneInputs) -> None:
    """Write the file of a plan: what was found since the run before over its area, and what is gone."""
    before, now = store.ledger.listing(plan.area), _listing(inputs)
    changes = {
        "before": _digest(before),
        "new": {kind: list(_without(now[kind], before.get(kind, {})).values()) for kind in sorted(now)},
        "gone": {kind: sorted(before[kind].keys() - now.get(kind, {}).keys()) for kind in sorted(before)},
        "unsearched": list(inputs.unsearched),
        "stopped": list(inputs.stopped),
    }
    write_checked_json(store.plan(plan.run_id), changes)


def read_listing(store: Store, plan: RunPlan) -> tuple[Listing, tuple[str, ...], tuple[str, ...]]:
    """All that the search of a plan found, the sensors that it could not search, and sources that stopped.

    Raises
    ------
    StoreError
        When the plan's file is damaged or gone, or another run over its area was committed since.
    """
    changes = _read_changes(store.plan(plan.run_id))
    before = store.ledger.listing(plan.area)
    if _digest(before) != changes["before"]:
        raise StoreError(
            "another run was committed meanwhile", where=store.plan(plan.run_id), do="run the command again"
        )
    listing = {}
    for kind in sorted(before.keys() | changes["new"].keys()):
        stays = _without(before.get(kind, {}), changes["gone"].get(kind, ()))
        listing[kind] = stays | {_item(text): text for text in changes["new"].get(kind, ())}
    return listing, tuple(changes["unsearched"]), tuple(changes.get("stopped", ()))


def scenes_before(store: Store, area: str) -> tuple[Scene, ...]:
    """Scenes that the last run over an area was planned with; none where there was none."""
    return inputs_of(store.ledger.listing(area), (), (), store).scenes


def remove_plans(store: Store, but: str = "") -> None:
    """Remove the plans of runs that are over: what they found is in the ledger, or was never committed.

    but: the run whose plan stays.
    """
    kept = store.plan(but)
    for path in sorted(kept.parent.glob("[!.]*.json")):
        if path != kept:
            path.unlink()


def inputs_of(
    listing: Listing, unsearched: Iterable[str], stopped: Iterable[str], store: Store
) -> SceneInputs:
    """The scenes that a listing names, each kind in its order; StoreError for what another version wrote."""

    def read(kind: str, build: Callable[[Any], Item], order: Callable[[Item], Any]) -> tuple[Item, ...]:
        built = [(build(json.loads(text)), item) for item, text in sorted(listing.get(kind, {}).items())]
        return tuple(found for found, _ in sorted(built, key=lambda pair: (order(pair[0]), pair[1])))

    try:
        return SceneInputs(
            scenes=read("scenes", scene_from_json, lambda scene: scene.order),
            problems=read("problems", lambda values: Problem(**values), lambda problem: problem.order),
            skipped=read("skipped", scene_from_json, lambda scene: scene.order),
            superseded=read("superseded", _superseded, lambda older: older.order),
            unsearched=tuple(unsearched),
            stopped=tuple(stopped),
            duplicates=read("duplicates", _duplicate, lambda duplicate: duplicate.order),
        )
    except (ValueError, KeyError, TypeError, shapely.errors.ShapelyError) as error:
        raise StoreError(
            "the scenes that the store knows cannot be read",
            where=store.ledger.path,
            got=error,
            do="use the version that wrote them, or a new --store",
        ) from error


def _listing(inputs: SceneInputs) -> Listing:
    """What a run found, as the text of each item by its digest."""
    return {
        "scenes": _items(scene_to_json(scene) for scene in inputs.scenes),
        "skipped": _items(scene_to_json(scene) for scene in inputs.skipped),
        "superseded": _items(
            {"scene": scene_to_json(older.scene), "by": older.by} for older in inputs.superseded
        ),
        "problems": _items(asdict(problem) for problem in inputs.problems),
        "duplicates": _items(
            {"scene": scene_to_json(one.scene), "of": list(one.of), "sensor": one.sensor}
            for one in inputs.duplicates
        ),
    }


def _items(values: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    texts = [canonical_json(value) for value in values]
    return {_item(text): text for text in texts}


def _item(text: str) -> str:
    """Digest by which an item is known."""
    return digest(text)[:32]


def _superseded(values: Mapping[str, Any]) -> Superseded:
    return Superseded(scene=scene_from_json(values["scene"]), by=values["by"])


def _duplicate(values: Mapping[str, Any]) -> Duplicate:
    collection, name, item_digest = values["of"]
    return Duplicate(
        scene=scene_from_json(values["scene"]),
        of=(collection, name, item_digest),
        sensor=values["sensor"],
    )


def _without(items: Mapping[str, str], gone: Iterable[str]) -> dict[str, str]:
    left_out = set(gone)
    return {item: text for item, text in items.items() if item not in left_out}


def _digest(listing: Listing) -> str:
    """Digest of which items a listing holds."""
    return digest({kind: sorted(items) for kind, items in listing.items() if items})


def _read_changes(path: Path) -> dict[str, Any]:
    """What the file of a plan holds; StoreError when it is not what was written."""
    try:
        return read_checked_json(path)
    except DamagedError as error:
        raise StoreError(
            "the plan of the run cannot be used", where=path, got=error, do="run the command again"
        ) from error
