"""What a bulletin says besides its numbers: cautions, what was held back, disclaimer, glossary."""

from selvawatch.core.schema import Tier
from selvawatch.write.bulletin.bulletin_model import Bulletin, ListedSensor
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word

TIERS = {Tier.PUBLIC: N_("public"), Tier.PARTNER: N_("partners"), Tier.RESTRICTED: N_("restricted")}
"""Names of the tiers."""
DISCLAIMER = (
    N_(
        "A holder of a right is not thereby the author of a loss: "
        "the map says where something lies, not who did it."
    ),
    N_(
        "Causes and contexts are possible ones, drawn from images and layers; "
        "they do not replace an inspection."
    ),
    N_(
        '"Not listed" means not listed in the layer consulted on its date; '
        "layers are late, incomplete and overlap."
    ),
)
"""What every bulletin says, whatever it found."""
GLOSSARY = (
    (
        N_("Provisional alert"),
        N_("The first signs passed the threshold; a later observation may withdraw it."),
    ),
    (N_("Confirmed alert"), N_("Enough evidence on at least two separate days.")),
    (
        N_("Withdrawn alert"),
        N_(
            "Later observations spoke for forest, or it was not confirmed in time; "
            "it stays in the record with its reason."
        ),
    ),
    (N_("Confidence"), N_("Low: provisional. High: confirmed. Highest: confirmed by optical and by radar.")),
    (
        N_("Observed"),
        N_("Share of the monitored ground seen without cloud at least once since the day named."),
    ),
    (
        N_("Possible mining"),
        N_("The signs resemble mining more than any other cause; the probability is given."),
    ),
    (
        N_("Bounds"),
        N_("Least: confirmed pixels only. Most: half a pixel more on every side. No error interval."),
    ),
    (
        N_("Right and zone"),
        N_("A right is a title, concession or community; a zone is a regime over the ground."),
    ),
)
"""Terms and meanings."""


def tier_notes(content: Bulletin, lang: Language) -> list[str]:
    """What the tier of a bulletin holds back, as sentences; never how many alerts are protected."""
    withheld = content.alerts.withheld
    notes = []
    if content.tier == Tier.PUBLIC and content.delay_days > 0:
        days = lang.plural("%(num)s day", "%(num)s days", content.delay_days)
        notes.append(lang.text(N_("Public level: alerts are told after %(days)s.")) % {"days": days})
    if content.tier == Tier.RESTRICTED:
        return [*notes, lang.text(N_("Restricted level: exact places. Do not pass on, do not publish."))]
    side = {"side": lang.number(content.grid_m / 1000, 0 if content.grid_m % 1000 == 0 else 1)}
    notes.append(lang.text(N_("Places are given as squares of %(side)s km; holders are not named.")) % side)
    notes.append(lang.text(N_("Alerts near the reserves of isolated peoples are never told at this level.")))
    if content.unchecked or withheld.unchecked:
        notes.append(
            lang.text(N_("No layer of those reserves was there to consult; nothing could be checked."))
        )
    return notes


def alarms(content: Bulletin, lang: Language) -> list[str]:
    """Which sensors bring nothing new, as sentences for the top of a page; an empty list when all do."""
    seen = content.coverage
    lines = []
    newest = max((one.newest_day for one in seen.listed), default=0)
    if newest and all(one.stale or not one.searched for one in seen.listed):
        sentence = N_("No sensor brings new scenes: of the days after %(day)s this bulletin knows nothing.")
        lines.append(lang.text(sentence) % {"day": lang.day(newest)})
    lines += [_stale(one, lang) for one in seen.stale]
    if seen.stale:
        lines.append(lang.text(N_("What only these sensors would show is missing.")))
    if missing := [word(lang, "sensor", one.sensor) for one in seen.sensors if not one.searched]:
        names = {"names": ", ".join(dict.fromkeys(missing))}
        lines.append(
            lang.text(N_("Could not be searched: %(names)s. What only they would show is missing.")) % names
        )
    return lines


