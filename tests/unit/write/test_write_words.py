import datetime as dt
import re
from importlib import resources
from pathlib import Path

import jinja2
import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po

from selvawatch.attribute.rank import RANK_REASONS
from selvawatch.core import tables
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.schema import Column
from selvawatch.core.status import Confidence, Reason, Status
from selvawatch.errors import TableError
from selvawatch.events.cause import REASONS
from selvawatch.events.track import WITHDRAWN_REASONS
from selvawatch.sources.sensors.reasons import SCENE_REASONS
from selvawatch.steps.attribute_loss import ZONE_ADDED
from selvawatch.tables import TABLES as ANALYSTS_TABLES
from selvawatch.write.formats.companions import DICTIONARY, DICTIONARY_WORDS, dictionary_rows
from selvawatch.write.language import labels
from selvawatch.write.language.i18n import LOCALES, language
from selvawatch.write.language.vocabulary import SENTENCES, VOCABULARIES, combination, word, words
from selvawatch.write.legend import CAUSE_COLOURS, LEGENDS

WRITE = Path(str(resources.files("selvawatch.write")))
WEBSITE = Path(str(resources.files("selvawatch.website")))
KEYWORDS = {"N_": None, "text": None, "plural": (1, 2)}


def messages() -> set[str | tuple[str, str]]:
    """Every message in the code and the templates of `write` and `website`; singular and plural as a pair."""
    found = []
    for path in sorted([*WRITE.rglob("*.py"), *WEBSITE.rglob("*.py")]):
        with path.open("rb") as source:
            found += [one for _, _, one, _ in extract_python(source, KEYWORDS, [], {})]
    environment = jinja2.Environment(extensions=["jinja2.ext.i18n"], trim_blocks=True)
    for path in sorted([*WRITE.rglob("*.j2"), *WEBSITE.rglob("*.j2")]):
        found += [one for _, _, one in environment.extract_translations(path.read_text("utf-8"))]
    pairs = [
        tuple(part for part in one if part) if isinstance(one, tuple) else (one,) for one in found if one
    ]
    return {pair[0] if len(pair) == 1 else pair for pair in pairs if pair}


def ids_of_code_tables() -> set[tuple[str, str]]:
    """Context and message of everything that the code tables define and people read."""
    sets = [table.columns for table in (*tables.TABLES.values(), *ANALYSTS_TABLES.values())]
    sets += [spec.public.columns for spec in ANALYSTS_TABLES.values() if spec.public is not None]
    columns = [tables.LOSS_PRODUCT, *(column for columns in sets for column in columns)]
    return {
        *(labels.column_id(column) for column in columns),
        *((f"column {name}", description) for name, description in ZONE_ADDED.items()),
        *(labels.table_id(spec.name, spec.description) for spec in ANALYSTS_TABLES.values()),
        *(labels.layer_id(layer) for layer in LAYERS.values()),
        *((labels.LEGEND, swatch.label) for legend in LEGENDS.values() for swatch in legend),
        *((DICTIONARY, message) for message in DICTIONARY_WORDS),
        *((name, sentence) for name, codes in SENTENCES.items() for sentence in codes.values()),
    }


def all_columns() -> list[Column]:
    sets = [table.columns for table in (*tables.TABLES.values(), *ANALYSTS_TABLES.values())]
    sets += [spec.public.columns for spec in ANALYSTS_TABLES.values() if spec.public is not None]
    added = [Column(name=name, dtype="float", description=text) for name, text in ZONE_ADDED.items()]
    return [tables.LOSS_PRODUCT, *added, *(column for columns in sets for column in columns)]


def test_every_column_has_a_spanish_meaning_and_nothing_else_has():
    found = {(entry.context, entry.id) for entry in entries(with_context=True, file="meanings.po")}
    assert found == {labels.meaning_id(column) for column in all_columns()}


@pytest.mark.parametrize("code", list(LOCALES))
def test_the_meaning_of_a_column_says_more_than_its_label(code):
    for column in all_columns():
        label = labels.column_label(language(code), column).replace("_", " ")
        meaning = labels.column_meaning(language(code), column)
        assert meaning.rstrip(".").casefold() != label.casefold(), column
        assert len(meaning.rstrip(".")) > len(label), column


def test_a_dictionary_holds_the_meanings_of_both_languages():
    rows = {row[0]: row for row in dictionary_rows(tables.ALERTS)}
    assert rows["ha_hi"][1:3] == (
        "Todos sus píxeles y un borde de medio píxel alrededor; no es un intervalo de error.",
        "All its pixels and a rim of half a pixel around; no error interval.",
    )


def entries(*, with_context: bool, file: str = "selvawatch.po") -> list[Message]:
    source = WRITE / "language" / "locales" / "es" / "LC_MESSAGES" / file
    with source.open("rb") as stream:
        return [
            entry
            for entry in read_po(stream, locale="es")
            if entry.id and (entry.context is not None) == with_context
        ]


