"""The site and the layers of a ZIP of evidence, laid out so that its run can be made again."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from selvawatch.core.files import content_digest
from selvawatch.errors import EvidenceError
from selvawatch.evidence.archive import Evidence


def lay_out(evidence: Evidence, folder: Path) -> tuple[Path, str, Path]:
    """Write site and layers below an empty folder: the site's folder, its file, and the store's folder.

    Raises
    ------
    EvidenceError
        Where the evidence lacks a file of them, or names one that would lie outside.
    """
    site, store = folder / "site", folder / "store"
    copied = evidence.read_json("site.json")
    try:
        files: Mapping[str, Any] = copied["files"]
        site_file = str(copied["site_file"])
        zones = str(files["zones"]["name"])
        for role, file in sorted(files.items()):
            name = str(file["name"])
            content = file["text"].encode() if file["text"] else evidence.files.get(f"site/{name}")
            if content is None or content_digest(content).hex() != file["sha256"]:
                raise EvidenceError(
                    "a file of the site is missing or another", where=evidence.where, got=role
                )
            _write(site, name, content, evidence)
        layers = evidence.read_json("layers.json")["layers"]
        text = files["zones"]["text"]
        for row in layers:
            text = _lay_layer(evidence, folder, row, text)
    except (KeyError, TypeError, AttributeError, tomllib.TOMLDecodeError) as error:
        raise EvidenceError(
            "the site of the evidence cannot be read", where=evidence.where, got=error
        ) from error
    _write(site, zones, text.encode(), evidence)
    return site, site_file, store


def _lay_layer(evidence: Evidence, folder: Path, row: Mapping[str, Any], text: str) -> str:
    """Write a layer: of the store with its record, of the site as a file that its manifest then names."""
    layer, name = str(row["layer"]), str(row["file"])
    if name not in evidence.files:
        raise EvidenceError("the evidence lacks a file", where=evidence.where, needed=name)
    if not row["of_site"]:
        for member, content in evidence.files.items():
            if member.startswith(f"layers/{layer}/"):
                _write(folder / "store" / "zones", member.removeprefix("layers/"), content, evidence)
        return text
    _write(folder, name, evidence.files[name], evidence)
    entries = tomllib.loads(text).get("layer", [])
    stated = next((str(entry["file"]) for entry in entries if entry.get("name") == layer), "")
    path = PurePosixPath(name).name
    inner = stated[stated.rfind(path) + len(path) :] if path in stated else ""
    return text.replace(json.dumps(stated, ensure_ascii=False), json.dumps(f"{folder / name}{inner}"))


def _write(folder: Path, name: str, content: bytes, evidence: Evidence) -> None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts:
        raise EvidenceError("a file of it would lie outside", where=evidence.where, got=name[:80])
    path = folder.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
