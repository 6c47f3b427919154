"""Items of a STAC API's search, page after page, however small the pages must be that it gives.

What is published of the archives: a reply above about 6 MB comes to 500 or 502
(https://github.com/Element84/earth-search/issues/17, https://github.com/stac-utils/stac-server/issues/226), a
page above some number of items to 400 (https://github.com/nasa/cmr-stac/issues/152), and a page may be empty
and lead on (https://github.com/stac-utils/pystac-client/issues/648).
"""

import hashlib
import json
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from selvawatch.core.days import iso
from selvawatch.progress import Progress, report_progress
from selvawatch.sources.catalogues.stac_requests import LimitedApiIO, RefusedError
from selvawatch.sources.sensors.sensor_table import SENSORS, missing, recognise

log = logging.getLogger(__name__)

LEAST_PAGE = 10
"""Items of a page below which days are halved instead."""
_TOO_LARGE = (400, 413, 500, 502, 504)
"""Statuses that archives answer where a page would be larger than they give."""
_NO_POST = 405
_NUMBERED = ("page", "offset", "startindex")
"""Words by which a next page is counted in pages or items, so that its size cannot change on the way."""

Request = Mapping[str, Any]
"""A request: `href`, `method`, `headers` and `body` (words by name)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What an API is asked for, whatever the days."""

    url: str
    """Address of its item search."""
    collections: tuple[str, ...]
    """Collections; empty: all."""
    intersects: Mapping[str, Any]
    """GeoJSON geometry."""
    page: int
    """Items of the first page that is asked for."""
    has_fields: bool
    """Whether it can leave out what is not needed (extension `fields`)."""
    most_items: int
    """Items beyond which a search is given up."""


@dataclass(slots=True, kw_only=True)
class _Progress:
    """What a search has learned of its API."""

    limit: int
    """Items of a page that are asked for."""
    uses_fields: bool
    method: str = "POST"
    listed: int = 0
    """Items of the pages of a span of days since its first page was last asked for."""
    given: int = 0
    """Items of the largest page that was asked for and came."""
    seen: set[str] = field(default_factory=set)
    """Digests of the items that were listed: pages overlap, and days are searched again."""


def searched(io: LimitedApiIO, query: Query, first_day: int, last_day: int) -> Iterator[Mapping[str, Any]]:
    """Items of a search from a first to a last day, both included; each once, however often it is listed.

    A page that is refused as too large is asked for again at half its size, down to `LEAST_PAGE`, and then
    the days are halved. A search that broke off goes on where it was.

    Raises
    ------
    RefusedError
        When a single day is refused in the smallest pages.
    ValueError
        When the pages lead in circles or do not end, or are none.
    """
    progress = _Progress(limit=query.page, uses_fields=query.has_fields)
    waiting, gained = [(first_day, last_day)], {(first_day, last_day): True}
    while waiting:
        days = waiting.pop()
        halves, count, stated = _halves(days), len(progress.seen), 0
        try:
            for page in _pages(io, query, progress, days):
                stated = max(stated, _matched(page, query.most_items))
                fresh = {_mark(item): item for item in page["features"]}
                progress.listed += len(page["features"])
                fresh = {mark: item for mark, item in fresh.items() if mark not in progress.seen}
                progress.seen |= fresh.keys()
                if len(progress.seen) > query.most_items:
                    raise ValueError(f"more than {query.most_items} items: its pages do not end")
                _report(query, len(progress.seen))
                yield from fresh.values()
        except RefusedError as error:
            if error.status not in _TOO_LARGE or not halves:
                raise
            log.info("days %s to %s are searched in two halves: %s", iso(days[0]), iso(days[1]), error)
            waiting += halves
            gained |= dict.fromkeys(halves, True)
            continue
        if (listed := progress.listed) < stated:
            log.warning("%s to %s: %d of %d items were listed", iso(days[0]), iso(days[1]), listed, stated)
            if gained[days]:
                waiting += halves
                gained |= dict.fromkeys(halves, len(progress.seen) > count)
    _report(query, len(progress.seen), is_done=True)


