"""Answers that are more than anybody needs: one line each, whatever they say of themselves."""

import gzip
import itertools
import json
import time

import pytest
import shapely

import hostile_server
from selvawatch.core.days import to_day
from selvawatch.errors import SourceError
from selvawatch.sources.catalogues import stac_requests
from selvawatch.sources.open import open_source
from selvawatch.web import client, guarded, limits, retry, signing
from selvawatch.web.range_file import Patience, fetch

SMALL = limits.AnswerLimits(
    received_bytes=20_000, content_bytes=50_000, seconds=0.3, json_depth=8, json_values=200
)
EVERYWHERE = shapely.box(-75, -20, -60, 0)
YEAR = (to_day("2024-01-01"), to_day("2024-12-31"))
DEEP = b"[" * 100_000 + b"]" * 100_000


def _item(name):
    return {"type": "Feature", "id": name, "properties": {}, "geometry": None, "assets": {}, "links": []}


def _page(asked, number, items, **more):
    link = {"rel": "next", "href": f"{asked.base}/search?page={number + 1}", "method": "GET"}
    asked.send_json({"type": "FeatureCollection", "features": items, "links": [link]} | more)


def _fresh_pages(asked):
    number = int(asked.words.get("page", 0))
    _page(asked, number, [_item(f"{number}-{line}") for line in range(5)])


def _same_items(asked):
    _page(asked, int(asked.words.get("page", 0)), [_item("one")])


def _same_page(asked):
    asked.words.pop("page", None)
    _page(asked, 0, [_item("one")])


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(retry, "RULE", retry.RetryRule(tries=2, wait_s=0.01))
    monkeypatch.setattr(limits, "LIMITS", SMALL)
    monkeypatch.setattr(
        stac_requests, "LIMITS", stac_requests.SearchLimits(items=20, pages=10, files=50, seconds=30)
    )


def _dripping_head(asked):
    asked.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in itertools.count():
        asked.wfile.write(f"X-{number}: x\r\n".encode())
        asked.wfile.flush()
        time.sleep(0.1)


BODIES = {
    "long": (lambda asked: asked.send(b" " * 30_000), "too long"),
    "endless": (lambda asked: asked.stream(itertools.repeat(b" " * 5_000)), "too long"),
    "bomb": (lambda asked: asked.send(hostile_server.bomb(9_000_000), Content_Encoding="gzip"), "unpacks to"),
    "doubly packed": (
        lambda asked: asked.send(gzip.compress(b""), Content_Encoding="gzip, gzip"),
        "not asked for",
    ),
    "other packing": (lambda asked: asked.send(b"x", Content_Encoding="br"), "not asked for"),
    "no gzip": (lambda asked: asked.send(b"plain", Content_Encoding="gzip"), "cannot be unpacked"),
    "cut gzip": (
        lambda asked: asked.send(gzip.compress(b"abc" * 99)[:-9], Content_Encoding="gzip"),
        "breaks",
    ),
    "drip": (lambda asked: asked.stream(itertools.repeat(b" "), 0.02), "too slowly"),
}


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_beyond_the_limits_is_left_with_one_line(kind):
    answer, words = BODIES[kind]
    with hostile_server.serve({"/": answer}) as address, pytest.raises(OSError, match=words) as caught:
        retry.retried(lambda: client.get(address + "/", headers={}, timeout_s=5))
    assert "127.0.0.1" not in str(caught.value)


def test_a_head_that_drips_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(guarded, "HEAD_S", 0.3)
    began = time.monotonic()
    with (
        hostile_server.serve({"/": _dripping_head}) as address,
        pytest.raises(retry.UnreachableError, match="breaks off"),
    ):
        retry.retried(lambda: client.get(address + "/", headers={}, timeout_s=5))
    assert time.monotonic() - began < 5


def test_what_is_packed_within_the_limits_is_unpacked():
    packed = gzip.compress(b"first ") + gzip.compress(b"second") + bytes(8)
    with hostile_server.serve({"/": lambda asked: asked.send(packed, Content_Encoding="gzip")}) as address:
        assert client.get(address + "/", headers={}, timeout_s=5) == b"first second"


def test_tries_that_take_long_are_not_made_again():
    calls = []

    def slow():
        calls.append(1)
        time.sleep(0.05)
        raise retry.PassingError("silent")

    with pytest.raises(retry.UnreachableError, match="silent"):
        retry.retried(slow, retry.RetryRule(tries=5, wait_s=0, longest_tries_s=0.08))
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DEEP, "nested too deeply"),
        (b'{"a":' * 9 + b"1" + b"}" * 9, "nested too deeply"),
        (b"[" + b"1," * 300 + b"1]", "too many values"),
        (b" " * 60_000, "too long"),
    ],
)
def test_json_beyond_the_limits_is_refused_before_it_is_read(text, words):
    with pytest.raises(limits.LimitError, match=words):
        limits.parsed_json(
            text,
            limits.AnswerLimits(
                **{
                    "content_bytes": 250_000 if text is DEEP else 50_000,
                    "json_depth": 8,
                    "json_values": 400_000 if text is DEEP else 200,
                }
            ),
        )


def test_brackets_in_texts_are_no_depth():
    value = {"a": "[" * 50 + '\\"{{{', "b": [{"c": "]]"}]}
    assert limits.parsed_json(json.dumps(value).encode(), SMALL) == value


def test_json_that_is_none_stays_a_value_error():
    for text in (b"[1", b"\xff\xfe", b"", b"]["):
        with pytest.raises(ValueError):
            limits.parsed_json(text)


