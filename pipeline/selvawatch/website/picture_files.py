"""Pictures of a site as files, made smaller where all of them together would weigh too much."""

from collections.abc import Mapping
from io import BytesIO

from PIL import Image

from selvawatch.write.bulletin.bulletin_model import Bulletin, Picture
from selvawatch.write.bulletin.pictures import within_bytes
from selvawatch.write.bulletin.presentation import shows_pictures

SITE_BYTES = 4_700_000
"""Bytes that a site has for all its files: with its worker and its listing it stays under 5 MB."""
MOST_BYTES, LEAST_BYTES = 2_400_000, 500_000
"""Bytes of all pictures of a site: at most, and where the pages alone are too many."""
FOLDER = "pictures"
_LEAST_BYTES = 2_000
"""What a picture is never made smaller than."""


def picture_files(bulletin: Bulletin, names: Mapping[str, str], others: int) -> dict[str, bytes]:
    """Pictures of the alerts as JPEG by path; none below the restricted tier.

    names: of the pages of alerts, by alert id. others: bytes of the other files of the site. Where pictures
    are too many bytes together each gets the same part: of those that have more the quality is lowered, then
    the size.
    """
    if not shows_pictures(bulletin):
        return {}
    found = {
        picture_path(names[alert], picture): picture.content
        for alert, pictures in sorted(bulletin.pictures.items())
        if alert in names
        for picture in pictures
        if picture.content
    }
    return fitted(found, min(MOST_BYTES, max(LEAST_BYTES, SITE_BYTES - others)))


def picture_path(page: str, picture: Picture) -> str:
    """Where a picture of an event lies below a site; page: name of the event's page."""
    return f"{FOLDER}/{page}-{picture.side}.jpg"


def fitted(pictures: Mapping[str, bytes], most: int) -> dict[str, bytes]:
    """JPEGs that are at most so many bytes together, by the same names."""
    left, part = most, 0
    for number, size in enumerate(sorted(len(content) for content in pictures.values())):
        part = left // (len(pictures) - number)
        if size > part:
            break
        left -= size
    else:
        return dict(pictures)
    limit = max(part, _LEAST_BYTES)
    smaller = {
        content: _smaller(content, limit) for content in set(pictures.values()) if len(content) > limit
    }
    return {name: smaller.get(content, content) for name, content in pictures.items()}


def _smaller(content: bytes, limit: int) -> bytes:
    with Image.open(BytesIO(content)) as image:
        return within_bytes(image.convert("RGB"), limit)
