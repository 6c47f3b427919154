"""Which format a file is to have: as its ending says, or by name, and never one that the two disagree on."""

from collections.abc import Mapping
from pathlib import Path

from selvawatch.errors import TableError


def path_of_parts(out: Path, suffix: str) -> Path:
    """The path of a file whose parts share its name: with this suffix, written small."""
    if out.suffix.lower() == suffix:
        return out.with_suffix(suffix)
    return out.with_name(f"{out.name}{suffix}")


def format_of_file(given: str | None, out: Path, endings: Mapping[str, str], default: str) -> str:
    """The name of the format of a file.

    given: name that was asked for; None: as the ending of `out` says, and `default` where it has none.
    endings: by name of format, the ending of its files with the dot; of formats with the same ending the
    first is meant where none is named.

    Raises
    ------
    TableError
        For an ending that no format has, or one that is another format's than the given one's.
    """
    ending = out.suffix.lower()
    if given is None:
        if not ending:
            return default
        named = [name for name, known in endings.items() if known == ending]
        if not named:
            raise TableError(
                "no format has the ending of the file",
                where=out,
                got=ending,
                needed=" ".join(dict.fromkeys(endings.values())),
                do="give the file such an ending, or --format",
            )
        return named[0]
    if given in endings and ending in endings.values() and ending != endings[given]:
        raise TableError(
            "the ending of the file is another format's",
            where=out,
            got=f"--format {given}",
            needed=f"a file that ends in {endings[given]}",
            do="give one that fits the other, or leave out --format",
        )
    return given
