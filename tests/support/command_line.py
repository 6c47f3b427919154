"""The command line for tests: as a program of its own, or inside the test's process, which is quicker."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import selvawatch

PACKAGE = Path(selvawatch.__file__).parents[1]
WARNINGS = ("-W", "error", "-W", "ignore:Use `@` matmul:PendingDeprecationWarning")
"""As in pyproject.toml: warnings are errors in the child, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The object of the last line of stdout."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def error(self) -> str:
        """The one line of an error that the program knows; the test fails for anything else."""
        assert self.code == 1, (self.code, self.err)
        lines = self.err.splitlines()
        assert len(lines) == 1 and lines[0].startswith("selvawatch: "), self.err
        return lines[0]


def program(*words: object, folder: Path | None = None, extra: Mapping[str, str] | None = None) -> Said:
    """Run `selvawatch WORDS` as a program of its own, at most five minutes."""
    code = "from selvawatch.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, *WARNINGS, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PACKAGE), **(extra or {})},
        check=False,
    )
    return Said(code=done.returncode, out=done.stdout, err=done.stderr)


class Command:
    """`selvawatch WORDS` inside this process; what `program` does, without the start of an interpreter."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capture = patch, capture

    def __call__(self, *words: object) -> Said:
        """Run the command and return what it said."""
        from selvawatch.cli.main import main

        self._patch.setattr(sys, "argv", ["selvawatch", *map(str, words)])
        self._capture.readouterr()
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        said = self._capture.readouterr()
        if isinstance(code, str):
            return Said(code=1, out=said.out, err=said.err + code + "\n")
        return Said(code=code or 0, out=said.out, err=said.err)
