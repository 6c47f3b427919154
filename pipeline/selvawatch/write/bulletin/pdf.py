"""The bulletin as PDF, where the extra `pdf` is installed."""

from pathlib import Path

from selvawatch.core.files import replacing
from selvawatch.errors import TableError
from selvawatch.write.bulletin.bulletin import html
from selvawatch.write.bulletin.bulletin_model import Bulletin
from selvawatch.write.language.i18n import Language


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
    only_data = weasyprint.urls.URLFetcher(allowed_protocols=["data"], fail_on_errors=True)
    document = weasyprint.HTML(string=html(content, lang), url_fetcher=only_data)
    with replacing(path) as part:
        document.write_pdf(part, identifier=content.run.run_id[:32].encode())
    return path
