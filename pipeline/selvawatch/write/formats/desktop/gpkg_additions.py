"""What a GeoPackage says of its layer besides rows: aliases, meanings and codes of columns, and styles."""

import sqlite3
from contextlib import closing

from selvawatch.core.days import to_date
from selvawatch.write.formats.desktop.layer_style import STYLES, code_words, labels_of, style_xml
from selvawatch.write.language.i18n import Language
from selvawatch.write.language.labels import column_label, column_meaning
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.tiers import Released

_SCHEMA = """
CREATE TABLE gpkg_data_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT,
 description TEXT, mime_type TEXT, constraint_name TEXT,
 CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name), CONSTRAINT gdc_tn UNIQUE (table_name, name));
CREATE TABLE gpkg_data_column_constraints (constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL,
 value TEXT, min NUMERIC, min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
 CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value));
"""
"""Tables of the extension `schema` (OGC 12-128r18, F.9)."""
_STYLES = """
CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
 f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30),
 styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
 update_time DATETIME);
"""
"""Table in which QGIS looks for styles."""
_DEFINITION = "http://www.geopackage.org/spec121/#extension_schema"


def with_schema(content: bytes, released: Released, lang: Language) -> bytes:
    """The GeoPackage with an alias and a meaning for each column, and a domain for each column of codes."""
    table, labels = released.table, labels_of(released.table, lang)
    with closing(_opened(content)) as connection:
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
        for name in ("gpkg_data_columns", "gpkg_data_column_constraints"):
            row = (name, None, "gpkg_schema", _DEFINITION, "read-write")
            connection.execute("INSERT INTO gpkg_extensions VALUES (?, ?, ?, ?, ?)", row)
        for column in table.columns:
            if column.dtype == "geometry":
                continue
            domain = f"{table.name}_{column.name}" if column.choices else None
            connection.execute(
                "INSERT INTO gpkg_data_columns VALUES (?, ?, ?, ?, ?, NULL, ?)",
                (
                    *(table.name, column.name, labels[column.name], column_label(lang, column)),
                    *(column_meaning(lang, column), domain),
                ),
            )
            connection.executemany(
                "INSERT INTO gpkg_data_column_constraints VALUES (?, 'enum', ?, NULL, NULL, NULL, NULL, ?)",
                [(domain, code, words) for code, words in code_words(column, lang).items()],
            )
        return _closed(connection)


def with_styles(content: bytes, released: Released, lang: Language) -> bytes:
    """The GeoPackage with the styles that QGIS draws its layer with; they are a second, plain layer."""
    stamp = f"{to_date(released.data_day).isoformat()}T00:00:00.000Z"
    with closing(_opened(content)) as connection:
        connection.execute(_STYLES)
        connection.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id)"
            " VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?, 0)",
            (stamp,),
        )
        (geometry,) = connection.execute("SELECT column_name FROM gpkg_geometry_columns").fetchone()
        for by in STYLES:
            label = column_label(lang, released.table.column(by))
            style = style_xml(released.table, by, lang)
            connection.execute(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column,"
                " styleName, styleQML, styleSLD, useAsDefault, description, owner, update_time)"
                " VALUES ('', '', ?, ?, ?, ?, '', ?, ?, '', ?)",
                (
                    *(released.table.name, geometry, single_line(label, 30), style, by == STYLES[0]),
                    *(label, stamp),
                ),
            )
        return _closed(connection)


def _opened(content: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.deserialize(content)
    return connection


def _closed(connection: sqlite3.Connection) -> bytes:
    connection.commit()
    return bytes(connection.serialize())
