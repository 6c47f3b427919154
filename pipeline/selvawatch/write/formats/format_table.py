"""The one table of file formats for rows: what each is called, what goes in it, and by which function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from selvawatch.core.tier import Tier
from selvawatch.errors import TableError
from selvawatch.write.formats.companions import write_dictionary, write_provenance
from selvawatch.write.formats.csv_file import write_csv
from selvawatch.write.formats.desktop.gpkg import write_gpkg, write_people_gpkg
from selvawatch.write.formats.desktop.qgis_project import write_qgis
from selvawatch.write.formats.desktop.shapefile import write_shapefile
from selvawatch.write.formats.field.comapeo import write_comapeo
from selvawatch.write.formats.field.entity_list import write_choice_list, write_entity_list
from selvawatch.write.formats.field.patrol_events import write_earthranger
from selvawatch.write.formats.geojson import write_geojson
from selvawatch.write.formats.geoparquet import write_geoparquet
from selvawatch.write.formats.gpx import write_gpx
from selvawatch.write.formats.kml import write_kml, write_kmz
from selvawatch.write.formats.reading_sheets import write_people_csv, write_people_xlsx
from selvawatch.write.formats.xlsx import write_xlsx
from selvawatch.write.language.i18n import Language
from selvawatch.write.tiers import Released

Writer = Callable[[Path, Released, Mapping[str, str], Language], Path]
"""Writes rows with their provenance, in a language, to a path and returns it; equal inputs, equal bytes."""


class Content(StrEnum):
    """What rows are written of."""

    ALERTS = "alerts"
    """Every run and `alerts export`: rows with geometry, cause and status."""
    TABLE = "table"
    """`table --out`: rows without geometry."""
    ATTRIBUTION = "attribution"
    """`attribute --out`: rows with geometry and columns that the user's layers brought."""
    FIELD = "field"
    """`alerts export` alone, by the format's name: alerts for one tool that people take to the field."""
    PEOPLE = "people"
    """Every run, and commands that are given a language: rows as people read them, in their words."""
    SHEET = "sheet"
    """`table --out` in a language: rows without geometry, in words."""
    WORDED = "worded"
    """Commands that are given a language, and deliveries, by name: alerts in their words, of no run."""
    DEMAND = "demand"
    """`alerts export` and deliveries, by the file's ending too: alerts as no run writes them by itself."""


class Companion(StrEnum):
    """What a reader needs beside the rows."""

    DICTIONARY = "dictionary"
    PROVENANCE = "provenance"


COMPANIONS: Mapping[Content, frozenset[Companion]] = {
    Content.ALERTS: frozenset(),
    Content.TABLE: frozenset({Companion.DICTIONARY, Companion.PROVENANCE}),
    Content.ATTRIBUTION: frozenset({Companion.PROVENANCE}),
    Content.FIELD: frozenset(),
    Content.DEMAND: frozenset(),
    Content.WORDED: frozenset(),
    Content.PEOPLE: frozenset({Companion.PROVENANCE}),
    Content.SHEET: frozenset({Companion.PROVENANCE}),
}
"""What stands in another file where the format does not hold it; a run has its dictionary and catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A file format: one function and this entry."""

    name: str
    """Key of the file in a run's catalogue."""
    suffix: str
    """Suffix of its files, with the dot."""
    media_type: str
    stem: str = "alerts"
    """Name of its files of alerts, without the suffix."""
    contents: frozenset[Content]
    """What it can be written of; a format with `Content.ALERTS` is written by every run."""
    holds: frozenset[Companion] = frozenset()
    """What its file says itself."""
    tier: Tier = Tier.PUBLIC
    """Lowest tier that it can be written for: one of points is none for tiers whose places are squares."""
    speaks: bool = False
    """Whether it holds words in a language."""
    write: Writer


def _rows_alone(write: Callable[[Path, Released], Path]) -> Writer:
    return lambda path, released, _provenance, _lang: write(path, released)


def _with_provenance(write: Callable[[Path, Released, Mapping[str, str]], Path]) -> Writer:
    return lambda path, released, provenance, _lang: write(path, released, provenance)


def _in_language(write: Callable[[Path, Released, Language], Path]) -> Writer:
    return lambda path, released, _provenance, lang: write(path, released, lang)


KMZ = "kmz"
"""Name of the format that holds pictures too, where its writer is given them (`kml.write_kmz`)."""
_ROWS = frozenset({Content.ALERTS, Content.TABLE, Content.ATTRIBUTION})

