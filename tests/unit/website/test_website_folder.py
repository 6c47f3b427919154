import errno
import os
import shutil
from pathlib import Path

import pytest

from selvawatch.core import files
from selvawatch.core.tier import Tier
from selvawatch.errors import DiskError, WebsiteError
from selvawatch.website import web_folder
from selvawatch.website.web_folder import LISTING, check_folder, write_website

FIRST = {"index.html": b"one", "events/a.html": b"a", "en/events/a.html": b"a", "sw.js": b"1"}
SECOND = {"index.html": b"two", "events/b.html": b"b", "sw.js": b"2"}


def lying(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, by path, without the listing."""
    every = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in every.items() if name != LISTING}


def refused(folder, what, tier=Tier.PUBLIC):
    before = lying(folder) if folder.is_dir() else None
    with pytest.raises(WebsiteError, match=what) as caught:
        write_website(folder, SECOND, tier)
    assert "\n" not in str(caught.value)
    with pytest.raises(WebsiteError, match=what):
        check_folder(folder, folder.parent / "store", tier)
    if before is not None:
        assert lying(folder) == before
    assert not [path for path in folder.parent.iterdir() if path.name.endswith((".part", ".before"))]


def test_a_site_takes_the_place_of_the_former_one_and_pages_that_are_gone_are_gone(tmp_path):
    folder = tmp_path / "new" / "site"
    assert write_website(folder, FIRST, Tier.PUBLIC) == folder
    assert lying(folder) == FIRST
    write_website(folder, SECOND, Tier.PUBLIC)
    assert lying(folder) == SECOND and not (folder / "en").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["site"]


def test_the_same_site_twice_is_the_same_bytes(tmp_path):
    folder = write_website(tmp_path / "site", FIRST, Tier.PUBLIC)
    once = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    write_website(folder, FIRST, Tier.PUBLIC)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == once


def test_an_empty_folder_is_used_and_others_may_read_what_is_written(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    write_website(folder, FIRST, Tier.PUBLIC)
    assert lying(folder) == FIRST
    mask = os.umask(0)
    os.umask(mask)
    assert folder.stat().st_mode & 0o777 == 0o777 & ~mask
    assert (folder / "index.html").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("name", ["notes.txt", "events/photo.jpg", ".hidden", "events/deep/er.txt"])
def test_a_file_that_no_site_wrote_is_never_lost(tmp_path, name):
    folder = write_website(tmp_path / "site", FIRST, Tier.PUBLIC)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine")
    refused(folder, "what no site wrote.*is no file of a site")


def test_a_page_that_was_changed_by_hand_is_never_lost(tmp_path):
    folder = write_website(tmp_path / "site", FIRST, Tier.PUBLIC)
    (folder / "index.html").write_text("mine")
    refused(folder, "index.html.*changed since")


def test_a_folder_of_something_else_is_refused_whatever_it_holds(tmp_path):
    folder = tmp_path / "site"
    (folder / "empty").mkdir(parents=True)
    refused(folder, "what no site wrote.*'empty'")
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / LISTING).write_text("{}")
    refused(folder, "is damaged")
    files.write_checked_json(folder / LISTING, {"kind": "other", "tier": "public", "files": {}})
    refused(folder, "of something else")
    files.write_checked_json(
        folder / LISTING, {"kind": "selvawatch-site", "tier": "public", "files": {"../x": "0"}}
    )
    (tmp_path / "x").write_text("mine")
    refused(folder, "of something else")
    assert (tmp_path / "x").read_text() == "mine"


def test_a_link_in_the_place_of_a_page_leads_to_no_loss(tmp_path):
    folder = write_website(tmp_path / "site", FIRST, Tier.PUBLIC)
    other = tmp_path / "other.html"
    other.write_bytes(b"one")
    (folder / "index.html").unlink()
    (folder / "index.html").symlink_to(other)
    refused(folder, "index.html.*changed since")
    assert other.read_bytes() == b"one"


def test_a_page_that_somebody_removed_is_no_reason_to_refuse(tmp_path):
    folder = write_website(tmp_path / "site", FIRST, Tier.PUBLIC)
    (folder / "events" / "a.html").unlink()
    write_website(folder, SECOND, Tier.PUBLIC)
    assert lying(folder) == SECOND


def test_a_folder_that_the_public_may_see_never_gets_exact_places(tmp_path):
    folder = write_website(tmp_path / "site", FIRST, Tier.PUBLIC)
    refused(folder, "site of a lower tier", Tier.RESTRICTED)
    other = write_website(tmp_path / "restricted", FIRST, Tier.RESTRICTED)
    write_website(other, SECOND, Tier.PUBLIC)
    assert lying(other) == SECOND


def test_a_path_that_is_no_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", "no folder")
    with pytest.raises(WebsiteError, match="no folder"):
        check_folder(tmp_path / "file" / "below", tmp_path / "store", Tier.PUBLIC)
    with pytest.raises(WebsiteError, match="cannot be written"):
        write_website(tmp_path / "file" / "below", FIRST, Tier.PUBLIC)
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(WebsiteError, match="leads nowhere|cannot be written"):
        check_folder(tmp_path / "a", tmp_path / "store", Tier.PUBLIC)
    with pytest.raises(WebsiteError, match="cannot be written"):
        write_website(tmp_path / ("n" * 250), FIRST, Tier.PUBLIC)


def test_a_link_to_a_folder_keeps_leading_there(tmp_path):
    real = write_website(tmp_path / "real", FIRST, Tier.PUBLIC)
    (tmp_path / "site").symlink_to(real)
    write_website(tmp_path / "site", SECOND, Tier.PUBLIC)
    assert (tmp_path / "site").is_symlink() and lying(real) == SECOND


def test_the_store_holds_no_site_and_no_site_the_store(tmp_path):
    store = tmp_path / "outer" / "store"
    store.mkdir(parents=True)
    for folder in (
        store,
        store / "runs" / "web",
        tmp_path / "outer",
        tmp_path / "outer" / "x" / ".." / "store",
    ):
        with pytest.raises(WebsiteError, match="cannot lie in the store"):
            check_folder(folder, store, Tier.PUBLIC)
    check_folder(tmp_path / "outer" / "site", store, Tier.PUBLIC)


def test_a_full_disk_leaves_the_former_site_as_it_was(tmp_path, monkeypatch):
    folder = write_website(tmp_path / "site", FIRST, Tier.PUBLIC)
    write = Path.write_bytes

    def full(path, content):
        if content == b"b":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskError, match="No space left"):
        write_website(folder, SECOND, Tier.PUBLIC)
    assert lying(folder) == FIRST and [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_folder_that_may_not_be_written_is_one_line(tmp_path, monkeypatch):
    folder = write_website(tmp_path / "site", FIRST, Tier.PUBLIC)

    def forbidden(path, *_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(WebsiteError, match="cannot be written; got Permission denied"):
        write_website(folder, SECOND, Tier.PUBLIC)
    assert lying(folder) == FIRST


def test_without_an_exchange_two_renames_do_it_and_a_cut_between_them_is_made_good(tmp_path, monkeypatch):
    folder = write_website(tmp_path / "site", FIRST, Tier.PUBLIC)
    monkeypatch.setattr(web_folder, "_exchanged", lambda *_: False)
    write_website(folder, SECOND, Tier.PUBLIC)
    assert lying(folder) == SECOND and [path.name for path in tmp_path.iterdir()] == ["site"]
    folder.rename(tmp_path / ".site.before")  # killed here
    check_folder(folder, tmp_path / "store", Tier.PUBLIC)
    assert lying(folder) == SECOND
    write_website(folder, FIRST, Tier.PUBLIC)
    assert lying(folder) == FIRST and [path.name for path in tmp_path.iterdir()] == ["site"]


def test_what_a_killed_call_left_goes_with_the_next(tmp_path):
    folder = write_website(tmp_path / "site", SECOND, Tier.PUBLIC)
    write_website(tmp_path / ".site.before", FIRST, Tier.PUBLIC)
    part = tmp_path / ".site.999999999-0123abcd.part"
    part.mkdir()
    (part / "index.html").write_text("half")
    (tmp_path / ".site.notes").mkdir()
    write_website(folder, FIRST, Tier.PUBLIC)
    assert lying(folder) == FIRST
    assert sorted(path.name for path in tmp_path.iterdir()) == [".site.notes", "site"]


def test_what_comes_into_the_former_site_meanwhile_is_kept(tmp_path, monkeypatch):
    folder = write_website(tmp_path / "site", FIRST, Tier.PUBLIC)
    put = web_folder._put

    def late(part, real, *, is_new):
        (real / "late.txt").write_text("mine")
        return put(part, real, is_new=is_new)

    monkeypatch.setattr(web_folder, "_put", late)
    with pytest.raises(WebsiteError, match="the site is written, and the former one is kept"):
        write_website(folder, SECOND, Tier.PUBLIC)
    assert lying(folder) == SECOND
    assert (tmp_path / ".site.before" / "late.txt").read_text() == "mine"
    monkeypatch.undo()
    write_website(folder, FIRST, Tier.PUBLIC)
    assert (tmp_path / ".site.before" / "late.txt").read_text() == "mine"


def test_a_file_outside_the_site_is_never_written(tmp_path):
    for path in ("../x", "/tmp/x", "a/../../x", LISTING, ""):
        with pytest.raises(WebsiteError, match="outside the site"):
            write_website(tmp_path / "site", {path: b"x"}, Tier.PUBLIC)
    assert list(tmp_path.iterdir()) == []