def _report(query: Query, count: int, *, is_done: bool = False) -> None:
    """Say how many items a search has listed so far, by its host."""
    host = urlsplit(query.url).hostname or ""
    of = count if is_done else None
    report_progress(log, Progress(work="items listed", item=host, done=count, of=of))


def _halves(days: tuple[int, int]) -> list[tuple[int, int]]:
    """Both halves of a span, the later first; none of a single day."""
    first, last = days
    middle = (first + last) // 2
    return [(middle + 1, last), (first, middle)] if last > first else []


def _pages(
    io: LimitedApiIO, query: Query, progress: _Progress, days: tuple[int, int]
) -> Iterator[Mapping[str, Any]]:
    """Pages of a span of days, until one leads to no other."""
    request: Request | None = _from_the_first(query, progress, days)
    seen: set[str] = set()
    while request is not None:
        page, request = _page(io, query, progress, days, request)
        follow = _next(page, request)
        names = [*map(_name, page["features"])]
        mark = _mark([progress.limit, progress.uses_fields, names or follow])
        if mark in seen:
            raise ValueError("its pages lead in circles")
        seen.add(mark)
        yield page
        request = follow


def _page(
    io: LimitedApiIO, query: Query, progress: _Progress, days: tuple[int, int], request: Request
) -> tuple[Mapping[str, Any], Request]:
    """A page, and the request that brought it: another one where that had to be smaller or plainer."""
    while True:
        try:
            page = io.page(request, patient=progress.limit <= progress.given, tries_sizes=_TOO_LARGE)
        except RefusedError as error:
            request = _plainer(query, progress, days, request, error)
            continue
        if not isinstance(page, Mapping) or not isinstance(page.get("features"), list):
            raise ValueError("its answer is no STAC (no list of features)")
        if progress.uses_fields and not all(map(_is_complete, page["features"])):
            log.info("the archive leaves out what is needed: it is asked for everything")
            progress.uses_fields = False
            request = _altered(request, progress) or _from_the_first(query, progress, days)
            continue
        progress.given = max(progress.given, progress.limit)
        return page, request


