import pytest

from accessibility import barriers
from selvawatch.core.schema import Tier
from selvawatch.write.bulletin.bulletin import html
from selvawatch.write.bulletin.map_page import map_page
from selvawatch.write.bulletin.mapping.marks import SHAPES, contrast, ink_on
from selvawatch.write.language.i18n import language
from selvawatch.write.legend import CAUSE_COLOURS
from write_data import bulletin

PAGES = {"bulletin": html, "map": map_page}


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_a_page_keeps_nobody_out(make, width, tmp_path):
    page = make(bulletin(Tier.RESTRICTED, count=9), language("es"))
    assert barriers(page, tmp_path, width=width) == []


@pytest.mark.slow
def test_barriers_are_found_where_there_are_some(tmp_path):
    page = html(bulletin(Tier.RESTRICTED, count=3), language("es"))
    worse = page.replace(' scope="col"', "").replace("<caption>", "<p>").replace("</caption>", "</p>")
    worse = (
        worse.replace("--soft: #55635b", "--soft: #c0c4c0").replace("<h3>", "<h4>").replace("</h3>", "</h4>")
    )
    found = {line.split(":")[0].split(" ")[0] for line in barriers(worse, tmp_path, width=900)}
    assert {"th", "table", "contrast", "heading"} <= found


def test_statuses_differ_by_shape_and_numbers_are_read_on_every_colour():
    assert len(set(SHAPES.values())) == len(SHAPES) == 3
    assert all(contrast(ink_on(colour), colour) >= 4.5 for colour in CAUSE_COLOURS.values())
