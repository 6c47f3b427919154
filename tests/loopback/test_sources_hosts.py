"""Hosts that a catalogue may not lead to, and how many requests one host gets at a time."""

import functools
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import shapely

import fault_server
import stac_api
import stac_folder
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.errors import SceneError, SourceError
from selvawatch.sources.open import open_source
from selvawatch.web import client, guarded, range_file, retry, throttle
from selvawatch.web.addresses import remote as checked

EVERYWHERE = shapely.box(-75, -20, -60, 0)
YEAR = (to_day("2024-01-01"), to_day("2024-12-31"))
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=48).tile("x0800y18000")
WEST, _, _, NORTH = TILE.bounds
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    monkeypatch.setattr(retry, "RULE", retry.RetryRule(tries=2, wait_s=0.01))
    monkeypatch.setattr(range_file, "PATIENCE", range_file.Patience(silence_s=0.5))
    monkeypatch.setattr(guarded, "_named", set())
    client.connections.cache_clear()
    yield
    client.connections.cache_clear()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A STAC folder with one scene."""
    root = tmp_path_factory.mktemp("archive")
    bands = {name: np.random.default_rng(4).uniform(0.01, 0.5, (48, 48)).round(4) for name in BANDS}
    stac_folder.sentinel_2(root, "S", "2024-06-01T15:00:00Z", bands, WEST, NORTH)
    return stac_folder.write_catalog(root)


@pytest.fixture
def served(archive):
    with fault_server.serve(archive) as files:
        yield files


def _lookup(monkeypatch, names):
    """Look some names up as given; all others as ever."""
    ask = socket.getaddrinfo

    def answer(host, port, *args, **kwargs):
        if host in names:
            kind = socket.AF_INET6 if ":" in names[host] else socket.AF_INET
            return [(kind, socket.SOCK_STREAM, 6, "", (names[host], port))]
        return ask(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.9", "169.254.169.254", "100.64.0.7", "0.0.0.0", "224.0.0.1", "::1",
     "fe80::1", "fd00::9", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"],
)  # fmt: skip
def test_a_name_that_leads_to_a_private_address_is_refused_before_a_byte_is_sent(
    served, monkeypatch, address
):
    _lookup(monkeypatch, {"cogs.example.org": address})
    with pytest.raises(OSError, match="leads to a private address") as caught:
        range_file.RemoteFile(f"http://cogs.example.org:{served.port}/sentinel-2-c1-l2a/S/red.tif")
    assert "example" not in str(caught.value) and sum(served.requests.values()) == 0


def test_a_scene_on_such_a_host_is_unread_with_its_reason(archive, tmp_path, monkeypatch):
    _lookup(monkeypatch, {"cogs.example.org": "127.0.0.1"})
    with stac_api.serve(archive, "http://cogs.example.org", tmp_path) as api:
        source = open_source(f"stac:{api}")
        (scene,) = source.search(EVERYWHERE, *YEAR).scenes
        with pytest.raises(SceneError, match="leads to a private address"):
            source.read(scene, TILE, ["red"])


def test_a_host_that_a_person_named_may_lie_in_the_local_network(served, monkeypatch):
    _lookup(monkeypatch, {"stac.example.org": "127.0.0.1"})
    source = open_source(f"stac:http://stac.example.org:{served.port}/catalog.json")
    (scene,) = source.search(EVERYWHERE, *YEAR).scenes
    assert np.isfinite(source.read(scene, TILE, ["red"])["red"].values).all()


def test_the_name_is_looked_up_once_and_the_checked_address_is_connected_to(served, monkeypatch):
    asked = []
    _lookup(monkeypatch, {"stac.example.org": "127.0.0.1"})
    answer = socket.getaddrinfo

    def second_time_elsewhere(host, port, *args, **kwargs):
        asked.append(host)
        return answer("stac.example.org" if asked.count(host) == 1 else "127.0.0.9", port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", second_time_elsewhere)
    guarded.trust("stac.example.org")
    range_file.RemoteFile(f"http://stac.example.org:{served.port}/sentinel-2-c1-l2a/S/red.tif")
    assert asked.count("stac.example.org") == 1


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "localhost.", "LOCALHOST",
     "a.localhost.", "\uff11\uff12\uff17.0.0.1", "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
     "[::ffff:7f00:1]",
     "[::ffff:127.0.0.1]", "[64:ff9b::a00:1]", "[2002:a00:1::]", "[::]", "224.0.0.1", "router.lan",
     "intranet"],
)  # fmt: skip
def test_every_way_to_write_a_private_host_is_refused(host):
    with pytest.raises(ValueError, match="private"):
        checked(f"http://{host}/x.tif", "stac.example.org")


def test_public_hosts_are_let_through():
    for host in ("cogs.example.org", "8.8.8.8", "[2001:4860:4860::8888]"):
        assert checked(f"https://{host}/x.tif", "stac.example.org")


def test_a_catalogue_that_redirects_into_the_local_network_is_not_followed(served):
    served.faults = {"catalog.json": "elsewhere"}
    with pytest.raises(SourceError, match="private"):
        open_source(f"stac:{served.address}/catalog.json").search(EVERYWHERE, *YEAR)
    assert not any("secret" in path for path in served.requests)


@pytest.mark.parametrize(
    "link",
    ["file:///etc/passwd", "/etc/passwd", "http://10.0.0.1/x.json", "ftp://a.example.org/x.json", "S/%"],
)
def test_a_link_of_a_static_catalogue_to_where_it_may_not_is_recorded_and_the_rest_goes_on(
    served, archive, link
):
    path = archive / "sentinel-2-c1-l2a" / "collection.json"
    kept = path.read_text()
    listed = json.loads(kept)
    listed["links"].insert(0, {"rel": "item", "href": link})
    path.write_text(json.dumps(listed))
    try:
        found = open_source(f"stac:{served.address}/catalog.json").search(EVERYWHERE, *YEAR)
    finally:
        path.write_text(kept)
    assert [scene.id for scene in found.scenes] == ["S"]
    assert [problem.reason for problem in found.problems] == ["item"] and found.found == 2


def test_a_year_of_an_api_is_found_with_three_requests(archive, tmp_path, monkeypatch):
    asked, send = [], client.GuardedAdapter.send

    def counted(self, request, *args, **kwargs):
        asked.append(request.url)
        return send(self, request, *args, **kwargs)

    monkeypatch.setattr(client.GuardedAdapter, "send", counted)
    with stac_api.serve(archive, "http://cogs.example.org", tmp_path) as api:
        assert open_source(f"stac:{api}").search(EVERYWHERE, *YEAR).found == 1
    assert len(asked) <= 3


def test_searches_wait_for_their_turn_at_the_host_as_reads_do(served, monkeypatch):
    monkeypatch.setattr(throttle, "_gates", {})
    monkeypatch.setattr(throttle, "AT_ONCE", 1)
    served.slow_s = 0.05
    served.most_at_once = served.at_once = 0
    source = open_source(f"stac:{served.address}/catalog.json")
    place = f"{served.address}/sentinel-2-c1-l2a/S/nir.tif"
    work = [functools.partial(source.search, EVERYWHERE, *YEAR)]
    work += [functools.partial(range_file.RemoteFile, place)] * 6
    with ThreadPoolExecutor(7) as pool:
        list(pool.map(lambda one: one(), work))
    assert served.most_at_once == 1 and sum(served.requests.values()) >= 9


def test_a_redirected_read_gives_back_its_turn_and_waits_for_one_at_the_next_host(served, monkeypatch):
    _lookup(monkeypatch, {"stac.example.org": "127.0.0.1", "cogs.example.org": "127.0.0.1"})
    for host in ("stac.example.org", "cogs.example.org"):
        guarded.trust(host)
    turns = []

    @contextmanager
    def turn_at(host):
        with throttle.turn_at(host):
            turns.append(f"at {host}")
            yield
        turns.append(f"left {host}")

    monkeypatch.setattr(client, "turn_at", turn_at)
    served.faults = {"S/red": "moved"}
    assert range_file.RemoteFile(f"http://stac.example.org:{served.port}/sentinel-2-c1-l2a/S/red.tif").size
    assert turns == [f"{said} {name}.example.org" for name in ("stac", "cogs") for said in ("at", "left")]
