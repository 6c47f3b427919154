"""Languages of what people read: gettext catalogues compiled when first asked for, numbers by locale."""

import datetime as dt
import gettext
from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import BytesIO

from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from selvawatch.core.days import to_date
from selvawatch.errors import TableError

LOCALES = {"es": "es_PE", "en": "en"}
"""Locale of numbers and dates by language, Spanish first."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its words, numbers and dates."""

    code: str
    """`es` or `en`."""
    translations: gettext.NullTranslations

    @property
    def locale(self) -> str:
        """Locale of numbers and dates."""
        return LOCALES[self.code]

    def text(self, message: str, context: str = "") -> str:
        """An English message in this language; `context` tells apart messages that are alike in English."""
        if context:
            return self.translations.pgettext(context, message)
        return self.translations.gettext(message)

    def plural(self, single: str, many: str, count: int) -> str:
        """The form of a message that fits a count, the count filled in as `%(num)s`."""
        return self.translations.ngettext(single, many, count) % {"num": self.number(count)}

    def number(self, value: float, digits: int = 0) -> str:
        """A number with this many decimals, as the locale writes it."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return format_decimal(value if round(value, digits) else 0.0, format=pattern, locale=self.locale)

    def hectares(self, value: float) -> str:
        """Hectares with two decimals, as every table and page gives them: the smallest alerts have 0.04."""
        return f"{self.number(value, 2)}\u00a0ha"

    def percent(self, share: float, digits: int = 0) -> str:
        """A share of 0-1 in percent; what is not quite all or nothing is not rounded to it."""
        hundredths = share * 100
        if digits == 0 and 0 < hundredths < 0.5:
            return "<\u00a01%"
        if digits == 0 and 99.5 <= hundredths < 100:
            hundredths = 99.0
        return self.number(hundredths, digits) + "%"

    def day(self, day: int | dt.date, style: str = "medium") -> str:
        """A day in words; an empty text for no day."""
        if isinstance(day, int):
            if day == 0:
                return ""
            day = to_date(day)
        return format_date(day, format=style, locale=self.locale)

    def month(self, day: dt.date) -> str:
        """The month of a day in words, with its year."""
        return format_date(day, format="LLLL y", locale=self.locale)


@cache
def language(code: str) -> Language:
    """The language of a code, its catalogue compiled from the package's `.po` files.

    Raises
    ------
    TableError
        For a language there is no catalogue of.
    """
    if code not in LOCALES:
        raise TableError("unknown language", got=code, needed=" or ".join(LOCALES))
    folder = resources.files("selvawatch.write.language").joinpath("locales", code, "LC_MESSAGES")
    catalogue = read_po(BytesIO(folder.joinpath("selvawatch.po").read_bytes()), locale=code)
    meanings = folder.joinpath("meanings.po")
    if meanings.is_file():
        for entry in read_po(BytesIO(meanings.read_bytes()), locale=code):
            if entry.id:
                catalogue.add(entry.id, entry.string, context=entry.context)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Language(code, gettext.GNUTranslations(compiled))


def N_(message: str) -> str:  # noqa: N802  (the name that gettext tools look for)
    """The message as it is: marks text to be translated where it is printed."""
    return message
