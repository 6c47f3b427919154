"""How the layers of a register stand, in one sentence and in findings: at hand, missing, old, held back."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Protocol

from selvawatch.health.finding import Finding, doubtful, fine
from selvawatch.site import Site

NAMED = 4
"""Most layers that a finding names."""


class LayerReport(Protocol):
    """How a layer stands, as `steps.register.zones_status` tells it."""

    @property
    def layer(self) -> str:
        """Its name."""

    @property
    def date(self) -> dt.date | None:
        """Day of the snapshot in use; None: there is none."""

    @property
    def age_days(self) -> int | None:
        """Days since then; None: there is none."""

    @property
    def state(self) -> str:
        """Its state in words, `quarantined` among them where a snapshot is held back."""

    @property
    def by_hand(self) -> bool:
        """Whether no service is known."""


def layers_sentence(site: Site, reports: Sequence[LayerReport]) -> str:
    """How many layers are at hand, missing and old, and what to do first, as one sentence."""
    if not reports:
        return f"No layer is named in {site.config.zones}; first: add the layers that rights are told by."
    missing, old, held = _missing(reports), _old(site, reports), _held(reports)
    parts = [f"{len(reports) - len(missing)} of {len(reports)} layers are at hand"]
    parts += [f"{len(missing)} missing"] if missing else []
    parts += [f"{len(old)} older than {site.tables.old_layer_days} days"] if old else []
    parts += [f"{len(held)} with a snapshot held back"] if held else []
    step = _first_step(site, missing, old, held)
    return f"{', '.join(parts)}; {f'first: {step}' if step else 'nothing to do'}."


def layer_findings(site: Site, reports: Sequence[LayerReport], note: str) -> Iterator[Finding]:
    """What an operator must know of the layers and of fetching them.

    note: what stays empty for want of a layer; empty where nothing does.
    """
    missing, old, held = _missing(reports), _old(site, reports), _held(reports)
    if missing:
        yield doubtful(
            f"layers: {len(missing)} of {len(reports)} missing: {_names(missing)}",
            f"what they would say is unknown: {_to_get(site, missing)}",
        )
    if old:
        aged = ", ".join(f"{one.layer} ({one.date})" for one in old[:NAMED])
        yield doubtful(
            f"layers: {len(old)} older than {site.tables.old_layer_days} days: {aged}{_rest(old)}",
            _to_get(site, old),
        )
    if held:
        yield doubtful(
            f"layers: a snapshot is held back of {_names(held)}",
            f"compare it with the one before, then `selvawatch zones accept {held[0].layer}`",
        )
    if not (missing or old or held):
        yield fine(f"layers: {len(reports)} at hand, none older than {site.tables.old_layer_days} days")
    if note:
        yield doubtful(f"note: {note}")
    if site.manifest.contact:
        yield fine(f"contact: given in {site.config.zones}")
    else:
        yield doubtful(
            f"contact: none in {site.config.zones}",
            "write an e-mail or page of yours there: `selvawatch zones fetch` asks no service without it",
        )


def _first_step(
    site: Site,
    missing: Sequence[LayerReport],
    old: Sequence[LayerReport],
    held: Sequence[LayerReport],
) -> str:
    isolated = {one.name for one in site.manifest.layer if one.type == "isolated_peoples"}
    protected = [one for one in missing if one.layer in isolated]
    if protected:
        return f"{_to_get(site, protected)}, for without it the public bulletin stays empty"
    if missing:
        return _to_get(site, missing)
    if held:
        return f"see why {held[0].layer} is held back, then `selvawatch zones accept {held[0].layer}`"
    return _to_get(site, old) if old else ""


def _to_get(site: Site, reports: Sequence[LayerReport]) -> str:
    """How some layers are got: those of services by fetching, the others from files."""
    served = [one.layer for one in reports if not one.by_hand]
    by_hand = [one.layer for one in reports if one.by_hand]
    if not served:
        return f"`selvawatch zones import {by_hand[0]} FILE`" + (", and so on" if by_hand[1:] else "")
    contact = "" if site.manifest.contact else f"write `contact` in {site.config.zones}, then "
    named = f" {' '.join(served)}" if len(served) <= NAMED else ""
    return f"{contact}`selvawatch zones fetch{named}`" + (", others by `zones import`" if by_hand else "")


def _missing(reports: Sequence[LayerReport]) -> list[LayerReport]:
    return [one for one in reports if one.date is None]


def _old(site: Site, reports: Sequence[LayerReport]) -> list[LayerReport]:
    return [one for one in reports if (one.age_days or 0) > site.tables.old_layer_days]


def _held(reports: Sequence[LayerReport]) -> list[LayerReport]:
    return [one for one in reports if "quarantined" in one.state]


def _names(reports: Sequence[LayerReport]) -> str:
    return ", ".join(one.layer for one in reports[:NAMED]) + _rest(reports)


def _rest(reports: Sequence[LayerReport]) -> str:
    return f" and {len(reports) - NAMED} more" if len(reports) > NAMED else ""