def test_every_message_is_in_the_spanish_catalogue_and_nothing_else_is():
    assert messages() == {entry.id for entry in entries(with_context=False)}


def test_every_id_of_the_code_tables_is_in_the_spanish_catalogue_and_nothing_else_is():
    assert ids_of_code_tables() == {(entry.context, entry.id) for entry in entries(with_context=True)}


def test_every_spanish_message_is_complete_and_keeps_its_fields():
    for entry in [*entries(with_context=False), *entries(with_context=True)]:
        key, string = entry.id, entry.string
        originals = (key,) if isinstance(key, str) else key
        translations = (string,) if isinstance(string, str) else string
        assert not entry.fuzzy and all(translations), key
        for english, translated in zip(originals, translations, strict=True):
            assert set(re.findall(r"%\(\w+\)s", english)) == set(re.findall(r"%\(\w+\)s", translated)), key


def test_messages_alike_in_english_are_told_apart_by_their_context():
    es = language("es")
    assert es.text("Large.", "rank_reason") != es.text("Large.", "cause_reason")
    columns = {column.name: column for column in ANALYSTS_TABLES["corridor_conflict_share"].columns}
    near, far = columns["rest_within_50_m"], columns["rest_within_500_m"]
    assert near.description == far.description
    assert labels.column_label(es, near) != labels.column_label(es, far)
    assert labels.column_meaning(es, near) != labels.column_meaning(es, far)


def test_what_the_catalogue_does_not_know_keeps_its_name():
    column = Column(name="my_column", dtype="text", description="As its layer has it.")
    assert [labels.column_label(language(code), column) for code in LOCALES] == ["my_column"] * 2
    assert labels.table_title(language("en"), "loss_by_zone", "Forest loss by zone.") == "loss_by_zone"


def test_a_message_without_translation_falls_through_in_no_language():
    assert language("es").text("Absence of an alert is not absence of mining.").startswith("Ausencia")
    assert language("en").text("Absence of an alert is not absence of mining.").startswith("Absence")


@pytest.mark.parametrize(
    ("vocabulary", "codes"),
    [
        ("status", tables.STATUSES),
        ("confidence", tables.CONFIDENCES),
        ("change", tables.CHANGES),
        ("cause", tables.CAUSES),
        ("type", tables.RIGHT_TYPES),
        ("holder", tables.HOLDER_TYPES),
        ("legal_context", tables.LEGAL_CONTEXTS),
        ("unmonitored", [reason.name.lower() for reason in Reason]),
        ("cause_reason", REASONS),
        ("rank_reason", RANK_REASONS),
        ("withdrawn", WITHDRAWN_REASONS),
        ("scene_reason", SCENE_REASONS),
    ],
)
def test_every_code_of_the_tables_has_words_in_both_languages(vocabulary, codes):
    for code in codes:
        if vocabulary in VOCABULARIES:
            assert code in VOCABULARIES[vocabulary]
        pair = [word(language(lang), vocabulary, code) for lang in LOCALES]
        assert all(pair) and "_" not in "".join(pair)


def test_every_coded_pixel_and_cause_has_a_colour():
    assert {swatch.code for swatch in LEGENDS["status"]} == {int(one) for one in Status}
    assert {swatch.code for swatch in LEGENDS["confidence"]} - {255} == {int(one) for one in Confidence}
    assert {swatch.code for swatch in LEGENDS["reason"]} - {255} == {int(one) for one in Reason}
    assert set(CAUSE_COLOURS) == set(tables.CAUSES)


def test_combinations_are_put_in_words():
    assert combination(language("es"), "mining+brazil_nut?") == (
        "concesión minera + concesión de castaña (vigencia desconocida)"
    )
    assert combination(language("en"), "outside") == "no right is listed in the layers consulted"
    assert words(language("es"), "type", None) == []


def test_numbers_and_dates_are_those_of_the_locale():
    es, en = language("es"), language("en")
    assert (es.number(12345.678, 1), en.number(12345.678, 1)) == ("12,345.7", "12,345.7")
    assert (es.day(dt.date(2026, 6, 3)), en.day(dt.date(2026, 6, 3))) == ("3 jun. 2026", "Jun 3, 2026")
    assert es.number(-0.0001, 1) == "0.0" and es.day(0) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0.00"), (0.034, "0.03"), (0.999, "1.00"), (12.34, "12.34"), (1234.5, "1,234.50")],
)
def test_hectares_have_two_decimals_everywhere(value, shown):
    assert language("es").hectares(value) == f"{shown}\u00a0ha"


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, "0%"), (0.001, "<\u00a01%"), (0.9999, "99%"), (1.0, "100%"), (0.345, "34%")]
)
def test_nearly_all_is_not_all_and_nearly_nothing_not_nothing(share, shown):
    assert language("es").percent(share) == shown


def test_an_unknown_language_is_refused():
    with pytest.raises(TableError, match="es or en"):
        language("xx")
