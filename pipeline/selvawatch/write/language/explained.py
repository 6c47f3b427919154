"""Sentences of tables in Spanish, beside the English ones that they were made as."""

import re
from functools import cache

import pandas as pd

from selvawatch.tables.base import by_columns
from selvawatch.tables.wording.explanations import ALL_GROUND, EXPLAINED
from selvawatch.write.language.i18n import N_, Language, language
from selvawatch.write.language.labels import column_label
from selvawatch.write.language.vocabulary import ANSWER, word

_NARROWED = r"(?P<area_>, in (?P<area>.+?))?(?P<same>(?:, of the same \w+)*)"
"""What `explanations.narrowed` puts behind a sentence."""


def with_spanish(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with `share_of_es` before `share_of`, and `reason_es` before `reason`, where it has them."""
    frame = frame.copy()
    spanish = language("es")
    for name in EXPLAINED:
        if name in frame.columns:
            texts = {text: explained(spanish, name, text) for text in frame[name].dropna().unique()}
            frame.insert(list(frame.columns).index(name), f"{name}_es", frame[name].map(texts))
    return frame


def explained(lang: Language, column: str, text: str) -> str:
    """A sentence of a table's column (of `EXPLAINED`) in a language; other text as it is."""
    if lang.code == "en":
        return text
    for sentence, pattern in _patterns(column):
        if found := pattern.fullmatch(text):
            fields = {name: value for name, value in found.groupdict().items() if value is not None}
            same = re.findall(r"of the same (\w+)", fields.pop("same", ""))
            area = fields.pop("area", "")
            fields.pop("area_", None)
            words = {name: _in_words(lang, name, value) for name, value in fields.items()}
            parts = [lang.text(sentence, column) % words]
            parts += [lang.text(N_("in %(area)s")) % {"area": area}] if area else []
            parts += [lang.text(N_("of the same %(name)s")) % {"name": _column(lang, name)} for name in same]
            return ", ".join(parts)
    return text


@cache
def _patterns(column: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each sentence of a column with what it looks like, its fields filled in; the most exact first."""
    found = []
    for sentence in sorted(EXPLAINED[column].values(), key=lambda sentence: -len(sentence)):
        escaped = re.escape(sentence)
        pattern = re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+?)", escaped)
        found.append((sentence, re.compile(pattern + _NARROWED)))
    return tuple(found)


def _in_words(lang: Language, field: str, value: str) -> str:
    """What a field holds, in a language: columns and types by their words, all else as it is."""
    if field == "split":
        if value == ALL_GROUND:
            return lang.text(N_("all ground"))
        return ", ".join(_column(lang, name) for name in value.split(", "))
    if field == "types":
        others = {"other rights": lang.text(N_("other rights"))}
        return ", ".join(others.get(code) or word(lang, "type", code) for code in value.split(", "))
    if field == "measure" and value in ANSWER:
        return word(lang, "answer", value)
    return value


def _column(lang: Language, name: str) -> str:
    """What a column that tables are split by is called."""
    of = {column.name: column for column in by_columns()}
    return column_label(lang, of[name]).lower() if name in of else name
