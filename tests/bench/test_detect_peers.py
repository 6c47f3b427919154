"""Ours beside nrt and pyxccd on the reference cube, one process each: speed, memory, accuracy and delay.

Writes docs/bench-detect.md and its picture. Every figure comes from this run, and ratios are of wall time on
two threads within it, so that the machine should have nothing else to do.
"""
# ruff: noqa: E501 (lines of a page are as long as they are)

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from peers import NRT

from selvawatch.validate.reference_cube import open_cube
from selvawatch.validate.report import Method
from selvawatch.validate.scoring import Judgements, judge

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PAGE = ROOT / "docs" / "bench-detect.md"
PICTURE = ROOT / "docs" / "images" / "bench-detect.png"
OURS = ("ours, NDVI", "ours, optical", "ours, fused")
PEERS = (*NRT, "pyxccd COLD", "pyxccd S-CCD")
OTHERS = "## What a step of a tile costs"
"""Heading of what other benches wrote on the page, from which on it stays."""
BLOCK = 10
"""Side of a block of pixels that are resampled together, in parts of the cube's side."""


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference cube with its default seed."""
    folder = tmp_path_factory.mktemp("cube")
    subprocess.run([sys.executable, HERE / "make_reference_cube.py", "--out", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def measured(peers_python: Path, cube: Path) -> dict[str, dict[str, Any]]:
    """What each detector measured of itself, and how its alerts were judged, by name."""
    found = {}
    for name in (*OURS, *PEERS):
        alerts = cube / "alerts.npz"
        script = [sys.executable, HERE / "ours.py"] if name in OURS else [peers_python, HERE / "peers.py"]
        done = subprocess.run(
            [*script, name, cube, "--alerts", alerts], check=True, capture_output=True, text=True
        )
        found[name] = json.loads(done.stdout.splitlines()[-1]) | judged(cube, alerts)
        print(name, found[name])
    return found


def judged(folder: Path, alerts: Path) -> dict[str, Any]:
    """Accuracy and delay of alert days, all by one judge."""
    cube = open_cube(folder, "main")
    with np.load(alerts) as said:
        alert = said["alert"].ravel()
        pixel = said["pixel"] if "pixel" in said else np.arange(alert.size)
    side = cube.break_day.shape[1]
    broke = cube.break_day.ravel()[pixel]
    report = judge(
        Judgements(
            lost=broke > 0,
            confirmed_on=alert,
            blocks=(pixel // side // (side // BLOCK)) * BLOCK + pixel % side // (side // BLOCK),
            break_day=broke,
        ),
        Method(detector="bench"),
    )
    early = float(((broke > 0) & (alert > 0) & (alert < broke)).sum() / (broke > 0).sum())
    return {
        "f1": report.f1,
        "f1_ci": report.ci95.get("f1"),
        "delay": report.delay_days_median,
        "p90": report.delay_days_p90,
        "early": early,
        "judged": alert.size,
    }


@pytest.mark.bench
def test_a_robust_fit_is_20_times_the_fastest_peers_and_400_times_its_screened_ccdc(measured):
    ours = measured["ours, NDVI"]["fit_px_s"]
    assert ours >= 20 * max(measured[name]["fit_px_s"] for name in PEERS)
    assert ours >= 400 * measured["nrt CCDC screened"]["fit_px_s"]


@pytest.mark.bench
def test_an_update_is_8_times_the_fastest_peers_and_within_two_plain_passes(measured):
    fastest = max(measured[name].get("update_px_s", 0) for name in PEERS)
    assert measured["ours, NDVI"]["update_px_s"] >= 8 * fastest
    for name in OURS:
        assert measured[name]["update_passes"] <= 2, name


@pytest.mark.bench
def test_state_and_baseline_keep_their_budgets(measured):
    """The state: three sums with their runs of 5 bytes each, flags, five dates and counts of 2, and what the
    slow falls of two indices hold, 7.
    """
    for name in OURS:
        assert measured[name]["running_bytes"] <= 3 * 5 + 1 + 5 * 2 + 7
        assert measured[name]["baseline_bytes_per_index"] <= 16


@pytest.mark.bench
def test_what_is_timed_is_as_good_as_the_best_peer_and_sooner(measured):
    best = max(measured[name]["f1"] for name in PEERS)
    assert measured["ours, NDVI"]["f1"] >= 0.995
    assert measured["ours, NDVI"]["delay"] <= 31
    assert measured["ours, optical"]["f1"] >= max(best, 0.995)
    assert measured["ours, fused"]["f1"] >= 0.997
    assert measured["ours, fused"]["delay"] <= 18
    assert measured["ours, fused"]["p90"] <= 32
    assert measured["ours, fused"]["early"] <= 0.001


@pytest.mark.bench
def test_the_page_and_its_picture_are_written(measured):
    _, heading, rest = PAGE.read_text(encoding="utf-8").partition(OTHERS)
    PAGE.write_text(page(measured) + "\n" * bool(rest) + heading + rest, encoding="utf-8")
    draw(measured, PICTURE)
    assert PAGE.read_text(encoding="utf-8").count("\n| ours") == len(OURS)
    assert PICTURE.stat().st_size > 10_000


def page(measured: dict[str, dict[str, Any]]) -> str:
    """The table as a Markdown page."""
    ndvi = measured["ours, NDVI"]
    fastest_fit = max(measured[name]["fit_px_s"] for name in PEERS)
    fastest_update = max(measured[name].get("update_px_s", 0) for name in PEERS)
    screened = measured["nrt CCDC screened"]["fit_px_s"]
    rows = [row(name, measured[name]) for name in (*OURS, *PEERS)]
    passes = "; ".join(
        f"{name.removeprefix('ours, ')}: "
        + ", ".join(f"{stream} {one[1]:.2f}" for stream, one in sorted(measured[name]["updates"].items()))
        for name in OURS
    )
    return f"""# The detector beside its peers

