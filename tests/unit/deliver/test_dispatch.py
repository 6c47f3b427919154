"""What a ledger of deliveries says after each way in which an attempt may end, a crash among them."""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from selvawatch.deliver import CHANNELS, Attachment, ChannelKind, Delivery, Message, Receipt
from selvawatch.deliver.delivery_ledger import (
    CLOSED,
    DELIVERED,
    PENDING,
    REFUSED,
    SENDING,
    UNCERTAIN,
    DeliveryLedger,
    DeliveryRow,
    MessageRow,
    key_of,
)  # fmt: skip
from selvawatch.deliver.dispatch import WAITS_S, Route, close, recover, send_again, send_due
from selvawatch.errors import DeliveryError

FILE = Attachment(name="a.csv", media_type="text/csv", content=b"\x00\xff")


@dataclass
class Script:
    """A channel that answers as it is written, and crashes where it says so."""

    answers: list = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> Receipt:
        self.sent.append(message)
        answer = self.answers.pop(0) if self.answers else Receipt(state=Delivery.DELIVERED)
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def script(monkeypatch):
    """Two kinds of channel, one whose other side knows a key again, one without."""
    made = Script()

    def make(_settings: Mapping[str, str]) -> Script:
        return made

    for name, again in (("keyed", True), ("plain", False)):
        kind = ChannelKind(make=make, check=lambda *_: None, is_idempotent=again)
        monkeypatch.setitem(CHANNELS, name, kind)
    return made


@pytest.fixture
def ledger(tmp_path):
    made = DeliveryLedger(tmp_path / "deliveries.sqlite")
    made.begin("check")
    return made


ROUTES = {
    kind: Route(channel=kind, kind=kind, settings={}, recipient=f"{kind}@x", name=kind)
    for kind in ("plain", "keyed")
}


def plan(ledger, kind="plain", number=1, **row):
    key = key_of(kind, "digest", "run1", [str(number)])
    planned = MessageRow(
        key=key,
        recipient=kind,
        channel=kind,
        kind="digest",
        run_id="run1",
        planned_s=number,
        changed_s=0,
        next_s=0,
        **row,
    )
    message = Message(key=key, subject=f"s{number}", text="t", attachments=(FILE,))
    alert = DeliveryRow(
        recipient=kind, alert_id=f"E{number}.v1", event_id="E", version=1, status="confirmed", ha=1.5
    )
    assert ledger.plan(planned, message, [alert])
    return key


def tries(ledger, now_s=10.0):
    return [row.state for row in send_due(ledger, ROUTES, lambda: now_s)]


def state(ledger, key):
    return next(row for row in ledger.messages() if row.key == key)


def test_a_planned_message_goes_once_as_it_was_planned_and_its_content_goes_with_it(ledger, script):
    key = plan(ledger)
    assert tries(ledger) == [DELIVERED] and tries(ledger) == []
    (sent,) = script.sent
    assert (sent.key, sent.recipient, sent.subject, sent.attachments) == (key, "plain@x", "s1", (FILE,))
    with pytest.raises(DeliveryError, match="is gone"):
        ledger.content(key, "x")
    assert ledger.path.stat().st_mode & 0o777 == 0o600


def test_a_key_is_planned_once_and_an_alert_version_goes_to_a_recipient_in_one_message(ledger):
    key = plan(ledger)
    row, message = state(ledger, key), Message(key=key, subject="other", text="other")
    assert not ledger.plan(row, message)
    assert ledger.content(key, "x").subject == "s1"
    other = replace(row, key="other")
    with pytest.raises(DeliveryError, match="UNIQUE"):
        ledger.plan(other, replace(message, key="other"), ledger.deliveries("plain"))
    assert [one.key for one in ledger.messages()] == [key]


@pytest.mark.parametrize(("kind", "left", "sent"), [("plain", UNCERTAIN, 1), ("keyed", PENDING, 2)])
def test_a_crash_in_an_attempt_is_sent_again_only_where_the_key_is_known(ledger, script, kind, left, sent):
    key = plan(ledger, kind)
    script.answers = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        tries(ledger)
    assert state(ledger, key).state == SENDING and tries(ledger) == []
    assert [row.state for row in recover(ledger, 20.0)] == [left]
    tries(ledger, 30.0)
    assert len(script.sent) == sent and recover(ledger, 40.0) == []
    assert {message.key for message in script.sent} == {key}


@pytest.mark.parametrize(("kind", "left"), [("plain", UNCERTAIN), ("keyed", PENDING)])
def test_a_lost_answer_is_never_repeated_unseen(ledger, script, kind, left):
    key = plan(ledger, kind)
    script.answers = [Receipt(state=Delivery.UNCERTAIN, detail="lost")]
    assert tries(ledger) == [left] and state(ledger, key).detail == "lost"
    assert tries(ledger, 10.0 + WAITS_S[0] - 1) == []
    assert tries(ledger, 10.0 + WAITS_S[0]) == ([DELIVERED] if left == PENDING else [])


