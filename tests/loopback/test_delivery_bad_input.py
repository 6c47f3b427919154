"""Servers and subscriptions that are wrong: one line, nothing lost, nothing sent twice."""

import contextlib
import shutil
from dataclasses import replace

import pytest

from conftest import ROOT
from made_deliveries import MadeStore, events
from post_office import SECRET, hook_server, mail_server
from selvawatch.deliver import webhook
from selvawatch.deliver.delivery_ledger import DELIVERED, PENDING, REFUSED, UNCERTAIN
from selvawatch.errors import DeliveryError
from selvawatch.site import Site
from selvawatch.steps.delivery import deliveries

MINUTE = 1 / 1440
READER = '[[subscription]]\nname = "ranger"\nchannel = "way"\nto = "{}"\nlanguage = "en"\n'


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    store = MadeStore(tmp_path_factory.mktemp("made")).create()
    store.run(events({}, {"status": "confirmed", "ha": 12.3}))
    return store, Site.load(ROOT)


@pytest.fixture
def made(first_run, tmp_path, monkeypatch):
    store, site = first_run
    shutil.copytree(store.store.folder, tmp_path / "store")
    monkeypatch.setattr(deliveries, "site_of_store", lambda *_: contextlib.nullcontext(site))
    monkeypatch.setattr(webhook, "RULE", replace(webhook.RULE, tries=1))
    return MadeStore(tmp_path)


def by_mail(box, to="ranger@example.org", **more):
    settings = "\n".join(f'{key} = "{text}"' for key, text in box.settings(timeout_s="0.4", **more).items())
    return f'[channels.way]\nkind = "email"\n{settings}\n{READER.format(to)}'


def passes(made, *waits):
    """What becomes of the one message in a pass, and in those after so many minutes each."""
    found = []
    for minutes in (0, *waits):
        made.wait(minutes * MINUTE)
        found += [(sent.row.state, sent.line) for sent in made.deliver().sent]
    return found


@pytest.mark.parametrize("fault", ["busy", "busy-at-end", "hang"])
def test_a_mail_server_that_fails_and_then_accepts_has_the_digest_once(made, fault):
    with mail_server(made.folder, lambda count: fault if count <= 2 else "") as box:
        made.subscribe(by_mail(box))
        found = passes(made, 2, 10, 40, 200)
        assert [state for state, _ in found] == [PENDING, PENDING, DELIVERED]
        assert all(len(line.splitlines()) == 1 and "ranger@" not in line for _, line in found)
        assert list(box.ids().values()) == [1] and box.attempts == 3


def test_a_server_that_drops_in_the_middle_of_a_message_has_it_once_at_most_or_it_is_told(made):
    with mail_server(made.folder, lambda count: "drop-in-data" if count <= 2 else "") as box:
        made.subscribe(by_mail(box))
        *earlier, (last, line) = passes(made, 2, 10, 40)
        assert {state for state, _ in earlier} <= {PENDING} and last in (DELIVERED, UNCERTAIN)
        assert list(box.ids().values()) == [1] * (last == DELIVERED) and len(line.splitlines()) == 1


def test_an_answer_that_is_lost_after_the_message_is_uncertain_and_not_sent_again_by_itself(made):
    with mail_server(made.folder, lambda _: "lost") as box:
        made.subscribe(by_mail(box))
        assert [state for state, _ in passes(made, 2, 10, 40, 2000)] == [UNCERTAIN]
        assert list(box.ids().values()) == [1]


def test_a_bad_address_is_a_dead_letter_of_one_line_that_stops_nobody_else(made):
    with mail_server(made.folder, lambda count: "nobody" if count == 1 else "") as box:
        other = READER.format("b@example.org").replace('"ranger"', '"other"')
        made.subscribe(by_mail(box, "a@example.org") + other)
        found = passes(made, 2, 10)
        assert sorted(state for state, _ in found) == [DELIVERED, REFUSED]
        assert [to for to, _ in box.messages] != [] and sum(box.ids().values()) == 1
        made.subscribe(by_mail(box, "no address at all"))
        with pytest.raises(DeliveryError, match="ranger: the recipient is no address") as refused:
            made.deliver()
        assert "no address at all" not in str(refused.value) and "\n" not in str(refused.value)


def test_a_refused_login_loses_nothing_and_takes_no_try_of_the_message(made):
    with mail_server(made.folder) as box:
        made.subscribe(by_mail(box, password="wrong"))
        found = passes(made, *[2000] * 10)
        assert {state for state, _ in found} == {PENDING} and len(found) == 11 and box.messages == []
        made.subscribe(by_mail(box))
        assert [state for state, _ in passes(made, 2000)] == [DELIVERED]
        assert list(box.ids().values()) == [1]


@pytest.mark.parametrize("fault", ["status-503", "dead", "lost"])
def test_a_receiver_that_fails_and_then_accepts_has_a_key_once(made, fault):
    with hook_server(lambda count: fault if count <= 1 else "") as hook:
        way = f'[channels.way]\nkind = "webhook"\nsecret = "{SECRET}"\nprivate_host = "127.0.0.1"\n'
        made.subscribe(way + READER.format(f"{hook.address}/x"))
        found = passes(made, 2, 10, 40)
        assert found[-1][0] == DELIVERED and len(hook.bodies) == 1
        assert all(len(line.splitlines()) == 1 and hook.address not in line for _, line in found)


def test_the_restricted_tier_goes_over_no_plain_http_and_nothing_is_sent_to_anybody(made):
    with hook_server() as hook:
        way = f'[channels.way]\nkind = "webhook"\nsecret = "{SECRET}"\nprivate_host = "127.0.0.1"\n'
        open_reader = READER.format(f"{hook.address}/open").replace('"ranger"', '"open"')
        made.subscribe(way + open_reader + READER.format(f"{hook.address}/x") + 'tier = "restricted"\n')
        with pytest.raises(DeliveryError, match="ranger: the restricted tier goes over no plain") as wrong:
            made.deliver()
        assert hook.address not in str(wrong.value) and "\n" not in str(wrong.value)
        assert hook.attempts == 0 and not made.ledger.is_there


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ('areas = ["atlantis"]', "areas: it is not there; got atlantis"),
        ('zones = ["atlantis"]', "zones: it is not there; got atlantis"),
        ('tier = "secret"', "tier: it is not there; got secret"),
        ('tier = "partner"', "tier: it is not there; got partner"),
        ('cadence = "hourly"', "cadence"),
    ],
)
def test_a_subscription_to_what_is_not_there_is_one_line_and_sends_nothing(made, wanted, said):
    with mail_server(made.folder) as box:
        made.subscribe(by_mail(box) + READER.format("b@example.org").replace('"ranger"', '"wrong"') + wanted)
        with pytest.raises(DeliveryError) as error:
            made.deliver()
        assert said in str(error.value) and len(str(error.value).splitlines()) == 1
        assert "@example.org" not in str(error.value) and box.attempts == 0 and not made.ledger.is_there
