"""What benches share: the environment of the peers."""

import subprocess
import venv
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="session")
def peers_python() -> Path:
    """The interpreter of an environment that holds the peers and nothing of ours."""
    folder = ROOT / "build" / "bench-peers"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True, clear=True)
    wanted = ["-m", "pip", "install", "--quiet", "-r", str(HERE / "peers-requirements.txt")]
    if subprocess.run([python, *wanted], check=False).returncode:
        pytest.skip("the peers nrt and pyxccd could not be installed: no package index within reach")
    return python
