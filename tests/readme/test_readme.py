"""The commands of README.md and README.es.md run in a fresh folder, chapter by chapter, as written."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

import stac_api
from command_line import PACKAGE
from conftest import ROOT
from geoserver import GeoServer
from processes import answers, free_port, process
from range_server import serve_apart
from readme_files import edit_site, services, write_files
from selvawatch.simulate import SimulationPlan
from small_site import Place, copy_archive, write_area

pytestmark = pytest.mark.slow

PAGES = ("README.md", "README.es.md")
SOURCES = (
    *("pyproject.toml", "README.md", "LICENSE", "Makefile", "constraints.txt"),
    *("pipeline", "aoi", "models", "flows"),
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
DONE = "== done"


@dataclass(frozen=True, slots=True)
class World:
    """What the reader of the pages has: a folder with a copy of the sources, and archives that answer."""

    folder: Path
    place: Place
    plan: SimulationPlan
    stac: str
    arcgis: str
    port: int

    @property
    def venv(self) -> Path:
        """The environment that the reader makes."""
        return self.folder / "venv"

    @property
    def api(self) -> str:
        """Address of the reader's Prefect server."""
        return f"http://127.0.0.1:{self.port}/api"


def lay_demo(world: World) -> None:
    """What `make demo` leaves: an environment, and a site with a store."""
    program = world.folder / ".venv" / "bin" / "selvawatch"
    code = "from selvawatch.cli.main import main; main()"
    write_program(program, f"PYTHONPATH='{PACKAGE}' exec '{sys.executable}' -c '{code}'")
    for name in ("site", "store"):
        shutil.copytree(getattr(world.place, name), world.folder / "outputs" / "demo" / name)


def show_packages(world: World) -> None:
    """The venv sees the packages of the running interpreter, and has programs for pip and Prefect."""
    (packages,) = world.venv.glob("lib/python*/site-packages")
    at_hand = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "at-hand.pth").write_text("".join(f"{path}\n" for path in sorted(at_hand)))
    write_program(world.venv / "bin" / "pip", f"exec '{world.venv}/bin/python' -m pip")
    write_program(world.venv / "bin" / "prefect", f"exec '{world.venv}/bin/python' -m prefect")


def keep_compiled(world: World) -> None:
    """Kernels compiled for the package at hand serve the installed one, which is the same: a minute less."""
    (installed,) = world.venv.glob("lib/python*/site-packages/selvawatch")
    for path in (PACKAGE / "selvawatch").rglob("*.nb[ic]"):
        shutil.copy2(path, installed / path.relative_to(PACKAGE / "selvawatch"))
    for path in (PACKAGE / "selvawatch").rglob("*.py"):
        copied = installed / path.relative_to(PACKAGE / "selvawatch")
        assert copied.read_bytes() == path.read_bytes()
        shutil.copystat(path, copied)


def lay_site(world: World) -> None:
    """What the reader edits in the new site, and the files that they have."""
    site, tile, plan = world.folder / "my-site", world.place.tile, world.plan
    edits = {
        "tile_px = 1024": f"tile_px = {tile.grid.tile_px}",
        "history_from = 2023-01-01": f"history_from = {plan.first_day}",
        "history_to = 2025-12-31": "history_to = 2023-12-31",
        "monitoring_from = 2026-01-01": f"monitoring_from = {plan.monitoring_start}",
    }
    edit_site(site, edits, world.arcgis, tile)
    write_area(site / "aoi" / "areas-v1.geojson", tile.lonlat_outline)
    write_files(site, tile)


def has_server(world: World) -> bool:
    """Whether the Prefect server is up."""
    return answers(f"{world.api}/health")


def has_schedule(world: World) -> bool:
    """Whether the server knows of the deployment that `serve` registers."""
    request = urllib.request.Request(f"{world.api}/deployments/filter", data=b"{}", method="POST")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return [one["name"] for one in json.loads(answer.read())] == ["selvawatch-la-pampa"]


@dataclass(frozen=True, slots=True)
class Differs:
    """How a command is run where it cannot be run as written, and what the test does around it."""

    written: str
    """Part of the command that tells it."""
    run: str = ""
    """What stands in place of that part; empty: as written. Fields of the world in braces."""
    before: Callable[[World], None] | None = None
    after: Callable[[World], None] | None = None
    ready: Callable[[World], bool] | None = None
    """For what runs until stopped: when it is up."""


TABLE = (
    Differs("make demo", "make -n demo"),
    Differs("make test", "make -n test"),
    Differs(".venv/bin/selvawatch alerts list", before=lay_demo),
    Differs("-m venv venv", "-m venv --without-pip venv", after=show_packages),
    Differs("--constraint constraints.txt .", "--no-deps --no-build-isolation .", after=keep_compiled),
    Differs("cd my-site", after=lay_site),
    Differs("stac:URL", "stac:{stac}"),
    Differs("--from 2025-01-01 --to 2025-12-31", "--from 2024-01-01 --to 2024-08-31"),
    Differs("prefect server start", ready=has_server),
    Differs("http://127.0.0.1:4200/api", "{api}"),
    Differs("selvawatch serve", ready=has_schedule),
)
"""All that differs from the pages."""


def write_program(path: Path, words: str) -> None:
    """A program of one line that hands its arguments on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n{words} "$@"\n')
    path.chmod(0o755)


def chapters(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each heading of a page that has commands, with its command lines as written."""
    heads = [
        (found.start(), found[1]) for found in HEADING.finditer(FENCE.sub(lambda at: " " * len(at[0]), text))
    ]
    heads = heads or [(0, "")]
    for (start, heading), (end, _) in zip(heads, [*heads[1:], (len(text), "")], strict=True):
        blocks = FENCE.findall(text[start:end])
        assert {kind for kind, _ in blocks} <= {"sh"}, f"{heading}: a block that is not of commands"
        lines = [line for _, block in blocks for line in block.splitlines() if line.strip()]
        if lines:
            yield heading, lines


