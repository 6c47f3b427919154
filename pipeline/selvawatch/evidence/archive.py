"""The ZIP of an alert's evidence: its manifest, and how it is written and opened without trusting it."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from selvawatch.core.files import content_digest, write_checked
from selvawatch.errors import EvidenceError

MANIFEST = "manifest.json"
STAMP = "manifest.tsr"
"""RFC 3161 time stamp of the manifest, where one was asked for."""
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""Time of every member: equal content, equal bytes."""
MOST_BYTES = 4_000_000_000
"""Bytes of all files as unpacked."""
MOST_FILES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The files of an alert's evidence, each compared with the manifest."""

    where: str
    files: Mapping[str, bytes]
    about: Mapping[str, Any]
    """What the manifest says besides its files."""

    def read_json(self, name: str) -> Any:
        """The JSON value of a file; EvidenceError where it is missing or none."""
        if name not in self.files:
            raise EvidenceError("the evidence lacks a file", where=self.where, needed=name)
        try:
            return json.loads(self.files[name])
        except (ValueError, RecursionError) as error:
            raise EvidenceError("a file is no JSON", where=f"{self.where}, {name}", got=error) from error


def manifest_of(files: Mapping[str, bytes], about: Mapping[str, Any]) -> bytes:
    """The manifest of some files: size and sha256 of each, and what it says besides."""
    listed = {name: [len(content), content_digest(content).hex()] for name, content in sorted(files.items())}
    text = json.dumps({**about, "files": listed}, indent=1, sort_keys=True, ensure_ascii=False)
    return text.encode() + b"\n"


def write_evidence(
    path: Path, files: Mapping[str, bytes], about: Mapping[str, Any], stamp: bytes = b""
) -> Path:
    """Write a ZIP of files with their manifest and return the path; equal files, equal bytes."""
    content = io.BytesIO()
    members = {MANIFEST: manifest_of(files, about), **dict(sorted(files.items()))}
    if stamp:
        members[STAMP] = stamp
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, body in members.items():
            member = zipfile.ZipInfo(name, _FIRST_DAY)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            packed.writestr(member, body)
    return write_checked(path, content.getvalue())


def open_evidence(path: Path) -> Evidence:
    """The files of a ZIP of evidence, in memory; nothing is unpacked onto the disk.

    Raises
    ------
    EvidenceError
        Where it is no such ZIP, names a file that would lie outside, unpacks to too much, lacks a file or
        holds one too many, or where a file is not what the manifest says.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            members = packed.infolist()
            _check_members(path, members)
            files = {member.filename: packed.read(member) for member in members}
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise EvidenceError("the file cannot be read", where=path, got=error, needed="a ZIP") from error
    except Exception as error:
        if isinstance(error, EvidenceError) or type(error).__module__ != "zlib":
            raise
        raise EvidenceError("the file cannot be read", where=path, got=error, needed="a ZIP") from error
    return _checked(path, files)


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    for name in names:
        parts = PurePosixPath(name).parts
        if (
            not parts
            or name.startswith("/")
            or ".." in parts
            or "\\" in name
            or ":" in parts[0]
            or "\x00" in name
        ):
            raise EvidenceError(
                "a file of it would lie outside", where=path, got=name[:80], needed="plain names"
            )
    if len(set(names)) != len(names):
        raise EvidenceError("a file stands in it twice", where=path, got=_first_twice(names))
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
        raise EvidenceError(
            "it is packed in another way", where=path, needed="deflated, as `evidence` writes"
        )
    size = sum(member.file_size for member in members)
    if len(names) > MOST_FILES or size > MOST_BYTES:
        raise EvidenceError(
            "it is too large", where=path, got=f"{len(names)} files of {size} bytes",
            needed=f"at most {MOST_FILES} of {MOST_BYTES}",
        )  # fmt: skip


def _first_twice(names: list[str]) -> str:
    return next(name for number, name in enumerate(names) if name in names[:number])


def _checked(path: Path, files: dict[str, bytes]) -> Evidence:
    """Files compared with their manifest, which is not one of them."""
    manifest = files.pop(MANIFEST, None)
    files.pop(STAMP, None)
    if manifest is None:
        raise EvidenceError("it has no manifest", where=path, needed=MANIFEST)
    try:
        values = json.loads(manifest)
        listed = {str(name): (int(size), str(sha256)) for name, (size, sha256) in values.pop("files").items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EvidenceError("its manifest cannot be read", where=path, got=error) from error
    missing, strange = sorted(listed.keys() - files.keys()), sorted(files.keys() - listed.keys())
    if missing or strange:
        raise EvidenceError(
            "the manifest lies: files are missing" if missing else "the manifest lies: a file is not in it",
            where=path,
            got=", ".join((missing or strange)[:3]),
        )
    for name, content in sorted(files.items()):
        found = (len(content), content_digest(content).hex())
        if found != listed[name]:
            raise EvidenceError(
                "the manifest lies: a file is not what it says",
                where=f"{path}, {name}",
                got=f"{found[0]} bytes, sha256 {found[1][:12]}",
                needed=f"{listed[name][0]} bytes, sha256 {listed[name][1][:12]}",
            )
    return Evidence(where=str(path), files=files, about=values)
