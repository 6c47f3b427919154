"""The bulletin as PDF, read back, where the extra `pdf` and a reader are installed."""

import pytest

from selvawatch.core.schema import Tier
from selvawatch.write.bulletin.bulletin import html
from selvawatch.write.bulletin.pdf import write_pdf
from selvawatch.write.language.i18n import language
from write_data import bulletin

pytest.importorskip("weasyprint")
pypdf = pytest.importorskip("pypdf")


def text_of(path):
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)


def test_a_pdf_says_what_the_page_says_and_equal_pages_give_equal_bytes(tmp_path):
    content = bulletin(Tier.RESTRICTED)
    page = html(content, language("es"))
    first, second = (write_pdf(tmp_path / name, page, content.run.run_id) for name in ("a.pdf", "b.pdf"))
    text = text_of(first)
    assert first.read_bytes() == second.read_bytes()
    assert all(name in text for name in content.alerts.frame.query("status == 'confirmed'")["alert_id"])


def test_a_public_pdf_tells_nothing_that_the_tier_may_not_see(tmp_path):
    content = bulletin(Tier.PUBLIC)
    text = text_of(write_pdf(tmp_path / "a.pdf", html(content, language("es")), content.run.run_id))
    exact = bulletin(Tier.RESTRICTED).alerts.frame
    hidden = [*exact["concession_code"], *exact["overlap_list"], *exact["native_community"].dropna()]
    assert not [name for name in hidden if name in text]
    assert not [number for number in exact["lat"] if f"{number:.5f}" in text]
