"""`selvawatch baseline`: fitted ahead, it is the baseline that monitoring would have fitted."""

import pytest

from selvawatch.core.files import folder_digests
from selvawatch.store.folders import Store

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("small_run")]


def _words(small_run, store, *more):
    return ("baseline", "--site", small_run.site, "--store", store, "--source", small_run.source, *more)


def test_a_baseline_fitted_ahead_is_that_of_the_run_and_commits_nothing(small_run, command, tmp_path):
    said = command(*_words(small_run, tmp_path / "store"))
    assert said.code == 0
    tile, path = said.out.split()
    assert tile == small_run.tile.id
    assert path.endswith(small_run.state.baseline)
    assert Store(tmp_path / "store").ledger.runs() == []
    copied = small_run.fitted(tmp_path / "copied").store
    for folder in ("baselines", "observations"):
        assert folder_digests(copied / folder) == folder_digests(tmp_path / "store" / folder)


def test_days_that_are_not_the_site_s_are_refused(small_run, command, tmp_path):
    line = command(*_words(small_run, tmp_path / "store", "--from", "1999-01-01")).error
    assert "1999-01-01" in line and "history_from" in line
    assert not (tmp_path / "store").exists()
