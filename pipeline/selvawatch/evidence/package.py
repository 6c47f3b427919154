"""What the evidence of an alert is made of: the store's own files, and nothing that is made up for it."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from selvawatch.core.days import iso, to_day
from selvawatch.core.files import content_digest, file_digest
from selvawatch.core.scene import Scene
from selvawatch.errors import EvidenceError, StoreError
from selvawatch.evidence.pixel_series import PixelSeries, pixel_series, series_csv, series_png
from selvawatch.evidence.statement import LANGUAGES, limits
from selvawatch.prepare.ingest import blocks_in
from selvawatch.prepare.observation_files import observation_path
from selvawatch.provenance import code_digest, code_version
from selvawatch.register.manifest import site_snapshots
from selvawatch.register.snapshots import records
from selvawatch.reviews.review import as_values
from selvawatch.site import Site
from selvawatch.store.contents import ALERTS_FILE, RESTRICTED
from selvawatch.store.folders import Store
from selvawatch.store.ledger import RunRow
from selvawatch.store.returned.review_batches import read_reviews
from selvawatch.store.run_files import read_seen
from selvawatch.store.run_plan import scenes_before
from selvawatch.store.seal import SealedFolder, read_seal
from selvawatch.store.site_copy import read_site_copy, site_copy_path
from selvawatch.store.tile_state import TileState, current_state
from selvawatch.web.signing import open_href

FACTS = (
    "status", "confidence", "first_detected", "confirmed_on", "onset", "onset_earliest", "onset_latest",
    "last_grown", "ha", "ha_lo", "ha_hi", "ha_subpixel", "looks", "sensors", "chance", "cause",
    "mining_probability", "cause_reasons",
)  # fmt: skip
"""Columns of an alert that follow from the ground and the observations, whenever the program ran."""
_PRIVATE = "layers"
"""Folder of the snapshots of layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """The alert, and where everything of it lies."""

    site: Site
    store: Store
    run: RunRow
    sealed: SealedFolder
    row: pd.Series
    outline: shapely.Geometry
    crs: str
    states: Mapping[str, TileState]


def facts_of(row: pd.Series) -> dict[str, Any]:
    """The facts of an alert or event as JSON values: ISO days, numbers, text; null for what is empty."""
    return {name: _plain(row[name]) for name in FACTS if name in row}


