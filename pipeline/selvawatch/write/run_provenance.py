"""What every file of a run says of its making: the run, its days, the digests of its inputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from selvawatch.core.days import to_date


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The run that a product comes from."""

    run_id: str
    """Digest of the inputs."""
    since_day: int
    """First day of the period that the run reports on."""
    data_day: int
    """Last day of data; the date of every product."""
    version: str
    """Version of selvawatch."""
    digests: Mapping[str, str]
    """sha256 by name: scenes, model, areas, zones, parameters, code."""
    about: Mapping[str, str] = field(default_factory=dict)
    """Whose loss it is, and in which coordinates, by name."""

    @property
    def provenance(self) -> dict[str, str]:
        """What every product carries, as text by name."""
        dates = {
            "data_date": to_date(self.data_day).isoformat(),
            "since_date": to_date(self.since_day).isoformat(),
        }
        digests = {f"{name}_sha256": value for name, value in self.digests.items()}
        run = {"run_id": self.run_id, "version": self.version}
        return dict(sorted({**run, **dates, **digests, **self.about}.items()))
