"""Which site a store is told by: the one given, the current folder's, or the copy that the store keeps."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selvawatch.site import Site, default_site
from selvawatch.store.folders import Store
from selvawatch.store.site_copy import copied_site, read_site_copy
from selvawatch.store.site_guard import refuse_foreign_site

SITE_FILE = "aoi/site.toml"
"""Where a site's file lies in its folder, unless it is told otherwise."""


@contextmanager
def site_of_store(store: Store, given: Path | None, file: str = SITE_FILE) -> Iterator[Site]:
    """The site that a store is told by, for as long as it is used.

    It is the site given; else that of the current folder; else the copy that the store keeps of the site of
    its last run (before the first, of its last loss product); else, where the store keeps none, the packaged
    one.

    Raises
    ------
    SiteError
        For a site that is not the store's (see `refuse_foreign_site`), or a copy that cannot be used.
    DamagedError
        For a copy, or a last run, that is damaged.
    """
    here = Path.cwd()
    folder = given or (here if (here / file).is_file() else None)
    if folder is None and (copied := read_site_copy(store)) is not None:
        with copied_site(store, copied) as site:
            yield site
        return
    site = Site.load(folder or default_site(), file)
    refuse_foreign_site(site, store)
    yield site
