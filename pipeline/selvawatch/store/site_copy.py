"""The copy that a store keeps of its site: what decides its events, and the text of every file."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import shapely

from selvawatch.core.files import file_digest, read_checked_json, write_checked_json, write_text
from selvawatch.errors import DamagedError, SelvawatchError, SiteError
from selvawatch.site import Site
from selvawatch.store.folders import Store

log = logging.getLogger(__name__)

SITE_COPY = "site.json"
"""Name of the copy in the store's folder."""
_VERSION = 1
_BINARY = ("forest_mask",)
"""Files of a site that are kept by their digest alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFileCopy:
    """One file of a site."""

    name: str
    """Path in the site."""
    sha256: str
    text: str
    """Its content; empty for a raster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCopy:
    """The site copy of a store: its site as of its last run, or of its last loss product before any."""

    deciding: Mapping[str, Mapping[str, Any]]
    """What would make other events of the same observations if it were edited: values by key, by table of the
    site file (empty: its head).
    """
    outlines: Mapping[str, shapely.Geometry]
    """Polygon of each area by name, WGS 84."""
    digest: str
    """The site's digest."""
    files: Mapping[str, SiteFileCopy]
    """Every file that the site consists of but its layers, by what it is; none where one was edited while the
    run went on.
    """
    file: str = ""
    """Site file, as its path in the site; empty in a copy of an earlier version."""
    folder: str = ""
    """Folder of the site, relative to the store: what lies there alone are its layers and its forest mask."""


def site_copy_path(store: Store) -> Path:
    """Where a store keeps the copy of its site."""
    return store.folder / SITE_COPY


def deciding_of(site: Site) -> dict[str, dict[str, Any]]:
    """What of a site decides its events, as `SiteCopy.deciding`."""
    days = {name: str(value or "none") for name, value in asdict(site.days).items()}
    return {
        "": {"name": site.config.name},
        "centre": asdict(site.config.centre),
        "days": days,
        "grid": asdict(site.grid),
    }


def copy_of(site: Site, folder: str = "") -> SiteCopy:
    """The copy of a site as it was loaded, with its files as they are now if that is how they were.

    folder: where the site lies, as the store has it.
    """
    files = {}
    for role, name in site.files.items():
        path = site.path_of(name)
        text = "" if role in _BINARY else path.read_text(encoding="utf-8")
        files[role] = SiteFileCopy(name=name, sha256=file_digest(path), text=text)
    if site.files_digest() != site.digest:
        log.warning("files of the site in %s were edited while the run went on: not copied", site.folder)
        files = {}
    return SiteCopy(
        deciding=deciding_of(site),
        outlines={area.name: area.geometry for area in site.areas},
        digest=site.digest,
        files=files,
        file=site.file,
        folder=folder,
    )


def keep_site_copy(store: Store, site: Site) -> None:
    """Keep a copy of the site in the store, in one step; one that says the same stays as it is."""
    path = site_copy_path(store)
    copied = copy_of(site, os.path.relpath(site.folder.resolve(), store.folder.resolve()))
    content = {
        "version": _VERSION,
        "deciding": copied.deciding,
        "areas": {name: outline.wkb_hex for name, outline in copied.outlines.items()},
        "site_sha256": copied.digest,
        "files": {role: asdict(file) for role, file in copied.files.items()},
        "site_file": copied.file,
        "folder": copied.folder,
    }
    if _content_of(path) != content:
        write_checked_json(path, content)


def _content_of(path: Path) -> dict[str, Any] | None:
    """What a copy holds; None where there is none that can be read."""
    try:
        return read_checked_json(path)
    except DamagedError:
        return None


def read_site_copy(store: Store) -> SiteCopy | None:
    """The copy that a store keeps of its site; None where it keeps none.

    Raises
    ------
    DamagedError
        Where the copy is damaged, or of another version.
    """
    path = site_copy_path(store)
    if not path.exists():
        return None
    content = read_checked_json(path)
    try:
        if content["version"] != _VERSION:
            raise ValueError(f"version {content['version']}, needed {_VERSION}")
        return SiteCopy(
            deciding=content["deciding"],
            outlines={name: shapely.from_wkb(outline) for name, outline in content["areas"].items()},
            digest=content["site_sha256"],
            files={role: SiteFileCopy(**file) for role, file in content["files"].items()},
            file=content.get("site_file", ""),
            folder=content.get("folder", ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        raise DamagedError("the copy of the site cannot be read", where=path, got=error) from error


@contextmanager
def copied_site(store: Store, copied: SiteCopy) -> Iterator[Site]:
    """The site of a store's last run, laid out from its copy for as long as it is used.

    The layers and the forest mask that come with the site are read where they lie.

    Raises
    ------
    SiteError
        Where the copy lacks files, or the site's folder no longer has what only lies there.
    """
    if not (copied.files and copied.file and copied.folder):
        raise SiteError(
            "the store's copy of its site is not whole",
            where=site_copy_path(store),
            do="give the site's folder by --site; the next run makes the copy anew",
        )
    original = Path(os.path.normpath(store.folder.resolve() / copied.folder))
    with tempfile.TemporaryDirectory(prefix="selvawatch-site-") as scratch:
        folder = Path(scratch)
        for role, file in copied.files.items():
            (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
            if role in _BINARY:
                _copy_binary(original / file.name, folder / file.name, file.sha256)
            else:
                write_text(folder / file.name, file.text)
        zones = original / copied.files["zones"].name
        try:
            site = Site.load(folder, copied.file, layers_folder=zones.parent)
        except SelvawatchError as error:
            raise SiteError(
                "the store's copy of its site cannot be used",
                where=site_copy_path(store),
                got=str(error).replace(scratch, ""),
                do="give the site's folder by --site",
            ) from error
        yield site


def _copy_binary(original: Path, path: Path, sha256: str) -> None:
    if not original.is_file() or file_digest(original) != sha256:
        raise SiteError(
            "a file of the site is no longer what the store's last run used",
            where=original,
            needed=sha256[:12],
            do="give the site's folder by --site",
        )
    shutil.copyfile(original, path)
