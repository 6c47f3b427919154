"""One alert, one coordinate and one set of days, in every format and language."""

from xml.etree import ElementTree

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from selvawatch.core.schema import Tier
from selvawatch.write.bulletin.bulletin import html, text
from selvawatch.write.bulletin.map_page import map_page
from selvawatch.write.formats.gpx import write_gpx
from selvawatch.write.formats.kml import write_kml
from selvawatch.write.language.i18n import language
from selvawatch.write.language.phrases import days_of
from write_data import bulletin

KML, GPX = "{http://www.opengis.net/kml/2.2}", "{http://www.topografix.com/GPX/1/1}"


@pytest.mark.parametrize("tier", list(Tier))
def test_every_format_gives_the_coordinate_of_the_table(tier, tmp_path):
    content = bulletin(tier)
    frame = content.alerts.frame.sort_values("rank")
    table = [(round(x, 6), round(y, 6)) for x, y in zip(frame["lon"], frame["lat"], strict=True)]
    kml = ElementTree.parse(write_kml(tmp_path / "a.kml", content.alerts, language("es")))
    points = [one.text.split(",") for one in kml.findall(f".//{KML}Point/{KML}coordinates")]
    exact = tier is Tier.RESTRICTED
    assert sorted((float(x), float(y)) for x, y in points) == (sorted(table) if exact else [])
    if exact:
        gpx = ElementTree.parse(write_gpx(tmp_path / "a.gpx", content.alerts, language("es")))
        assert [(float(one.get("lon")), float(one.get("lat"))) for one in gpx.iter(f"{GPX}wpt")] == table
    shapes = gpd.GeoSeries(frame.geometry, crs=content.alerts.frame.crs).to_crs(4326)
    for shape, (x, y) in zip(shapes, table, strict=True):
        assert shape.contains(shapely.Point(x, y))
    digits = 5 if tier is Tier.RESTRICTED else 3
    live = frame[frame["status"] != "withdrawn"]
    page, drawn = html(content, language("es")), map_page(content, language("es"))
    for x, y in zip(live["lon"], live["lat"], strict=True):
        assert f"{y:.{digits}f}, {x:.{digits}f}" in page
        assert f"[{float(y)!r}, {float(x)!r}]" in drawn


@pytest.mark.parametrize("code", ["es", "en"])
def test_every_format_gives_the_same_days(code, tmp_path):
    content, lang = bulletin(Tier.RESTRICTED), language(code)
    live = content.alerts.frame.query("status != 'withdrawn'")
    texts = [
        html(content, lang),
        text(content, lang),
        write_kml(tmp_path / "a.kml", content.alerts, lang).read_text(),
        write_gpx(tmp_path / "a.gpx", content.alerts, lang).read_text(),
    ]
    for _, row in live.iterrows():
        for _, words in days_of(lang, row):
            assert all(words in made for made in texts)


def test_days_that_are_not_known_are_left_out_and_growth_is_said_apart():
    row = pd.Series(
        {
            "onset": pd.Timestamp("2026-02-10"),
            "onset_earliest": pd.NaT,
            "onset_latest": pd.Timestamp("2026-02-10"),
            "first_detected": pd.Timestamp("2026-02-12"),
            "confirmed_on": pd.NaT,
            "last_grown": pd.Timestamp("2026-02-12"),
        }
    )
    assert days_of(language("es"), row) == [
        ("La pérdida empezó", "a más tardar el 10 feb. 2026"),
        ("Vista por primera vez", "12 feb. 2026"),
    ]
    row["onset_earliest"], row["last_grown"] = pd.Timestamp("2026-02-01"), pd.Timestamp("2026-03-04")
    assert days_of(language("en"), row) == [
        ("Loss began", "between Feb 1, 2026 and Feb 10, 2026"),
        ("First seen", "Feb 12, 2026"),
        ("Last growth", "Mar 4, 2026"),
    ]
