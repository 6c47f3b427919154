"""A static site in a real browser: from a folder, from a server, and after the server is gone."""

import os
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from accessibility import RULES
from browser_session import browsing
from selvawatch.core.tier import Tier
from selvawatch.website.web_folder import write_website
from website_made import made_files, made_website

pytestmark = pytest.mark.slow

PAGES = ("index.html", "map.html", "tables.html", "about.html", "en/index.html", "en/map.html")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(folder):
    """The address of a folder on a server that ends with the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp("browser") / "profile") as made:
        yield made


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web") / "site"
    write_website(folder, made_files(Tier.RESTRICTED), Tier.RESTRICTED)
    return folder


@pytest.fixture(autouse=True)
def calm(session):
    session.complaints.clear()
    yield
    assert session.complaints == []


def test_every_kind_of_page_reads_from_a_folder(session, site):
    event = next((site / "events").iterdir()).name
    for page in (*PAGES, f"events/{event}", f"en/events/{event}"):
        session.open((site / page).as_uri())
        assert (
            session.run("getComputedStyle(document.querySelector('header')).backgroundColor")
            == "rgb(22, 53, 42)"
        )
        assert session.run(
            "[...document.images].every(one => one.loading === 'lazy' || one.naturalWidth > 0)"
        )
        if page.endswith("map.html"):
            assert session.run("document.querySelectorAll('.mark').length") >= 7
    assert session.run("document.documentElement.dataset.offline || ''") == ""


@pytest.mark.parametrize("width", [390, 1280])
def test_a_site_keeps_nobody_out(session, site, width):
    session.narrow(width)
    rules = f"{RULES.read_text(encoding='utf-8')}; document.getElementById('accessibility-found').textContent"
    event = next((site / "events").iterdir()).name
    for page in (*PAGES[:4], f"events/{event}"):
        session.open((site / page).as_uri())
        assert session.run(rules) == "[]", page


def test_a_table_is_sorted_by_the_keyboard_and_back_again(session, site):
    session.open((site / "index.html").as_uri())
    rows = "[...document.querySelectorAll('table.alerts')[0].tBodies[0].rows]"
    order = f"{rows}.map(row => parseFloat(row.querySelector('.ha').textContent)).join()"
    before = [float(one) for one in session.run(order).split(",")]
    head = "document.querySelector('table.alerts th.ha')"
    session.run(f"{head}.querySelector('button').focus()")
    found = []
    for _ in range(3):
        session.press("Enter")
        found.append((session.run(f"{head}.getAttribute('aria-sort')"), session.run(order)))
    assert [one for one, _ in found] == ["ascending", "descending", None]
    values = [[float(one) for one in text.split(",")] for _, text in found]
    assert values == [sorted(before), sorted(before, reverse=True), before]
    day = "document.querySelectorAll('table.alerts th')[3]"
    session.run(f"{day}.querySelector('button').click()")
    days = session.run(f"{rows}.map(row => row.querySelector('.day').dataset.value).join()").split(",")
    assert days == sorted(days) and session.run(f"{day}.getAttribute('aria-sort')") == "ascending"


def test_the_policy_lets_nothing_else_in(session, site):
    session.open((site / "index.html").as_uri())
    blocked = session.run(
        "new Promise(done => {"
        " document.addEventListener('securitypolicyviolation', event => done(event.effectiveDirective));"
        " const image = new Image(); image.src = 'http://127.0.0.1:9/x.png'; document.body.append(image); })"
    )
    assert blocked == "img-src"
    assert session.complaints and "Content Security Policy" in session.complaints[0]
    session.complaints.clear()


def test_a_site_that_was_open_once_opens_when_its_server_is_gone_and_a_newer_one_takes_its_place(
    session, tmp_path
):
    folder = tmp_path / "below" / "site"
    website = made_website(Tier.PUBLIC, count=3)
    write_website(folder, made_files(Tier.PUBLIC, count=3), Tier.PUBLIC)
    for path in folder.rglob("*"):
        os.utime(path, (1e9, 1e9))  # servers tell files apart by whole seconds: a newer one is from another
    with served(tmp_path) as address:
        session.open(f"{address}/below/site/")
        session.wait_for("document.documentElement.dataset.offline === 'ready'")
        assert "sin conexión" in session.run("document.getElementById('site-status').textContent")
        write_website(folder, made_files(Tier.PUBLIC, count=2), Tier.PUBLIC)
        session.open(f"{address}/below/site/index.html")
        session.wait_for("document.getElementById('site-status').textContent.includes('más nueva')")
        session.wait_for("caches.keys().then(names => names.length === 1)")
        session.open(f"{address}/below/site/index.html")
        assert session.run("document.querySelectorAll('table.alerts tbody tr').length") == 2
    session.ask(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
    )
    event = website.bulletin.alerts.frame.sort_values("rank")["event_id"].iloc[0]
    for page in ("", "index.html?from=mail", "map.html", "en/tables.html", f"events/{event}.html"):
        session.open(f"{address}/below/site/{page}")
        assert (
            session.run("getComputedStyle(document.querySelector('header')).backgroundColor")
            == "rgb(22, 53, 42)"
        )
    assert (
        session.run("fetch('../alerts.geojson').then(got => got.json()).then(got => got.features.length)")
        == 2
    )
    session.ask(
        "Network.emulateNetworkConditions",
        offline=False,
        latency=0,
        downloadThroughput=-1,
        uploadThroughput=-1,
    )
