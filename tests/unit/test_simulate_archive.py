"""The simulated archive: repeatable, resumable, and built like the real archives."""

import pytest

from selvawatch.core.files import folder_digests
from selvawatch.errors import SourceError
from selvawatch.sources.simulate import simulate


def test_an_archive_that_is_there_is_reused(small_archive, small_plan, small_tile):
    again = simulate(small_plan, small_archive.folder, small_tile)
    assert again.reused
    assert again.digest == small_archive.digest


def test_equal_plans_give_equal_bytes_even_after_a_break(small_archive, small_plan, small_tile, tmp_path):
    class Stop(Exception):
        pass

    calls = []

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) == 30:
            raise Stop
        return original(*arguments)

    from selvawatch.sources.simulate import archive

    original = archive.write_scene
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "write_scene", failing)
        with pytest.raises(Stop):
            simulate(small_plan, tmp_path / "other", small_tile)
    again = simulate(small_plan, tmp_path / "other", small_tile)
    assert not again.reused
    assert folder_digests(again.folder) == folder_digests(small_archive.folder)


def test_a_folder_of_somebody_else_is_refused(small_plan, small_tile, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SourceError, match="give another folder"):
        simulate(small_plan, tmp_path, small_tile)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