def _stale(listed: ListedSensor, lang: Language) -> str:
    name = word(lang, "sensor", listed.sensor)
    if not listed.newest_day:
        return lang.text(N_("%(name)s: no scene at all.")) % {"name": name}
    sentence = N_(
        "%(name)s: no new scenes; the newest is of %(day)s, %(days)s before the end of this bulletin."
    )
    days = lang.plural("%(num)s day", "%(num)s days", listed.age_days)
    return lang.text(sentence) % {"name": name, "day": lang.day(listed.newest_day), "days": days}


def short_alarms(content: Bulletin, lang: Language) -> list[str]:
    """The same for a message: one line for sensors that bring nothing new, one for those not searched."""
    seen = content.coverage
    lines = []
    if seen.stale:
        never = lang.text(N_("no scene"))
        newest = [
            f"{word(lang, 'sensor', one.sensor)}, {lang.day(one.newest_day) or never}" for one in seen.stale
        ]
        sentence = lang.text(N_("NO NEW SCENES. The newest: %(names)s."))
        lines.append(sentence % {"names": "; ".join(newest)})
    if missing := [word(lang, "sensor", one.sensor) for one in seen.sensors if not one.searched]:
        sentence = lang.text(N_("NOT SEARCHED: %(names)s."))
        lines.append(sentence % {"names": ", ".join(dict.fromkeys(missing))})
    return lines


def watched_line(content: Bulletin, lang: Language) -> str:
    """How many places are under observation, by area: a sentence; never where they are."""
    areas = content.under_observation
    if areas is None:
        return lang.text(N_("How many places are under observation is not known."))
    outside = lang.text(N_("outside the areas"))
    named = [
        f"{single_line(one.title, 60) or outside} {lang.number(one.patches)} ({lang.hectares(one.ha)})"
        for one in areas
        if one.patches
    ]
    if not named:
        return lang.text(N_("No place is under observation."))
    message = N_("Under observation, signs too weak for an alert and in no hectares of loss: %(areas)s.")
    return lang.text(message) % {"areas": ", ".join(named)}


def observed_line(content: Bulletin, lang: Language) -> str:
    """How much of the ground was seen since the last run, by any sensor and by optical ones; a phrase."""
    seen = content.coverage
    if not seen.span_from:
        return lang.text(N_("%(observed)s observed")) % {"observed": lang.percent(seen.observed_share)}
    day = {"day": lang.day(seen.span_from)}
    if seen.observed_share_span is None:
        return lang.text(N_("not known how much was observed since %(day)s")) % day
    observed = {"observed": lang.percent(seen.observed_share_span), **day}
    line = lang.text(N_("%(observed)s observed since %(day)s")) % observed
    if seen.observed_share_span_optical is None:
        return line
    optical = {"share": lang.percent(seen.observed_share_span_optical)}
    by_optical = lang.text(N_("optical sensors alone: %(share)s")) % optical
    return f"{line} ({by_optical})"


def warnings(content: Bulletin, lang: Language) -> list[str]:
    """What makes a bulletin less than it should be, as sentences; an empty list when all is well."""
    seen = content.coverage
    lines = []
    if seen.lately_observed_share < 0.5:
        lines.append(lang.text(N_("Less than half of the ground was seen: read this bulletin with caution.")))
    if unread := seen.scenes_unread:
        lines.append(
            lang.plural("%(num)s scene could not be read.", "%(num)s scenes could not be read.", unread)
        )
    if newer := len(seen.superseded):
        lines.append(
            lang.plural(
                "%(num)s scene was replaced by a reprocessed one; its day was told anew.",
                "%(num)s scenes were replaced by reprocessed ones; their days were told anew.",
                newer,
            )
        )
    if old := [single_line(one.title, 60) for one in content.layers if one.old or not one.day]:
        names = {"names": ", ".join(old[:4]) + ("…" if len(old) > 4 else "")}
        lines.append(lang.text(N_("Old or missing layers: %(names)s.")) % names)
    return lines


def fallback_note(content: Bulletin, lang: Language) -> str:
    """Where the baseline had no history of its own, as a sentence; empty when nowhere."""
    share = content.coverage.fallback_share
    if share <= 0:
        return ""
    sentence = lang.text(
        N_(
            "On %(share)s of the monitored ground there was no stable history: there the baseline is "
            "a high quantile of the same date over nearby forest."
        )
    )
    return sentence % {"share": lang.percent(share)}
