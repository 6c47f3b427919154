"""The seal of a folder: sizes and digests of its files, written with it and compared at every read."""

import json
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selvawatch.core.files import content_digest, file_digest, read_checked_json, write_checked_json
from selvawatch.errors import DamagedError

SEAL = "seal.json"


@dataclass(frozen=True, slots=True)
class SealedFile:
    """What a seal says of a file."""

    size: int
    """Bytes."""
    sha256: str


@dataclass(frozen=True, slots=True)
class SealedFolder:
    """A folder that was made whole, with its seal; content is compared with it as it is read."""

    folder: Path
    files: Mapping[str, SealedFile]
    """By path below the folder, with slashes, sorted."""

    def holds(self, name: str) -> bool:
        """Whether a file of that path was written into the folder."""
        return name in self.files

    def read(self, name: str) -> bytes:
        """The bytes of a file, compared with its size and digest.

        Raises
        ------
        DamagedError
            When the seal names no such file, or the file is missing or another.
        """
        path, sealed = self.folder / name, self.files.get(name)
        if sealed is None:
            raise DamagedError("the folder was made without the file", where=path, needed=f"it in {SEAL}")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DamagedError("the file cannot be read", where=path, got=error.strerror or error) from error
        if len(content) != sealed.size or content_digest(content).hex() != sealed.sha256:
            raise _damaged(path, len(content), sealed)
        return content

    def read_json(self, name: str) -> Any:
        """The JSON value of a file; DamagedError as `read`, or when it is none."""
        try:
            return json.loads(self.read(name))
        except ValueError as error:
            raise DamagedError("the file is damaged", where=self.folder / name, got=error) from error

    def below(self, name: str, only: Sequence[str] | None = None) -> dict[str, bytes]:
        """Bytes of the files below a folder of this one, by path below it; DamagedError as `read`.

        only: names of its folders to read, besides the files that lie loose in it; None: all.
        """
        start = f"{name}/"
        paths = [path.removeprefix(start) for path in self.files if path.startswith(start)]
        wanted = [path for path in paths if only is None or "/" not in path or path.split("/")[0] in only]
        return {path: self.read(f"{start}{path}") for path in wanted}

    def check_sizes(self) -> None:
        """Compare names and sizes of all files with the seal; DamagedError for the first that differs.

        A file too many is no reason: nothing reads it.
        """
        for name, sealed in self.files.items():
            if what := _differs(_size(self.folder / name), sealed):
                raise DamagedError(what, where=self.folder / name)

    def damages(self, *, deep: bool) -> list[tuple[Path, str]]:
        """Files missing, too many, of another size, or (deep) of other content, and what is wrong."""
        found = []
        for name, sealed in self.files.items():
            path = self.folder / name
            if what := _differs(_size(path), sealed):
                found.append((path, what))
            elif deep and file_digest(path) != sealed.sha256:
                found.append((path, "the file is not what was written"))
        extra = set(_names(self.folder)) - self.files.keys()
        return found + [
            (self.folder / name, "nothing of the store wrote this file") for name in sorted(extra)
        ]


def seal_folder(folder: Path) -> SealedFolder:
    """Write the seal of a folder over all files below it, and return it."""
    files = {
        name: SealedFile((folder / name).stat().st_size, file_digest(folder / name))
        for name in _names(folder)
    }
    values = {name: [one.size, one.sha256] for name, one in files.items()}
    write_checked_json(folder / SEAL, {"files": values})
    return SealedFolder(folder, files)


def open_sealed(folder: Path) -> SealedFolder:
    """A folder with its seal, names and sizes of its files compared.

    Raises
    ------
    DamagedError
        When the folder or its seal is missing or damaged, or a file is missing, too many or of another size.
    """
    opened = read_seal(folder)
    opened.check_sizes()
    return opened


def read_seal(folder: Path) -> SealedFolder:
    """A folder with its seal, no file compared yet; DamagedError where there is no whole seal."""
    if not folder.is_dir():
        raise DamagedError("the folder is missing", where=folder)
    values = read_checked_json(folder / SEAL)
    try:
        files = {str(name): SealedFile(int(size), str(sha)) for name, (size, sha) in values["files"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedError("the seal cannot be read", where=folder / SEAL, got=error) from error
    return SealedFolder(folder, dict(sorted(files.items())))


def is_sound(folder: Path) -> bool:
    """Whether a folder is there and every file of it is what was written; all of it is read."""
    return not damages_of(folder, deep=True)


def damages_of(folder: Path, *, deep: bool) -> list[tuple[Path, str]]:
    """What is wrong with a sealed folder, by file, the seal itself included; empty where nothing is.

    deep: content is compared too, else names, number and sizes.
    """
    try:
        return read_seal(folder).damages(deep=deep)
    except DamagedError as error:
        return [(folder / SEAL if folder.is_dir() else folder, str(error))]


def _size(path: Path) -> int | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _differs(size: int | None, sealed: SealedFile) -> str:
    """What is wrong with a file of this size; empty where nothing is."""
    if size is None:
        return "the file is missing"
    return "" if size == sealed.size else f"the file has {size} bytes where {sealed.size} were written"


def _names(folder: Path) -> Iterable[str]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def _damaged(path: Path, size: int, sealed: SealedFile) -> DamagedError:
    if size != sealed.size:
        return DamagedError(
            "the file is damaged", where=path, got=f"{size} bytes", needed=f"the {sealed.size} bytes written"
        )
    return DamagedError("the file is damaged", where=path, got="other content", needed="what was written")
