"""The channel `folder`: a folder a message, whole or absent, named by the message's key."""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from selvawatch.deliver.channel import Delivery, Message, Receipt, harmless
from selvawatch.deliver.channel_settings import settings_of
from selvawatch.errors import DeliveryError

_KEY = re.compile(r"[A-Za-z0-9_-]+")
_OURS = ("message.txt", "message.html", "message.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSettings:
    """Nothing: a recipient is a folder."""


def check_folder(_settings: Mapping[str, str], recipient: str, _exact: bool) -> None:
    """Refuse a recipient that is no absolute path; DeliveryError."""
    if not Path(recipient).is_absolute():
        raise DeliveryError("the recipient is no folder", needed="an absolute path")


def make_folder(values: Mapping[str, str]) -> "FolderChannel":
    """The channel; DeliveryError for settings, which it has none of."""
    settings_of(FolderSettings, values, "folder")
    return FolderChannel()


@dataclass(frozen=True, slots=True)
class FolderChannel:
    """A way to lay messages into a folder: `message.txt`, `message.html`, `message.json` and the files."""

    def send(self, message: Message) -> Receipt:
        """What became of the message; a key that lies there already is not written again.

        Raises
        ------
        DeliveryError
            For a key that is no name of a folder, or a file that is called as one of its own.
        """
        if not _KEY.fullmatch(message.key):
            raise DeliveryError("the key is no name of a folder", got=repr(message.key))
        names = [file.name for file in message.attachments]
        if twice := sorted(
            name for name in names if name.startswith(".") or [*names, *_OURS].count(name) > 1
        ):
            raise DeliveryError("a file cannot be laid there under its name", got=twice[0])
        folder = Path(message.recipient)
        final, part = folder / message.key, folder / f".{message.key}.part"
        try:
            if final.is_dir():
                return Receipt(state=Delivery.DELIVERED, reference="it lies there already")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            for name, content in _files(message).items():
                _write(part / name, content)
            _sync(part)
            part.rename(final)
            _sync(folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                shutil.rmtree(part, ignore_errors=True)
            why = harmless(
                f"the folder cannot be written: {error.strerror or type(error).__name__}", str(folder)
            )
            return Receipt(state=Delivery.DEFERRED, detail=why)
        return Receipt(state=Delivery.DELIVERED)


def _files(message: Message) -> dict[str, bytes]:
    """Content by name of everything that is laid down."""
    about = {"key": message.key, "subject": message.subject}
    files = {
        "message.txt": f"{message.subject}\n\n{message.text}\n".encode(),
        "message.json": (json.dumps(about, ensure_ascii=False, sort_keys=True) + "\n").encode(),
    }
    if message.html:
        files["message.html"] = message.html.encode()
    return files | {file.name: file.content for file in message.attachments}


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
