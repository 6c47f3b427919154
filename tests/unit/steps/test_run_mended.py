"""What is kept of a tile and is damaged: made again from what stands behind it, or one line."""

import pytest

from damage_campaign import copied
from selvawatch.core.days import to_day
from selvawatch.errors import DamagedError
from selvawatch.site import Site
from selvawatch.steps.run.run_content import read_results
from selvawatch.steps.tile import mend
from selvawatch.steps.tile.water_counts import yearly_counts
from selvawatch.store.seal import is_sound
from selvawatch.store.tile_state import open_layers
from small_site import Place, context

pytestmark = pytest.mark.slow


@pytest.fixture
def place(small_run: Place, tmp_path) -> Place:
    return copied(small_run, tmp_path / "store")


def opened(place):
    return context(Site.load(place.site), place.opened, to_day(place.until), source=place.source)


def test_what_a_state_says_follows_from_the_ledger(place, small_run):
    folder = place.opened.state(place.tile.id, small_run.state.state)
    (folder / "state.json").unlink()
    found = mend.committed_state(opened(place), place.tile.id)
    wanted = small_run.state
    assert (found.baseline, found.observations) == (wanted.baseline, wanted.observations)
    assert {record.key for record in found.scene_records} == {record.key for record in wanted.scene_records}


def test_rows_that_give_another_state_are_not_believed(place, small_run, monkeypatch):
    (place.opened.state(place.tile.id, small_run.state.state) / "state.json").unlink()
    monkeypatch.setattr(mend, "observation_keys", lambda *_: ())
    with pytest.raises(DamagedError, match="the ledger's rows give another"):
        mend.committed_state(opened(place), place.tile.id)


def test_a_tile_that_a_run_leaves_alone_has_its_damaged_state_made_again(place, small_run):
    tile, name = place.tile.id, small_run.state.state
    chunk = next(path for path in sorted((place.opened.state(tile, name) / "layers.zarr").rglob("c/*/*")))
    chunk.unlink()
    results = read_results(opened(place), {}, {})
    assert (
        results.mended == {tile: f"{name}-2"}
        and results.advanced == {}
        and results.states[tile].until_day == to_day(place.until)
    )
    assert is_sound(place.opened.state(tile, f"{name}-2"))
    wanted = open_layers(small_run.opened, tile, name)
    assert open_layers(place.opened, tile, f"{name}-2").identical(wanted)


def test_a_state_that_cannot_be_made_again_stays_where_only_its_sums_are_damaged(
    place, small_run, monkeypatch
):
    def other_numbers(_):
        return "other numbers"

    monkeypatch.setattr(mend, "baseline_rule_of", other_numbers)
    folder = place.opened.state(place.tile.id, small_run.state.state)
    next(path for path in sorted((folder / "accumulators.zarr").rglob("c/*/*")) if path.is_file()).unlink()
    assert mend.sound_state(opened(place), small_run.state) == small_run.state
    next(path for path in sorted((folder / "layers.zarr").rglob("c/*/*")) if path.is_file()).unlink()
    with pytest.raises(DamagedError, match="the site's numbers would give another"):
        mend.sound_state(opened(place), small_run.state)


def test_counts_of_water_that_are_gone_are_made_again_and_never_from_a_damaged_observation(place, small_run):
    tile, records = place.tile.id, small_run.state.scene_records
    (path,) = place.opened.water(tile).glob("2024-*.tif")
    path.unlink()
    assert yearly_counts(opened(place), tile, records, {2024}).keys() == {2024}
    path.unlink()
    observation = max(place.opened.observations(tile).glob("sentinel-2/2024*.tif"))
    content = observation.read_bytes()
    observation.unlink()
    observation.write_bytes(content[:-100])
    with pytest.raises(DamagedError, match=observation.name):
        yearly_counts(opened(place), tile, records, {2024})
