"""`make picture`: docs/images/ from the demo's current run, by a headless Chromium without network."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from selvawatch.errors import SelvawatchError
from selvawatch.steps.products import product_path

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "outputs" / "demo" / "store"
COLOURS = 256
"""Colours of a picture; enough for text and small photographs, at a third of the bytes."""


def main() -> None:
    """Picture the top of the restricted bulletin in Spanish and the map beside it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        sys.exit("picture: no chromium on this machine; apt-get install chromium")
    pages = (("bulletin-es.html", "demo-bulletin.png", 820, 2160), ("map-es.html", "demo-map.png", 1000, 640))
    for page, name, width, height in pages:
        _picture(
            program,
            product_path(str(STORE), "restricted", page),
            ROOT / "docs" / "images" / name,
            width,
            height,
        )


def _picture(program: str, page: Path, out: Path, width: int, height: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        subprocess.run(
            [
                program,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--hide-scrollbars",
                "--proxy-server=127.0.0.1:9",
                "--virtual-time-budget=4000",
                f"--user-data-dir={folder}/profile",
                f"--window-size={width},{height}",
                f"--screenshot={shot}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(shot) as image:
            total = image.convert("RGB")
            small = total.crop((0, 0, total.width, _last_gap(total))).quantize(
                COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
            )
            small.save(out, optimize=True)
    print(out.relative_to(ROOT))


def _last_gap(image: Image.Image) -> int:
    """Row of the last gap between two blocks in the lower quarter of a page; its end where there is none."""
    margin = 26
    for row in range(image.height - 1, 3 * image.height // 4, -1):
        line = image.crop((margin, row, image.width - margin, row + 1))
        if all(low == high for low, high in line.getextrema()):
            return row
    return image.height


if __name__ == "__main__":
    try:
        main()
    except SelvawatchError as error:
        sys.exit(f"picture: {error}")