_ENTRIES = (
    Format(
        name="geoparquet",
        suffix=".parquet",
        media_type="application/vnd.apache.parquet",
        contents=_ROWS,
        holds=frozenset({Companion.PROVENANCE}),
        write=_with_provenance(write_geoparquet),
    ),
    Format(
        name="gpkg",
        suffix=".gpkg",
        media_type="application/geopackage+sqlite3",
        contents=frozenset({Content.ALERTS, Content.ATTRIBUTION}),
        holds=frozenset({Companion.PROVENANCE}),
        write=_with_provenance(write_gpkg),
    ),
    Format(
        name="geojson",
        suffix=".geojson",
        media_type="application/geo+json",
        contents=frozenset({Content.ALERTS}),
        write=_rows_alone(write_geojson),
    ),
    Format(
        name="csv",
        suffix=".csv",
        media_type="text/csv",
        contents=_ROWS,
        write=_rows_alone(write_csv),
    ),
    Format(
        name="xlsx",
        suffix=".xlsx",
        media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        contents=_ROWS,
        holds=frozenset(Companion),
        write=_with_provenance(write_xlsx),
    ),
    Format(
        name="kml",
        suffix=".kml",
        media_type="application/vnd.google-earth.kml+xml",
        contents=frozenset({Content.ALERTS}),
        speaks=True,
        write=_in_language(write_kml),
    ),
    Format(
        name="gpx",
        suffix=".gpx",
        media_type="application/gpx+xml",
        contents=frozenset({Content.ALERTS}),
        tier=Tier.RESTRICTED,
        speaks=True,
        write=_in_language(write_gpx),
    ),
    Format(
        name=KMZ,
        suffix=".kmz",
        media_type="application/vnd.google-earth.kmz",
        contents=frozenset({Content.DEMAND}),
        speaks=True,
        write=_in_language(lambda path, released, lang: write_kmz(path, released, lang, {})),
    ),
    Format(
        name="people.csv",
        suffix=".csv",
        media_type="text/csv",
        stem="alertas",
        contents=frozenset({Content.PEOPLE, Content.SHEET}),
        speaks=True,
        write=_in_language(write_people_csv),
    ),
    Format(
        name="people.xlsx",
        suffix=".xlsx",
        media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        stem="alertas",
        contents=frozenset({Content.PEOPLE, Content.SHEET}),
        holds=frozenset(Companion),
        speaks=True,
        write=write_people_xlsx,
    ),
    Format(
        name="people.gpkg",
        suffix=".gpkg",
        media_type="application/geopackage+sqlite3",
        stem="alertas",
        contents=frozenset({Content.WORDED}),
        holds=frozenset(Companion),
        speaks=True,
        write=write_people_gpkg,
    ),
    Format(
        name="qgis",
        suffix=".qgs",
        media_type="application/x-qgis-project",
        contents=frozenset({Content.PEOPLE, Content.DEMAND}),
        holds=frozenset(Companion),
        speaks=True,
        write=write_qgis,
    ),
    Format(
        name="qgis-packed",
        suffix=".qgz",
        media_type="application/x-qgis-project",
        contents=frozenset({Content.DEMAND}),
        holds=frozenset(Companion),
        speaks=True,
        write=write_qgis,
    ),
    Format(
        name="shapefile",
        suffix=".shp",
        media_type="application/vnd.shp",
        contents=frozenset({Content.DEMAND}),
        holds=frozenset({Companion.PROVENANCE}),
        write=_with_provenance(write_shapefile),
    ),
    Format(
        name="odk",
        suffix=".csv",
        media_type="text/csv",
        contents=frozenset({Content.FIELD}),
        tier=Tier.RESTRICTED,
        speaks=True,
        write=_in_language(write_entity_list),
    ),
    Format(
        name="kobo",
        suffix=".csv",
        media_type="text/csv",
        contents=frozenset({Content.FIELD}),
        tier=Tier.RESTRICTED,
        speaks=True,
        write=_in_language(write_choice_list),
    ),
    Format(
        name="comapeo",
        suffix=".json",
        media_type="application/json",
        contents=frozenset({Content.FIELD}),
        tier=Tier.RESTRICTED,
        speaks=True,
        write=_in_language(write_comapeo),
    ),
    Format(
        name="earthranger",
        suffix=".json",
        media_type="application/json",
        contents=frozenset({Content.FIELD}),
        tier=Tier.RESTRICTED,
        speaks=True,
        write=_in_language(write_earthranger),
    ),
)

FORMATS: dict[str, Format] = {entry.name: entry for entry in _ENTRIES}
"""Formats by name."""


def formats_of(content: Content) -> tuple[Format, ...]:
    """The formats that something can be written in, in the order of the table."""
    return tuple(entry for entry in FORMATS.values() if content in entry.contents)


def format_for(suffix: str, content: Content, where: str | Path = "") -> Format:
    """The format of a suffix (with its dot, in any case); `where` is named in the error.

    Raises
    ------
    TableError
        For a suffix that the content cannot be written in.
    """
    known = {entry.suffix: entry for entry in formats_of(content)}
    if suffix.lower() not in known:
        raise TableError("unknown format", where=where, got=suffix or "no suffix", needed=", ".join(known))
    return known[suffix.lower()]


def write_rows(
    path: Path, released: Released, provenance: Mapping[str, str], lang: Language, content: Content
) -> Path:
    """Write rows in the format of the path's suffix, and beside them what the format cannot hold; the path.

    Beside a table stand its bilingual dictionary (`NAME-diccionario.csv`) and its provenance
    (`NAME-procedencia.json`), beside an attribution its provenance, each where the file itself has none.

    Raises
    ------
    TableError
        For a suffix that the content cannot be written in, or rows that the format cannot hold.
    """
    form = format_for(path.suffix, content, path)
    missing = COMPANIONS[content] - form.holds
    form.write(path, released, provenance, lang)
    if Companion.DICTIONARY in missing:
        write_dictionary(path.with_name(f"{path.stem}-diccionario.csv"), (released.table,))
    if Companion.PROVENANCE in missing:
        write_provenance(path, provenance)
    return path


def write_alerts(
    folder: Path, alerts: Released, provenance: Mapping[str, str], lang: Language
) -> dict[str, Path]:
    """Write alerts as `folder/alerts.*` in every format of their tier; the paths by format's name."""
    return {
        form.name: form.write(folder / f"{form.stem}{form.suffix}", alerts, provenance, lang)
        for form in (*formats_of(Content.ALERTS), *formats_of(Content.PEOPLE))
        if form.tier <= alerts.tier
    }