class Terminal:
    """A shell that keeps its folder and variables from one command to the next."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=settings, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, line: str) -> tuple[int, str]:
        """Exit code and output of a command line; a shell that is silent for five minutes is ended."""
        assert self._shell.stdin is not None and self._shell.stdout is not None
        clock = threading.Timer(300, self._shell.kill)
        clock.start()
        self._shell.stdin.write(f"{{ {line}\n}} </dev/null\nprintf '\\n{DONE} %s\\n' $?\n")
        self._shell.stdin.flush()
        said: list[str] = []
        for answer in self._shell.stdout:
            if answer.startswith(DONE):
                clock.cancel()
                return int(answer.split()[-1]), "".join(said).strip()
            said.append(answer)
        clock.cancel()
        return -1, "".join(said)

    def state(self, file: Path) -> tuple[Path, dict[str, str]]:
        """The shell's folder and variables, for a second terminal."""
        assert self.run(f"pwd >'{file}'; env -0 >>'{file}'")[0] == 0
        folder, _, rest = file.read_text().partition("\n")
        return Path(folder), dict(word.split("=", 1) for word in rest.split("\0") if word)

    def close(self) -> None:
        """End the shell."""
        self._shell.terminate()
        self._shell.communicate()


@pytest.fixture
def world(small_run: Place, small_plan: SimulationPlan, tmp_path: Path) -> Iterator[World]:
    """A copy of the sources; a STAC API with the small archive and services of layers, both on loopback."""
    folder = tmp_path / "selvawatch"
    folder.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    archive = copy_archive(small_run.archive, tmp_path / "archive")
    for sensor in ("landsat", "sentinel-1"):
        for collection in archive.glob(f"{sensor}*"):
            shutil.rmtree(collection)
    with (
        serve_apart(archive) as files,
        stac_api.serve(archive, files, tmp_path / "api") as stac,
        GeoServer(services(small_run.tile)) as layers,
    ):
        yield World(folder, small_run, small_plan, stac, layers.arcgis, free_port())


def settings_of(world: World) -> dict[str, str]:
    """Variables of a new terminal: nothing of this process, no package index, a free port for Prefect."""
    programs = world.folder.parent / "programs"
    write_program(programs / "python3.11", f"exec '{getattr(sys, '_base_executable', sys.executable)}'")
    return {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(world.folder.parent),
        "LANG": "C.UTF-8",
        "PIP_NO_INDEX": "1",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PREFECT_HOME": str(world.folder.parent / "prefect"),
        "PREFECT_SERVER_API_PORT": str(world.port),
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


class Walk:
    """A reader who pastes one command after the other."""

    def __init__(self, world: World, stack: ExitStack) -> None:
        self._world, self._stack = world, stack
        self._terminal = Terminal(world.folder, settings_of(world))
        stack.callback(self._terminal.close)
        self._starting: list[tuple[Differs, subprocess.Popen, Path]] = []
        self.unused = set(TABLE)

    def paste(self, line: str, where: str) -> None:
        """Run a command with what its rows of the table say; the test fails where it does."""
        rows = [row for row in TABLE if row.written in line]
        self.unused -= set(rows)
        text = line
        for row in rows:
            if row.before is not None:
                row.before(self._world)
            stands = {"stac": self._world.stac, "api": self._world.api}
            text = text.replace(row.written, row.run.format(**stands) if row.run else row.written)
        running = [row for row in rows if row.ready is not None]
        if running:
            self.wait()
            self._start(text, running[0])
        else:
            code, said = self._terminal.run(text)
            assert code == 0, f"{where}\n{said}"
        for row in rows:
            if row.after is not None:
                row.after(self._world)

    def _start(self, text: str, row: Differs) -> None:
        """Run a command in a terminal of its own until the test ends."""
        folder, settings = self._terminal.state(self._world.folder.parent / "state")
        log = self._world.folder.parent / f"terminal-{len(self._starting)}.log"
        words = ["bash", "-c", f"exec {text}"]
        child = self._stack.enter_context(process(words, settings, log, folder))
        self._starting.append((row, child, log))

    def wait(self) -> None:
        """Wait until everything that was started is up."""
        for row, child, log in self._starting:
            until = time.monotonic() + 120
            while not row.ready(self._world):
                assert child.poll() is None and time.monotonic() < until, f"{row.written}\n{log.read_text()}"
                time.sleep(0.3)


def test_every_command_of_the_pages_runs_as_written(world):
    texts = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
    with ExitStack() as stack:
        walk = Walk(world, stack)
        for page, text in texts.items():
            for heading, lines in chapters(text):
                for line in lines:
                    walk.paste(line, f"{page}, {heading}: {line}")
        walk.wait()
    assert [row.written for row in walk.unused] == [], "no page has these commands of the table"
    site = world.folder / "my-site"
    written = "\n".join(line for text in texts.values() for _, lines in chapters(text) for line in lines)
    for name in re.findall(r"--out (\S+)", written):
        made = [folder / name for folder in (world.folder, site) if (folder / name).is_file()]
        assert made and all(path.stat().st_size for path in made), name
    (report,) = site.glob("outputs/runs/*/report.json")
    assert json.loads(report.read_text(encoding="utf-8"))["events"] > 0


def test_a_block_that_is_not_of_commands_is_noticed():
    page = "# A\n```sh\ndo this  # now\n\n```\n# B\n# C\n```\nand this\n```\n"
    found = chapters(page)
    assert next(found) == ("A", ["do this  # now"])
    with pytest.raises(AssertionError, match="C: a block"):
        next(found)
