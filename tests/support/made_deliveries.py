"""A store with made-up runs, and subscriptions to it: what deliveries need, without a pixel."""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd

from conftest import ROOT
from selvawatch.core.days import to_day
from selvawatch.core.tables import ALERTS
from selvawatch.core.tier import Tier
from selvawatch.deliver.delivery_ledger import DeliveryLedger
from selvawatch.site import Site
from selvawatch.steps.delivery.deliveries import DeliveryPass, DeliveryRequest, deliver_store
from selvawatch.steps.run.commit import alert_rows
from selvawatch.store.folders import Store, new_folder
from selvawatch.store.ledger import RunRow
from selvawatch.store.site_copy import keep_site_copy
from selvawatch.write import tiers
from write_data import OPEN_RULE, alerts

DAY_S = 86_400.0
BEGIN = to_day("2026-07-01")
"""Day of the first made-up run."""


def events(*rows: Mapping[str, object]) -> gpd.GeoDataFrame:
    """ALERTS with a row for each set of columns; what is not given is plain."""
    plain: dict[str, Callable[[int], object]] = {
        "event_id": lambda n: f"EV-{n}",
        "version": lambda _: 1,
        "status": lambda _: "provisional",
        "change": lambda _: "new",
        "cause": lambda _: "mining",
        "ha": lambda n: 1.0 + n,
        "rank": lambda n: n + 1,
        "area_name": lambda _: "la-pampa",
        "protected": lambda _: "out",
        "protected_name": lambda _: None,
        "native_community": lambda _: None,
        "zones": lambda _: "corridor",
        "combination": lambda _: "mining+corridor",
        "exclusive_class": lambda _: "mining",
        "withdrawn_reason": lambda _: None,
    }
    columns = {name: [row.get(name, make(n)) for n, row in enumerate(rows)] for name, make in plain.items()}
    ids = [
        f"{event}.v{version}" for event, version in zip(columns["event_id"], columns["version"], strict=True)
    ]
    return alerts(len(rows), alert_id=ids, **columns)


@dataclass(slots=True)
class MadeStore:
    """A store beside which subscriptions lie, and the clock that deliveries go by."""

    folder: Path
    now_s: float = BEGIN * DAY_S
    report: dict[str, object] = field(default_factory=lambda: {"failed": {}, "tiles": 1, "stale": {}})

    @property
    def store(self) -> Store:
        return Store(self.folder / "store")

    @property
    def ledger(self) -> DeliveryLedger:
        return self.store.deliveries

    @property
    def file(self) -> Path:
        return self.folder / "subscriptions.toml"

    def create(self) -> "MadeStore":
        """Make the store, whose site is the packaged one."""
        self.store.folder.mkdir(parents=True)
        self.store.ledger.create()
        keep_site_copy(self.store, Site.load(ROOT))
        return self

    def run(self, frame: gpd.GeoDataFrame) -> str:
        """Commit a run up to today that published these alerts, and return its id."""
        sequence = len(self.store.ledger.runs()) + 1
        name, day = f"run{sequence}", int(self.now_s // DAY_S)
        with new_folder(self.store.run(name)) as part:
            for tier in (Tier.PUBLIC, Tier.RESTRICTED):
                released = tiers.apply(ALERTS, frame, tiers.Gate(tier=tier, rule=OPEN_RULE, data_day=day))
                folder = part / tier.name.lower()
                folder.mkdir()
                released.frame.to_parquet(folder / "alerts.parquet", index=False)
                for code in ("es", "en"):
                    page = folder / f"bulletin-{code}.html"
                    page.write_text(f"<p>bulletin-{code} {tier.name.lower()}</p>")
        run = RunRow(sequence=sequence, run_id=name, area="la-pampa", until_day=day, result=self.report)
        known = {row.alert_id for row in self.store.ledger.alerts()}
        rows = [row for row in alert_rows(frame) if row.alert_id not in known]
        self.store.ledger.commit(run, tiles=[], scenes=[], alerts=rows)
        return name

    def subscribe(self, text: str) -> Path:
        """Write the subscriptions, for their owner alone."""
        self.file.write_text(text, encoding="utf-8")
        os.chmod(self.file, stat.S_IRUSR | stat.S_IWUSR)  # noqa: PTH101
        return self.file

    def wait(self, days: float) -> None:
        """Let days pass."""
        self.now_s += days * DAY_S

    def deliver(self, *, dry_run: bool = False, **request: object) -> DeliveryPass:
        """One pass."""
        asked = DeliveryRequest(
            store=str(self.store.folder),
            site=ROOT,
            clock=lambda: self.now_s,
            **request,  # type: ignore[arg-type]
        )
        return deliver_store(asked, dry_run=dry_run)
