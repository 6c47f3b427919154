"""The bulletin as PDF, where the extra `pdf` is installed."""

from pathlib import Path

from selvawatch.core.files import replacing
from selvawatch.errors import TableError


def write_pdf(path: Path, page: str, run_id: str) -> Path:
    """Write a bulletin's page (HTML) as PDF and return the path; equal inputs give equal bytes.

    Raises
    ------
    TableError
        When weasyprint is not installed.
    """
    try:
        import weasyprint
    except ImportError as error:
        raise TableError("no PDF writer", needed="weasyprint", do="pip install 'selvawatch[pdf]'") from error
    only_data = weasyprint.urls.URLFetcher(allowed_protocols=["data"], fail_on_errors=True)
    document = weasyprint.HTML(string=page, url_fetcher=only_data)
    with replacing(path) as part:
        document.write_pdf(part, identifier=run_id[:32].encode())
    return path
