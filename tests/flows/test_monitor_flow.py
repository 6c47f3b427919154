"""The flow on a real Prefect server on loopback: seen by its API, fired by its schedule, failing aright."""

import ast
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

import small_site
from command_line import PACKAGE
from conftest import ROOT
from processes import alive, answers, free_port, process
from selvawatch.core.area import plain_name
from selvawatch.core.days import to_day
from selvawatch.errors import SelvawatchError

pytestmark = pytest.mark.slow

FLOWS = ROOT / "flows"
EARLY, AFTER = "2024-02-10", "2024-09-14"
"""A day soon after the monitoring starts, and one after the days of the archive."""
SHORTLY_BEFORE = date(2023, 9, 1)
"""First day of a short history: a tile that fails is asked for files, not for pixels."""
RUN = """
import sys
sys.path.insert(0, {flows!r})
import monitor as flows
flows.advance = flows.advance.with_options(retries=0)
flows.monitor(area={area!r}, until={until!r}, source={source!r}, site={site!r}, store={store!r},
              site_file="aoi/site.toml", dask={dask!r})
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A Prefect server and the settings of those that talk to it."""

    url: str
    settings: dict[str, str]

    def ask(self, path: str, **words: Any) -> Any:
        """The answer to a POST."""
        assert self.url.startswith("http://127.0.0.1:")
        request = urllib.request.Request(
            f"{self.url}/{path}",
            data=json.dumps(words).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def run_flow(
        self, place: small_site.Place, until: str, dask: str | None = None
    ) -> subprocess.CompletedProcess:
        """Run the monitoring flow in a process of its own against this server."""
        code = RUN.format(
            flows=str(FLOWS),
            area=small_site.AREA,
            until=until,
            source=place.source,
            site=str(place.site),
            store=str(place.store),
            dask=dask,
        )
        return subprocess.run(
            [sys.executable, "-c", code],
            env=self.settings,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def runs(self) -> list[dict[str, Any]]:
        """Every flow run, newest first."""
        return self.ask("flow_runs/filter", sort="START_TIME_DESC")

    def artifacts(self, run: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Artifacts of a flow run by key."""
        found = self.ask("artifacts/filter", artifacts={"flow_run_id": {"any_": [run["id"]]}})
        return {one["key"]: one for one in found}


@contextlib.contextmanager
def prefect_server(folder: Path, port: int) -> Iterator[tuple[Server, subprocess.Popen]]:
    """A server over a folder until left, and its process."""
    settings = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")} | {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": str(PACKAGE),
    }
    words = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "server.log"
    with process([*words, "--no-ui"], settings, log) as child:
        until = time.monotonic() + 90
        while not answers(f"http://127.0.0.1:{port}/api/health"):
            assert child.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.3)
        yield Server(f"http://127.0.0.1:{port}/api", settings), child


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with prefect_server(tmp_path_factory.mktemp("prefect"), free_port()) as (running, _):
        yield running


def test_flows_are_thin():
    flows = {}
    for path in sorted(FLOWS.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and any(
                "flow" in ast.dump(one) for one in node.decorator_list
            ):
                first = min(node.lineno, *(one.lineno for one in node.decorator_list))
                flows[f"{path.name}:{node.name}"] = node.end_lineno - first + 1
    assert flows and max(flows.values()) <= 25, flows


def test_a_flow_run_is_seen_on_the_server_with_its_table_and_its_text(server, small_run, tmp_path):
    place = small_run.fitted(tmp_path / "store")
    done = server.run_flow(place, place.until)
    assert done.returncode == 0, done.stderr
    run = server.runs()[0]
    assert run["name"] == f"monitor {small_site.AREA} to {place.until}"
    assert run["state"]["type"] == "COMPLETED"
    (tile,) = server.ask("task_runs/filter", flow_runs={"id": {"any_": [run["id"]]}})
    assert tile["name"] == f"tile {place.tile.id}" and tile["state"]["type"] == "COMPLETED"

    report = json.loads((place.products / "report.json").read_text(encoding="utf-8"))
    artifacts = server.artifacts(run)
    table, text = artifacts[f"loss-{small_site.AREA}"], artifacts[f"bulletin-{small_site.AREA}"]
    assert table["type"] == "table" and json.loads(table["data"]) == report["loss_by_type"]
    assert text["type"] == "markdown" and report["bulletin"] in text["data"]
    assert f"{report['loss_ha']:.1f} ha of forest loss" in text["data"]
    assert "12.8" not in text["data"]
    assert place.arrays() == small_run.arrays()
    assert place.products.name == small_run.products.name


def subscribe(folder: Path) -> Path:
    """Subscribe to everything, beside a store in a folder; where the messages go."""
    drop = folder / "drop"
    drop.mkdir()
    reader = f'name = "{{}}"\nchannel = "drop"\nto = "{drop}"\nlanguage = "en"\n'
    subscriptions = folder / "subscriptions.toml"
    subscriptions.touch(mode=0o600)
    subscriptions.write_text(
        '[channels.drop]\nkind = "folder"\n'
        f"[[subscription]]\n{reader.format('staff')}at_once = false\n"
        f'[[operator]]\n{reader.format("operator")}notices = ["failed"]\n'
    )
    return drop


def test_one_failing_tile_stops_no_other_and_fails_the_run_at_its_end(
    server, small_archive, small_plan, small_run, small_tile, tmp_path
):
    plan = replace(small_plan, first_day=SHORTLY_BEFORE)
    site, tiles = small_site.lay_halves(tmp_path / "site", small_archive, plan, small_tile)
    place = replace(small_run, site=site, store=tmp_path / "store")
    place.opened.ledger.create()
    blocked = place.store / "observations" / tiles[1]
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where a folder should be")
    drop = subscribe(tmp_path)

    done = server.run_flow(place, EARLY)
    assert done.returncode != 0
    run = server.runs()[0]
    assert run["state"]["type"] == "FAILED" and "1 of 2 tiles" in run["state"]["message"]
    states = {
        one["name"]: one["state"]["type"]
        for one in server.ask("task_runs/filter", flow_runs={"id": {"any_": [run["id"]]}})
    }
    assert states == {f"tile {tile}": "FAILED" if tile == tiles[1] else "COMPLETED" for tile in tiles}
    assert set(place.opened.ledger.tiles()) == set(tiles) - {tiles[1]}
    assert tiles[1] in server.artifacts(run)[f"bulletin-{small_site.AREA}"]["data"]
    told = [path.read_text() for path in drop.glob("*/message.txt")]
    assert sum("1 of 2 tiles" in text for text in told) == 1, done.stderr
    assert sum("1 of 2 tiles were left out" in text for text in told) == 1
    assert sum("alerts with news" in text or "No alert with news" in text for text in told) == 1

    with pytest.raises(SelvawatchError, match=f"1 of 2 tiles .*{tiles[1]}"):
        place.run(EARLY).checked()
    blocked.unlink()
    again = server.run_flow(place, EARLY)
    assert again.returncode == 0, again.stderr
    assert server.runs()[0]["state"]["type"] == "COMPLETED"
    assert set(place.opened.ledger.tiles()) == set(tiles)


@pytest.fixture
def begun(small_run, tmp_path):
    """The small site with its store brought up to the end of its archive, in a copy of the test's own."""
    return replace(small_run, store=shutil.copytree(small_run.store, tmp_path / "store"))


def test_the_tiles_of_a_flow_go_to_a_cluster(server, begun):
    place, last = begun, begun.opened.ledger.current()
    with LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as cluster:
        done = server.run_flow(place, AFTER, cluster.scheduler_address)
    assert done.returncode == 0, done.stderr
    run = server.runs()[0]
    assert run["state"]["type"] == "COMPLETED"
    (tiles,) = server.ask("task_runs/filter", flow_runs={"id": {"any_": [run["id"]]}})
    assert tiles["name"] == f"tiles on {cluster.scheduler_address}"
    assert place.opened.ledger.tiles()[place.tile.id].until_day == to_day(AFTER) > last.until_day
    assert place.opened.ledger.current().run_id != last.run_id


def test_a_served_flow_is_fired_by_its_schedule(server, begun, tmp_path):
    place, last = begun, begun.opened.ledger.current()
    known = {one["id"] for one in server.runs()}
    command = "from selvawatch.cli.main import main; main()"
    words = ["serve", "--site", place.site, "--store", place.store, "--source", place.source]
    words += ["--area", small_site.AREA, "--every-seconds", 10]
    log = tmp_path / "serve.log"
    with process([sys.executable, "-c", command, *map(str, words)], server.settings, log) as child:
        until = time.monotonic() + 120
        finished = []
        while not finished and time.monotonic() < until:
            assert child.poll() is None, log.read_text()
            time.sleep(1)
            fired = [one for one in server.runs() if one["id"] not in known]
            finished = [one for one in fired if one["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED")]
        child.terminate()  # as a supervisor does: the parent alone
        child.wait(30)
        until = time.monotonic() + 30
        while alive(child.pid) and time.monotonic() < until:
            time.sleep(0.2)
        assert not alive(child.pid), "a child outlived the command"
    assert finished, log.read_text()
    (run, *_) = finished
    assert run["state"]["type"] == "COMPLETED", (run["state"], log.read_text())
    assert run["auto_scheduled"] and run["deployment_id"] is not None
    (deployment,) = server.ask("deployments/filter")
    assert deployment["name"] == f"selvawatch-{small_site.AREA}" and not deployment["paused"]
    assert place.opened.ledger.current().run_id != last.run_id
    assert json.loads((place.products / "report.json").read_text(encoding="utf-8"))["events"] > 0


def _wait(reached: Callable[[], Any], log: Path) -> Any:
    """What a condition comes to, once it is something."""
    until = time.monotonic() + 180
    while not (found := reached()):
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.5)
    return found


def test_after_a_power_cut_one_run_makes_up_for_all_and_a_failed_one_is_tried_again(small_run, tmp_path):
    site, store, home = tmp_path / "site", tmp_path / "store", tmp_path / "prefect"
    shutil.copytree(small_run.site, site)
    shutil.copytree(small_run.store, store)
    home.mkdir()
    log, port = tmp_path / "serve.log", free_port()
    words = [sys.executable, str(FLOWS / "serve.py"), "--site", site, "--store", store]
    words += ["--area", small_site.AREA, "--until", small_run.until]

    def states(server: Server) -> dict[str, int]:
        """How many runs are in each state; a run that the server has just made has none."""
        return Counter(run["state"]["name"] for run in server.runs() if run["state"])

    def late(server: Server) -> list[str]:
        now = datetime.now(UTC).isoformat()
        times = [
            one["expected_start_time"]
            for one in server.runs()
            if one["state"] and one["state"]["type"] == "SCHEDULED"
        ]
        return [expected for expected in times if expected < now]

    with prefect_server(home, port) as (server, first), socket.create_server(("127.0.0.1", 0)) as silent:
        source = f"stac:http://127.0.0.1:{silent.getsockname()[1]}/"
        often = [*words, "--source", source, "--every-seconds", "3"]
        with process([*map(str, often)], server.settings, log) as serve:
            _wait(lambda: states(server)["Running"], log)
            run = json.loads(_wait((store / ".lock").read_text, log))["pid"]
            _wait(lambda: len(late(server)) > 1, log)
            for group in (first.pid, serve.pid):
                os.killpg(group, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.kill(run, signal.SIGKILL)
    (site / "aoi" / "site.toml").rename(tmp_path / "site.toml")
    with prefect_server(home, port) as (server, _):
        assert states(server)["Running"] == 1
        brief = server.settings | {"PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS": "1"}
        rarely = [*words, "--source", small_run.source]
        with process([*map(str, rarely)], brief, log):
            _wait(lambda: states(server)["AwaitingRetry"] + states(server)["Retrying"], log)
            (tmp_path / "site.toml").rename(site / "aoi" / "site.toml")
            _wait(lambda: states(server)["Completed"], log)
            after = states(server)
    assert after["Crashed"] == after["Completed"] == 1
    assert (
        not after["Running"]
        and not after["Pending"]
        and not after["Late"]
        and not after["AwaitingConcurrencySlot"]
    )
    assert "one run makes up for" in log.read_text()


def test_a_failed_run_is_tried_again_within_the_hour():
    body = ast.parse((FLOWS / "serve.py").read_text(encoding="utf-8")).body
    assigned = {ast.unparse(node.targets[0]): node.value for node in body if isinstance(node, ast.Assign)}
    settings = ast.literal_eval(assigned["RETRIES"])
    times = int(settings["PREFECT_FLOWS_DEFAULT_RETRIES"])
    delay_s = int(settings["PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS"])
    assert times >= 1 and times * delay_s <= 3600


@pytest.mark.parametrize(
    "name", ["la-pampa", "all", "La Pampa", "río_Malinowski/7", "漢字", "A" * 300, "-", "a--b", ""]
)
def test_every_area_has_a_valid_key_of_its_own(name):
    others = {"la-pampa", "La Pampa", "la_pampa", "LA PAMPA", "la pampa", "all"} - {name}
    key = plain_name(name)
    assert re.fullmatch("[a-z0-9-]{1,80}", key) and key not in {plain_name(other) for other in others}
    assert key == name if name in ("la-pampa", "all") else key != name
