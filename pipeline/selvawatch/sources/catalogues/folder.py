"""A local folder with a static STAC catalogue as a source of scenes; nothing outside the folder is opened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import shapely
import xarray as xr

from selvawatch.core.files import read_plain
from selvawatch.core.grid import Tile
from selvawatch.core.scene import Scene
from selvawatch.errors import SourceError
from selvawatch.sources.catalogues.items import Item, collect, links_of
from selvawatch.sources.scene_pixels import read_scene
from selvawatch.sources.source import SearchResult
from selvawatch.web.limits import LIMITS, parsed_json

_MOST_FILES = 200_000
"""Files that a catalogue links to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSource:
    """A static catalogue: DIR/catalog.json and what it links to."""

    folder: Path
    """Absolute path with links resolved."""
    name: str
    """Text that opens it."""

    @classmethod
    def open(cls, folder: str | Path) -> "FolderSource":
        """The source of a folder.

        Raises
        ------
        SourceError
            When the folder is missing, empty, or has no catalog.json.
        """
        path = Path(folder)
        where = f"source folder:{folder}"
        if not path.is_dir():
            raise SourceError(
                "the folder does not exist",
                where=where,
                got="no folder" if not path.exists() else "a file",
                needed="a folder with a STAC catalogue",
                do="correct the path after folder:",
            )
        if not any(path.iterdir()):
            raise SourceError(
                "the folder is empty",
                where=where,
                needed="a folder with a STAC catalogue (catalog.json)",
                do="correct the path after folder:, or fill the folder first",
            )
        if not (path / "catalog.json").is_file():
            raise SourceError(
                "the folder has no catalog.json",
                where=where,
                needed="a STAC catalogue",
                do="give its top folder",
            )
        return cls(folder=path.resolve(), name=f"folder:{folder}")

    def search(self, geometry: shapely.Geometry, first_day: int, last_day: int) -> SearchResult:
        """Scenes that meet a geometry (WGS 84) from a first to a last day, both included.

        A linked file that is missing, outside the folder or no item is a problem.

        Raises
        ------
        SourceError
            When the catalogue itself cannot be read or lists no item at all.
        """
        listed = list(self._items())
        if not listed:
            raise SourceError(
                "the catalogue lists no scene",
                where=f"source {self.name}",
                needed="at least one item",
                do="check its child and item links",
            )
        return collect(listed, geometry, first_day, last_day, self._resolve)

    def read(self, scene: Scene, tile: Tile, bands: Sequence[str], halo_px: int = 0) -> xr.Dataset:
        """Bands of a scene on a tile's pixels (`sources.scene_pixels.read_scene`)."""
        return read_scene(scene, tile, bands, halo_px)

    def _items(self) -> Iterator[tuple[str, Item]]:
        """Address and content of every item the catalogue links to; what cannot be read has empty content."""
        root = self.folder / "catalog.json"
        waiting, seen = [root], {root}
        while waiting:
            path = waiting.pop()
            content = _json(path)
            if content.get("type") == "Feature" or (content == {} and path != root):
                yield path.relative_to(self.folder).as_posix(), content
                continue
            if content.get("type") not in ("Catalog", "Collection"):
                raise SourceError(
                    "a file it links to is no STAC catalogue" if path != root else "it is no STAC catalogue",
                    where=f"source {self.name}, {path.relative_to(self.folder)}",
                    got=f"type {content['type']!r}" if content.get("type") else "no JSON object with a type",
                    needed="a STAC Catalog or Collection",
                    do="write the catalogue again, or give another folder",
                )
            for link in links_of(content):
                try:
                    target = Path(self._resolve(path.relative_to(self.folder).as_posix(), link))
                except ValueError:
                    yield link, {}
                    continue
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
            if len(seen) > _MOST_FILES:
                raise SourceError(
                    "the catalogue links to too many files",
                    where=f"source {self.name}",
                    got=f"more than {_MOST_FILES}",
                )

    def _resolve(self, address: str, href: str) -> str:
        """Absolute path of an href in a file of this folder; ValueError when it is not a file path inside the
        folder.
        """
        parts = urlsplit(href)
        if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost"):
            raise ValueError(f"a folder's href must be a path in it, not {parts.scheme or parts.netloc}")
        text = unquote(parts.path) if parts.scheme == "file" else href
        if "\0" in text or text.startswith("/vsi"):
            raise ValueError("the path is not a plain one")
        try:
            path = ((self.folder / address).parent / text).resolve()
        except (OSError, RuntimeError):
            raise ValueError("the path leads in circles") from None
        if not path.is_relative_to(self.folder):
            raise ValueError("the path leaves the folder")
        return str(path)


def _json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty when there is none."""
    try:
        content = parsed_json(read_plain(path, LIMITS.content_bytes))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
