"""Folders and files that tell whether they are what was written."""

import pytest
import xarray as xr

from selvawatch.core.files import (
    END_BYTES,
    is_sealed,
    read_checked_json,
    read_sealed,
    write_checked_json,
    write_sealed,
)
from selvawatch.errors import DamagedError
from selvawatch.store.folders import free_name, new_folder
from selvawatch.store.seal import SEAL, damages_of, is_sound, open_sealed
from selvawatch.store.tile_state import load_arrays, save_arrays

ARRAYS = xr.Dataset({"a": (("y", "x"), [[0, 0], [0, 7]]), "b": ("x", [1.5, 2.5])})


def folder_of(path):
    with new_folder(path) as part:
        (part / "in").mkdir()
        (part / "in" / "a.txt").write_text("alpha")
        save_arrays(ARRAYS, part / "arrays.zarr")
    return path


def test_what_was_written_is_what_is_read(tmp_path):
    folder = folder_of(tmp_path / "folder")
    assert open_sealed(folder).read("in/a.txt") == b"alpha" and is_sound(folder)
    xr.testing.assert_identical(load_arrays(folder, "arrays.zarr"), ARRAYS)
    assert list(load_arrays(folder, "arrays.zarr", only=("b",))["b"].values) == [1.5, 2.5]


def test_a_chunk_that_is_gone_is_never_zeros(tmp_path):
    folder = folder_of(tmp_path / "folder")
    (folder / "arrays.zarr" / "a" / "c" / "0" / "0").unlink()
    with pytest.raises(DamagedError, match="missing"):
        load_arrays(folder, "arrays.zarr")


def test_a_file_of_the_same_size_and_other_content_is_found_as_it_is_read_and_by_a_deep_look(tmp_path):
    folder = folder_of(tmp_path / "folder")
    (folder / "in" / "a.txt").write_text("alphb")
    assert damages_of(folder, deep=False) == []
    assert [path.name for path, _ in damages_of(folder, deep=True)] == ["a.txt"] and not is_sound(folder)
    with pytest.raises(DamagedError, match="other content"):
        open_sealed(folder).read("in/a.txt")


def test_a_file_too_many_is_named_and_stops_nobody(tmp_path):
    folder = folder_of(tmp_path / "folder")
    (folder / "notes.txt").write_text("mine")
    assert [path.name for path, _ in damages_of(folder, deep=False)] == ["notes.txt"]
    assert open_sealed(folder).read("in/a.txt") == b"alpha"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": {}}', '{"files": {"a": [1]}, "check": "0"}'])
def test_a_folder_whose_seal_is_none_is_damaged(tmp_path, content):
    folder = folder_of(tmp_path / "folder")
    (folder / SEAL).write_text(content)
    with pytest.raises(DamagedError):
        open_sealed(folder)
    assert [path.name for path, _ in damages_of(folder, deep=False)] == [SEAL]


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(DamagedError, match="the folder is missing"):
        open_sealed(tmp_path / "none")
    assert not is_sound(tmp_path / "none")


def test_a_damaged_folder_keeps_its_name_and_what_replaces_it_has_the_next(tmp_path):
    assert free_name(tmp_path, "abc") == ("abc", False)
    folder = folder_of(tmp_path / "abc")
    assert free_name(tmp_path, "abc") == ("abc", True)
    (folder / "in" / "a.txt").unlink()
    assert free_name(tmp_path, "abc") == ("abc-2", False)
    folder_of(tmp_path / "abc-2")
    assert free_name(tmp_path, "abc") == ("abc-2", True)


def test_a_sealed_file_gives_back_its_bytes_and_nothing_else(tmp_path):
    path = write_sealed(tmp_path / "a.bin", b"content")
    assert read_sealed(path) == b"content" and is_sealed(path)
    whole = path.read_bytes()
    for content in (b"", whole[:-1], whole[1:], whole + b"x", whole[:-END_BYTES], b"x" + whole[1:]):
        path.write_bytes(content)
        with pytest.raises(DamagedError, match="damaged"):
            read_sealed(path)
    assert not is_sealed(tmp_path / "none")


def test_a_checked_object_gives_back_its_members_and_no_others(tmp_path):
    path = write_checked_json(tmp_path / "a.json", {"b": [1, "ñ"], "a": None})
    assert read_checked_json(path) == {"a": None, "b": [1, "ñ"]}
    text = path.read_text(encoding="utf-8")
    for other in (
        "",
        "[]",
        "null",
        "[" * 20_000,
        text.replace("ñ", "n"),
        text.replace("1", "1.5"),
        '{"a": NaN}',
    ):
        path.write_text(other, encoding="utf-8")
        with pytest.raises(DamagedError):
            read_checked_json(path)
