"""Archives of files: a zip is read as it is, others by a tool that is installed."""

import shutil
import subprocess
import zipfile
from pathlib import Path

from selvawatch.errors import SourceError

TOOLS: dict[str, tuple[str, ...]] = {
    "bsdtar": ("-x", "-f", "{archive}", "-C", "{folder}"),
    "unar": ("-quiet", "-no-directory", "-output-directory", "{folder}", "{archive}"),
    "7zz": ("x", "-y", "-bd", "-o{folder}", "{archive}"),
    "7z": ("x", "-y", "-bd", "-o{folder}", "{archive}"),
    "unrar": ("x", "-o+", "-idq", "{archive}", "{folder}/"),
}
"""Programs that unpack, in the order in which they are tried, and their words."""

UNPACKED = (".rar", ".7z")
"""Suffixes that need one of them."""

SECONDS = 600.0
"""Longest that a tool may take."""

_MAGIC = {".rar": b"Rar!", ".7z": b"7z\xbc\xaf\x27\x1c"}


def in_zip(path: Path) -> str:
    """Name under which the files of a zip are read in place.

    Raises
    ------
    SourceError
        When the file is no whole zip.
    """
    if not zipfile.is_zipfile(path):
        raise SourceError("half an archive", where=path.name, do="try again later")
    return f"/vsizip/{{{path.resolve()}}}"


def unpack(path: Path, folder: Path) -> Path:
    """Unpack an archive into a folder and return the one vector file in it.

    Raises
    ------
    SourceError
        When no tool is installed, it fails, or the archive holds no vector file or several.
    """
    suffix = path.suffix.lower()
    with path.open("rb") as stream:
        if suffix in _MAGIC and not stream.read(8).startswith(_MAGIC[suffix]):
            raise SourceError("half an archive", where=path.name, do="try again later")
    tool = next((name for name in TOOLS if shutil.which(name)), None)
    if tool is None:
        raise SourceError(
            f"no program here opens {suffix} archives",
            where=path.name,
            needed=f"one of {', '.join(TOOLS)}",
            do="install one (Debian, Ubuntu: apt install libarchive-tools), or unpack the file by hand"
            " and take it in with `selvawatch zones import LAYER FILE`",
        )
    folder.mkdir(parents=True, exist_ok=True)
    words = [word.format(archive=path.resolve(), folder=folder.resolve()) for word in TOOLS[tool]]
    try:
        done = subprocess.run([tool, *words], capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise SourceError("the archive takes too long", where=path.name, got=f"{SECONDS:.0f} s") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise SourceError(f"{tool} cannot open the archive", where=path.name, got=said[-1] if said else "")
    return _vector_file(path, folder)


def _vector_file(archive: Path, folder: Path) -> Path:
    suffixes = (".shp", ".gpkg", ".geojson", ".json", ".gml", ".kml")
    inside = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in suffixes]
    whole = [path for path in inside if folder.resolve() in path.resolve().parents]
    if len(whole) != 1:
        raise SourceError(
            "the archive holds not one vector file",
            where=archive.name,
            got=[path.name for path in whole] or "none",
            do="unpack it and take the right one in with `selvawatch zones import LAYER FILE`",
        )
    return whole[0]
