"""The one table of colours: what each code looks like, in rasters, pictures, maps and pages."""

from dataclasses import dataclass

from selvawatch.core.status import Confidence, Reason, Status

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swatch:
    """One code of a legend."""

    code: int
    colour: Rgb
    opaque: bool = True
    """False: drawn as nothing."""
    label: str
    """English; the id of the label in the catalogues of `write.language`."""

    @property
    def css(self) -> str:
        """The colour as `#rrggbb`."""
        return "#{:02x}{:02x}{:02x}".format(*self.colour)


def _swatch(code: int, colour: Rgb, label: str, opaque: bool = True) -> Swatch:
    return Swatch(code=int(code), colour=colour, opaque=opaque, label=label)


LEGENDS: dict[str, tuple[Swatch, ...]] = {
    "status": (
        _swatch(Status.NONE, (226, 236, 224), "no sign of loss"),
        _swatch(Status.PROVISIONAL, (240, 173, 78), "provisional"),
        _swatch(Status.CONFIRMED, (176, 42, 48), "confirmed"),
        _swatch(Status.WITHDRAWN, (120, 144, 168), "withdrawn"),
        _swatch(Status.CLOSED, (96, 57, 44), "closed"),
        _swatch(Status.DIEBACK, (168, 162, 60), "slow fall, no alert"),
        _swatch(Status.NODATA, (255, 255, 255), "not monitored", opaque=False),
    ),
    "confidence": (
        _swatch(Confidence.NONE, (226, 236, 224), "none"),
        _swatch(Confidence.LOW, (240, 173, 78), "low"),
        _swatch(Confidence.HIGH, (205, 84, 52), "high"),
        _swatch(Confidence.HIGHEST, (142, 24, 40), "highest"),
        _swatch(255, (255, 255, 255), "not monitored", opaque=False),
    ),
    "reason": (
        _swatch(Reason.MONITORED, (226, 236, 224), "monitored"),
        _swatch(Reason.NOT_FOREST, (214, 201, 168), "not forest at the start"),
        _swatch(Reason.SHORT_HISTORY, (190, 174, 212), "history too short"),
        _swatch(Reason.UNSTABLE_HISTORY, (158, 118, 180), "unstable history"),
        _swatch(Reason.NEVER_CLEAR, (130, 140, 150), "never clear"),
        _swatch(Reason.OUTSIDE, (240, 240, 240), "outside"),
        _swatch(Reason.LOST_BEFORE, (140, 90, 70), "lost before the monitoring"),
        _swatch(255, (255, 255, 255), "not stated", opaque=False),
    ),
}
"""Legends of the coded layers, by layer name."""

CAUSE_COLOURS: dict[str, str] = {
    "mining": "#b02a30",
    "agriculture": "#b5852a",
    "road": "#6d6a75",
    "river": "#2f6f9f",
    "natural": "#4c7d57",
    "unknown": "#7d7a72",
}
"""Colour of a published cause."""


def colour_table(layer: str) -> dict[int, tuple[int, int, int, int]]:
    """GDAL colour table (code to red, green, blue, opacity) of a coded layer; KeyError for others."""
    return {swatch.code: (*swatch.colour, 255 if swatch.opaque else 0) for swatch in LEGENDS[layer]}
