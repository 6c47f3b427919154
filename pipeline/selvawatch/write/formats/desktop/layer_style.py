"""How QGIS draws alerts and what it calls their columns: the elements of a style (QML) and of a project."""

from collections.abc import Sequence
from xml.etree import ElementTree

from selvawatch.core.schema import Column, Table
from selvawatch.core.tables import CAUSES, STATUSES
from selvawatch.write.language.i18n import Language
from selvawatch.write.language.labels import column_label
from selvawatch.write.language.vocabulary import CAUSE, CODES, STATUS, column_word, word
from selvawatch.write.legend import CAUSE_COLOURS, LEGENDS

QGIS_VERSION = "3.34.0"
"""Version of QGIS whose elements these are; later ones read them."""
STYLES = ("cause", "status")
"""Columns by whose codes there is a style each; the first is the default."""
_LABEL_TO_SCALE = 50_000
"""Denominator of the smallest scale with labels; QGIS calls it the largest (`scaleMax`)."""
_WITHDRAWN = "withdrawn"
_CAUSE_OF_LIVE = f"CASE WHEN \"status\" = '{_WITHDRAWN}' THEN '{_WITHDRAWN}' ELSE \"cause\" END"
"""What rows are coloured by in the style of causes: withdrawn ones are apart, and are not drawn."""


def code_words(column: Column, lang: Language) -> dict[str, str]:
    """The words for each code that a column may have; empty where it has no codes."""
    if column.name not in CODES:
        return dict(zip(column.choices, column.choices, strict=True))
    return {code: column_word(lang, column.name, code) for code in column.choices}


def labels_of(table: Table, lang: Language) -> dict[str, str]:
    """What each column but the geometry is called, each name once."""
    labels: dict[str, str] = {}
    for column in table.columns:
        if column.dtype != "geometry":
            label = column_label(lang, column)
            labels[column.name] = f"{label} ({column.name})" if label in labels.values() else label
    return labels


def style_xml(table: Table, by: str, lang: Language) -> str:
    """A style (QML) of the rows of a table, coloured by the codes of a column of STYLES."""
    root = ElementTree.Element(
        "qgis", {"version": QGIS_VERSION, "styleCategories": "Symbology|Labeling|Fields|Forms|MapTips"}
    )
    root.extend(style_elements(table, by, lang))
    text = ElementTree.tostring(root, encoding="unicode")
    return f"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n{text}\n"


def style_elements(table: Table, by: str, lang: Language) -> list[ElementTree.Element]:
    """Renderer, labels, aliases and words for codes, as a style and a layer of a project have them.

    What was withdrawn is a category of its own, which is not drawn until it is ticked.
    """
    of_column = CAUSES if by == "cause" else STATUSES
    codes = [(code, _colour(by, code), word(lang, by, code)) for code in of_column]
    if by == "cause":
        codes.append((_WITHDRAWN, _colour("status", _WITHDRAWN), word(lang, "status", _WITHDRAWN)))
    return [
        _renderer(_CAUSE_OF_LIVE if by == "cause" else by, codes),
        _labeling(table),
        *_fields(table, lang),
    ]


def _colour(by: str, code: str) -> str:
    """Red, green, blue of a code as QGIS writes them."""
    if by == "cause":
        css = CAUSE_COLOURS[code]
        return ",".join(str(int(css[at : at + 2], 16)) for at in (1, 3, 5))
    swatch = next(one for one in LEGENDS["status"] if one.label == STATUS[code])
    return ",".join(str(part) for part in swatch.colour)


def _renderer(by: str, codes: Sequence[tuple[str, str, str]]) -> ElementTree.Element:
    renderer = ElementTree.Element(
        "renderer-v2", {"type": "categorizedSymbol", "attr": by, "symbollevels": "0", "forceraster": "0"}
    )
    categories = ElementTree.SubElement(renderer, "categories")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for number, (code, colour, label) in enumerate(codes):
        ElementTree.SubElement(
            categories,
            "category",
            {
                **{"value": code, "label": label, "symbol": str(number), "type": "string"},
                "render": "false" if code == _WITHDRAWN else "true",
            },
        )
        symbol = ElementTree.SubElement(
            symbols, "symbol", {"type": "fill", "name": str(number), "alpha": "1", "clip_to_extent": "1"}
        )
        layer = ElementTree.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "pass": "0"})
        options = {
            "color": f"{colour},70",
            "outline_color": f"{colour},255",
            "outline_style": "solid",
            "outline_width": "0.5",
            "outline_width_unit": "MM",
            "style": "solid",
        }
        _options(layer, options)
    return renderer


def _options(parent: ElementTree.Element, values: dict[str, str]) -> None:
    options = ElementTree.SubElement(parent, "Option", {"type": "Map"})
    for name, value in values.items():
        ElementTree.SubElement(options, "Option", {"type": "QString", "name": name, "value": value})


def _labeling(table: Table) -> ElementTree.Element:
    """Labels by rank, or by id, from near."""
    names = [column.name for column in table.columns]
    labeling = ElementTree.Element("labeling", {"type": "simple"})
    settings = ElementTree.SubElement(labeling, "settings")
    text = ElementTree.SubElement(
        settings,
        "text-style",
        {"fieldName": "rank" if "rank" in names else names[0], "fontSize": "9", "isExpression": "0"},
    )
    ElementTree.SubElement(text, "text-buffer", {"bufferDraw": "1", "bufferSize": "0.8"})
    ElementTree.SubElement(
        settings,
        "rendering",
        {"drawLabels": "1", "scaleVisibility": "1", "scaleMin": "0", "scaleMax": str(_LABEL_TO_SCALE)},
    )
    return labeling


def _fields(table: Table, lang: Language) -> list[ElementTree.Element]:
    """Aliases of the columns, and the words for their codes."""
    labels = labels_of(table, lang)
    columns = [column for column in table.columns if column.dtype != "geometry"]
    aliases, fields = ElementTree.Element("aliases"), ElementTree.Element("fieldConfiguration")
    for number, column in enumerate(columns, start=1):  # 0 is the column of ids that the driver makes
        alias = {"index": str(number), "field": column.name, "name": labels[column.name]}
        ElementTree.SubElement(aliases, "alias", alias)
        if words := code_words(column, lang):
            field = ElementTree.SubElement(fields, "field", {"name": column.name})
            widget = ElementTree.SubElement(field, "editWidget", {"type": "ValueMap"})
            config = ElementTree.SubElement(widget, "config")
            top = ElementTree.SubElement(config, "Option", {"type": "Map"})
            listed = ElementTree.SubElement(top, "Option", {"type": "List", "name": "map"})
            for code, label in words.items():
                pair = ElementTree.SubElement(listed, "Option", {"type": "Map"})
                value = {"type": "QString", "name": label, "value": code}
                ElementTree.SubElement(pair, "Option", value)
    return [fields, aliases]


def is_styled(table: Table) -> bool:
    """Whether a table has what styles go by."""
    return {*STYLES} <= {column.name for column in table.columns} and bool(CAUSE)