def test_what_is_deferred_waits_longer_each_time_as_long_as_it_is_asked_and_ends_as_a_dead_letter(
    ledger, script
):
    key = plan(ledger)
    script.answers = [
        Receipt(state=Delivery.DEFERRED, detail="busy", wait_s=5000.0 * (n == 0)) for n in range(20)
    ]
    now_s, waits = 0.0, []
    while state(ledger, key).state == PENDING:
        tries(ledger, now_s)
        waits.append(state(ledger, key).next_s - now_s)
        now_s = state(ledger, key).next_s
    assert waits == [5000.0, *WAITS_S[1:], 0.0]
    assert (state(ledger, key).state, state(ledger, key).attempts) == (REFUSED, 8)
    assert ledger.content(key, "x").text == "t"


def test_a_keyed_message_whose_answers_are_all_lost_ends_uncertain(ledger, script):
    key = plan(ledger, "keyed")
    script.answers = [Receipt(state=Delivery.UNCERTAIN)] * 8
    for number in range(8):
        tries(ledger, 1e6 * (number + 1))
    assert state(ledger, key).state == UNCERTAIN


def test_a_fault_of_the_channel_stops_its_other_messages_for_now_and_is_no_attempt_of_them(ledger, script):
    keys = [plan(ledger, "plain", number) for number in range(3)] + [plan(ledger, "keyed", 9)]
    script.answers = [Receipt(state=Delivery.DEFERRED, blocked=True)]
    assert tries(ledger) == [PENDING, DELIVERED]
    assert [state(ledger, key).attempts for key in keys] == [0, 0, 0, 1]
    for number in range(20):
        script.answers = [Receipt(state=Delivery.DEFERRED, blocked=True)]
        tries(ledger, 1e6 * (number + 1))
    assert [state(ledger, key).state for key in keys[:3]] == [PENDING] * 3
    assert tries(ledger, 1e8) == [DELIVERED] * 3


def test_what_a_channel_cannot_carry_is_a_dead_letter_and_stops_no_other(ledger, script):
    keys = [plan(ledger, "plain", number) for number in range(2)]
    script.answers = [DeliveryError("the text is too long")]
    assert tries(ledger) == [REFUSED, DELIVERED]
    assert state(ledger, keys[0]).detail == "the text is too long"


def test_a_recipient_that_no_subscription_names_any_more_waits(ledger):
    key = plan(ledger)
    assert list(send_due(ledger, {}, lambda: 10.0)) == []
    assert state(ledger, key).state == PENDING


@pytest.mark.parametrize("last", [UNCERTAIN, REFUSED])
def test_a_person_sends_again_or_gives_up_and_nothing_else_does(ledger, script, last):
    again, given_up = plan(ledger, "plain", 1), plan(ledger, "plain", 2)
    script.answers = [Receipt(state=Delivery(last))] * 2
    tries(ledger)
    assert tries(ledger, 1e9) == []
    send_again(ledger, again[:12], 50.0)
    close(ledger, given_up, 50.0)
    assert tries(ledger, 60.0) == [DELIVERED]
    assert Counter(message.key for message in script.sent) == {again: 2, given_up: 1}
    assert state(ledger, given_up).state == CLOSED
    for key, said in ((again, "no such"), ("", "no such"), ("zz", "no such")):
        with pytest.raises(DeliveryError, match=said):
            close(ledger, key, 70.0)


def test_an_ambiguous_key_is_refused(ledger):
    keys = [plan(ledger, "plain", number) for number in range(40)]
    common = next(key[0] for key in keys if sum(other[0] == key[0] for other in keys) > 1)
    with pytest.raises(DeliveryError, match="several messages begin so"):
        send_again(ledger, common, 1.0)


def test_a_damaged_ledger_or_content_is_one_line_and_sends_nothing(ledger, script):
    key = plan(ledger)
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("UPDATE messages SET content = x'00'")
    connection.close()
    assert tries(ledger) == [REFUSED] and script.sent == []
    assert "damaged" in state(ledger, key).detail
    for content in (b"", b"no database at all" * 100):
        ledger.path.write_bytes(content)
        with pytest.raises(DeliveryError, match="cannot be used") as error:
            ledger.messages()
        assert len(str(error.value).splitlines()) == 1 and len(ledger.faults()) == 1


def test_a_ledger_of_another_version_is_refused(ledger):
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("UPDATE meta SET value = '2' WHERE key = 'version'")
    connection.close()
    with pytest.raises(DeliveryError, match="another version"):
        ledger.messages()


def test_a_ledger_that_is_not_there_has_nothing_and_reading_makes_none(tmp_path):
    absent = DeliveryLedger(tmp_path / "deliveries.sqlite")
    assert absent.messages() == absent.deliveries("r") == absent.faults() == []
    assert (absent.last_digest("r"), absent.check()) == (None, "")
    assert list(tmp_path.iterdir()) == []
