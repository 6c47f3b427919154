"""A headless Chromium without network, for tests of pages: what it says in its console, and a screenshot."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

_CONSOLE = re.compile(r":(?:INFO|WARNING|ERROR):CONSOLE:\d+\] (.*)")


def drawn(page: Path, profile: Path, *, width: int = 900) -> str:
    """The page's elements after its scripts have run, as HTML."""
    return _run(page, profile, f"--window-size={width},900", "--dump-dom").stdout


def console(page: Path, screenshot: Path, *, width: int = 900, height: int = 1400) -> list[str]:
    """Lines of the page's console; a screenshot is kept. The test is skipped where there is no Chromium."""
    screenshot.parent.mkdir(parents=True, exist_ok=True)
    size = f"--window-size={width},{height}"
    done = _run(page, screenshot.with_suffix(".profile"), size, f"--screenshot={screenshot}")
    return _CONSOLE.findall(done.stderr)


def _run(page: Path, profile: Path, *options: str) -> subprocess.CompletedProcess:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    fixed = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--hide-scrollbars",
        "--disable-background-networking",
        "--disable-component-update",
        "--enable-logging=stderr",
        "--v=0",
        "--proxy-server=127.0.0.1:9",  # a port nothing listens on: the network is off
        "--virtual-time-budget=4000",
        f"--user-data-dir={profile}",
    ]
    command = [program, *fixed, *options, page.resolve().as_uri()]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    finally:
        shutil.rmtree(profile, ignore_errors=True)
