"""Errors a person can act on: what, where, got, needed, what to do."""

from collections.abc import Iterable


class SelvawatchError(Exception):
    """Base of every error that ends a command with one line and exit code 1."""

    def __init__(
        self, what: str, *, where: object = "", got: object = "", needed: object = "", do: str = ""
    ) -> None:
        parts = [f"{where}: {what}" if where else what]
        if got != "":
            parts.append(f"got {got}")
        if needed != "":
            parts.append(f"needed {needed}")
        if do:
            parts.append(do)
        super().__init__("; ".join(" ".join(str(part).split()) for part in parts))


class SiteError(SelvawatchError):
    """A file of the site (`aoi/`, `models/`) says something that cannot be used."""


class SourceError(SelvawatchError):
    """A source of scenes is missing, empty or not what it says it is."""


class UnsearchedError(SourceError):
    """None of several sources can be searched; `reasons` holds each once."""

    def __init__(self, what: str, reasons: Iterable[str], *, where: object = "", do: str = "") -> None:
        self.reasons = tuple(dict.fromkeys(reasons))
        super().__init__(what, where=where, got="; ".join(self.reasons), do=do)

    @staticmethod
    def reasons_of(error: "SourceError") -> tuple[str, ...]:
        """Why a search failed: the reasons of several sources, or the one of a single source."""
        return error.reasons if isinstance(error, UnsearchedError) else (str(error),)


class SceneError(SelvawatchError):
    """One scene cannot be read; the run records it as unread, with its reason, and goes on."""

    def __init__(
        self,
        what: str,
        *,
        reason: str = "unreadable",
        where: object = "",
        got: object = "",
        needed: object = "",
        do: str = "",
    ) -> None:
        super().__init__(what, where=where, got=got, needed=needed, do=do)
        self.reason = reason


class StackError(SelvawatchError):
    """A stack breaks the contract of `core.stack`."""


class LayerError(SelvawatchError):
    """A vector or raster layer from outside cannot be used as it is."""


class TableError(SelvawatchError):
    """A table breaks its schema, or an unknown table was asked for."""


class StoreError(SelvawatchError):
    """The store cannot be read or written, or was made by another version."""


class DamagedError(StoreError):
    """A file of the store is missing, or is not what was written."""


class DiskError(SelvawatchError, OSError):
    """A file could not be written whole: the disk is full or fails; what was there before is still there."""


class DeliveryError(SelvawatchError):
    """A message or channel cannot be used as it is; nothing was sent."""


class EvidenceError(SelvawatchError):
    """A file of evidence is not whole, or says what it should not; nothing of it is used."""


class WebsiteError(SelvawatchError):
    """A static site cannot be laid into a folder; what lies there is as it was."""
