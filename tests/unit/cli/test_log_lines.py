import io
import json
import logging

import pytest

from selvawatch.cli.log_lines import LogChoice, Outlook, logged
from selvawatch.progress import Counter, Progress

log = logging.getLogger("selvawatch.tests")


class Screen(io.StringIO):
    """A stream with a person at it."""

    def isatty(self) -> bool:
        return True


class FullDisk(io.StringIO):
    """A stream that takes nothing."""

    def write(self, text: str) -> int:  # noqa: ARG002
        raise OSError(28, "No space left on device")


@pytest.fixture
def nothing():
    return LogChoice(verbose=False, file=None, as_json=False)


def test_a_screen_shows_how_far_the_work_is_and_is_left_clean(nothing):
    screen = Screen()
    with logged(nothing, screen):
        tiles = Counter(log, "tiles", 2)
        Counter(log, "scenes", 3, "x1y1").add(3)
        tiles.add()
        log.warning("a warning")
        tiles.add()
    drawn = screen.getvalue().split("\r\x1b[K")
    assert any(line.startswith("0 of 2 tiles · x1y1: 3 of 3 scenes") for line in drawn)
    assert "a warning\n" in drawn
    assert drawn[-1] == ""


def test_nobody_at_the_screen_and_nothing_asked_leaves_the_log_as_it_is(nothing):
    screen, before = io.StringIO(), list(logging.getLogger("selvawatch").handlers)
    with logged(nothing, screen):
        assert logging.getLogger("selvawatch").handlers == before
        Counter(log, "tiles", 1).add()
    assert screen.getvalue() == ""


def test_a_log_file_holds_lines_and_a_log_in_json_holds_numbers(tmp_path):
    for as_json in (False, True):
        with logged(LogChoice(verbose=False, file=tmp_path / "log", as_json=as_json), io.StringIO()):
            Counter(log, "layers", 4).add(4)
    text = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert text[0].endswith("PROGRESS 0 of 4 layers") and text[1].endswith("4 of 4 layers")
    last = json.loads(text[3])
    assert (last["work"], last["done"], last["of"], last["level"]) == ("layers", 4, 4, "PROGRESS")
    assert last["time"].endswith("+00:00") and last["received_bytes"] >= 0


def test_the_log_tells_of_the_same_work_only_every_few_seconds_and_of_its_end():
    screen = io.StringIO()
    with logged(LogChoice(verbose=True, file=None, as_json=False), screen):
        counter = Counter(log, "scenes", 500, "x1y1")
        for _ in range(500):
            counter.add()
    assert len(screen.getvalue().splitlines()) == 2


def test_warnings_are_said_on_stderr_too_where_the_log_goes_to_a_file(tmp_path):
    screen = io.StringIO()
    with logged(LogChoice(verbose=False, file=tmp_path / "log", as_json=False), screen):
        log.warning("sentinel-2 was not searched")
        log.info("no warning")
    assert screen.getvalue() == "sentinel-2 was not searched\n"


def test_a_name_of_a_catalogue_moves_no_cursor():
    screen = io.StringIO()
    with logged(LogChoice(verbose=True, file=None, as_json=False), screen):
        log.warning("scene %s", "a\x1b[2J\r\nb\u202ec")
    assert "\x1b" not in screen.getvalue() and "\u202e" not in screen.getvalue()
    assert len(screen.getvalue().splitlines()) == 1


def test_a_log_that_cannot_be_written_ends_once_and_the_work_goes_on(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("pathlib.Path.open", lambda *_, **__: FullDisk())
    with logged(LogChoice(verbose=False, file=tmp_path / "log", as_json=False), io.StringIO()):
        log.info("first")
        log.info("second")
    assert capsys.readouterr().err.count("cannot be written any more; the run goes on") == 1


def test_time_left_follows_from_the_pace_over_all_tiles():
    outlook = Outlook(0.0)
    outlook.add(Progress(work="tiles", done=0, of=4), 100.0)
    assert outlook.left_s(102.0) is None
    outlook.add(Progress(work="tiles", done=1, of=4), 120.0)
    outlook.add(Progress(work="scenes", item="x1y1", done=5, of=10), 130.0)
    assert outlook.share == pytest.approx(0.375)
    assert outlook.left_s(130.0) == pytest.approx(50.0)
    assert outlook.line(130.0, 2_500_000).endswith("2.5 MB received · about 50 s left")


def test_a_search_that_broke_off_stands_in_no_line_of_what_comes_after():
    outlook = Outlook(0.0)
    outlook.add(Progress(work="items listed", item="a.example", done=300), 1.0)
    assert outlook.line(1.0, 0) == "a.example: 300 items listed"
    outlook.add(Progress(work="tiles", done=0, of=4), 2.0)
    outlook.add(Progress(work="features", item="zee", done=10), 3.0)
    assert outlook.line(3.0, 0) == "0 of 4 tiles · zee: 10 features"


def test_nobody_knows_the_time_left_of_work_without_an_end():
    outlook = Outlook(0.0)
    outlook.add(Progress(work="features", item="zee", done=4000), 0.0)
    assert outlook.left_s(60.0) is None
    assert outlook.line(60.0, 0) == "zee: 4000 features"


def test_a_log_file_that_is_a_folder_is_one_line(command, tmp_path):
    said = command(
        "scenes", "--from", "2024-01-01", "--to", "2024-01-02", "--source", "folder:none",
        "--log-file", tmp_path / "none" / "log",
    )  # fmt: skip
    assert str(tmp_path / "none" / "log") in said.error
