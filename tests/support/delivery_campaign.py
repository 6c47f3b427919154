"""Many deliveries to servers that fail at every second attempt, their senders killed in the middle."""

import contextlib
import os
import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from conftest import ROOT
from made_deliveries import BEGIN, DAY_S, MadeStore, events
from post_office import SECRET, TOKEN, Mailbox, Received, hook_server, mail_server
from selvawatch.deliver import telegram, webhook
from selvawatch.deliver.delivery_ledger import DELIVERED, PENDING, SENDING, UNCERTAIN
from selvawatch.site import Site
from selvawatch.steps.delivery import deliveries
from selvawatch.web.retry import RetryRule

SHARES = {"email": 0.4, "webhook": 0.3, "telegram": 0.2, "folder": 0.1}
"""Share of the recipients by kind of channel."""
MAIL_FAULTS = ("busy", "lost", "busy-at-end", "drop-in-data")
HOOK_FAULTS = ("status-503", "lost", "dead", "busy-long")
KNOWN_AGAIN = ("webhook", "folder")


@dataclass
class Campaign:
    """What became of all deliveries of a campaign."""

    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Messages by kind of channel and state."""
    wrong: list[str] = field(default_factory=list)
    """Messages that came twice, that did not come and are told as delivered, or that nobody is told of."""
    kills: int = 0
    attempts: int = 0
    seconds: float = 0.0

    @property
    def line(self) -> str:
        """For people."""
        states = ", ".join(f"{kind} {state} {count}" for (kind, state), count in sorted(self.states.items()))
        return f"{self.attempts} attempts, {self.kills} kills, {self.seconds:.0f} s: {states}"


def every_second(faults: tuple[str, ...]) -> Callable[[int], str]:
    """A fault at every second attempt, each kind in turn."""
    return lambda count: faults[count // 2 % len(faults)] if count % 2 else ""


def campaign(folder: Path, count: int, kills: int, seed: int = 1) -> Campaign:
    """Send one digest to so many recipients, killing the sender so often; what became of each."""
    began, draws = time.monotonic(), random.Random(seed)
    made = MadeStore(folder).create()
    made.run(events({}, {"status": "confirmed"}))
    site, done = Site.load(ROOT), Campaign()
    senders = [Sender(folder, number, site) for number in range(kills + 1)]  # before any server has a thread
    numbers = list(range(count))
    ends = [round(count * sum(list(SHARES.values())[: n + 1])) for n in range(len(SHARES))]
    kinds = {n: list(SHARES)[next(k for k, end in enumerate(ends) if n < end)] for n in numbers}
    with (
        contextlib.ExitStack() as ended,
        mail_server(folder, every_second(MAIL_FAULTS)) as box,
        hook_server(every_second(HOOK_FAULTS)) as hook,
    ):
        for sender in senders:
            ended.callback(sender.stop)
        made.subscribe(_subscriptions(folder, kinds, box, hook))
        for number, sender in enumerate(senders):
            for n in numbers[:: 1 if number else 2]:
                (folder / f"drop{n}").mkdir(exist_ok=True)
            if sender is senders[-1]:
                sender.finish()
                break
            after = draws.randrange(count // 20, count // 8) if number else count // 3
            end = box.attempts + hook.attempts + after
            done.kills += sender.kill_once(lambda end=end: box.attempts + hook.attempts >= end)
        done.attempts = box.attempts + hook.attempts
        _judge(made, kinds, box, hook, done)
    done.seconds = time.monotonic() - began
    return done


class Sender:
    """A process that sends once it is begun, forked with all that it needs loaded."""

    def __init__(self, folder: Path, number: int, site: Site) -> None:
        self._log = folder / f"sender{number}.log"
        waits, self._begin = os.pipe()
        self._pid = os.fork()
        if self._pid:
            os.close(waits)
            return
        code = 1
        try:
            if os.read(waits, 1):
                send(folder, number, site)
            code = 0
        except BaseException:
            self._log.write_text(traceback.format_exc())
        finally:
            os._exit(code)

    def kill_once(self, is_time: Callable[[], bool]) -> bool:
        """Begin, and kill it (SIGKILL) once it is time; whether it was killed before it ended."""
        os.write(self._begin, b"x")
        while True:
            if is_time():
                os.kill(self._pid, signal.SIGKILL)
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._pid = 0
                return self._ended(status)
            time.sleep(0.0005)

    def finish(self) -> None:
        """Begin, and wait for its end."""
        os.write(self._begin, b"x")
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        assert not self._ended(status)

    def stop(self) -> None:
        """Leave no process behind."""
        os.close(self._begin)
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)

    def _ended(self, status: int) -> bool:
        """Whether it was killed; what went wrong in it is raised."""
        if os.WIFSIGNALED(status):
            return True
        if os.WEXITSTATUS(status):
            raise AssertionError(self._log.read_text())
        return False


def _subscriptions(folder: Path, kinds: dict[int, str], box: Mailbox, hook: Received) -> str:
    """A subscription for each number, by its kind of channel."""
    mail = "\n".join(f'{key} = "{text}"' for key, text in box.settings(timeout_s="20").items())
    recipients = {
        "email": "r{n}@example.org",
        "webhook": f"{hook.address}/r{{n}}",
        "telegram": "77{n}",
        "folder": f"{folder}/drop{{n}}",
    }
    channels = f"""
