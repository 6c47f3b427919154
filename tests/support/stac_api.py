"""A real STAC API (rustac) over the items of a STAC folder, with other asset addresses."""

import contextlib
import json
import shutil
import subprocess
import sysconfig
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import free_port


@contextlib.contextmanager
def serve(root: Path, base: str, folder: Path) -> Iterator[str]:
    """Serve what a STAC folder lists until left; assets are at BASE/path. Gives the address."""
    program = shutil.which("rustac", path=sysconfig.get_path("scripts"))
    if program is None:
        pytest.skip("rustac is not installed: install the dev dependencies")
    folder.mkdir(parents=True, exist_ok=True)
    items = []
    for path in sorted(root.glob("*/*/*.json")):
        item = json.loads(path.read_text())
        for asset in item["assets"].values():
            inside = f"{path.parent.relative_to(root).as_posix()}/{asset['href'].removeprefix('./')}"
            asset["href"] = f"{base}/{inside}" if asset["href"].startswith("./") else asset["href"]
        items.append(item)
    (folder / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    names = []
    for path in sorted(root.glob("*/collection.json")):
        names.append(f"{path.parent.name}.json")
        (folder / names[-1]).write_text(json.dumps(json.loads(path.read_text()) | {"links": []}))
    port = free_port()
    command = [program, "serve", "--addr", f"127.0.0.1:{port}", *names, "items.json"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait(address: str) -> None:
    for _ in range(100):
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"nothing answers at {address}")
