"""Items that a catalogue must not list, each with one thing that is wrong, beside a good one."""

import json
from pathlib import Path

RING = [[-179, -5], [179, -5], [179, -4], [-179, -4], [-179, -5]]
ABUSE = {
    "no-datetime": ("datetime", lambda item: item["properties"].update(datetime=None)),
    "naive-time": ("datetime", lambda item: item["properties"].update(datetime="2024-06-01T15:00:00")),
    "antimeridian": ("footprint", lambda item: item["geometry"].update(coordinates=[RING])),
    "empty-footprint": ("footprint", lambda item: item["geometry"].update(coordinates=[])),
    "path-trick": ("id", lambda item: item.update(id="../../../etc/passwd")),
    "to-a-file": ("href", lambda item: item["assets"]["red"].update(href="file:///etc/passwd")),
    "to-a-path": ("href", lambda item: item["assets"]["red"].update(href="vsicurl://a.example/b.tif")),
    "to-a-private-host": ("href", lambda item: item["assets"]["red"].update(href="http://10.0.0.7/red.tif")),
    "to-another-scheme": ("href", lambda item: item["assets"]["red"].update(href="s3://bucket/red.tif")),
    "with-a-password": ("href", lambda item: item["assets"]["red"].update(href="http://a:b@c.example/r.tif")),
    "twice": ("duplicate", lambda item: item.update(id="no-twin")),
    "no-twin": ("", lambda item: item["properties"].update(updated="2024-01-01")),
}
"""What nobody can use: reason of the problem (none: a scene), and how an item comes to be so."""
LIES = {
    "says-size": ("size", lambda red: red.update({"proj:shape": [150, 160]})),
    "says-crs": ("crs", lambda red: red.update({"proj:code": "EPSG:32718"})),
    "says-place": ("grid", lambda red: red.update({"proj:transform": [10, 0, 0, 0, -10, 0]})),
    "says-nodata": ("nodata", lambda red: red["raster:bands"][0].update(nodata=1200)),
    "says-scale": ("offset", lambda red: red["raster:bands"][0].update(scale=2e-4)),
}
"""What an item says of its red file that is not so: reason of the unread scene, and how it says it."""
REASONS = sorted(why for why, _ in ABUSE.values() if why)


def add(root: Path, good: str) -> None:
    """Write them with the files and on the day of a good item of a STAC folder; one twin can be read."""
    home = root / "sentinel-2-c1-l2a"
    text = (home / good / f"{good}.json").read_text()
    for name in (*ABUSE, *LIES):
        item = json.loads(text) | {"id": name}
        for asset in item["assets"].values():
            asset["href"] = f"../{good}/{asset['href'].removeprefix('./')}"
        if name in ABUSE:
            ABUSE[name][1](item)
        else:
            LIES[name][1](item["assets"]["red"])
        (home / name).mkdir()
        (home / name / f"{name}.json").write_text(json.dumps(item))
