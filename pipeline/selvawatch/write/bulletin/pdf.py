"""The bulletin as PDF, where the extra `pdf` is installed."""

from pathlib import Path

from selvawatch.core.files import write_checked
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
    return write_checked(path, document.write_pdf(identifier=run_id[:32].encode()))
