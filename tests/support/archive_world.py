"""The small simulated archive as two public archives on loopback list it, pixels and all."""

import contextlib
import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import shapely
import xarray as xr
from pyproj import Transformer

import archive_profiles
import fault_server
from selvawatch.core.days import to_day
from selvawatch.core.grid import Tile
from selvawatch.core.raster_layers import LAYERS
from selvawatch.simulate import Simulated, SimulationPlan
from selvawatch.site import Site
from selvawatch.steps.run.plan import plan_run
from selvawatch.steps.run.run_content import read_results
from selvawatch.steps.run.scene_rows import TERMS, scene_balance
from selvawatch.steps.tile.advance import advance_tile
from selvawatch.store.folders import Store
from selvawatch.store.lock import exclusive
from selvawatch.store.run_plan import RunContext, open_run
from selvawatch.store.tile_state import open_layers
from small_site import AREA, lay_site

Item = dict[str, Any]
OTHER_NAMES = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11", "swir22": "B12",
               "scl": "SCL"}  # fmt: skip


def items_of(archive: Path, base: str) -> list[Item]:
    """Items of a folder, their files at BASE."""
    found = []
    for path in sorted(archive.glob("*/*/*.json")):
        item = json.loads(path.read_text(encoding="utf-8"))
        for asset in item["assets"].values():
            inside = path.parent.relative_to(archive).as_posix()
            asset["href"] = f"{base}/{inside}/{asset['href'].removeprefix('./')}"
        found.append(item)
    return found


def as_planetary_computer(item: Item) -> Item:
    """A Sentinel-2 item of Earth Search as Planetary Computer lists the acquisition, with the same files."""
    other = copy.deepcopy(item)
    day = item["properties"]["datetime"][:10].replace("-", "")
    name = f"{item['id'][:3]}_MSIL2A_{day}T144731_R096_T19LCF_{day}T201010"
    other |= {"id": name, "collection": "sentinel-2-l2a"}
    other["properties"] |= {"datetime": f"{item['properties']['datetime'][:10]}T14:47:31Z"}
    other["properties"]["platform"] = item["properties"]["platform"].title()
    for key in ("grid:code", "earthsearch:boa_offset_applied"):
        other["properties"].pop(key)
    other["assets"] = {OTHER_NAMES[key]: asset for key, asset in other["assets"].items()}
    for asset in other["assets"].values():
        asset.pop("raster:bands")
    return other


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What both archives list, and a site over a quarter of it."""

    site: Path
    tile: Tile
    until: str
    earth: tuple[Item, ...]
    computer: tuple[Item, ...]
    files: fault_server.Served

    @property
    def area(self) -> shapely.Geometry:
        """The area of the site, WGS 84."""
        return shapely.union_all([one.geometry for one in Site.load(self.site).select_areas(AREA)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run gave, up to its commit."""

    context: RunContext
    layers: xr.Dataset
    balance: Mapping[str, Mapping[str, int]]


@contextlib.contextmanager
def world(
    folder: Path, simulated: Simulated, plan: SimulationPlan, tile: Tile, until: str
) -> Iterator[World]:
    """The small archive, its files served until left, and a site over its south-east quarter."""
    small = replace(tile, grid=replace(tile.grid, tile_px=tile.grid.tile_px // 2))
    west, south, east, north = tile.bounds
    quarter = shapely.box((west + east) / 2 + 20, south + 20, east - 20, (south + north) / 2 - 20)
    to_lonlat = Transformer.from_crs(tile.grid.crs, "EPSG:4326", always_xy=True)
    outline = shapely.transform(shapely.segmentize(quarter, 100), to_lonlat.transform, interleaved=False)
    site = lay_site(folder / "site", simulated, plan, small, outline)
    (inner,) = small.grid.tiles(quarter)
    archive = simulated.catalog.parent
    with fault_server.serve(archive) as files:
        listed = [
            item for item in items_of(archive, files.address) if item["properties"]["datetime"][:10] <= until
        ]
        earth = [item for item in listed if item["collection"] == "sentinel-2-c1-l2a"]
        computer = [item for item in listed if item["collection"] != "sentinel-2-c1-l2a"]
        yield World(
            site=site, tile=inner, until=until, earth=tuple(earth),
            computer=(*computer, *map(as_planetary_computer, earth)), files=files,
        )  # fmt: skip


def run(
    made: World, store: Path, source: str, earth: Sequence[Item] | None, computer: Sequence[Item] | None
) -> Outcome:
    """A run over a world as far as its tiles' states; None: that archive does not answer."""
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for variable, profile, listed in (
            ("EARTH_SEARCH_URL", archive_profiles.EARTH_SEARCH, earth),
            ("PLANETARY_COMPUTER_URL", archive_profiles.PLANETARY_COMPUTER, computer),
        ):
            address = "http://127.0.0.1:9/"
            if listed is not None:
                address = stack.enter_context(archive_profiles.serve(profile, listed)).address
            patch.setenv(variable, address)
        patch.delenv("PC_SDK_SUBSCRIPTION_KEY", raising=False)
        with exclusive(str(store), "tests") as held:
            planned = plan_run(held, Site.load(made.site), AREA, to_day(made.until), source)
            states = {tile: advance_tile(planned, tile) for tile in planned.tiles}
            context = open_run(planned)
            results = read_results(context, states, {})
    (name,) = states.values()
    layers = open_layers(Store(store), made.tile.id, name)[list(LAYERS)].load()
    balance = scene_balance(context, results.states)
    assert_balanced(balance)
    return Outcome(context=context, layers=layers, balance=balance)


def assert_balanced(balance: Mapping[str, Mapping[str, int]]) -> None:
    """Hold that of every sensor each scene that was found is in one term, each unread one with a reason."""
    for sensor, counts in balance.items():
        assert counts["found"] == sum(counts[term] for term in TERMS) + counts.get("track", 0) > 0, sensor
        reasons = [count for term, count in counts.items() if term.startswith("unread:")]
        assert counts["unread"] == sum(reasons), sensor