SEARCHES = {
    "pages that do not end": (_fresh_pages, "do not end"),
    "pages that list the same": (_same_items, "in circles"),
    "a page that leads to itself": (_same_page, "in circles"),
    "10^12 items": (lambda asked: _page(asked, 0, [_item("one")], numberMatched=10**12), "it counts 1e"),
    "deep": (lambda asked: asked.send(b"[" * 90 + b"]" * 90), "nested too deeply"),
    "a bomb": (BODIES["bomb"][0], "unpacks to"),
    "a long page": (lambda asked: _page(asked, 0, [_item("x" * 30_000)]), "too long"),
    "a list": (lambda asked: asked.send(b"[1, 2]"), "no STAC"),
    "a number": (lambda asked: asked.send(b"1"), "no STAC"),
    "links of nothing": (lambda asked: asked.send(b'{"features": [1], "links": [1]}'), "no STAC"),
    "features of nothing": (lambda asked: asked.send(b'{"features": 7, "links": []}'), "no STAC"),
    "half a JSON": (lambda asked: asked.send(b'{"features": ['), "cannot be searched"),
}


@pytest.mark.parametrize("kind", SEARCHES)
def test_a_search_that_answers_too_much_or_nonsense_is_one_line(kind):
    answer, words = SEARCHES[kind]
    answers = {"/": hostile_server.landing, "/collections": hostile_server.collections, "/search": answer}
    with hostile_server.serve(answers) as address, pytest.raises(SourceError, match=words) as caught:
        open_source(f"stac:{address}/").search(EVERYWHERE, *YEAR)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_a_search_over_its_time_ends(monkeypatch):
    monkeypatch.setattr(stac_requests, "LIMITS", stac_requests.SearchLimits(seconds=0.0))
    with (
        hostile_server.serve({"/": hostile_server.landing}) as address,
        pytest.raises(SourceError, match="does not end"),
    ):
        open_source(f"stac:{address}/").search(EVERYWHERE, *YEAR)


def test_one_sensor_whose_pages_do_not_end_leaves_the_others_searched(tmp_path):
    answers = {
        "/": hostile_server.landing,
        "/collections": hostile_server.collections,
        "/search": _fresh_pages,
    }
    catalogue = {"type": "Catalog", "id": "c", "stac_version": "1.0.0", "description": "", "links": []}
    item = {"rel": "item", "href": "./item.json"}
    (tmp_path / "catalog.json").write_text(json.dumps(catalogue | {"links": [item]}))
    (tmp_path / "item.json").write_text(json.dumps(_item("one")))
    with hostile_server.serve(answers) as address:
        source = open_source(f"sentinel-2=stac:{address}/,landsat=folder:{tmp_path}")
        found = source.search(EVERYWHERE, *YEAR)
    assert found.unsearched == ("sentinel-2",) and [one.reason for one in found.problems] == ["footprint"]


def test_a_file_of_a_static_catalogue_beyond_the_limits_is_a_problem_of_its_own():
    def catalogue(asked):
        links = [{"rel": "item", "href": f"{asked.base}/{name}"} for name in ("bomb", "deep", "good")]
        asked.send_json(
            {"type": "Catalog", "id": "c", "description": "", "stac_version": "1.0.0", "links": links}
        )

    answers = {
        "/": catalogue,
        "/bomb": BODIES["bomb"][0],
        "/deep": SEARCHES["deep"][0],
        "/good": lambda asked: asked.send_json(_item("good")),
    }
    with hostile_server.serve(answers) as address:
        found = open_source(f"stac:{address}/").search(EVERYWHERE, *YEAR)
    assert sorted(one.reason for one in found.problems) == ["footprint", "item", "item"]


@pytest.mark.parametrize(
    "answer",
    [
        {"token": "a b", "msft:expiry": "2999-01-01T00:00:00Z"},
        {"token": "a", "msft:expiry": "2999-01-01T00:00:00"},
        {"token": ["a"], "msft:expiry": "2999-01-01T00:00:00Z"},
        {"token": "a" * 9_000, "msft:expiry": "2999-01-01T00:00:00Z"},
        [1],
        "token",
    ],
)
def test_an_answer_that_is_no_token_is_one_line(answer, monkeypatch):
    with hostile_server.serve({"/a/b": lambda asked: asked.send_json(answer)}) as address:
        monkeypatch.setenv(signing.TOKENS_VARIABLE, address)
        with pytest.raises(retry.UnreachableError, match="gives no token"):
            signing.address_of(f"{signing.PREFIX}https://a.blob.core.windows.net/b/c.tif")


RANGES = {
    "sizes of thousands of digits": (
        lambda asked: asked.send(b"x" * 10, 206, Content_Range=f"bytes 0-9/{'9' * 5000}"),
        0,
        "another range",
    ),
    "a whole file beyond the limit": (lambda asked: asked.send(b"x" * 5_000), 4_000, "sends the whole file"),
}


@pytest.mark.parametrize("kind", RANGES)
def test_a_range_that_is_answered_with_nonsense_is_one_line(kind):
    answer, first, words = RANGES[kind]
    patience = Patience(silence_s=2, most_bytes=1_000)
    with hostile_server.serve({"/x.tif": answer}) as address, pytest.raises(OSError, match=words):
        fetch(f"{address}/x.tif", first, first + 10, patience)


def test_a_piece_beyond_the_limit_is_not_asked_for():
    with pytest.raises(limits.LimitError, match="wants a piece of"):
        fetch("http://127.0.0.1:9/x.tif", 0, 10**12, Patience())