def evidence_files(site: Site, store: Store, alert: str) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of an alert's evidence by name, and what its manifest says besides.

    site: the store's. alert: id of an alert or event of the current run.

    Raises
    ------
    StoreError
        Where the store has no run, or no such alert.
    DamagedError
        Where something of it is not what was written.
    """
    subject = _subject(site, store, alert)
    row, run = subject.row, subject.run
    tiles = {name: site.grid.tile(name) for name in subject.states}
    series = pixel_series(store, tiles, subject.states, subject.outline)
    onset = to_day(pd.Timestamp(row["onset"]).date())
    files = {
        "alert.json": _json({**{name: _plain(row[name]) for name in row.index if name != "geometry"}}),
        "outline.json": _json(
            {
                "crs": subject.crs,
                "wkb": subject.outline.wkb_hex,
                "sha256": outline_digest(subject.outline),
            }
        ),
        "facts.json": _json(facts_of(row)),
        "scenes.json": _json(_scenes(subject, series)),
        "run.json": _json(_run(subject)),
        "decisions.json": _json(_decisions(subject)),
        "site.json": site_copy_path(store).read_bytes(),
        "series.csv": series_csv(series.frame),
        "series.png": series_png(series.frame, onset, str(row["alert_id"])),
        **{f"limits-{code}.txt": limits(code) for code in LANGUAGES},
        **_pictures(subject),
        **_layers(subject),
        **_masks(subject),
    }
    about = {
        "evidence": 1,
        "alert_id": str(row["alert_id"]),
        "run_id": run.run_id,
        "until": iso(run.until_day),
    }
    return files, about | {"version": code_version(), "code_sha256": code_digest(), "tier": RESTRICTED}


def _subject(site: Site, store: Store, alert: str) -> _Subject:
    run = store.ledger.current()
    if run is None:
        raise StoreError("the store has no run", where=store.folder, do="run `selvawatch monitor` first")
    sealed = read_seal(store.run(run.run_id))
    frame = gpd.read_parquet(io.BytesIO(sealed.read(f"{RESTRICTED}/{ALERTS_FILE}")))
    rows = frame[(frame["alert_id"] == alert) | (frame["event_id"] == alert)]
    if not len(rows):
        raise StoreError(
            "no such alert in the current run",
            got=alert,
            needed="an id of `selvawatch alerts list --tier restricted`",
            do="an id that has ended: `selvawatch alerts show ID --tier restricted` says what goes on",
        )
    row = rows.iloc[0]
    names = [tile.id for tile in site.grid.tiles(row["geometry"])]
    states = {name: state for name in names if (state := current_state(store, name)) is not None}
    return _Subject(
        site=site,
        store=store,
        run=run,
        sealed=sealed,
        row=row,
        outline=row["geometry"],
        crs=str(frame.crs),
        states=states,
    )


def _scenes(subject: _Subject, series: PixelSeries) -> dict[str, Any]:
    """Every scene of the tiles of the alert: what it is, where from, and what was read of its files."""
    listed = {scene.key: scene for scene in scenes_before(subject.store, subject.run.area)}
    of_alert = set(str(subject.row["scenes"] or "").split())
    found: dict[str, Any] = {}
    for name, state in sorted(subject.states.items()):
        folder = subject.store.observations(name)
        rows = []
        for record in sorted(state.scene_records, key=lambda record: record.order):
            blocks = blocks_in(observation_path(folder, record.stream, record.day)).get(record.key, {})
            scene = listed.get(record.key)
            rows.append(
                {
                    "id": record.scene_id,
                    "item_sha256": record.digest,
                    "day": iso(record.day),
                    "sensor": record.sensor,
                    "stream": record.stream,
                    "state": record.state,
                    "reason": record.reason,
                    "of_alert": record.scene_id in of_alert,
                    "read_sha256": blocks,
                    "observation_sha256": series.observations[name].get((record.stream, record.day)),
                    **(_item(scene) if scene is not None else {"listed": False}),
                }
            )
        found[name] = rows
    return found


def _item(scene: Scene) -> dict[str, Any]:
    """What the catalogue said of a scene; addresses without what signs them."""
    return {
        "listed": True,
        "collection": scene.collection,
        "time": scene.time.isoformat(),
        "processing": scene.processing,
        "cloud_percent": scene.cloud_percent,
        "assets": {key: open_href(asset.href) for key, asset in sorted(scene.assets.items())},
    }


def _run(subject: _Subject) -> dict[str, Any]:
    """The run: its inputs by digest, and what it was made with."""
    result = {
        name: subject.run.result.get(name) for name in ("until", "scene_balance", "failed", "unsearched")
    }
    packages = {str(one.metadata["Name"]): one.version for one in distributions()}
    return {
        "run_id": subject.run.run_id,
        "area": subject.run.area,
        "until": iso(subject.run.until_day),
        "report": result,
        "version": code_version(),
        "code_sha256": code_digest(),
        "site_sha256": subject.site.digest,
        "model_sha256": subject.site.model.digest,
        "states": {
            name: {"state": state.state, "baseline": state.baseline, "until": iso(state.until_day)}
            for name, state in sorted(subject.states.items())
        },
        "packages": dict(sorted(packages.items())),
    }


def _decisions(subject: _Subject) -> dict[str, Any]:
    """Every version of the event that was published, and what people answered on it."""
    event = subject.row["event_id"]
    return {
        "versions": [asdict(row) for row in subject.store.ledger.alerts() if row.event_id == event],
        "reviews": [as_values(one) for one in read_reviews(subject.store) if one.event_id == event],
    }


def _pictures(subject: _Subject) -> dict[str, bytes]:
    names = [subject.row.get(f"{side}_picture") for side in ("before", "after")]
    return {
        f"pictures/{Path(name).name}": subject.sealed.read(f"{RESTRICTED}/{name}")
        for name in names
        if isinstance(name, str)
    }


def _layers(subject: _Subject) -> dict[str, bytes]:
    """Snapshots of layers that the run saw, with their records; `layers.json` names each with its digest.

    Raises
    ------
    EvidenceError
        Where one is no longer what the run saw.
    """
    seen = read_seen(subject.store.run(subject.run.run_id)) or set()
    files: dict[str, bytes] = {}
    listed = []
    with_site = site_snapshots(subject.site.manifest, subject.site.zones_folder)
    for layer, day, sha256 in sorted(seen):
        path, record = _snapshot(subject, with_site, layer, day, sha256)
        name = f"{_PRIVATE}/{layer}/{path.name}"
        files[name] = path.read_bytes()
        if record is not None:
            files[f"{_PRIVATE}/{layer}/{record.name}"] = record.read_bytes()
        if content_digest(files[name]).hex() != sha256:
            raise EvidenceError("a layer is no longer what the run saw", where=layer, needed=sha256[:12])
        listed.append({"layer": layer, "day": day, "sha256": sha256, "file": name, "of_site": record is None})
    return files | {"layers.json": _json({"layers": listed})}


def _snapshot(
    subject: _Subject, with_site: Any, layer: str, day: str, sha256: str
) -> tuple[Path, Path | None]:
    """File of a snapshot and, of the store's, its record."""
    for one in with_site:
        if (one.layer, one.date.isoformat(), one.sha256) == (layer, day, sha256):
            path = Path(one.file)
            return (path if path.is_file() else Path(one.file.rsplit(":", 1)[0])), None
    root = subject.store.snapshots
    for record in records(root, layer):
        if (record.date, record.sha256) == (day, sha256):
            return root / layer / record.file, root / layer / f"{record.date}-{record.sha256[:8]}.json"
    raise EvidenceError(
        "a layer that the run saw is not at hand",
        where=f"layer {layer} of {day}",
        needed=f"sha256 {sha256[:12]}",
        do="restore the snapshot from a copy of the store, or run `selvawatch monitor` to a later day",
    )


def _masks(subject: _Subject) -> dict[str, bytes]:
    """The forest mask, which the copy of the site keeps by its digest alone."""
    copied = read_site_copy(subject.store)
    if copied is None or "forest_mask" not in copied.files:
        return {}
    kept = copied.files["forest_mask"]
    path = subject.site.path_of(kept.name)
    if file_digest(path) != kept.sha256:
        raise EvidenceError("the forest mask is no longer what the run used", where=path)
    return {f"site/{kept.name}": path.read_bytes()}


def outline_digest(outline: shapely.Geometry) -> str:
    """sha256 (hex) of an outline in one form: normalised, as well-known binary."""
    return content_digest(shapely.to_wkb(shapely.normalize(outline))).hex()


def _plain(value: Any) -> Any:
    if value is None or value is pd.NaT or (not isinstance(value, str) and pd.isna(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    return value.item() if hasattr(value, "item") else value


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
