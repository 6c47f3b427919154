"""Archives of files: a zip is read as it is, others by a tool that is installed."""

import contextlib
import shutil
import stat
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

import geopandas as gpd

from selvawatch.errors import SourceError
from selvawatch.register.vector_files import read_vector

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

PACKED = (".zip", *UNPACKED)
"""Suffixes of archives."""

SECONDS = 600.0
"""Longest that a tool may take."""

LARGEST_BYTES = 4 * 1024**3
"""Most that an archive may hold, bytes: hundreds of times the layers of the register."""

_MAGIC = {".rar": b"Rar!", ".7z": b"7z\xbc\xaf\x27\x1c"}


def read_archive(path: Path, layer: str, *, crs: str, encoding: str, folder: Path) -> gpd.GeoDataFrame:
    """A layer of the vector file in an archive, WGS 84.

    layer: its name in a file of several, or empty. crs, encoding: those of a file that does not state them.
    folder: where it is unpacked; whoever gives it takes it away.

    Raises
    ------
    SourceError, LayerError
        When the archive cannot be opened, or holds no layer that can be read.
    """

    def read(file: str) -> gpd.GeoDataFrame:
        named = f"{file}:{layer}" if layer else file
        return read_vector(named, crs="EPSG:4326", declared_crs=crs, encoding=encoding)

    if path.suffix.lower() == ".zip":
        return read(in_zip(path))
    return read(str(unpack(path, folder / "unpacked")))


def in_zip(path: Path) -> str:
    """Name under which the files of a zip are read in place.

    Raises
    ------
    SourceError
        When the file is no whole zip, or holds too much.
    """
    if not zipfile.is_zipfile(path):
        raise SourceError("half an archive", where=path.name, do="try again later")
    with zipfile.ZipFile(path) as packed:
        _limited(path, sum(one.file_size for one in packed.infolist()))
    return f"/vsizip/{{{path.resolve()}}}"


def unpack(path: Path, folder: Path) -> Path:
    """Unpack an archive into a folder and return the one vector file in it.

    Raises
    ------
    SourceError
        When no tool is installed, it fails, or the archive holds links, too much, or not one vector file.
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
    code, said = _run([tool, *words], path, folder)
    if code != 0:
        raise SourceError(f"{tool} cannot open the archive", where=path.name, got=said)
    if odd := [one.name for one in sorted(folder.rglob("*")) if not _plain(one)]:
        raise SourceError("the archive holds links or worse", where=path.name, got=odd[:3])
    return _vector_file(path, folder)


def _limited(archive: Path, size: int) -> None:
    if size > LARGEST_BYTES:
        raise SourceError(
            "the archive holds too much",
            where=archive.name,
            got=f"{size} bytes",
            needed=f"{LARGEST_BYTES} or less",
        )


def _run(words: list[str], archive: Path, folder: Path) -> tuple[int, str]:
    """Run a tool that can ask nothing, until it ends or wrote too much: its exit code and last error."""
    begun = time.monotonic()
    with tempfile.TemporaryFile() as said:
        tool = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        try:
            while (code := _ended(tool)) is None:
                _limited(archive, _size(folder))
                if time.monotonic() - begun > SECONDS:
                    raise SourceError(
                        "the archive takes too long", where=archive.name, got=f"{SECONDS:.0f} s"
                    )
        finally:
            tool.kill()
            tool.wait()
        _limited(archive, _size(folder))
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    return code, lines[-1] if lines else ""


def _ended(tool: subprocess.Popen[bytes]) -> int | None:
    try:
        return tool.wait(timeout=0.2)
    except subprocess.TimeoutExpired:
        return None


def _size(folder: Path) -> int:
    """Bytes below a folder; links are not followed, and what a tool just took away counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.lstat().st_size
    return total


def _plain(path: Path) -> bool:
    """Whether a path is a folder, or a file of its own: no link of any kind, pipe or device."""
    about = path.lstat()
    return stat.S_ISDIR(about.st_mode) or (stat.S_ISREG(about.st_mode) and about.st_nlink == 1)


def _vector_file(archive: Path, folder: Path) -> Path:
    suffixes = (".shp", ".gpkg", ".geojson", ".json", ".gml", ".kml")
    inside = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in suffixes]
    if len(inside) != 1:
        raise SourceError(
            "the archive holds not one vector file",
            where=archive.name,
            got=[path.name for path in inside] or "none",
            do="unpack it and take the right one in with `selvawatch zones import LAYER FILE`",
        )
    return inside[0]
