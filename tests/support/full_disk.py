"""Every writer on a disk that takes no file beyond a size: run as a program, it prints what each said."""

import json
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from affine import Affine

from selvawatch.core.files import replacing, write_checked, write_text
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.tables import ALERTS, Tier
from selvawatch.errors import SelvawatchError
from selvawatch.sources.clip import _write
from selvawatch.write import tiers
from selvawatch.write.charts.bars import draw_bars
from selvawatch.write.charts.drawing import About
from selvawatch.write.formats.companions import write_dictionary, write_provenance
from selvawatch.write.formats.format_table import FORMATS
from selvawatch.write.formats.raster import write_layers
from selvawatch.write.language.i18n import language
from write_data import DATA_DAY, OPEN_RULE, PROVENANCE, alerts

MOST_BYTES = 1_000
"""Bytes of the largest file that the disk takes."""
HERE = Affine(10, 0, 300_000, 0, -10, 8_600_000)


def writers(folder: Path) -> dict[str, Callable[[], object]]:
    """What is tried, by name."""
    spanish = language("es")
    gate = tiers.Gate(tier=Tier.RESTRICTED, rule=OPEN_RULE, data_day=DATA_DAY)
    released = tiers.apply(ALERTS, alerts(20), gate)
    noise = np.random.default_rng(0).integers(0, 200, (64, 64))
    layer = LAYERS["confidence"]
    state = xr.Dataset({layer.name: (("y", "x"), noise.astype(layer.dtype))})
    profile = {
        "dtype": "uint16",
        "count": 1,
        "height": 64,
        "width": 64,
        "crs": rasterio.crs.CRS.from_epsg(32719),
    }
    profile |= {"transform": HERE, "nodata": None}
    bars = {"labels": ["a", "b"], "about": About(title="t", lines=()), "unit": "ha"}
    bars |= {name: np.array([1.0, 2.0]) for name in ("values", "low", "high")}

    def streamed() -> None:
        with replacing(folder / "streamed.bin") as part, part.open("wb") as file:
            file.write(bytes(5_000))

    return {
        name: lambda form=form: form.write(folder / f"rows{form.suffix}", released, PROVENANCE, spanish)
        for name, form in FORMATS.items()
    } | {
        "cog": lambda: write_layers(folder, "tile", state, HERE, "EPSG:32719", PROVENANCE, (layer.name,)),
        "mirror": lambda: _write(folder / "red.tif", noise.astype(np.uint16), profile),
        "png": lambda: draw_bars(folder / "bars.png", **bars),
        "svg": lambda: draw_bars(folder / "bars.svg", **bars),
        "dictionary": lambda: write_dictionary(folder / "diccionario.csv", (ALERTS,)),
        "provenance": lambda: write_provenance(folder / "rows.csv", {"key": "x" * 3_000}),
        "text": lambda: write_text(folder / "page.html", "x" * 3_000),
        "bytes": lambda: write_checked(folder / "any.bin", bytes(3_000)),
        "stream": streamed,
    }


def main(folder: Path) -> None:
    """Try every writer, each over a file that is there already."""
    tried = writers(folder)
    said = {}
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))
    for name, write in tried.items():
        try:
            write()
            said[name] = ""
        except SelvawatchError as error:
            said[name] = str(error)
        except BaseException as error:  # noqa: BLE001  (a traceback is what is looked for)
            said[name] = f"traceback: {error!r}"
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
