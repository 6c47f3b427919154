"""Archives of strangers: a tool that unpacks them asks nobody, fills no disk and leads nowhere else."""

import os
import sys
import time
import zipfile
from pathlib import Path

import pytest

from selvawatch.errors import SourceError
from selvawatch.register import archives
from selvawatch.register.archives import unpack

TOOL = "#!{python}\nimport os, sys, time\nfolder = sys.argv[5]\nos.chdir(folder)\n{body}\n"


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """What `unpack` makes of an archive where the one tool there is does what `body` says."""
    tools = tmp_path / "bin"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    archive = tmp_path / "a.rar"
    archive.write_bytes(b"Rar!")

    def run(body: str) -> Path:
        (tools / "bsdtar").write_text(TOOL.format(python=sys.executable, body=body))
        (tools / "bsdtar").chmod(0o755)
        return unpack(archive, tmp_path / "out")

    return run


def test_the_one_vector_file_is_found(opened):
    assert opened("os.mkdir('in'); open('in/a.SHP', 'w').close(); open('a.txt', 'w').close()").name == "a.SHP"


def test_a_tool_has_nobody_to_ask(opened):
    reads, writes = os.pipe()
    os.write(writes, b"yes\n")
    os.close(writes)
    before = os.dup(0)
    os.dup2(reads, 0)
    try:
        assert opened("open('a.shp', 'w').write(sys.stdin.read())").read_text() == ""
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reads)


@pytest.mark.parametrize(
    "body",
    [
        "os.symlink('/etc/hostname', 'a.shp')",
        "open('a.shp', 'w').close(); os.symlink('/etc/hostname', 'a.dbf')",
        "open('a.shp', 'w').close(); os.symlink('/etc', 'more')",
        "open('a.shp', 'w').close(); os.link('a.shp', 'a.dbf')",
        "os.mkfifo('a.shp')",
    ],
)
def test_an_archive_with_links_or_pipes_is_refused(opened, body):
    with pytest.raises(SourceError, match="holds links or worse"):
        opened(body)


def test_a_tool_that_writes_without_end_is_stopped(opened, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_BYTES", 10_000)
    begun = time.monotonic()
    more = (
        "file = open('a.shp', 'w')\nwhile True:\n    file.write('x' * 5000); file.flush(); time.sleep(0.05)"
    )
    with pytest.raises(SourceError, match="holds too much"):
        opened(more)
    assert time.monotonic() - begun < 10
    with pytest.raises(SourceError, match="holds too much"):
        opened("open('a.shp', 'w').write('x' * 10_001)")


def test_a_tool_that_does_not_end_is_stopped_and_one_that_fails_is_quoted(opened, monkeypatch):
    with pytest.raises(SourceError, match="cannot open.*Damaged"):
        opened("sys.exit('one\\nDamaged')")
    monkeypatch.setattr(archives, "SECONDS", 0.3)
    with pytest.raises(SourceError, match="takes too long"):
        opened("time.sleep(60)")


def test_a_zip_that_would_be_too_much_is_refused(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.shp", b"0" * 20_000)
    assert unpack(tmp_path / "a.zip", tmp_path / "whole").stat().st_size == 20_000
    monkeypatch.setattr(archives, "LARGEST_BYTES", 10_000)
    with pytest.raises(SourceError, match="holds too much"):
        unpack(tmp_path / "a.zip", tmp_path / "cut")
