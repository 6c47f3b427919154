"""What is new, in words: groups of alerts with their place and reason, hectares of spans, the balance."""

import json
from dataclasses import asdict, dataclass

import pandas as pd

from selvawatch.core.days import iso
from selvawatch.core.schema import Tier
from selvawatch.errors import TableError
from selvawatch.events.comparison import GROUPS, UNLISTED
from selvawatch.write.bulletin.bulletin_changes import NO_DAYS, Changes, SpanLoss
from selvawatch.write.bulletin.bulletin_model import Bulletin
from selvawatch.write.bulletin.whereabouts import coordinates_of, leads_of, location_of
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word

_TITLES = {
    "new": N_("New"),
    "back": N_("Back: withdrawn or ended before"),
    "confirmed": N_("Confirmed since"),
    "grown": N_("Grown"),
    "shrunk": N_("Smaller"),
    "closed": N_("Closed since"),
    "withdrawn": N_("Withdrawn"),
    "passing": N_("Came and were withdrawn in between"),
    "merged": N_("Joined to another alert"),
    "open": N_("Still open"),
    "closed_before": N_("Closed before"),
    "withdrawn_before": N_("Withdrawn before"),
}

UNCHANGED = ("open", "closed_before", "withdrawn_before")
"""Groups of what was so before, which a page folds up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One alert of a group in words."""

    alert_id: str
    words: tuple[str, ...]
    """Hectares and how they changed, cause, status, what decides who goes, where, why: what applies."""
    coordinates: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGroup:
    """A group of alerts in words."""

    code: str
    title: str
    number: int
    rows: tuple[ChangeRow, ...]
    folded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesView:
    """What is new in words."""

    title: str
    groups: tuple[ChangeGroup, ...]
    """Those that hold an alert, in their order."""
    short: str
    """Counts of the groups that changed, one line."""
    spans: tuple[str, ...]
    balance: str


def changes_view(content: Bulletin, lang: Language) -> ChangesView | None:
    """What is new in a bulletin in words; None where it was not compared with an earlier state."""
    changes = content.changes
    if changes is None:
        return None
    groups = tuple(
        ChangeGroup(
            code=code,
            title=lang.text(_TITLES[code]),
            number=len(rows),
            rows=tuple(_row(content, changes, row, lang) for _, row in rows.iterrows()),
            folded=code in UNCHANGED,
        )
        for code in GROUPS
        if len(rows := changes.comparison.of(code))
    )
    counts = [f"{each.title.partition(':')[0].lower()} {each.number}" for each in groups if not each.folded]
    nothing = lang.text(N_("nothing changed"))
    return ChangesView(
        title=_title(content, changes, lang),
        groups=groups,
        short=f"{_since(changes, lang)}: {', '.join(counts) or nothing}",
        spans=tuple(_span(content, span, lang) for span in changes.spans),
        balance=_balance(changes, lang),
    )


def changes_json(content: Bulletin, lang: Language) -> str:
    """What is new as JSON: `run`, `since`, `balance`, `spans`, and `events` with the group of each; no words
    but the language's code.
    """
    changes = content.changes
    if changes is None:
        raise TableError("the bulletin was not compared with an earlier state", do="run `selvawatch monitor`")
    values = {
        "run": content.run.run_id,
        "tier": content.tier.name.lower(),
        "until": iso(content.run.data_day),
        "since": {"run": changes.since_run, "day": iso(changes.since_day) if changes.since_day else None},
        "language": lang.code,
        "balance": {
            name: round(value, 6) + 0.0 for name, value in asdict(changes.comparison.balance).items()
        },
        "spans": [
            {**asdict(span), "first_day": iso(span.first_day), "last_day": iso(span.last_day)}
            for span in changes.spans
        ],
        "months": [{**asdict(one), "month": one.month.isoformat()[:7]} for one in changes.months],
        "events": changes.comparison.rows.to_dict("records"),
    }
    return json.dumps(values, indent=1, ensure_ascii=False)


