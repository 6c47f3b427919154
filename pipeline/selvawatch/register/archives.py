"""Archives of files: unpacked into a folder within limits, a zip here, others by a tool that is installed."""

import contextlib
import shutil
import stat
import subprocess
import tempfile
import time
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import geopandas as gpd

from selvawatch.errors import SourceError
from selvawatch.register.vector_files import Reading, check_file, read_vector

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

PACKED = (".zip", ".kmz", *UNPACKED)
"""Suffixes of archives."""

VECTOR = (".shp", ".gpkg", ".gdb", ".kml", ".gml", ".fgb", ".geojson", ".tab")
"""Suffixes of vector files that are searched for in an archive; where there is none, `.json` is too."""

SECONDS = 50.0
"""Longest that unpacking may take."""

LARGEST_BYTES = 4 * 1024**3
"""Most that an archive may hold, bytes: hundreds of times the layers of the register."""

LEAST_BYTES = 256 * 1024**2
"""What any archive may hold, bytes, however small it is."""

LARGEST_RATIO = 40
"""Most bytes that a larger archive may hold for each of its own."""

MOST_FILES = 10_000
"""Most files in an archive."""

DEEPEST = 2
"""Archives that may lie in each other."""

_MAGIC = {".rar": b"Rar!", ".7z": b"7z\xbc\xaf\x27\x1c"}
_CHUNK_BYTES = 1024**2
_LONGEST_NAME = 200


def read_file(
    path: Path, layer: str, reading: Reading, folder: Path, *, crs: str = "EPSG:4326"
) -> gpd.GeoDataFrame:
    """A layer of a vector file, or of the one in an archive, in a CRS.

    layer: its name in a file of several, or that of the file in an archive of several; or empty.
    folder: where an archive is unpacked; whoever gives it takes it away.

    Raises
    ------
    SourceError, LayerError
        When an archive cannot be opened, or there is no layer that can be read.
    """
    check_file(path)
    if path.suffix.lower() in PACKED:
        path = unpack(path, folder / "unpacked", layer)
        layer = "" if layer == path.stem else layer
    return read_vector(f"{path}:{layer}" if layer else path, crs=crs, reading=reading)


def unpack(path: Path, folder: Path, layer: str = "") -> Path:
    """Unpack an archive into a folder and return the one vector file in it.

    layer: name of the file, without suffix, where there are several.

    Raises
    ------
    SourceError
        When no tool is installed, it fails, or the archive holds links, too much, or not one vector file.
    """
    for depth in range(DEEPEST):
        inside = folder / str(depth)
        inside.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() in UNPACKED:
            _unpack_by_tool(path, inside)
        else:
            _unpack_zip(path, inside)
        found = _vector_file(path, inside, layer)
        if found.suffix.lower() not in PACKED:
            return found
        path = found
    raise SourceError("archives lie in archives", where=path.name, needed=f"no more than {DEEPEST} deep")


def _unpack_zip(path: Path, folder: Path) -> None:
    """Write the files of a zip; what it says of their sizes is not trusted."""
    begun, size, most = time.monotonic(), 0, _most_bytes(path)
    try:
        with zipfile.ZipFile(path) as packed:
            members = [one for one in packed.infolist() if not one.is_dir() and not _is_litter(one.filename)]
            if len(members) > MOST_FILES:
                raise SourceError("the archive holds too many files", where=path.name, got=len(members))
            _limited(path, sum(one.file_size for one in members), most)
            for member in members:
                target = folder / _inside_name(path, member)
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(member) as content, target.open("xb") as written:
                    while chunk := content.read(_CHUNK_BYTES):
                        size += len(chunk)
                        _limited(path, size, most)
                        _timely(path, begun)
                        written.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise SourceError("half an archive", where=path.name, got=error, do="try again later") from error
    except FileExistsError as error:
        raise SourceError("the archive holds a file twice", where=path.name) from error
    except (RuntimeError, NotImplementedError, OSError, ValueError) as error:
        # A password (RuntimeError), an unknown way of packing, or a name that no folder holds.
        raise SourceError("the archive cannot be opened", where=path.name, got=error) from error


def _inside_name(archive: Path, member: zipfile.ZipInfo) -> Path:
    """Where a file of a zip is put, below a folder; SourceError for one that leads out of it, or a link."""
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    odd = not parts or ".." in parts or parts[0].startswith("/") or ":" in parts[0]
    if odd or len(member.filename) > _LONGEST_NAME or stat.S_ISLNK(member.external_attr >> 16):
        raise SourceError("the archive holds links or worse", where=archive.name, got=member.filename[:80])
    return Path(*parts)


def _is_litter(name: str) -> bool:
    """Whether a file in an archive is what a system left there of its own."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return "__MACOSX" in parts or any(part.startswith("._") or part == ".DS_Store" for part in parts)


def _unpack_by_tool(path: Path, folder: Path) -> None:
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
    words = [word.format(archive=path.resolve(), folder=folder.resolve()) for word in TOOLS[tool]]
    code, said = _run([tool, *words], path, folder)
    if code != 0:
        raise SourceError(f"{tool} cannot open the archive", where=path.name, got=said)
    if odd := [one.name for one in sorted(folder.rglob("*")) if not _plain(one)]:
        raise SourceError("the archive holds links or worse", where=path.name, got=odd[:3])


def _most_bytes(archive: Path) -> int:
    """Most bytes that an archive of its size may hold."""
    return min(LARGEST_BYTES, max(LEAST_BYTES, LARGEST_RATIO * archive.stat().st_size))


def _limited(archive: Path, size: int, most: int) -> None:
    if size > most:
        raise SourceError(
            "the archive holds too much",
            where=archive.name,
            got=f"{size} bytes",
            needed=f"{most} or less",
        )


def _timely(archive: Path, begun: float) -> None:
    if time.monotonic() - begun > SECONDS:
        raise SourceError("the archive takes too long", where=archive.name, got=f"{SECONDS:.0f} s")


def _run(words: list[str], archive: Path, folder: Path) -> tuple[int, str]:
    """Run a tool that can ask nothing, until it ends or wrote too much: its exit code and last error."""
    begun, most = time.monotonic(), _most_bytes(archive)
    with tempfile.TemporaryFile() as said:
        tool = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        try:
            while (code := _ended(tool)) is None:
                _limited(archive, _size(folder), most)
                _timely(archive, begun)
        finally:
            tool.kill()
            tool.wait()
        _limited(archive, _size(folder), most)
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


def _vector_file(archive: Path, folder: Path, layer: str) -> Path:
    """The one vector file below a folder, or the one archive in it; SourceError where it is not one."""
    found = [
        path for path in sorted(folder.rglob("*")) if not _is_litter(path.relative_to(folder).as_posix())
    ]
    if len(found) > MOST_FILES:
        raise SourceError("the archive holds too many files", where=archive.name, got=len(found))
    vectors = [path for path in found if path.suffix.lower() in VECTOR]
    vectors = vectors or [path for path in found if path.suffix.lower() == ".json"]
    inside = vectors or [path for path in found if path.suffix.lower() in PACKED]
    if layer and len(inside) > 1:
        inside = [path for path in inside if path.stem == layer] or inside
    if len(inside) != 1:
        raise SourceError(
            "the archive holds not one vector file",
            where=archive.name,
            got=[path.name for path in inside[:50]] or "none",
            do="name one, as FILE:NAME, or unpack it and take the right one in with"
            " `selvawatch zones import LAYER FILE`",
        )
    return inside[0]
