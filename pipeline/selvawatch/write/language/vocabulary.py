"""Words for the codes of the tables: English here, Spanish in the catalogue."""

from collections.abc import Mapping

from selvawatch.attribute.rank import RANK_REASONS
from selvawatch.events.cause import REASONS
from selvawatch.events.comparison import REASONS as UNPUBLISHED_REASONS
from selvawatch.events.track import WITHDRAWN_REASONS
from selvawatch.sources.sensors.reasons import SCENE_REASONS
from selvawatch.tables.wording.explanations import EXPLAINED
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.sanitise import single_line

STATUS = {
    "provisional": N_("provisional"),
    "confirmed": N_("confirmed"),
    "withdrawn": N_("withdrawn"),
    "closed": N_("closed"),
}
CONFIDENCE = {
    "low": N_("low confidence"),
    "high": N_("high confidence"),
    "highest": N_("highest confidence: seen by optical and by radar"),
}
CHANGE = {
    "new": N_("new"),
    "grown": N_("grown"),
    "stable": N_("unchanged"),
    "merged": N_("merged"),
    "reduced": N_("reduced"),
    "confirmed": N_("now confirmed"),
    "closed": N_("now closed"),
    "withdrawn": N_("withdrawn"),
    "reclassified": N_("cause revised"),
}
CAUSE = {
    "mining": N_("possible mining"),
    "agriculture": N_("possible agriculture"),
    "road": N_("possible road"),
    "river": N_("river movement"),
    "natural": N_("natural disturbance"),
    "unknown": N_("cause not determined"),
}
REVIEW = {
    "mining": N_("mining was seen"),
    "other-loss": N_("loss was seen, but not mining"),
    "no-loss": N_("no loss there"),
    "not-reached": N_("not reached"),
}
TYPE = {
    "mining": N_("mining title"),
    "mining_application": N_("mining application"),
    "timber": N_("timber concession"),
    "brazil_nut": N_("Brazil nut concession"),
    "other_non_timber": N_("other non-timber concession"),
    "ecotourism": N_("ecotourism concession"),
    "conservation": N_("conservation concession"),
    "reforestation": N_("reforestation concession"),
    "wildlife": N_("wildlife concession"),
    "native_community": N_("native community"),
    "farm_plot": N_("farm plot"),
    "other_right": N_("other right"),
    "protected_core": N_("protected natural area"),
    "buffer": N_("buffer zone"),
    "corridor": N_("mining corridor"),
    "exclusion": N_("exclusion zone"),
    "water_margin": N_("water and its margin"),
    "isolated_peoples": N_("reserve of isolated peoples"),
    "other_zone": N_("other zone"),
    "oil_lot": N_("oil lot"),
    "area": N_("area of interest"),
    "district": N_("district"),
    "outside": N_("no right is listed in the layers consulted"),
    "unknown": N_("unknown: no layer to consult"),
    "no_period": N_("outside these periods"),
    "excluded: protected_core": N_("left out by the source: protected natural area"),
    "excluded: oil_lot": N_("left out by the source: oil lot"),
    "other types": N_("other types"),
    "other districts": N_("other districts"),
    "other areas": N_("other areas"),
    "other periods": N_("other periods"),
}
LEGAL_CONTEXT = {
    "prohibited_area": N_("within an area where the rules consulted prohibit mining"),
    "allowed_area_title_in_force": N_(
        "within an area where the rules consulted allow small-scale mining, on a title listed as in force"
    ),
    "allowed_area_no_title": N_(
        "within an area where the rules consulted allow small-scale mining; "
        "no title is listed in the layer consulted"
    ),
    "undetermined": N_("the rules consulted do not say whether mining is allowed or prohibited there"),
}
NEAR_WATER = {
    "in_water": N_("in a channel or water body"),
    "under_50_m": N_("less than 50 m from water"),
    "under_100_m": N_("less than 100 m from water"),
    "under_500_m": N_("less than 500 m from water"),
}
FOREST = {
    "primary": N_("primary forest in the layer consulted"),
    "secondary": N_("secondary forest: not in the layer of primary forest consulted"),
    "mixed": N_("partly primary forest in the layer consulted"),
    "unknown": N_("not known"),
}
UNMONITORED = {
    "monitored": N_("monitored"),
    "not_forest": N_("no forest at the start"),
    "short_history": N_("history too short"),
    "unstable_history": N_("unstable history"),
    "never_clear": N_("never clear of clouds"),
    "outside": N_("outside the area or outside every scene"),
    "lost_before": N_("lost before the monitoring"),
}
SENSOR = {
    "sentinel-1": "Sentinel-1 (radar)",
    "sentinel-1-ascending": "Sentinel-1 (radar)",
    "sentinel-1-descending": "Sentinel-1 (radar)",
    "sentinel-2": "Sentinel-2",
    "landsat": "Landsat",
    "landsat-5": "Landsat 5",
    "landsat-7": "Landsat 7",
    "landsat-8": "Landsat 8",
    "landsat-9": "Landsat 9",
}
"""Names of sensors, alike in every language."""
ACCOUNTING = {
    "exclusive": N_("each hectare counted once, by the priority scale"),
    "inclusive": N_("each right counted whole: do not add up"),
    "fractional": N_("each hectare shared among the rights on it"),
    "combination": N_("each hectare under its set of rights"),
}
CLOCK = {
    "at-loss": N_("rights in force on the day of the loss"),
    "today": N_("rights in force today"),
}
ANSWER = {
    "yes": N_("yes"),
    "no": N_("no"),
    "unknown": N_("not known"),
    "in": N_("inside"),
    "out": N_("not in it"),
    "core": TYPE["protected_core"],
    "buffer": TYPE["buffer"],
    "far": N_("500 m from water or more"),
    "undetermined": N_("not determined"),
    "not_estimated": N_("not estimated"),
    "stratified": N_("of a stratified sample"),
    "modelled": N_("of a model of rims, omission and commission"),
    "partly": N_("in part"),
    "none": N_("none"),
    "no_period": TYPE["no_period"],
    "across": N_("in a span over several"),
    "undated": N_("without a date"),
    "stock": N_("lost by a day, of no period"),
    "before": N_("earlier than all of them"),
    "after": N_("later than all of them"),
    "in_force": N_("listed as in force"),
    "inside": N_("inside"),
    "outside": N_("outside"),
    "stated": N_("as stated"),
    "computed": N_("computed"),
    "inferred": N_("inferred"),
    "loss_all": N_("all loss"),
    "loss_mining": N_("loss of possible mining"),
    "loss_mining_expected": N_("loss weighted by the probability of mining"),
}
"""Words for short answers in the cells of a sheet."""
HOLDER = {
    "natural_person": N_("natural person"),
    "company": N_("company"),
    "community": N_("community"),
    "state": N_("state"),
    "unknown": N_("not known"),
}
VOCABULARIES = {
    "answer": ANSWER,
    "holder": HOLDER,
    "status": STATUS,
    "confidence": CONFIDENCE,
    "change": CHANGE,
    "cause": CAUSE,
    "review": REVIEW,
    "type": TYPE,
    "legal_context": LEGAL_CONTEXT,
    "near_water": NEAR_WATER,
    "forest": FOREST,
    "unmonitored": UNMONITORED,
    "sensor": SENSOR,
    "accounting": ACCOUNTING,
    "clock": CLOCK,
}
"""English words by vocabulary and code; the catalogues hold the Spanish ones."""

