"""The glossary, the code and its docstrings agree, and retired words name nothing in the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from selvawatch.attribute.accountings import ACCOUNTINGS, CLOCKS
from selvawatch.attribute.rank import RANK_REASONS
from selvawatch.core import tables
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.schema import Tier
from selvawatch.core.status import Confidence, Reason, Status
from selvawatch.core.table_options import MEASURES
from selvawatch.events.cause import REASONS
from selvawatch.events.track import WITHDRAWN_REASONS
from selvawatch.register.entries import KINDS
from selvawatch.sources.sensors.reasons import SCENE_REASONS
from selvawatch.tables import TABLES as ANALYSTS_TABLES
from selvawatch.write.language.i18n import language
from selvawatch.write.language.vocabulary import TYPE, word

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "pipeline" / "selvawatch"
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")
TERMS_PART, CODES_PART, FILES_PART = re.split(
    r"^## (?:Codes|Words that stay in files)$", GLOSSARY, flags=re.MULTILINE
)

CODES: dict[str, tuple[str, ...]] = {
    "status": tuple(status.name.lower() for status in Status),
    "confidence": tuple(level.name.lower() for level in Confidence),
    "reason": tuple(reason.name.lower() for reason in Reason),
    "change": tables.CHANGES,
    "cause": tables.CAUSES,
    "review": tables.VERDICTS,
    "cause_reasons": tuple(REASONS),
    "withdrawn_reason": tuple(WITHDRAWN_REASONS),
    "rank_reasons": tuple(RANK_REASONS),
    "kind": KINDS,
    "type": tuple(TYPE),
    "holder_type": tables.HOLDER_TYPES,
    "validity": ("in_force", "not_in_force", "unknown"),
    "accounting": (*ACCOUNTINGS, "none"),
    "clock": (*CLOCKS, "none"),
    "measure": MEASURES,
    "watched": ("yes", "partly", "no"),
    "site_category": tables.SITE_CATEGORIES,
    "ci_method": tables.CI_METHODS,
    "legal_context": tables.LEGAL_CONTEXTS,
    "near_water": tables.NEAR_WATER,
    "forest": tables.FOREST_KINDS,
    "protected": tables.PROTECTED,
    "corridor, in_native_community, oil_lot": tables.IN_OUT,
    "isolated_peoples, remining, mining_title_later": tables.YES_NO,
    "tier": tuple(tier.name.lower() for tier in Tier),
    "scene reasons": tuple(SCENE_REASONS),
}
"""Codes by heading of the glossary: the columns, layers or keys that they stand in."""

VOCABULARY_OF = {
    "status": "status",
    "confidence": "confidence",
    "reason": "unmonitored",
    "change": "change",
    "cause": "cause",
    "review": "review",
    "cause_reasons": "cause_reason",
    "withdrawn_reason": "withdrawn",
    "rank_reasons": "rank_reason",
    "type": "type",
    "accounting": "accounting",
    "clock": "clock",
    "legal_context": "legal_context",
    "forest": "forest",
    "scene reasons": "scene_reason",
}
"""Vocabulary of `write.language` by heading, where the codes have words."""
IN_RASTERS_ALONE = {"none", "dieback", "nodata"}
"""Codes of a heading with words that have none themselves."""

RETIRED = frozenset(
    {
        "look",
        "looks",
        "take",
        "taken",
        "settle",
        "settled",
        "told",
        "says",
        "ground",
        "place",
        "places",
        "beside",
        "news",
        "bare",
        "own",
        "whole",
        "one",
    }
)
"""Words that once named things for which the field has terms."""

CONTRACTS = {
    "looks": "key of models/cause.toml and column of events: files and sites of others hold it",
    "loss_looks": "key of models/events.toml",
    "minimum_looks": "key of models/*.toml; looks of a history",
    "least_looks": "key of aoi/rules.toml",
    "speckle_looks": "key of models/simulation-demo.toml; looks in the sense of radar",
    "bare_fall": "key of models/events.toml; bare is the soil",
    "bare_ndvi": "key of models/cause.toml; bare is the soil",
    "bare_soil": "the cover, not a word for something else",
    "beside_factor": "key of models/ranking.toml",
    "beside_m": "key of models/ranking.toml",
    "news": "key of models/ranking.toml",
    "place": "key of models/ranking.toml and aoi/tables.toml",
    "places": "key of models/ranking.toml",
}
"""Names in the code that a file contract fixes, or that mean the word itself, and why."""


def public_docstrings(tree: ast.Module) -> Iterator[str]:
    """Docstrings of a module and of its public classes, functions and fields."""
    yield ast.get_docstring(tree) or ""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield ast.get_docstring(node) or ""
        if isinstance(node, ast.Module | ast.ClassDef) and not getattr(node, "name", "").startswith("_"):
            for assigned, text in zip(node.body, node.body[1:], strict=False):
                if isinstance(assigned, ast.Assign | ast.AnnAssign) and isinstance(text, ast.Expr):
                    yield ast.unparse(text.value)


def defined_names(tree: ast.Module) -> Iterator[str]:
    """Names of the classes, functions, arguments and attributes that a module defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        if isinstance(node, ast.ClassDef):
            targets = [
                target
                for line in node.body
                if isinstance(line, ast.Assign | ast.AnnAssign)
                for target in (line.targets if isinstance(line, ast.Assign) else [line.target])
            ]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def words_of(name: str) -> set[str]:
    """Words of a name in snake or camel case, lower case."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, ast.parse(path.read_text("utf-8"))


def terms() -> list[str]:
    return re.findall(r"^\| \*\*([^*]+)\*\* \|", TERMS_PART, re.MULTILINE)


def code_rows() -> dict[str, dict[str, str]]:
    """Spanish by code, by heading."""
    parts = re.split(r"^### (.+)$", CODES_PART, flags=re.MULTILINE)[1:]
    return {
        heading: dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", body, re.MULTILINE))
        for heading, body in zip(parts[::2], parts[1::2], strict=True)
    }


def test_each_term_of_the_glossary_stands_in_a_public_docstring():
    text = "\n".join(docstring for _, tree in modules() for docstring in public_docstrings(tree))
    text = " ".join(text.split())
    assert len(terms()) >= 40
    assert [
        term for term in terms() if not re.search(rf"\b{re.escape(term)}(?:s|es)?\b", text, re.IGNORECASE)
    ] == []


def test_each_term_has_its_spanish_its_unit_and_its_source():
    rows = re.findall(r"^\| \*\*.+$", TERMS_PART, re.MULTILINE)
    assert [row for row in rows if len([cell for cell in row.split("|") if cell.strip()]) != 5] == []


def test_the_glossary_holds_each_code_of_the_code_and_no_other():
    assert {heading: set(rows) for heading, rows in code_rows().items()} == {
        heading: set(codes) for heading, codes in CODES.items()
    }


def test_no_column_with_choices_is_missing_from_the_glossary():
    listed = {frozenset(codes) for codes in CODES.values()}
    missing = [
        f"{name}.{column.name}"
        for name, table in {**tables.TABLES, **ANALYSTS_TABLES}.items()
        for column in table.columns
        if column.choices and not any(set(column.choices) <= codes for codes in listed)
    ]
    coded = [layer.name for layer in LAYERS.values() if layer.unit == "code" and layer.name not in CODES]
    assert (missing, coded) == ([], [])


@pytest.mark.parametrize("heading", VOCABULARY_OF)
def test_the_spanish_of_a_code_is_that_of_the_catalogue(heading):
    rows = code_rows()[heading]
    expected = {code: word(language("es"), VOCABULARY_OF[heading], code) for code in rows}
    assert {code: text for code, text in rows.items() if code not in IN_RASTERS_ALONE} == {
        code: text for code, text in expected.items() if code not in IN_RASTERS_ALONE
    }


def test_files_that_the_glossary_names_exist():
    named = re.findall(r"`((?:[\w-]+/)+[\w-]+\.(?:py|md|toml|geojson)|\w+\.py)`", GLOSSARY)
    assert [name for name in named if not (ROOT / name).exists() and not (PACKAGE / name).exists()] == []


def test_retired_words_name_nothing_but_file_contracts():
    found = {
        (name, path.relative_to(PACKAGE).as_posix())
        for path, tree in modules()
        for name in (path.stem, path.parent.name, *defined_names(tree))
        if words_of(name) & RETIRED and name not in CONTRACTS
    }
    assert sorted(found) == []


def test_each_allowed_name_is_still_there_and_each_key_stands_in_a_file_of_the_site():
    names = {name for _, tree in modules() for name in defined_names(tree)}
    assert set(CONTRACTS) - names == set()
    text = "\n".join(
        path.read_text("utf-8") for folder in ("aoi", "models") for path in (ROOT / folder).glob("*.toml")
    )
    keys = [name for name, why in CONTRACTS.items() if why.startswith("key of")]
    assert [key for key in keys if not re.search(rf"^\s*\[?{key}\b|\b{key} = ", text, re.MULTILINE)] == []
    listed = set(re.findall(r"`(\w+)`", FILES_PART))
    assert set(keys) - listed == set()


def test_a_retired_word_is_noticed_wherever_it_is_defined():
    tree = ast.parse(
        "class TakenIn:\n    ground: int\n\n    def tell(self, own, *, looks=1):\n        self.whole = own\n"
    )
    found = [name for name in defined_names(tree) if words_of(name) & RETIRED]
    assert sorted(found) == ["TakenIn", "ground", "looks", "own", "whole"]
