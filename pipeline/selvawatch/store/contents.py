"""Which files and arrays each kind of folder of a store must hold, and what they are called."""

from dataclasses import dataclass
from pathlib import Path

STATE_FILE = "state.json"
ACCUMULATORS = "accumulators.zarr"
LAYERS = "layers.zarr"
COMPOSITE = "composite.zarr"
BASELINES = "baselines.zarr"
REASON = "reason.zarr"
EVENTS_FILE = "events.parquet"
CELLS_FILE = "cells.parquet"
SNAPSHOTS_FILE = "snapshots.json"
PRODUCT_FILE = "product.json"
REPORT_FILE = "report.json"
ALERTS_FILE = "alerts.parquet"

INTERNAL, PUBLIC, RESTRICTED = "internal", "public", "restricted"
"""Folders of a run: what the next run reads, and what each published tier gets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderContents:
    """What makes a folder of one kind complete; it may hold more."""

    kind: str
    files: tuple[str, ...] = ()
    """Paths of files below the folder."""
    groups: tuple[str, ...] = ()
    """Names of zarr groups (format 3) below the folder."""

    def missing(self, folder: Path) -> list[str]:
        """What the folder lacks, in the order of this table; all of it where there is no folder."""
        absent = [name for name in self.files if not (folder / name).is_file()]
        return absent + [name for name in self.groups if not (folder / name / "zarr.json").is_file()]

    def is_complete(self, folder: Path) -> bool:
        """Whether the folder holds everything that its kind must."""
        return not self.missing(folder)


STATE = FolderContents(kind="state", files=(STATE_FILE,), groups=(ACCUMULATORS, LAYERS, COMPOSITE))
BASELINE = FolderContents(kind="baseline", groups=(BASELINES, REASON))
CHECKPOINT = FolderContents(kind="checkpoint", groups=(ACCUMULATORS,))
PRODUCT = FolderContents(kind="product", files=(PRODUCT_FILE, CELLS_FILE))
RUN = FolderContents(
    kind="run",
    files=(
        REPORT_FILE,
        f"{INTERNAL}/{EVENTS_FILE}",
        f"{INTERNAL}/{CELLS_FILE}",
        f"{INTERNAL}/{SNAPSHOTS_FILE}",
        f"{PUBLIC}/{ALERTS_FILE}",
        f"{RESTRICTED}/{ALERTS_FILE}",
    ),
)

KINDS = (STATE, BASELINE, CHECKPOINT, PRODUCT, RUN)
"""Every kind of folder of a store that is made whole or not at all."""
