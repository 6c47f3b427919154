"""What tables explain in a cell: Spanish first, with the English twin that it was made as."""

import dataclasses

import pytest

import attribute_made as made
from attribute_made import box, cells
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tier import Tier
from selvawatch.tables import TABLES, build
from selvawatch.tables.wording.explanations import EXPLAINED, narrowed
from selvawatch.write.language.explained import explained, with_spanish
from selvawatch.write.language.i18n import language

FIELDS = {
    "measure": "loss_all", "split": "year, area", "reading": "'a'", "types": "corridor, mining",
    "first": "2019-01-01", "last": "2020-12-31", "loss": "3", "rest": "7", "needed": "30",
}  # fmt: skip
SENTENCES = [(column, text) for column, texts in EXPLAINED.items() for text in texts.values()]


@pytest.mark.parametrize(("column", "sentence"), SENTENCES)
@pytest.mark.parametrize("by", [(), ("year", "district")])
@pytest.mark.parametrize("area", ["", "La Pampa, sur"])
def test_each_sentence_of_a_table_is_told_in_spanish_and_english_is_its_twin(column, sentence, by, area):
    text = narrowed(sentence % FIELDS, area, by)
    assert explained(language("en"), column, text) == text
    spanish = explained(language("es"), column, text)
    assert spanish != text and area in spanish and "%(" not in spanish
    assert "loss_all" not in spanish
    assert not {"of", "the", "none:", "same", "year", "corridor"} & set(spanish.replace(",", "").split())


def test_what_no_table_says_stays_as_it_is():
    assert explained(language("es"), "share_of", "something else") == "something else"


@pytest.fixture(scope="module")
def kept():
    """Loss on and beside a title and a concession in an area of interest."""
    rows = [
        {"type": "mining", "geometry": box(0, 0, 500, 500)},
        {"type": "timber", "geometry": box(250, 0, 900, 500)},
        {"type": "corridor", "geometry": box(0, 0, 600, 600), "name": "c"},
        {"type": "area", "geometry": box(0, 0, 800, 800), "name": "west"},
        {"type": "district", "geometry": box(0, 0, 2000, 2000), "name": "D"},
    ]
    return made.inputs(
        cells([box(10, 10, 60, 60), box(260, 10, 320, 60), box(900, 900, 950, 950)]), made.register(rows)
    )


@pytest.mark.parametrize("name", sorted(name for name, spec in TABLES.items() if any(
    column.name in EXPLAINED for column in spec.all_columns) and name != "revisions"))  # fmt: skip
@pytest.mark.parametrize("register", ["full", "empty"])
def test_no_table_explains_itself_in_english_alone(kept, name, register):
    nothing = made.inputs(cells([box(10, 10, 60, 60)]), made.register([]))
    inputs = kept if register == "full" else nothing
    for tier in (Tier.PUBLIC, Tier.RESTRICTED):
        table = with_spanish(build(name, dataclasses.replace(inputs, tier=tier), TableOptions()))
        names = list(table.columns)
        for column in EXPLAINED:
            if column in names:
                assert names[names.index(column) - 1] == f"{column}_es"
                said = table[table[column] != ""]
                assert (said[column] != said[f"{column}_es"]).all(), said[column].unique()
                assert table[f"{column}_es"].notna().all()