[channels.email]
kind = "email"
{mail}
[channels.webhook]
kind = "webhook"
secret = "{SECRET}"
private_host = "127.0.0.1"
[channels.telegram]
kind = "telegram"
token = "{TOKEN}"
api = "{hook.address}"
private_host = "127.0.0.1"
[channels.folder]
kind = "folder"
"""
    return channels + "".join(
        f'[[subscription]]\nname = "r{n}"\nchannel = "{kind}"\nto = "{recipients[kind].format(n=n)}"\n'
        for n, kind in kinds.items()
    )


def _judge(made: MadeStore, kinds: dict[int, str], box: Mailbox, hook: Received, done: Campaign) -> None:
    """Hold what the ledger says of each message against what its recipient has."""
    mails, chats = box.ids(), Counter(chat for chat, _ in hook.chats)
    rows = made.ledger.messages()
    if len(rows) != len(kinds):
        done.wrong.append(f"{len(rows)} messages for {len(kinds)} recipients")
    folders = Counter(path.name for path in made.folder.glob("drop*/[!.]*"))
    came = {
        "email": lambda row: mails[f"<{row.key}@example.org>"],
        "webhook": lambda row: int(row.key in hook.bodies),
        "folder": lambda row: folders[row.key],
    }
    for row in rows:
        done.states[row.channel, row.state] += 1
        if row.channel == "telegram":
            continue
        count = came[row.channel](row)
        fits = count == 1 if row.state == DELIVERED else count <= 1 and row.state == UNCERTAIN
        if not fits or (row.state == UNCERTAIN and row.channel in KNOWN_AGAIN):
            done.wrong.append(f"{row.channel} {row.key}: {row.state}, came {count} times: {row.detail}")
    done.wrong += [f"chat {chat} got {count}" for chat, count in chats.items() if count > 1]
    told = sum(row.channel == "telegram" and row.state == DELIVERED for row in rows)
    lost = sum(row.channel == "telegram" and row.state == UNCERTAIN for row in rows)
    if not told <= len(chats) <= told + lost:
        done.wrong.append(
            f"{len(chats)} chats have a message, {told} are told as delivered, {lost} as uncertain"
        )
    if hook.unsigned:
        done.wrong.append(f"{len(hook.unsigned)} webhooks are not signed")


def send(folder: Path, number: int, site: Site) -> None:
    """Pass after pass, some time apart, until nothing waits any more: what a sender does."""
    webhook.RULE = RetryRule(tries=3, wait_s=0.001, longest_wait_s=0.01)
    telegram.RULE = replace(telegram.RULE, wait_s=0.001)
    deliveries.site_of_store = lambda *_: contextlib.nullcontext(site)  # type: ignore[assignment]
    made = MadeStore(folder)
    for turn in range(100):
        made.now_s = BEGIN * DAY_S + (100 * number + turn) * 90_000.0
        made.deliver()
        if not made.ledger.messages(PENDING, SENDING):
            return
    raise AssertionError("messages wait for ever")
