"""What a file of a field tool holds: entries with fields, and which fields say what."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from selvawatch.errors import LayerError
from selvawatch.reviews.review import ROLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a file: a row, a feature, a waypoint."""

    where: str
    """Where in the file it stands, for people: `row 3`."""
    key: str
    """What the tool calls the entry, the same in every export; empty: nothing."""
    fields: Mapping[str, str]
    """Text by name of field, as the file has it; empty texts left out."""
    times: Sequence[str] = ()
    """Times of the entry that the form itself keeps, the one to be believed first."""
    lon: str = ""
    lat: str = ""
    """Degrees (WGS 84) as text; empty: the form has none, and fields may have them."""
    more_points: Sequence[tuple[str, str]] = ()
    """Longitude and latitude of further questions for a point."""
    fault: str = ""
    """Why nothing of the entry can be used; empty: nothing is wrong with its form."""


ROLE_WORDS = {
    "guardaparque": "ranger",
    "guardabosque": "ranger",
    "park ranger": "ranger",
    "comunidad": "community",
    "monitor comunitario": "community",
    "community monitor": "community",
    "fiscal": "prosecutor",
    "autoridades": "authority",
    "fiscalia": "prosecutor",
    "policia": "police",
    "autoridad": "authority",
    "socio": "partner",
    "tecnico": "technician",
    "tecnica": "technician",
    "analista": "analyst",
} | {role: role for role in ROLES}
"""Roles by what forms call them, folded."""

VERDICT_WORDS = {
    "mining": ("mining", "seen", "mineria", "se vio mineria", "mining seen", "seen mining", "es mineria"),
    "other-loss": (
        "other loss", "not mining", "no es mineria", "otra perdida", "perdida sin mineria", "other",
        "loss not mining", "loss but not mining",
    ),
    "no-loss": (
        "no loss", "nothing there", "nothing", "sin perdida", "no hay nada", "nada", "no hay perdida",
        "false alarm", "falsa alarma", "bosque en pie",
    ),
    "not-reached": ("not reached", "no se llego", "no alcanzado", "sin acceso", "not visited", "no visitado"),
}  # fmt: skip
"""What forms call a verdict, folded: letters and digits alone, small, without accents."""

ROLES_OF_FIELDS = {
    "alert": (
        "alert id", "alert", "alerta", "id alerta", "alerta id", "event id", "evento", "id evento",
        "source id", "sourceid", "alertid", "eventid",
    ),
    "verdict": (
        "verdict", "review", "veredicto", "resultado", "revision", "judgement", "judgment", "answer",
        "respuesta", "what was seen", "what did you see", "que se vio", "que vio", "as", "result",
        "finding", "outcome", "response",
    ),
    "role": ("role", "rol", "en que funcion", "in which role", "by", "funcion", "cargo", "by role"),
    "time": (
        "seen at", "observed at", "visited at", "visited on", "seen on", "visto el", "fecha de visita",
        "fecha hora", "datetime", "time", "date", "fecha", "recorded at", "end", "start", "submissiondate",
        "submission date", "submission time", "today",
    ),
    "lon": ("lon", "long", "longitude", "longitud", "lng", "x"),
    "lat": ("lat", "latitude", "latitud", "y"),
    "point": ("location", "point", "geopoint", "gps", "ubicacion", "punto", "seen here"),
}  # fmt: skip
"""Names of fields by what they say, folded, the first to be believed; the last part of a name counts too."""


_OF_CHOICES = ("value", "display", "label")
"""Members of an answer that some tools write as an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What a person declared of a file: names of fields by role, and what values mean."""

    fields: Mapping[str, str]
    """Name of the field by role (`alert`, `verdict`, `role`, `time`, `lon`, `lat`, `point`)."""
    verdicts: Mapping[str, str]
    """Verdict by folded value."""


def naming_of(columns: Iterable[str], values: Iterable[str], verdicts: Sequence[str]) -> Naming:
    """What `--column ROLE=NAME` and `--value VERDICT=TEXT` declare.

    Raises
    ------
    LayerError
        For a text of another form, or an unknown role or verdict.
    """
    fields, meanings = {}, {}
    for text in columns:
        role, found = _pair(text, "--column", tuple(ROLES_OF_FIELDS))
        fields[role] = found
    for text in values:
        verdict, found = _pair(text, "--value", tuple(verdicts))
        meanings[folded(found)] = verdict
    return Naming(fields=fields, verdicts=meanings)


def _pair(text: str, option: str, known: Sequence[str]) -> tuple[str, str]:
    name, equals, found = text.partition("=")
    if not equals or name not in known or not found:
        raise LayerError(
            "the text declares nothing", where=option, got=text, needed=f"{'|'.join(known)}=TEXT of the file"
        )
    return name, found


def folded(text: str) -> str:
    """A text as it is compared: small letters and digits without accents, single spaces between words."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return " ".join(re.findall(r"[a-z0-9]+", plain))


def field_names(entry: Entry, role: str, naming: Naming) -> list[str]:
    """Names of the fields of an entry that say what a role is for, the one to be believed first."""
    if declared := naming.fields.get(role):
        wanted = folded(declared)
        return [name for name in entry.fields if wanted in _parts(name)]
    known = ROLES_OF_FIELDS[role]
    ranked = []
    for name in entry.fields:
        parts = _parts(name)
        found = [known.index(part) for part in parts if part in known]
        if found:
            ranked.append((min(found), name))
    return [name for _, name in sorted(ranked, key=lambda pair: pair[0])]


def _parts(name: str) -> list[str]:
    """A field's name and what is left of it behind the names of its groups, folded; of an answer that is an
    object, the name of the question.
    """
    groups = [group for group in re.split(r"[/.:]|-(?=[A-Za-z_])", name) if group]
    if len(groups) > 1 and folded(groups[-1]) in _OF_CHOICES:
        groups.pop()
    return list(dict.fromkeys((folded(name), folded(groups[-1] if groups else name))))


def verdict_of(text: str, naming: Naming) -> str:
    """The verdict that a value means; empty: none that is known."""
    value = folded(text)
    if value in naming.verdicts:
        return naming.verdicts[value]
    return next((verdict for verdict, words in VERDICT_WORDS.items() if value in words), "")


def with_field(fields: dict[str, str], name: str, text: str) -> None:
    """Add a field as read; a second one of its name, which would else be lost, as one of the group `2`."""
    number = 2
    key = name
    while key in fields:
        key, number = f"{number}/{name}", number + 1
    fields[key] = text


def role_of(text: str) -> str:
    """The role that a value means; empty for what is none, which may be a name."""
    return ROLE_WORDS.get(folded(text), "")
