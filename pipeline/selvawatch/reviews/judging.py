"""Entries of a file become reviews of alerts; what cannot be used is one line each, and the rest goes in."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from selvawatch.core.days import to_day
from selvawatch.core.files import digest
from selvawatch.core.tables import VERDICTS
from selvawatch.errors import LayerError
from selvawatch.reviews.form_entries import Entry, Naming, field_names, role_of, verdict_of
from selvawatch.reviews.matching import Alerts, Match, match_entry, used_fields
from selvawatch.reviews.readers.form_table import AnswerFile
from selvawatch.reviews.review import ROLES, TIME_REASONS, Review, review_key
from selvawatch.reviews.times import Moment, moment_of, utc_text

NAMED_FIELDS = 12
"""Most dropped fields that are named one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a person declares of a file when it is read."""

    naming: Naming
    zone: dt.tzinfo | None
    """Zone of times that have none; None: they stay empty."""
    role: str
    """Role of entries that state none; may be empty."""
    received: dt.datetime
    """When the file came in, aware."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of the entries of a file."""

    reviews: tuple[Review, ...]
    problems: tuple[str, ...]
    """One line for each entry that was not used, and for what of another could not be."""
    remarks: tuple[str, ...]
    """Lines on the file and its entries: points that say nothing, times without zone, what was not kept."""
    unused: int
    """Entries that were not used."""


def judge(answers: AnswerFile, alerts: Alerts, declared: Declared) -> Judged:
    """The reviews that the entries of a file are, in its order.

    An entry with neither a verdict nor an id is about something else, as field tools keep much besides; those
    are counted in one line. Raises nothing for an entry.
    """
    reviews: dict[str, Review] = {}
    problems, remarks, others, nameless = list[str](), list[str](), 0, 0
    reasons, dropped = dict[str, int](), dict[str, None]()
    for entry in answers.entries:
        for name in entry.fields.keys() - used_fields(entry, declared.naming):
            dropped[name] = None
        if not (entry.fault or field_names(entry, "verdict", declared.naming)):
            others += 1
            continue
        try:
            if entry.fault:
                raise LayerError(entry.fault, where=entry.where)
            match = match_entry(entry, alerts, declared.naming)
            review = _review(entry, match, alerts, declared, answers.form)
        except LayerError as error:
            problems.append(f"{answers.name}: {error}")
            continue
        remarks += [f"{answers.name}: {line}" for line in match.remarks]
        nameless += _has_no_role(entry, declared.naming)
        if review.time_reason:
            reasons[review.time_reason] = reasons.get(review.time_reason, 0) + 1
        reviews.setdefault(review.review_id, review)
    left = len(problems)
    if not answers.entries:
        remarks.append(f"{answers.name}: the file holds no entry")
    if others:
        problems.append(_no_verdict(answers, others))
    return Judged(
        reviews=tuple(reviews.values()),
        problems=tuple(problems),
        remarks=(
            *remarks,
            *_time_lines(answers, reasons),
            *_role_lines(answers, nameless),
            *_dropped_lines(answers, sorted(dropped)),
        ),
        unused=left + others,
    )


def _review(entry: Entry, match: Match, alerts: Alerts, declared: Declared, form: str) -> Review:
    texts = [entry.fields[name] for name in field_names(entry, "verdict", declared.naming)]
    verdicts = {verdict_of(text, declared.naming) for text in texts} - {""}
    if len(verdicts) != 1:
        raise LayerError(
            "the verdict is not known" if not verdicts else "the entry has several verdicts",
            where=entry.where,
            got=" | ".join(texts)[:80],
            needed=", ".join(VERDICTS),
            do="say what the file means, as `--value no-loss=TEXT`",
        )
    (verdict,) = verdicts
    received = utc_text(declared.received)
    moment = _checked(_moment(entry, declared), match, alerts, received)
    roles = [role_of(entry.fields[name]) for name in field_names(entry, "role", declared.naming)]
    content = entry.key or digest(dict(entry.fields))
    return Review(
        review_id=review_key(match.event_id, verdict, content, "" if entry.key else moment.utc),
        event_id=match.event_id,
        version=match.version,
        verdict=verdict,
        role=next((role for role in roles if role), declared.role),
        observed_at=moment.utc,
        time_reason=moment.reason,
        received_at=received,
        judged_until=alerts.until(match.event_id, match.version),
        matched_by=match.by,
        form=form,
    )


def _moment(entry: Entry, declared: Declared) -> Moment:
    fields = [entry.fields[name] for name in field_names(entry, "time", declared.naming)]
    return moment_of([*fields, *entry.times], declared.zone)


def _checked(moment: Moment, match: Match, alerts: Alerts, received: str) -> Moment:
    """A time that can be true of the alert, else why there is none; of a match by point it must be.

    Raises
    ------
    LayerError
        Where a point lies in an alert that began after it was visited: it was about something else.
    """
    if not moment.utc:
        return moment
    day, first = to_day(moment.utc[:10]), alerts.first_day(match.event_id)
    if day > to_day(received[:10]) + 1:
        return Moment(reason="future")
    if first is not None and day < first:
        if match.by == "coordinate":
            raise LayerError(
                "the place was visited before the loss of this alert began",
                where=match.event_id,
                got=moment.utc,
                needed="a later visit, or the id of the alert",
            )
        return Moment(reason="before-alert")
    return moment


def _no_verdict(answers: AnswerFile, count: int) -> str:
    fields = dict.fromkeys(name for entry in answers.entries for name in entry.fields)
    error = LayerError(
        "entries have no verdict" if count < len(answers.entries) else "no entry has a verdict",
        where=answers.name,
        got=f"{count} of {len(answers.entries)} entries without, fields {_listed(list(fields))}",
        needed="a field `verdict` with one of " + ", ".join(VERDICTS),
        do="name the field that says it, as `--column verdict=NAME`",
    )
    return str(error)


def _time_lines(answers: AnswerFile, reasons: Mapping[str, int]) -> list[str]:
    lines = []
    for reason, count in sorted(reasons.items()):
        do = "; declare it, as `--zone -05:00`" if reason == "no-zone" else ""
        lines.append(f"{answers.name}: {count} reviews without a time ({reason}): {TIME_REASONS[reason]}{do}")
    return lines


def _has_no_role(entry: Entry, naming: Naming) -> bool:
    """Whether a field for a role holds something else, which may be a name."""
    texts = [entry.fields[name] for name in field_names(entry, "role", naming)]
    return bool(texts) and not any(map(role_of, texts))


def _role_lines(answers: AnswerFile, count: int) -> list[str]:
    if not count:
        return []
    known = ", ".join(ROLES)
    return [
        f"{answers.name}: {count} reviews without a role, since what stands for it is none of {known};"
        " it may be a name, and was not kept"
    ]


def _dropped_lines(answers: AnswerFile, names: list[str]) -> list[str]:
    if not names:
        return []
    return [
        f"{answers.name}: not kept, since names of persons may stand in them: {_listed(names)};"
        " nor points, which say where people went"
    ]


def _listed(names: list[str]) -> str:
    shown = [" ".join(name[:40].split()) for name in names[:NAMED_FIELDS]]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
