import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from selvawatch.web import tokens
from selvawatch.web.range_file import RemoteFile
from selvawatch.web.retry import UnreachableError

SECRET = "a-token-that-must-not-be-told"
CONTENT = bytes(range(256)) * 8


@contextlib.contextmanager
def server(answer):
    """A server on loopback; `answer` gets the handler and returns status and headers."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            seen.append(self.headers.get("Authorization"))
            status, headers = answer(self.headers)
            body = CONTENT if status == 200 else b""
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/a.tif", seen
    finally:
        httpd.shutdown()
        httpd.server_close()


@pytest.fixture
def account(monkeypatch):
    monkeypatch.setenv(tokens.EARTHDATA_VARIABLE, SECRET)
    monkeypatch.setenv(tokens.HOST_VARIABLE, "127.0.0.1")
    return monkeypatch


@pytest.mark.usefixtures("account")
def test_a_token_goes_to_its_host_and_follows_no_redirect_to_another():
    with server(lambda _: (200, {})) as (files, at_files):

        def moved(_):
            return 302, {"Location": files}

        with server(moved) as (archive, at_archive):
            assert RemoteFile(archive).read() == CONTENT
    assert set(at_archive) == {f"Bearer {SECRET}"} and set(at_files) == {None}


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.usefixtures("account")
def test_a_refused_token_leaves_a_file_for_the_next_run_and_is_not_told(status):
    with server(lambda _: (status, {})) as (archive, _), pytest.raises(UnreachableError) as caught:
        RemoteFile(archive)
    assert tokens.EARTHDATA_VARIABLE in str(caught.value) and SECRET not in str(caught.value)


@pytest.mark.usefixtures("account")
def test_a_login_page_is_a_refusal():
    def login(_):
        return 302, {"Location": f"https://{tokens.LOGIN_HOST}/oauth/authorize?client_id=x"}

    with server(login) as (archive, _), pytest.raises(UnreachableError, match="renew it"):
        RemoteFile(archive)


def test_a_missing_token_is_asked_for_by_name_and_nothing_of_its_host(account):
    account.delenv(tokens.EARTHDATA_VARIABLE)
    with (
        server(lambda _: (401, {})) as (archive, seen),
        pytest.raises(UnreachableError, match="set EARTHDATA_TOKEN"),
    ):
        RemoteFile(archive)
    assert seen == []


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("https://cumulus.asf.earthdatacloud.nasa.gov/OPERA/a.tif", True),
        ("https://CUMULUS.asf.earthdatacloud.nasa.gov./a.tif", True),
        ("http://cumulus.asf.earthdatacloud.nasa.gov/a.tif", False),
        ("https://cumulus.asf.earthdatacloud.nasa.gov.evil.example/a.tif", False),
        ("https://evil.example/cumulus.asf.earthdatacloud.nasa.gov", False),
    ],
)
@pytest.mark.usefixtures("account")
def test_a_token_is_for_its_hosts_over_https_only(address, sent):
    assert bool(tokens.authorization(address)) == sent


def test_an_address_of_the_datapool_is_read_where_it_would_redirect_to():
    name = "OPERA_L2_RTC-S1_T087-185679-IW2_20200101T161622Z_20250911T203016Z_S1A_30_v1.0"
    here = tokens.direct(f"https://datapool.asf.alaska.edu/RTC/OPERA-S1/{name}_VV.tif")
    assert here == (f"https://cumulus.asf.earthdatacloud.nasa.gov/OPERA/OPERA_L2_RTC-S1/{name}/{name}_VV.tif")
    assert tokens.direct("https://a.example/b.tif") == "https://a.example/b.tif"


@pytest.mark.parametrize("held", ["abc\ndef", "abc def", "abc\r\ndef", "ab\u00e9c"])
def test_a_variable_that_holds_no_token_is_named_and_never_shown(monkeypatch, held):
    monkeypatch.setenv(tokens.EARTHDATA_VARIABLE, held)
    with pytest.raises(OSError, match=tokens.EARTHDATA_VARIABLE) as caught:
        tokens.authorization("https://cumulus.asf.earthdatacloud.nasa.gov/a.tif")
    assert "abc" not in str(caught.value) and "def" not in str(caught.value)
    assert tokens.authorization("https://elsewhere.example/a.tif") == {}


def test_a_line_break_at_the_end_of_a_variable_is_none_of_the_token(monkeypatch):
    monkeypatch.setenv(tokens.EARTHDATA_VARIABLE, "a-token\r\n")
    sent = tokens.authorization("https://cumulus.asf.earthdatacloud.nasa.gov/a.tif")
    assert sent == {"Authorization": "Bearer a-token"}
