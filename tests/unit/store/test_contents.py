"""What a folder of a store must hold."""

import pytest
import xarray as xr

from selvawatch.core.files import folder_digests
from selvawatch.store.contents import BASELINE, CHECKPOINT, KINDS, PRODUCT, RUN, STATE
from selvawatch.store.tile_state import save_arrays


def fill(folder, contents):
    for name in contents.files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    for name in contents.groups:
        save_arrays(xr.Dataset({"a": ("x", [1, 2])}), folder / name)
    return folder


@pytest.mark.parametrize("contents", KINDS, ids=lambda contents: contents.kind)
def test_a_folder_is_complete_with_all_that_its_kind_must_hold_and_not_with_less(contents, tmp_path):
    folder = fill(tmp_path / "folder", contents)
    assert contents.is_complete(folder) and contents.missing(folder) == []
    (folder / "more").write_text("a folder may hold more")
    assert contents.is_complete(folder)
    for name in (*contents.files, *contents.groups):
        path = folder / name if name in contents.files else folder / name / "zarr.json"
        path.rename(tmp_path / "aside")
        assert contents.missing(folder) == [name]
        (tmp_path / "aside").rename(path)


def test_a_folder_that_is_not_there_lacks_everything(tmp_path):
    for contents in KINDS:
        assert contents.missing(tmp_path / "none") == [*contents.files, *contents.groups]
        assert not contents.is_complete(tmp_path / "none")


@pytest.mark.slow
def test_what_a_run_writes_is_what_the_table_says(small_run, tmp_path):
    store, state = small_run.opened, small_run.state
    folders = {
        STATE: store.state(state.tile, state.state),
        BASELINE: store.baseline(state.tile, state.baseline),
        RUN: small_run.products,
    }
    points = [path for path in store.checkpoints(state.tile).iterdir() if path.is_dir()]
    assert points and all(CHECKPOINT.missing(point) == [] for point in points)
    for contents, folder in folders.items():
        assert contents.missing(folder) == []
    for contents in (STATE, BASELINE):
        names = {name.split("/")[0] for name in folder_digests(folders[contents])}
        assert names == {*contents.files, *contents.groups}
    assert PRODUCT.missing(tmp_path) == list(PRODUCT.files)
