"""What the worst answers and files cost: one line, at most a minute and a gigabyte above the start."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hostile_server
import lying_services
from command_line import PACKAGE
from conftest import ROOT

pytestmark = pytest.mark.faults

MOST_S, MOST_BYTES = 60.0, 1_000_000_000
WORST = """
[[layer]]
name = "worst"
title = "Worst"
kind = "zone"
type = "exclusion"
source = "made up"
licence = "none"

[layer.fetch]
kind = "wfs"
url = "{address}/wfs"
layer = "a"
max_lost_share = 0.0
"""
"""Entry of a layer that a server on loopback has."""

START = ("zones", "status")
"""A command that loads what the others load, and does nothing."""


def measured(words: list[str]) -> tuple[str, float, int]:
    """What a command says on stderr, its seconds, and the bytes of memory that it or a child of it took."""
    code = "from selvawatch.cli.main import main; main()"
    begun = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
    ) as child:
        said = child.stderr.read()
        _, _, used = os.wait4(child.pid, 0)
        child.returncode = 1
    return said, time.monotonic() - begun, used.ru_maxrss * 1024


@pytest.fixture
def site(tmp_path):
    """The packaged site with a layer that a server on loopback has."""

    def with_layer(address: str) -> Path:
        shutil.copytree(ROOT / "aoi", tmp_path / "site" / "aoi")
        path = tmp_path / "site" / "aoi" / "zones.toml"
        text = path.read_text(encoding="utf-8")
        text = 'contact = "nobody@example.org"\n' + "\n".join(
            line for line in text.splitlines() if not line.startswith("contact")
        )
        text += WORST.format(address=address)
        path.write_text(text, encoding="utf-8")
        return tmp_path / "site"

    return with_layer


def endless(asked: hostile_server.Asked) -> None:
    """A WFS whose pages never end, each with other features."""
    start = int(asked.words.get("startIndex", 0))
    features = [
        lying_services.geojson(0) | {"id": f"a.{start + number}"}
        for number in range(int(asked.words["count"]))
    ]
    asked.send_json({"type": "FeatureCollection", "features": features})


def silent(_: hostile_server.Asked) -> None:
    """A server that takes the request and says nothing."""
    time.sleep(2 * MOST_S)


@pytest.fixture
def start(tmp_path) -> tuple[float, int]:
    """Seconds and memory that the program's start takes."""
    _, spent, used = measured([*START, "--store", str(tmp_path / "none")])
    return spent, used


def _above(start: tuple[float, int], spent: float, used: int) -> str:
    return f"{spent - start[0]:.0f} s, {(used - start[1]) / 1e6:.0f} MB above the start"


@pytest.mark.parametrize("answer", [endless, silent])
def test_a_service_without_an_end_costs_a_line(answer, site, start, tmp_path):
    with hostile_server.serve({"/wfs": answer}) as address:
        words = ["zones", "fetch", "worst", "--site", str(site(address)), "--store", str(tmp_path / "store")]
        said, spent, used = measured(words)
    print(f"\n{answer.__name__}: {_above(start, spent, used)}: {said}")
    assert len(said.splitlines()) == 1 and "the last snapshot stays" in said
    assert spent - start[0] < MOST_S and used - start[1] < MOST_BYTES


CORNERS = 12_000_000
"""Corners of a ring that make a file of some 260 MB."""


def _one_ring(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":')
        file.write('{"type":"Polygon","coordinates":[[')
        for number in range(CORNERS):
            file.write(f"{',' if number else ''}[{-70.0 + 1e-9 * number:.9f},-12.5]")
        file.write("]]}}]}")


def test_a_ring_of_hundreds_of_megabytes_costs_a_line(start, tmp_path):
    path = tmp_path / "worst.geojson"
    _one_ring(path)
    words = ["zones", "import", "exclusion-zone", str(path), "--store", str(tmp_path / "store")]
    said, spent, used = measured(words)
    print(f"\none ring of {path.stat().st_size / 1e6:.0f} MB: {_above(start, spent, used)}: {said}")
    assert len(said.splitlines()) == 1 and said.startswith("selvawatch: ")
    assert spent - start[0] < MOST_S and used - start[1] < MOST_BYTES