SENTENCES: dict[str, Mapping[str, str]] = {
    "cause_reason": REASONS,
    "rank_reason": RANK_REASONS,
    "withdrawn": {**WITHDRAWN_REASONS, **UNPUBLISHED_REASONS},
    "scene_reason": SCENE_REASONS,
    **EXPLAINED,
}
"""Sentences kept where their codes are made, by vocabulary (their context in the catalogues) and code."""


LISTS: Mapping[str, str] = {
    "cause_reasons": "cause_reason",
    "rank_reasons": "rank_reason",
    "sensors": "sensor",
    "zones": "type",
    "concession_type": "type",
    "holder_types": "holder",
}
"""Vocabulary of a column that holds codes separated by spaces."""
CODES: Mapping[str, str] = {
    **dict.fromkeys(("status", "status_then", "status_now"), "status"),
    **dict.fromkeys(("cause", "cause_then", "cause_now"), "cause"),
    **dict.fromkeys(("type", "zone", "zone_other", "type_senior", "type_junior", "exclusive_class"), "type"),
    **dict.fromkeys(("exclusive_class_today",), "type"),
    **dict.fromkeys(("corridor", "protected", "in_native_community", "oil_lot", "remining"), "answer"),
    **dict.fromkeys(("isolated_peoples", "mining_title_later", "site_category", "ci_method"), "answer"),
    **dict.fromkeys(("measure", "watched", "additive", "coexisted", "order_known"), "answer"),
    **dict.fromkeys(("watched_other", "coverage", "state", "in_force", "flag", "sernanp_opinion"), "answer"),
    **dict.fromkeys(("validity", "type_validity", "zone_validity", "side"), "answer"),
    **dict.fromkeys(("holder_type", "holder_senior", "holder_junior"), "holder"),
    "confidence": "confidence",
    "change": "change",
    "withdrawn_reason": "withdrawn",
    "legal_context": "legal_context",
    "near_water": "near_water",
    "forest": "forest",
    "review": "review",
    "accounting": "accounting",
    "clock": "clock",
}
"""Vocabulary of a column that holds one code."""
MIXED: Mapping[str, frozenset[str]] = {
    "period": frozenset({"no_period", "across", "undated", "stock", "before", "after"}),
    **dict.fromkeys(("year", "month"), frozenset({"no_period", "across", "undated", "stock"})),
    **dict.fromkeys(("area", "district", "blocking_steps"), frozenset({"none"})),
}
"""Columns of names that may hold a code of `ANSWER` in their place, and which."""