def _title(content: Bulletin, changes: Changes, lang: Language) -> str:
    if not changes.since_day:
        return lang.text(N_("What is new: this is the first bulletin"))
    day = {"day": lang.day(changes.since_day)}
    if changes.since_run == content.run.about.get("previous_run_id"):
        return lang.text(N_("What is new since the last bulletin (%(day)s)")) % day
    return lang.text(N_("What is new since the bulletin of %(day)s")) % day


def _since(changes: Changes, lang: Language) -> str:
    if not changes.since_day:
        return lang.text(N_("First bulletin"))
    return lang.text(N_("Since %(day)s")) % {"day": lang.day(changes.since_day)}


def _row(content: Bulletin, changes: Changes, row: pd.Series, lang: Language) -> ChangeRow:
    alert = changes.alerts.loc[row["event_id"]]
    is_gone = row["status"] in ("", "withdrawn")
    hectares = lang.hectares(alert["ha"])
    if not is_gone and row["ha_before"] > 0 and abs(row["change_ha"]) >= 0.005:
        hectares += f" ({'+' if row['change_ha'] > 0 else '−'}{lang.hectares(abs(row['change_ha']))})"
    words = [hectares]
    if not is_gone:
        words += [word(lang, "cause", alert["cause"]), word(lang, "status", row["status"])]
    is_hidden = row["withdrawn_reason"] == UNLISTED and content.tier < Tier.RESTRICTED
    coordinates = ""
    if not is_hidden:  # where something is that a tier is no longer given tells what it is not given
        words += [*leads_of(lang, alert), location_of(content, lang, alert)]
        coordinates = coordinates_of(content, lang, alert)[0]
    if is_gone and row["withdrawn_reason"]:
        words.append(word(lang, "withdrawn", row["withdrawn_reason"]))
    if row["goes_on_as"]:
        words.append(lang.text(N_("goes on as %(alert)s")) % {"alert": single_line(row["goes_on_as"], 80)})
    return ChangeRow(
        alert_id=single_line(row["alert_id"], 80),
        words=tuple(part for part in words if part),
        coordinates=coordinates,
    )


_SPANS = {
    "span": N_("Loss dated from %(first)s to %(last)s: %(loss)s"),
    "before": N_("As many days before, from %(first)s to %(last)s: %(loss)s"),
    "year_ago": N_("A year ago, from %(first)s to %(last)s: %(loss)s"),
}


def _span(content: Bulletin, span: SpanLoss, lang: Language) -> str:
    if span.why == NO_DAYS:
        loss = lang.text(N_("not known, since no day lies between the two bulletins"))
        label = lang.text(N_("Loss of the span"))
        return f"{label}: {loss}" if span.name == "span" else ""
    if span.loss_ha is None or span.mining_ha is None:
        began = {"day": lang.day(content.run.since_day)}
        loss = lang.text(N_("not known, since monitoring began on %(day)s")) % began
    else:
        hectares = {"loss": lang.hectares(span.loss_ha), "mining": lang.hectares(span.mining_ha)}
        loss = lang.text(N_("%(loss)s, of which possible mining %(mining)s")) % hectares
    days = {"first": lang.day(span.first_day), "last": lang.day(span.last_day)}
    return lang.text(_SPANS[span.name]) % {**days, "loss": loss}


def _balance(changes: Changes, lang: Language) -> str:
    sums = changes.comparison.balance
    sentence = lang.text(
        N_(
            "Confirmed hectares: %(before)s before + %(new)s new + %(back)s back + %(grown)s grown or "
            "confirmed since − %(shrunk)s smaller − %(withdrawn)s withdrawn = %(now)s now."
        )
    )
    parts = {"before": sums.before_ha, "now": sums.now_ha, "new": sums.new_ha, "back": sums.back_ha}
    parts |= {"grown": sums.grown_ha, "shrunk": sums.shrunk_ha, "withdrawn": sums.withdrawn_ha}
    return sentence % {name: lang.number(value, 2) for name, value in parts.items()}
