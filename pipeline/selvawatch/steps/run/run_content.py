"""What the parts of a run hand on: what became of its tiles, what it gives out, and where that is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import shapely

from selvawatch.core.tier import Tier
from selvawatch.returns.known_reviews import KnownReviews
from selvawatch.steps.run.findings import Findings
from selvawatch.steps.tile.mend import committed_state, sound_state
from selvawatch.store.run_plan import RunContext
from selvawatch.store.tile_state import TileState
from selvawatch.write.bulletin.bulletin_model import Coverage, Headline, Picture
from selvawatch.write.run_provenance import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class TileResults:
    """What became of the tiles: those of this run, and all others of the store."""

    states: Mapping[str, TileState]
    """State of every tile of the store, by tile: as this run made it, else as it is committed."""
    before: Mapping[str, TileState]
    """States that are committed when the run begins to conclude, by tile."""
    advanced: Mapping[str, str]
    """Name of the new state of each tile that this run brought up to its day, by tile."""
    failed: Mapping[str, str]
    """Why the others could not be brought up, by tile."""
    mended: Mapping[str, str] = field(default_factory=dict)
    """Name of the state that was made in place of a damaged one, of tiles that the run did not bring up."""

    @property
    def tiles(self) -> int:
        """How many tiles there are, failed ones without a state among them."""
        return len(self.states.keys() | self.failed.keys())


def read_results(context: RunContext, advanced: Mapping[str, str], failed: Mapping[str, str]) -> TileResults:
    """The states of all tiles of a store, with those that a run made in place of the committed ones.

    A tile that the run did not bring up, and whose state is damaged, has a new one made of the same
    observations.

    Raises
    ------
    DamagedError
        When a state is damaged and cannot be made again.
    """
    store = context.store
    committed = {tile: committed_state(context, tile) for tile in store.ledger.tiles()}
    before = {tile: state for tile, state in committed.items() if state is not None}
    sound = {tile: sound_state(context, state) for tile, state in before.items() if tile not in advanced}
    mended = {tile: state.state for tile, state in sound.items() if state.state != before[tile].state}
    made = {tile: TileState.read(store.state(tile, name)) for tile, name in advanced.items()}
    return TileResults(
        states=before | sound | made, before=before, advanced=advanced, failed=failed, mended=mended
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContent:
    """All that a run gives out, before the tiers."""

    runs: Mapping[Tier, Run]
    """What the products of each tier were made from."""
    area_name: str
    area_title: str
    area: shapely.Geometry
    """Ground of the run's areas, WGS 84."""
    findings: Mapping[Tier, Findings]
    """What each published tier may learn of."""
    coverage: Coverage
    pictures: Mapping[str, tuple[Picture, ...]]
    """Pictures by alert id."""
    method: str
    reviews: Mapping[Tier, KnownReviews]
    """What people answered on the alerts of each tier, as far as it may know of it."""
    reviews_new: tuple[str, ...] = ()
    """Answers that came in since the run before, as `ALERT verdict`; of the restricted tier."""
    reviews_count: int = 0
    """All reviews of the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where one tier's products are, and its numbers."""

    bulletin: Path
    map_page: Path
    alerts: Path
    tables: Path
    headline: Headline
    by_type: tuple[dict[str, str | float], ...]
    """Loss by type of right, exclusive, at the loss: rows for people."""

    def moved(self, before: Path, after: Path) -> "Published":
        """The same products once the folder `before` has become `after`."""
        names = ("bulletin", "map_page", "alerts", "tables")
        return replace(self, **{name: after / getattr(self, name).relative_to(before) for name in names})
