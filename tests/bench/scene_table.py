"""docs/bench-scenes.md: the table that the benches of scenes write, a row each."""
# ruff: noqa: E501  (a table's row is a line)

import json
from dataclasses import asdict, dataclass

from conftest import ROOT

PAGE = ROOT / "docs" / "bench-scenes.md"
_ROWS = ROOT / "build" / "bench-scenes.json"
_HEAD = """# Speed of reading scenes

Written by `make bench` (`tests/bench/test_scene_throughput.py`, `tests/bench/test_scene_memory.py`): the
figures of the last run on one machine. What is held is the ratio, since both sides run by turns on the same
machine.

One tile of 1024 px of 10 m with its halo, COGs as the archives keep them (DEFLATE with predictor, blocks of
512 px, uint16 at 10, 20 and 30 m, float32 radar), two threads, files on a disk and from an http server in a
process of its own. *Bare* reads the same windows with rasterio alone; *observations* loads, checks, masks,
harmonises and makes the indices; *files* writes the observation files as well. Rounds of both go by turns:
speeds are those of the fastest, *observations : bare* is the middle one of the ratios of neighbours. MB are those of the numbers in the windows. At least 0.70 is asked of *observations : bare*; *processor* is the
same ratio by processor time of this process.

| stream | from | MB a scene | bare, scenes/s | observations, scenes/s | observations, MB/s | observations : bare | files : bare | processor |
|---|---|---|---|---|---|---|---|---|
"""
_TAIL = """
Peak memory of one tile of 1024 px with {scenes} scenes ({observations} observations: history, baseline, monitoring),
{workers} threads, in a process of its own: **{peak_gib:.2f} GiB** (asked: less than 1.5 GiB), in {seconds:.0f} s.
"""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Seconds of one kind of scene."""

    stream: str
    place: str
    scenes: int
    megabytes: float
    """Of the numbers in all windows."""
    ratio: float
    """Speed of observations to that of bare reads, the middle one of all rounds."""
    bare_s: float
    """Of the fastest round."""
    looks_s: float
    files_ratio: float
    """Speed of files to that of bare reads, the middle one of all rounds."""
    processor_ratio: float
    """Processor seconds of bare reads to those of observations, without the server's."""

    @property
    def line(self) -> str:
        """The row of the table."""
        return (
            f"| {self.stream} | {self.place} | {self.megabytes / self.scenes:.1f}"
            f" | {self.scenes / self.bare_s:.1f}"
            f" | {self.scenes / self.looks_s:.1f} | {self.megabytes / self.looks_s:.0f} | {self.ratio:.2f}"
            f" | {self.files_ratio:.2f} | {self.processor_ratio:.2f} |"
        )


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What a tile step took."""

    scenes: int
    observations: int
    workers: int
    peak_gib: float
    seconds: float


def write(row: Speed | Memory) -> None:
    """Put a row in the place of the one it renews, and write the page again."""
    rows = json.loads(_ROWS.read_text()) if _ROWS.exists() else {}
    name = f"{row.stream} {row.place}" if isinstance(row, Speed) else "memory"
    rows[name] = asdict(row)
    _ROWS.parent.mkdir(parents=True, exist_ok=True)
    _ROWS.write_text(json.dumps(rows))
    lines = [Speed(**values).line for key, values in sorted(rows.items()) if key != "memory"]
    tail = _TAIL.format(**rows["memory"]) if "memory" in rows else ""
    PAGE.write_text(_HEAD + "\n".join(lines) + "\n" + tail)
