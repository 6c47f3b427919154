"""The bulletin as PDF, where the extra `pdf` is installed."""

import base64
from pathlib import Path
from typing import Any

from selvawatch.core.files import replacing
from selvawatch.errors import TableError
from selvawatch.write.bulletin import html
from selvawatch.write.content import Bulletin
from selvawatch.write.i18n import Language


def write_pdf(path: Path, content: Bulletin, lang: Language) -> Path:
    """Write the bulletin's page as PDF and return the path; equal inputs give equal bytes.

    Raises
    ------
    TableError
        When weasyprint is not installed.
    """
    try:
        import weasyprint
    except ImportError as error:
        raise TableError("no PDF writer", needed="weasyprint", do="pip install 'selvawatch[pdf]'") from error
    document = weasyprint.HTML(string=html(content, lang), url_fetcher=_only_data)
    with replacing(path) as part:
        document.write_pdf(part, identifier=content.run.run_id[:32].encode())
    return path


def _only_data(address: str) -> dict[str, Any]:
    """What the writer may load: pictures in the page itself."""
    if not address.startswith("data:image/"):
        raise ValueError(f"{address[:60]}: a bulletin loads nothing")
    head, _, data = address.partition(",")
    return {"string": base64.b64decode(data), "mime_type": head[5:].split(";")[0]}