def _plainer(
    query: Query, progress: _Progress, days: tuple[int, int], request: Request, error: RefusedError
) -> Request:
    """What to ask instead of a refused request; the refusal itself where there is nothing left."""
    if error.status == _NO_POST and progress.method == "POST":
        progress.method = "GET"
        return _from_the_first(query, progress, days)
    if error.status == 400 and progress.uses_fields:  # noqa: PLR2004
        progress.uses_fields = False
    elif error.status in _TOO_LARGE and progress.limit > LEAST_PAGE:
        progress.limit = max(LEAST_PAGE, progress.limit // 2)
        log.info("a page was refused (%s): %d items are asked for", error, progress.limit)
    else:
        raise error
    return _altered(request, progress) or _from_the_first(query, progress, days)


def _from_the_first(query: Query, progress: _Progress, days: tuple[int, int]) -> Request:
    """The request that begins a span of days, or begins it again."""
    progress.listed = 0
    return _first_request(query, progress, days)


def _first_request(query: Query, progress: _Progress, days: tuple[int, int]) -> Request:
    """The request for the first page of a span of days."""
    words: dict[str, Any] = {
        "collections": list(query.collections),
        "datetime": f"{iso(days[0])}T00:00:00Z/{iso(days[1])}T23:59:59.999Z",
        "intersects": dict(query.intersects),
        "limit": progress.limit,
        "fields": _fields(query.collections),
    }
    left_out = {"fields"} if not progress.uses_fields else set()
    left_out |= {"collections"} if not query.collections else set()
    words = {name: value for name, value in words.items() if name not in left_out}
    if progress.method == "POST":
        return {"href": query.url, "method": "POST", "headers": None, "body": words}
    plain = {
        "collections": ",".join(query.collections),
        "intersects": json.dumps(words["intersects"]),
        "fields": ",".join(_fields(query.collections)["include"]),
    }
    return {
        "href": query.url,
        "method": "GET",
        "headers": None,
        "body": {name: plain.get(name, value) for name, value in words.items()},
    }


def _fields(collections: Collection[str]) -> dict[str, list[str]]:
    """What is needed of an item: its description, and the assets that a sensor of the collections reads."""
    sensors = [one for one in SENSORS.values() if not collections or set(one.collections) & set(collections)]
    bands = [band for one in sensors for band in (*one.bands.values(), *one.quality.values())]
    keys = dict.fromkeys(key for band in bands for key in band.assets)
    described = ("type", "stac_version", "id", "collection", "geometry", "bbox", "properties")
    return {"include": [*described, *(f"assets.{key}" for key in keys)]}


def _altered(request: Request, progress: _Progress) -> Request | None:
    """A request for the same page in the size, and with the fields, that are asked for now; None where the
    page would be another one.
    """
    href, words = request["href"], dict(request["body"] or {})
    parts = urlsplit(href)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    names = {name.lower() for name in (*words, *dict(pairs))}
    if names & set(_NUMBERED) or not ("limit" in words or "limit" in dict(pairs)):
        return None
    if not progress.uses_fields:
        words.pop("fields", None)
        pairs = [(name, value) for name, value in pairs if name != "fields"]
    if "limit" in words:
        words["limit"] = progress.limit
    pairs = [(name, str(progress.limit) if name == "limit" else value) for name, value in pairs]
    return {**request, "href": urlunsplit(parts._replace(query=urlencode(pairs))), "body": words}


def _next(page: Mapping[str, Any], request: Request) -> Request | None:
    """The request for the page after one; None where it is the last."""
    links = page.get("links")
    for link in links if isinstance(links, list) else ():
        if not isinstance(link, Mapping):
            raise ValueError("its answer is no STAC (a link that is none)")
        if link.get("rel") != "next":
            continue
        method = str(link.get("method") or "GET").upper()
        body = link.get("body") or {}
        if not isinstance(link.get("href"), str) or not isinstance(body, Mapping):
            raise ValueError("its answer is no STAC (a link to no next page)")
        if method == "POST" and link.get("merge"):
            body = {**request["body"], **body}
        return {
            "href": urljoin(request["href"], link["href"]),
            "method": method,
            "headers": link.get("headers") if isinstance(link.get("headers"), Mapping) else None,
            "body": dict(body) if method == "POST" else {},
        }
    return None


def _matched(page: Mapping[str, Any], most: int) -> int:
    """How many items a search has as a page states; 0 where it does not.

    Raises
    ------
    ValueError
        When they are more than there can be.
    """
    context = page.get("context")
    stated = page.get("numberMatched") or (context.get("matched") if isinstance(context, Mapping) else 0)
    if not isinstance(stated, int) or isinstance(stated, bool):
        return 0
    if stated > most:
        raise ValueError(f"it counts {stated:.3g} items, at most {most}: search a smaller area")
    return stated


def _mark(value: Any) -> str:
    """Digest of a JSON value, to the letter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _name(item: Any) -> str:
    return str(item.get("id"))[:200] if isinstance(item, Mapping) else ""


def _is_complete(item: Any) -> bool:
    """Whether an item has every asset that its sensor needs; what is no item is as it came."""
    if not isinstance(item, Mapping):
        return True
    properties, assets = item.get("properties"), item.get("assets")
    if not isinstance(properties, Mapping) or not isinstance(assets, Mapping):
        return False
    collection, platform, constellation = (
        str(value or "")
        for value in (item.get("collection"), properties.get("platform"), properties.get("constellation"))
    )
    sensor = recognise(collection, platform, constellation, assets)
    return sensor is not None and not missing(sensor, assets)


def known_collections(io: LimitedApiIO, url: str, known: Collection[str]) -> list[str]:
    """Ids of an API's collections that are among the known ones, sorted; one that is no collection is passed
    over.

    url: address of its list of collections.
    """
    found: set[str] = set()
    request: Request | None = {"href": url, "method": "GET", "headers": None, "body": {}}
    seen: set[str] = set()
    while request is not None:
        page = io.page(request, patient=True)
        listed = page.get("collections") if isinstance(page, Mapping) else None
        if not isinstance(listed, list):
            raise ValueError("its answer is no STAC (no list of collections)")
        found |= {str(one.get("id")) for one in listed if isinstance(one, Mapping)} & set(known)
        request = _next(page, request)
        mark = _mark(request)
        if mark in seen:
            raise ValueError("its pages lead in circles")
        seen.add(mark)
    return sorted(found)
