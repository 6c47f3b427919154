"""Whether a run has what it needs around it: versions of libraries, keys of sources, Prefect's server."""

import importlib.metadata
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from selvawatch.errors import SelvawatchError
from selvawatch.health.finding import Finding, doubtful, fine, wrong
from selvawatch.provenance import code_version
from selvawatch.sources.catalogues.public_archives import ARCHIVES, collections_of
from selvawatch.sources.open import open_source
from selvawatch.web.client import get
from selvawatch.web.guarded import trust
from selvawatch.web.retry import PassingError, StatusError

_BROKEN = {"fastapi": (0, 155), "sqlalchemy": (2, 1)}
"""First versions with which Prefect's server or its scheduler fails."""

PREFECT_VARIABLE = "PREFECT_API_URL"
"""Variable of the environment that holds the address of Prefect's server."""
_PREFECT_S = 3.0


def version_findings() -> Iterator[Finding]:
    """The program's version, and those of libraries that are known to break it."""
    yield fine(f"selvawatch {code_version()}")
    for name, broken in _BROKEN.items():
        found = importlib.metadata.version(name)
        numbers = tuple(int(part) for part in found.split(".")[:2])
        if numbers < broken:
            yield fine(f"{name} {found}")
        else:
            needed = f"needed below {'.'.join(map(str, broken))}: install with constraints.txt"
            yield wrong(f"{name} {found}", needed)


def source_finding(sensor: str, source: str) -> Finding:
    """Whether a sensor's source can be opened, and whether the keys it needs are set; never their values."""
    if source in ARCHIVES:
        return _archive(sensor, source)
    if source == "earthengine":
        return _earth_engine(sensor)
    try:
        open_source(source)
    except (SelvawatchError, OSError, ValueError) as error:
        return wrong(f"source of {sensor}: {error}", "correct it in [sources]")
    kind = source.partition(":")[0]
    return fine(f"source of {sensor}: {kind}, no key needed that this program knows of")


def _archive(sensor: str, source: str) -> Finding:
    if sensor not in collections_of(source):
        kept = " or ".join(sorted(collections_of(source)))
        return wrong(f"source of {sensor}: {source} keeps none of it that can be read, but {kept}")
    variable = ARCHIVES[source].keys.get(sensor, "")
    if not variable:
        return fine(f"source of {sensor}: {source}, no key needed")
    if os.environ.get(variable):
        return fine(f"source of {sensor}: {source}, its key is set ({variable})")
    until = "its scenes are listed and not read" if ARCHIVES[source].finds_without else "it is not searched"
    return doubtful(
        f"source of {sensor}: {source}, its key is not set ({variable})",
        f"get one from {source} and set {variable}; until then {until}",
    )


def _earth_engine(sensor: str) -> Finding:
    """Credentials that Google's libraries would find, by whether their files are there."""
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    config = os.environ.get("CLOUDSDK_CONFIG") or str(Path.home() / ".config" / "gcloud")
    path = Path(named or Path(config) / "application_default_credentials.json")
    do = "set GOOGLE_APPLICATION_CREDENTIALS to a key file and EARTHENGINE_PROJECT to a project"
    if not path.is_file():
        why = "names no file" if named else "is not set, and no default credentials are there"
        return doubtful(
            f"source of {sensor}: earthengine, no credentials (GOOGLE_APPLICATION_CREDENTIALS {why})", do
        )
    if not (os.environ.get("EARTHENGINE_PROJECT") or os.environ.get("GOOGLE_CLOUD_PROJECT")):
        return doubtful(
            f"source of {sensor}: earthengine, credentials are there, no project is named",
            "set EARTHENGINE_PROJECT, unless the credentials name one",
        )
    return fine(f"source of {sensor}: earthengine, credentials and project are set")


def prefect_finding() -> Finding:
    """Whether Prefect's server answers, where its address is set; what stands before a host is not shown."""
    address = os.environ.get(PREFECT_VARIABLE, "")
    if not address:
        return fine(f"Prefect: {PREFECT_VARIABLE} is not set; only `serve` needs it")
    do = f"start `prefect server start`, or correct {PREFECT_VARIABLE}"
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError("needed an address such as http://127.0.0.1:4200/api")
        trust(host)
        get(f"{address.rstrip('/')}/health", headers={}, timeout_s=_PREFECT_S, redirects=0)
    except (PassingError, StatusError, OSError, ValueError) as error:
        shown = "its address" if isinstance(error, ValueError) else f"{host}{port}"
        return doubtful(f"Prefect: no server answers at {shown} ({type(error).__name__})", do)
    return fine(f"Prefect: the server at {host}{port} answers")
