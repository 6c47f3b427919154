"""Pages of a search, asked of a made-up API without a network."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from selvawatch.core.days import to_day
from selvawatch.sources.catalogues.stac_requests import RefusedError
from selvawatch.sources.catalogues.stac_search import Query, searched

FIRST, LAST = to_day("2024-01-01"), to_day("2024-02-29")
ADDRESS = "https://made-up.example/search"


class EndsEarly:
    """An item a day; pages are numbered by `offset`, later ones refused if large; long spans end after 24."""

    def page(self, request, **_):
        words = request["body"] | dict(parse_qsl(urlsplit(request["href"]).query))
        first, last = (to_day(text[:10]) for text in words["datetime"].split("/"))
        offset, limit = int(words.get("offset", 0)), int(words["limit"])
        if offset and limit > 20:
            raise RefusedError("status 502", 502)
        days = range(first, last + 1)
        end = 24 if offset and len(days) > 30 else len(days)
        found = [{"id": f"d{day}", "collection": "c"} for day in days[offset : min(offset + limit, end)]]
        rest = f"datetime={words['datetime']}&limit={limit}&offset={offset + limit}"
        link = [{"rel": "next", "href": f"{ADDRESS}?{rest}"}] if offset + limit < end else []
        return {"features": found, "links": link, "numberMatched": len(days)}


def test_pages_that_were_listed_before_a_restart_hide_no_items_that_are_missing():
    query = Query(
        url=ADDRESS, collections=(), intersects={}, page=50, has_fields=False, most_items=1_000
    )  # fmt: skip
    found = [item["id"] for item in searched(EndsEarly(), query, FIRST, LAST)]
    assert sorted(found) == [f"d{day}" for day in range(FIRST, LAST + 1)]


class ForbidsInTheEnd:
    """Refuses a page as too large, and every smaller one as forbidden."""

    def page(self, request, **_):
        if request["body"]["limit"] == 50:
            raise RefusedError("status 502", 502)
        raise RefusedError("status 403", 403)


def test_a_search_says_the_refusal_that_ended_it():
    query = Query(
        url=ADDRESS, collections=(), intersects={}, page=50, has_fields=False, most_items=1_000
    )  # fmt: skip
    with pytest.raises(RefusedError, match="status 403"):
        list(searched(ForbidsInTheEnd(), query, FIRST, LAST))
