"""The part of a bulletin that tells what people answered on its alerts."""

from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word
from selvawatch.write.tiers import Released

MOST_SHOWN = 30
"""Most answers that are told one by one."""
_MESSAGE_LENGTH = 1000
_TITLE = N_("What people saw")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewsPart:
    """What a bulletin says of reviews; nothing where `lines` is empty."""

    lines: tuple[str, ...]
    """One line for each alert with a review, the latest first."""
    notes: tuple[str, ...]
    """What follows from them for the figures."""
    short: str
    """All of it in one line."""


def shown_reviews(alerts: Released, lang: Language, *, since_run: bool) -> ReviewsPart:
    """What a bulletin says of the reviews of its alerts.

    since_run: they came in after the run that the figures are from; else the figures hold them.
    """
    frame = alerts.frame
    if "review" not in frame or not frame["review"].notna().any():
        return ReviewsPart(lines=(), notes=(), short="")
    judged = pd.DataFrame(frame[frame["review"].notna()])
    judged = judged.sort_values(["review_date", "alert_id"], ascending=[False, True], na_position="last")
    lines = [_line(row, lang) for _, row in judged.head(MOST_SHOWN).iterrows()]
    if len(judged) > MOST_SHOWN:
        lines.append(lang.plural("and %(num)s more", "and %(num)s more", len(judged) - MOST_SHOWN))
    gone = judged[judged["review"] == "no-loss"]
    notes = []
    if len(gone):
        ha = lang.hectares(float(np.sum(gone["ha"].to_numpy(float))))
        told = (
            N_("The figures of this bulletin still hold %(ha)s of alerts where people found no loss.")
            if since_run
            else N_("The figures no longer count alerts where people found no loss (%(ha)s).")
        )
        notes.append(lang.text(told) % {"ha": ha})
    counts = judged["review"].value_counts()
    parts = [f"{word(lang, 'review', verdict)}: {counts[verdict]}" for verdict in sorted(counts.index)]
    return ReviewsPart(
        lines=tuple(lines), notes=tuple(notes), short=f"{lang.text(_TITLE)}: {'; '.join(parts)}"
    )


def _line(row: pd.Series, lang: Language) -> str:
    day = "" if pd.isna(row["review_date"]) else f", {lang.day(row['review_date'].date())}"
    judged = f" (v{int(row['review_version'])})" if pd.notna(row["review_version"]) else ""
    return f"{single_line(str(row['event_id']), 60)}{judged}: {word(lang, 'review', row['review'])}{day}"


def with_reviews(page: str, name: str, part: ReviewsPart, lang: Language) -> str:
    """A bulletin with the part on reviews; as it is where nobody answered.

    name: of its file, which tells page (`.html`), message (`-message.txt`) and text (`.txt`).
    """
    if not part.lines:
        return page
    title = lang.text(_TITLE)
    if name.endswith(".html"):
        items = "".join(f"<li>{escape(line)}</li>" for line in part.lines)
        notes = "".join(f"<p>{escape(note)}</p>" for note in part.notes)
        section = f'<section class="plain reviews"><h2>{escape(title)}</h2>{notes}<ul>{items}</ul></section>'
        return page.replace("<main>", f"<main>\n  {section}", 1)
    if name.endswith("-message.txt"):
        return _message(page, part.short)
    block = "\n".join([title.upper(), *part.notes, *(f"- {line}" for line in part.lines)])
    return f"{page.rstrip()}\n\n{block}\n"


def _message(page: str, short: str) -> str:
    """A message with one line more; alerts at its end give way to it."""
    lines = page.rstrip("\n").split("\n")
    lines.insert(1, short)
    while len("\n".join(lines)) > _MESSAGE_LENGTH:
        numbered = [number for number, line in enumerate(lines) if line.split(") ")[0].isdigit()]
        if not numbered:
            return "\n".join(lines)[:_MESSAGE_LENGTH]
        del lines[numbered[-1]]
    return "\n".join(lines) + ("\n" if page.endswith("\n") else "")
