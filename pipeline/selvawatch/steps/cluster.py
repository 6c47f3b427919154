"""The tiles of a run on a dask cluster."""

from distributed import Client

from selvawatch.errors import SelvawatchError
from selvawatch.steps.plan import RunPlan
from selvawatch.steps.tile import advance_tile

_PATIENCE = 20
"""Seconds a scheduler has to answer."""


def advance_on(address: str, run: RunPlan) -> tuple[dict[str, str], dict[str, str]]:
    """State by tile, and why it could not be brought up to the day by tile, from a cluster's workers.

    Workers must see the site, the store and a folder source under the same paths. A tile that fails, or
    that takes its worker down again and again, stops no other.

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
        wrong = {tile: future.exception() for tile, future in futures.items()}
        states = {tile: future.result() for tile, future in futures.items() if wrong[tile] is None}
    failed = {tile: str(error) for tile, error in wrong.items() if error is not None}
    return states, failed
