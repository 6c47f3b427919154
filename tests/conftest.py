"""Fixtures that every kind of test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder of the real reference data; the test is skipped where it is absent."""
    folder = Path(os.environ.get("SELVAWATCH_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no reference data at {folder}: set SELVAWATCH_REFERENCE_DATA")
    return folder
