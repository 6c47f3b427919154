"""What a recipient reads: a subject and a text of what is new of some alerts, in one language."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selvawatch.core.tier import Tier
from selvawatch.events.comparison import UNLISTED
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word, words

TEXT_UNITS = 3900
"""Longest text, in UTF-16 units: what every channel carries, Telegram's 4,096 among them."""
_LEAST_HA = 0.005
"""Hectares that two decimals show."""
_STYLE = (
    "body{font:16px/1.45 sans-serif;color:#1d2a22;max-width:44em;margin:1em auto;padding:0 1em}"
    "h1{font-size:1.15em}p{margin:.45em 0;overflow-wrap:anywhere}"
)
_ID_LENGTH, _NAME_LENGTH, _SUBJECT_LENGTH = 60, 60, 180


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestLine:
    """One alert, and what is new of it."""

    row: Mapping[str, Any]
    """Row of ALERTS, as its tier has it."""
    group: str
    """One of `events.comparison.GROUPS`; `open`: something else changed; `reviewed`: people answered."""
    change_ha: float = 0.0
    """Hectares more than the reader knew."""
    goes_on_as: str = ""
    """Id of the event that a merged one goes on in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestContent:
    """What a digest is of."""

    area: str
    """Area of the run, for people."""
    run_id: str
    since_day: int
    """Last day of the run that the reader was told of last, days since 1970; 0: there was none."""
    until_day: int
    """Last day of the run."""
    tier: Tier
    lines: tuple[DigestLine, ...]
    """By group, then by rank."""
    urgent: bool = False
    """Whether it goes at once, for a confirmed change in a protected core."""


def digest_subject(content: DigestContent, lang: Language) -> str:
    """One line: area, how many alerts have news, to which day."""
    count = len(content.lines)
    if content.urgent:
        what = lang.plural(
            "%(num)s confirmed change in a protected area",
            "%(num)s confirmed changes in protected areas",
            count,
        )
    elif count:
        what = lang.plural("%(num)s alert with news", "%(num)s alerts with news", count)
    else:
        what = lang.text(N_("No alert with news"))
    return single_line(f"selvawatch · {content.area}: {what}, {lang.day(content.until_day)}", _SUBJECT_LENGTH)


def digest_text(content: DigestContent, lang: Language) -> str:
    """Counts and hectares by group, the alerts by group and rank as they fit, how many are left out, and the
    cautions; at most `TEXT_UNITS`.
    """
    head = [digest_subject(content, lang)]
    if content.since_day:
        since = {"day": lang.day(content.since_day)}
        head.append(lang.text(N_("Since your last message, up to %(day)s.")) % since)
    head += _counts(content, lang)
    tail = [
        lang.text(N_("Absence of an alert is not absence of mining.")),
        lang.text(N_("Possible causes; a holder is not thereby the author.")),
        f"{lang.text(N_('Run'))} {content.run_id[:12]}",
    ]
    lines: list[str] = []
    for number, line in enumerate(content.lines, 1):
        rest = len(content.lines) - number
        cut = [_rest(rest, lang)] if rest else []
        written = f"{number}) {_line(line, content.tier, lang)}"
        if _units([*head, *lines, written, *cut, *tail]) > TEXT_UNITS:
            lines.append(_rest(rest + 1, lang))
            break
        lines.append(written)
    return "\n".join([*head, "", *lines, "", *tail])


def as_html(text: str, lang: Language) -> str:
    """A message's text as HTML for readers that show it: the same words, a paragraph for each line, and
    nothing that is loaded or run.
    """
    first, *rest = [html.escape(line, quote=False) for line in text.split("\n") if line.strip()]
    lines = "\n".join(f"<p>{line}</p>" for line in rest)
    return (
        f'<!DOCTYPE html>\n<html lang="{lang.code}"><head><meta charset="utf-8"><title>{first}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{first}</h1>\n{lines}\n</body></html>\n"
    )


def _rest(count: int, lang: Language) -> str:
    return lang.plural(
        "and %(num)s more that this message has no room for",
        "and %(num)s more that this message has no room for",
        count,
    )


def _counts(content: DigestContent, lang: Language) -> list[str]:
    """One line a group: how many alerts and hectares."""
    groups: dict[str, list[DigestLine]] = {}
    for line in content.lines:
        groups.setdefault(_change(line, lang), []).append(line)
    return [
        f"{news}: {lang.number(len(lines))} ({lang.hectares(sum(float(line.row['ha']) for line in lines))})"
        for news, lines in groups.items()
    ]


def _change(line: DigestLine, lang: Language) -> str:
    """What is new of an alert, in words."""
    if line.group == "back":
        return lang.text(N_("back"))
    if line.group == "reviewed":
        return lang.text(N_("reviewed by people"))
    codes = {"open": str(line.row.get("change") or "stable"), "shrunk": "reduced"}
    return word(lang, "change", codes.get(line.group, line.group))


def _line(line: DigestLine, tier: Tier, lang: Language) -> str:
    """An alert on one line: what is new, hectares, cause, where."""
    row = line.row
    parts = [
        single_line(str(row["alert_id"]), _ID_LENGTH),
        _change(line, lang),
        lang.hectares(float(row["ha"])),
    ]
    if line.group in ("back", "confirmed", "grown", "shrunk", "closed") and abs(line.change_ha) >= _LEAST_HA:
        sign = "+" if line.change_ha > 0 else "−"
        parts[-1] += f" ({sign}{lang.hectares(abs(line.change_ha))})"
    if line.goes_on_as:
        parts.append(lang.text(N_("goes on as %(id)s")) % {"id": single_line(line.goes_on_as, _ID_LENGTH)})
    if line.group == "withdrawn":
        parts.append(_reason(row, lang))
    parts += [
        word(lang, vocabulary, str(row[vocabulary]))
        for vocabulary in ("cause", "status")
        if row.get(vocabulary) and line.group not in ("withdrawn", "merged")
    ]
    parts += [
        single_line(str(row[name]), _NAME_LENGTH)
        for name in ("protected_name", "native_community", "district")
        if row.get(name)
    ]
    if row.get("review"):
        parts.append(f"{lang.text(N_('What people saw'))}: {word(lang, 'review', str(row['review']))}")
    if zones := words(lang, "type", row.get("zones")):
        parts.append(", ".join(zones))
    if tier is Tier.RESTRICTED and row.get("lat") is not None and row.get("lon") is not None:
        parts.append(f"{float(row['lat']):.5f}, {float(row['lon']):.5f}")
    return " · ".join(parts)


def _reason(row: Mapping[str, Any], lang: Language) -> str:
    """Why an alert was withdrawn."""
    code = str(row.get("withdrawn_reason") or "")
    return (
        lang.text(N_("it is not listed any more"))
        if code in ("", UNLISTED)
        else word(lang, "withdrawn", code)
    )


def _units(lines: Sequence[str]) -> int:
    return len("\n".join(["", "", *lines]).encode("utf-16-le")) // 2


NOTICES = {
    "failed": N_("the monitoring failed"),
    "late": N_("the monitoring is overdue"),
    "stale": N_("a sensor brings no new scenes"),
    "disk": N_("the disk is nearly full"),
}
"""What an operator is told of, by its code."""


def notice_subject(kind: str, lang: Language) -> str:
    """One line for an operator, by the code of what happened."""
    return f"selvawatch · {lang.text(NOTICES[kind])}"
