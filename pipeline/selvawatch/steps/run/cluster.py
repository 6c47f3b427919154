"""The tiles of a run on a dask cluster."""

import contextlib
import logging
import time

from distributed import Client, Future

from selvawatch.errors import SelvawatchError
from selvawatch.progress import Counter
from selvawatch.steps.tile.advance import advance_tile
from selvawatch.store.run_plan import RunPlan

log = logging.getLogger(__name__)

_PATIENCE = 20
"""Seconds a scheduler has to answer."""
_STEP_S = 1.0
"""Seconds between two checks of the cluster's workers, and most that a finished tile's answer may take."""
_DESERTED_S = 30.0
"""Seconds without any worker after which the tiles that are left are given up; a nanny starts one in less."""


def advance_on(address: str, run: RunPlan) -> tuple[dict[str, str], dict[str, str]]:
    """State by tile, and why it could not be brought up to the day by tile, from a cluster's workers.

    Workers must see the site, the store and a folder source under the same paths. A tile that fails, or
    that takes its worker down again and again, stops no other. Where the cluster loses its last worker and
    gets no other, or its scheduler goes away, the tiles that are not done have failed.

    address: of the scheduler, such as tcp://127.0.0.1:8786.

    Raises
    ------
    SelvawatchError
        When nothing answers there, or the cluster has no workers.
    """
    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise SelvawatchError(
            "the dask cluster does not answer",
            where=address,
            got=error,
            do="start `dask scheduler` and `dask worker`, and give the scheduler's address",
        ) from error
    with client:
        if not client.scheduler_info()["workers"]:
            raise SelvawatchError(
                "the dask cluster has no workers", where=address, do="start `dask worker ADDRESS`"
            )
        futures = {tile: client.submit(advance_tile, run, tile, pure=False) for tile in run.tiles}
        return _collected(client, address, futures)


def _collected(
    client: Client, address: str, futures: dict[str, Future]
) -> tuple[dict[str, str], dict[str, str]]:
    """State by tile and failure by tile, each fetched as soon as it is there: a worker may go with it."""
    states: dict[str, str] = {}
    failed: dict[str, str] = {}
    waiting, peopled = dict(futures), time.monotonic()
    counter = Counter(log, "tiles", len(futures))
    while waiting:
        with contextlib.suppress(TimeoutError):
            next(iter(waiting.values())).exception(_STEP_S)
        for tile, future in list(waiting.items()):
            with contextlib.suppress(TimeoutError):
                _collect(tile, future, states, failed)
        known = states.keys() | failed.keys()
        counter.add(len(waiting.keys() & known))
        waiting = {tile: future for tile, future in waiting.items() if tile not in known}
        if client.scheduler_info()["workers"]:
            peopled = time.monotonic()
        elif time.monotonic() - peopled > _DESERTED_S:
            why = SelvawatchError(
                "the dask cluster lost its last worker", where=address, do="start `dask worker ADDRESS`"
            )
            failed |= dict.fromkeys(waiting, str(why))
            break
    return states, failed


def _collect(tile: str, future: Future, states: dict[str, str], failed: dict[str, str]) -> None:
    """Note what became of a tile, if it is known; TimeoutError when the answer went with its worker."""
    if future.status == "cancelled":
        failed[tile] = "the dask cluster's scheduler went away"
    elif future.status == "error":
        failed[tile] = _error_text(future.exception(_STEP_S))
    elif future.status == "finished":
        states[tile] = future.result(_STEP_S)


def _error_text(error: BaseException) -> str:
    """An error's text; where it is not one of our own, with its type."""
    return str(error) if isinstance(error, SelvawatchError) else f"{type(error).__name__}: {error}"