def word(language: Language, vocabulary: str, code: str) -> str:
    """The words for a code; an unknown code comes back readable: underscores as spaces, on one line."""
    if sentence := SENTENCES.get(vocabulary, {}).get(code):
        return _inline(language.text(sentence, vocabulary))
    message = VOCABULARIES.get(vocabulary, {}).get(code)
    if message is None:
        return single_line(code.replace("_", " "), 60)
    return language.text(message)


def _inline(sentence: str) -> str:
    """A short sentence as part of a line: no full stop, no capital unless it begins an abbreviation."""
    text = sentence.rstrip(".")
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def words(language: Language, vocabulary: str, codes: str | None) -> list[str]:
    """The words for codes separated by spaces, each once, in order; an empty list for none."""
    return list(dict.fromkeys(word(language, vocabulary, code) for code in (codes or "").split()))


def combination(language: Language, codes: str) -> str:
    """The words for types joined by `+`, such as `timber+mining?`; `?`: its validity is not known."""
    parts, doubt = [], language.text("validity unknown")
    for code in codes.split("+"):
        text = word(language, "type", code.strip().removesuffix("?").strip())
        parts.append(f"{text} ({doubt})" if code.strip().endswith("?") else text)
    return " + ".join(parts)


def column_word(language: Language, name: str, code: str) -> str:
    """The words for a code in a column of CODES: of its vocabulary, else a short answer."""
    vocabulary = CODES[name]
    known = code in VOCABULARIES.get(vocabulary, {}) or code in SENTENCES.get(vocabulary, {})
    return word(language, vocabulary if known else "answer", code)
