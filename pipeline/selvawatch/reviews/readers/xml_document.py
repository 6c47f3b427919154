"""XML that others wrote, read without what it may define."""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

from selvawatch.errors import LayerError

MOST_DEPTH = 50
"""Levels of elements in each other."""


def read_xml(content: bytes, where: str) -> Element:
    """The root of an XML document.

    Raises
    ------
    LayerError
        For what is no XML, has elements in each other without end, or brings definitions of its own.
    """
    depth = 0

    def refuse(*_: object) -> None:
        raise LayerError("the file defines entities", where=where, needed="XML without a DOCTYPE")

    def opened(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > MOST_DEPTH:
            raise LayerError("the file is too deep", where=where, needed=f"{MOST_DEPTH} levels at most")

    def closed(*_: object) -> None:
        nonlocal depth
        depth -= 1

    screening = expat.ParserCreate()
    screening.StartDoctypeDeclHandler = refuse
    screening.StartElementHandler, screening.EndElementHandler = opened, closed
    try:
        screening.Parse(content, True)
        return ElementTree.fromstring(content)  # noqa: S314  (no entities: refused above, in any encoding)
    except (ElementTree.ParseError, expat.ExpatError, ValueError, LookupError) as error:
        raise LayerError(
            "the file is no XML", where=where, got=error, needed="a SMART patrol or GPX"
        ) from error


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]
