"""Tiles of a run on a real dask cluster on loopback: the same bytes, and failures that stop nothing else."""

import datetime as dt
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from distributed import Client, LocalCluster

import small_site
from selvawatch.errors import SelvawatchError
from selvawatch.steps.run.cluster import advance_on
from selvawatch.steps.run.monitor import monitor, plan
from selvawatch.store.lock import exclusive
from selvawatch.store.run_plan import RunPlan

pytestmark = pytest.mark.slow

EARLY, MIDWAY = "2024-02-10", "2024-04-30"


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=50,
    ) as started:
        yield started.scheduler_address


def run_on(address, place, until):
    return monitor(
        str(place.site), "aoi/site.toml", str(place.store), small_site.AREA, until, place.source, address
    )


def test_a_cluster_makes_the_same_bytes(cluster, small_run, tmp_path):
    place = replace(small_run, store=tmp_path / "store")
    report = run_on(cluster, place, place.until).checked()
    assert place.arrays() == small_run.arrays()
    assert report.run_id == small_run.products.name


def test_a_tile_that_fails_on_the_cluster_stops_no_other(
    cluster, small_archive, small_plan, small_run, small_tile, tmp_path
):
    plan = replace(small_plan, first_day=dt.date(2023, 9, 1))
    site, tiles = small_site.lay_halves(tmp_path / "site", small_archive, plan, small_tile)
    place = replace(small_run, site=site, store=tmp_path / "store")
    place.opened.ledger.create()
    blocked = place.store / "observations" / tiles[1]
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where a folder should be")
    report = run_on(cluster, place, EARLY)
    assert set(report.failed) == {tiles[1]}
    assert set(place.opened.ledger.tiles()) == set(tiles) - {tiles[1]}


def test_a_scheduler_that_is_not_there_is_named(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr("selvawatch.steps.run.cluster._PATIENCE", 1)
    store = str(tmp_path / "store")
    with exclusive(store, "test") as held:
        run = plan(held, str(small_run.site), "aoi/site.toml", small_site.AREA, MIDWAY, small_run.source)
    with pytest.raises(SelvawatchError, match="does not answer.*tcp://127.0.0.1:9"):
        advance_on("tcp://127.0.0.1:9", run)


def planned(*tiles):
    """A plan of which nothing but the tiles is used."""
    return RunPlan(
        run_id="run",
        site="site",
        site_file="site.toml",
        store="store",
        area=small_site.AREA,
        until_day=0,
        source="folder:archive",
        tiles=tiles,
        sequence=1,
        done=False,
        site_digest="",
        register_digest="",
    )


@pytest.fixture
def deserted(monkeypatch):
    """A cluster whose only worker has no nanny to start it again."""
    monkeypatch.setattr("selvawatch.steps.run.cluster._DESERTED_S", 2.0)
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=":0", silence_logs=50) as started:
        command = [sys.executable, "-m", "distributed.cli.dask_worker", started.scheduler_address]
        options = ["--no-nanny", "--no-dashboard", "--nthreads", "1"]
        worker = subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL)
        with Client(started.scheduler_address, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=60)
        yield started.scheduler_address
        worker.kill()
        worker.wait()


def test_a_cluster_that_loses_its_last_worker_ends_and_keeps_the_tiles_that_are_done(deserted, monkeypatch):
    def one_then_none(_, tile):
        if tile == "second":
            time.sleep(1.0)
            os._exit(1)
        return "state"

    monkeypatch.setattr("selvawatch.steps.run.cluster.advance_tile", one_then_none)
    states, failed = advance_on(deserted, planned("first", "second"))
    assert states == {"first": "state"} and list(failed) == ["second"]
    assert "lost its last worker" in failed["second"] and deserted in failed["second"]


def test_a_failure_that_is_no_error_of_ours_is_told_with_its_type(cluster, monkeypatch):
    def broken(_, tile):
        raise {"ours": SelvawatchError("the disk is full"), "bug": KeyError("halo")}[tile]

    monkeypatch.setattr("selvawatch.steps.run.cluster.advance_tile", broken)
    _, failed = advance_on(cluster, planned("ours", "bug"))
    assert failed == {"ours": "the disk is full", "bug": "KeyError: 'halo'"}
