"""The environment of a service account for a loopback Earth Engine; nothing of it outlives its use."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import ee
import pytest

import earthengine_server
from selvawatch.sources.earthengine import pixels


@contextlib.contextmanager
def engine_account(
    patch: pytest.MonkeyPatch, folder: Path
) -> Iterator[Callable[[earthengine_server.Served], earthengine_server.Served]]:
    """Gives what turns the environment to a server, with a key file in a folder."""
    pixels._begin.cache_clear()
    patch.setenv("NO_GCE_CHECK", "true")
    patch.setenv("EE_CLOUD_API_VERSION", earthengine_server.VERSION)
    patch.delenv("EARTHENGINE_PROJECT", raising=False)

    def enter(served: earthengine_server.Served) -> earthengine_server.Served:
        path = earthengine_server.account().write(folder / "key.json", served.address)
        patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        patch.setenv("EARTHENGINE_URL", served.address)
        return served

    try:
        yield enter
    finally:
        pixels._begin.cache_clear()
        ee.Reset()