Made by `make bench` (tests/bench/test_detect_peers.py): one run, one process per line, two threads where the software uses threads, wall time.
The cube is the synthetic reference cube with its default seed (500 x 500 pixels, 138 optical dates of history and 45 of monitoring).

| detector | indices or bands | fit, px/s | update, px/s of one scene | state and baseline, B/px | fit memory, B/px | F1 (95 %) | early | delay median / p90, days |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

* Robust fit of one index (own screening, two refits): {ndvi["fit_px_s"] / fastest_fit:.0f} x the fastest fit of a peer, {ndvi["fit_px_s"] / screened:.0f} x nrt's screened CCDC fit.
* Update of one observation: {ndvi["update_px_s"] / fastest_update:.1f} x the fastest update of a peer; in plain passes of two threads over the same bytes: {passes}.
* Running state {ndvi["running_bytes"]:.0f} B/px: 26 of sums, flags, dates and counts and 7 of slow falls; baseline {ndvi["baseline_bytes_per_index"]:.0f} B/px and index with two harmonics.
* `ours` reads several indices, each screened by itself; they share the design of the first fit. Fit and update include all of them. The update shown is that of its slowest stream.
* nrt reads NDVI (its screened CCDC green and SWIR besides, in the fit) with the best settings found for each on this generator, or its defaults where
  those are best; it has one thread in the update. pyxccd works pixel by pixel in one process on six bands: {measured["pyxccd COLD"]["judged"]} pixels were drawn,
  its alert is the fourth consecutive observation (`conse=4`), and COLD has no update. Fits of pyxccd do more than a baseline (segments, six bands).
* Updates run over 20 million pixels, the fitted state of 125 x 125 repeated side by side, so that no cache holds it.

![fit and update speed against F1 and delay](images/bench-detect.png)
"""


def row(name: str, one: dict[str, Any]) -> str:
    """One line of the table."""
    bands = {"pyxccd COLD": "6 bands", "pyxccd S-CCD": "6 bands"}.get(name, str(one.get("indices", 1)))
    update = f"{millions(one['update_px_s'])}" if "update_px_s" in one else "-"
    state = f"{one['state_bytes']:.0f}" if "state_bytes" in one else "-"
    interval = one["f1_ci"]
    between = "" if interval is None else f" ({interval[0]:.3f}-{interval[1]:.3f})"
    return (
        f"| {name} | {bands} | {millions(one['fit_px_s'])} | {update} | {state} | {one['fit_memory_bytes']:.0f}"
        f" | {one['f1']:.4f}{between} | {100 * one['early']:.2f} % | {one['delay']:.0f} / {one['p90']:.0f} |"
    )


def millions(rate: float) -> str:
    """A rate for people."""
    if rate >= 1e5:
        return f"{rate / 1e6:.3g} M"
    return f"{rate / 1e3:.2g} k" if rate >= 1e3 else f"{rate:.0f}"


def draw(measured: dict[str, dict[str, Any]], path: Path) -> None:
    """Fit speed against delay, and against F1: up and left is better."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.6), sharey=True, constrained_layout=True)
    for name in (*OURS, *PEERS):
        one = measured[name]
        colour = "#0b6e4f" if name in OURS else "#8a8a8a"
        for axes, x in ((left, one["delay"]), (right, 1 - one["f1"])):
            axes.scatter(x, one["fit_px_s"], color=colour, zorder=3)
            axes.annotate(name, (x, one["fit_px_s"]), xytext=(5, 4), textcoords="offset points", fontsize=7.5)
    left.set(yscale="log", xlabel="median delay, days", ylabel="history fit, pixels per second, 2 threads")
    left.margins(x=0.2)
    right.set(xscale="log", xlabel="1 - F1")
    right.margins(x=0.25)
    for axes in (left, right):
        axes.grid(color="#dddddd", linewidth=0.6)
    figure.suptitle("History fit against delay and error, synthetic reference cube")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
