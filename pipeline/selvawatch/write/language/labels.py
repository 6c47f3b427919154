"""What the code tables' columns, tables, raster layers and legends are called in a language."""

from selvawatch.core.raster_layers import Layer
from selvawatch.core.schema import Column
from selvawatch.write.language.i18n import Language
from selvawatch.write.legend import Swatch

LEGEND = "legend"
"""Context of a swatch's label in the catalogues."""


def column_id(column: Column) -> tuple[str, str]:
    """Context and message of a column's label."""
    return f"column {column.name}", column.description


def column_label(language: Language, column: Column) -> str:
    """What a column is called; its name where the catalogue has no label (a user's column, English)."""
    return _label(language, column_id(column), column.name)


def meaning_id(column: Column) -> tuple[str, str]:
    """Context and message of what a column means."""
    return f"meaning {column.name}", column.description


def column_meaning(language: Language, column: Column) -> str:
    """What a column means, which says more than its label; its description where the catalogue has none."""
    context, message = meaning_id(column)
    return language.text(message, context)


def table_id(name: str, description: str) -> tuple[str, str]:
    """Context and message of a table's title."""
    return f"table {name}", description


def table_title(language: Language, name: str, description: str) -> str:
    """Title of a table; its name where the catalogue has none."""
    return _label(language, table_id(name, description), name)


def layer_id(layer: Layer) -> tuple[str, str]:
    """Context and message of a raster layer's label."""
    return f"layer {layer.name}", layer.description


def layer_label(language: Language, layer: Layer) -> str:
    """What a raster layer is called; its name where the catalogue has no label."""
    return _label(language, layer_id(layer), layer.name)


def swatch_label(language: Language, swatch: Swatch) -> str:
    """What a code of a legend stands for."""
    return language.text(swatch.label, LEGEND)


def _label(language: Language, key: tuple[str, str], name: str) -> str:
    context, message = key
    found = language.text(message, context)
    return name if found == message else found
