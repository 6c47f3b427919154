"""The mark of an alert: its shape says the status, its colour the cause."""

SHAPES = {
    "confirmed": "M16 2a14 14 0 1 1 0 28a14 14 0 1 1 0-28z",
    "provisional": "M16 0l16 16l-16 16l-16-16z",
    "closed": "M4 4h24v24h-24z",
}
"""SVG path of a status in a box of 32 by 32: disc, diamond, square."""
_LIGHT, _DARK = "#ffffff", "#000000"


def shape_of(status: str) -> str:
    """SVG path of the mark of a status; that of a confirmed alert for one that has no shape."""
    return SHAPES.get(status, SHAPES["confirmed"])


def ink_on(colour: str) -> str:
    """Light or dark, whichever is read better on a colour (`#rrggbb`)."""
    return max((_LIGHT, _DARK), key=lambda ink: contrast(ink, colour))


def contrast(first: str, second: str) -> float:
    """Contrast of two colours (`#rrggbb`), 1 to 21 (WCAG 2.2, "contrast ratio")."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance of a colour, 0 to 1 (WCAG 2.2)."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
