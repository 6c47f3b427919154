"""A disk that is full or fails: one line that says so, and what was there before is still there."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import PACKAGE
from selvawatch.core import files
from selvawatch.core.files import read_plain, write_checked
from selvawatch.errors import DiskError
from selvawatch.write.formats.format_table import FORMATS

SUPPORT = Path(__file__).parents[2] / "support"


def test_every_writer_fails_in_one_line_and_leaves_nothing_cut(tmp_path):
    for name in (*(f"rows{form.suffix}" for form in FORMATS.values()), "red.tif", "page.html"):
        (tmp_path / name).write_text("before")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = subprocess.run(
        [sys.executable, str(SUPPORT / "full_disk.py"), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": f"{PACKAGE}:{SUPPORT}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said = json.loads(done.stdout)
    assert {"gpkg", "xlsx", "geoparquet", "csv", "cog", "mirror", "png"} <= said.keys()
    for name, line in said.items():
        assert "the file cannot be written whole; got File too large" in line, (name, line)
        assert "bytes free" in line and "nothing was put there" in line and "\n" not in line, (name, line)
        assert "needed " in line or name == "stream", (name, line)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_disk_that_gives_back_other_bytes_is_found_before_the_file_is_put_in_place(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"before")
    digest = files.file_digest

    def cut(part):
        os.truncate(part, 2)
        return digest(part)

    monkeypatch.setattr(files, "file_digest", cut)
    with pytest.raises(DiskError, match="got 2 bytes of another content.*needed 5 bytes"):
        write_checked(path, b"after")
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


def test_whole_bytes_are_put_in_place(tmp_path):
    path = write_checked(tmp_path / "new" / "a.bin", b"content")
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(b"content").digest()


def test_what_is_no_plain_file_is_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (pipe, tmp_path, Path("/dev/zero"), loop, tmp_path / "absent"):
        with pytest.raises(OSError):
            read_plain(path, 100)
    (tmp_path / "long").write_bytes(bytes(101))
    with pytest.raises(OSError, match="it has 101 bytes, at most 100"):
        read_plain(tmp_path / "long", 100)
    (tmp_path / "plain").write_bytes(b"abc")
    assert read_plain(tmp_path / "plain", 100) == b"abc"
