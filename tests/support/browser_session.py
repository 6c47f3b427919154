"""One headless Chromium for many pages: where it is sent, what it says, what it runs, by DevTools' pipe."""

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_PATIENCE_S = 30.0


class BrowserSession:
    """A page that is sent from one address to the next; `complaints` collects what its console says."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._buffer, self._number, self._session = b"", 0, ""
        self._events: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        (target,) = [one for one in self.ask("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        attached = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What Chromium answers to a command; RuntimeError for an error of it."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._hear(answer)

    def open(self, address: str) -> None:
        """Go to an address and wait until it is loaded."""
        self._events.clear()
        done = self.ask("Page.navigate", url=address)
        if done.get("errorText"):
            raise RuntimeError(f"{address}: {done['errorText']}")
        until = time.monotonic() + _PATIENCE_S
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            assert time.monotonic() < until, f"{address} was not loaded"
            self._hear(self._next())

    def run(self, script: str) -> Any:
        """What an expression gives in the page, once its promise is kept."""
        done = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait_for(self, script: str) -> None:
        """Wait until an expression is true in the page."""
        until = time.monotonic() + _PATIENCE_S
        while not self.run(script):
            assert time.monotonic() < until, f"never true: {script}"
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """Press a key where the focus is."""
        code = {"Enter": 13, "Tab": 9}[key]
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        text = {"text": "\r"} if key == "Enter" else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **about, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **about)

    def narrow(self, width: int, height: int = 900) -> None:
        """Show pages as a screen of so many pixels does."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def _hear(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        about = event.get("params", {})
        if event.get("method") == "Log.entryAdded":
            self.complaints.append(str(about["entry"]["text"]))
        elif event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"]))
        elif event.get("method") == "Runtime.consoleAPICalled":
            self.complaints.append(str(about["args"]))

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + _PATIENCE_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, until - time.monotonic()))
            assert ready, "chromium says nothing"
            part = os.read(self._answers, 1 << 16)
            assert part, "chromium has ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


@contextmanager
def browsing(profile: Path) -> Iterator[BrowserSession]:
    """A Chromium that reaches loopback alone; the test is skipped where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    command_end, commands = os.pipe()
    answers, answer_end = os.pipe()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
    options += ["--disable-background-networking", "--disable-component-update", "--proxy-server=127.0.0.1:9"]
    options += [f"--user-data-dir={profile}", "about:blank"]
    shell = f'exec "$0" "$@" 3<&{command_end} 4>&{answer_end}'
    child = subprocess.Popen(
        ["bash", "-c", shell, program, *options],
        pass_fds=(command_end, answer_end),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(command_end)
    os.close(answer_end)
    try:
        yield BrowserSession(commands, answers)
    finally:
        os.close(commands)  # Chromium ends where its pipe does
        try:
            child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        os.close(answers)
        shutil.rmtree(profile, ignore_errors=True)
