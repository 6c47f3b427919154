"""Use case: the site's register from the snapshots that came with it and those that were fetched."""

import datetime as dt
from pathlib import Path

from selvawatch.attribute.manifest import (
    Manifest,
    References,
    read_register,
    site_snapshots,
)
from selvawatch.attribute.register import Register
from selvawatch.core.settings import load
from selvawatch.site import Site, default_site


def site_manifest(site: Site) -> tuple[Manifest, Path]:
    """The site's manifest of layers, and the folder that its files are relative to."""
    own = site.folder / site.says.zones
    path = own if own.exists() else default_site() / site.says.zones
    return load(Manifest, path), path.parent


def site_register(site: Site, store: Path | None = None) -> tuple[Register, References]:
    """The register and the references of a site, from all snapshots at hand; its areas are places of it."""
    manifest, folder = site_manifest(site)
    snapshots = site_snapshots(manifest, folder)
    return read_register(
        manifest,
        snapshots,
        crs=site.grid.crs,
        areas=site.areas,
        areas_date=dt.date(1970, 1, 1),
    )
