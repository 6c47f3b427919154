import json
import re
from dataclasses import replace

import pytest
import shapely

from accessibility import unlocked
from chromium import drawn
from selvawatch.core.schema import Tier
from selvawatch.write.bulletin.bulletin import html
from selvawatch.write.bulletin.bulletin_model import Reference
from selvawatch.write.bulletin.map_page import map_page
from selvawatch.write.bulletin.mapping.names import names_on_map, window_of, within
from selvawatch.write.language.i18n import language
from write_data import HOSTILE, bulletin

WINDOW = shapely.box(0, 0, 10, 10)


def line(name, *points, kind="river"):
    return Reference(kind=kind, name=name, geometry=shapely.LineString(points))


def test_a_name_is_written_once_in_view_on_its_longest_line():
    rivers = [
        line("Malinowski", (1, 1), (2, 1)),
        line("Malinowski", (2, 5), (8, 5)),
        line("", (0, 0), (9, 9)),
        line("Afar", (20, 20), (30, 30)),
    ]
    (name,) = names_on_map(rivers, WINDOW)
    assert (name.text, name.lon, name.lat) == ("Malinowski", 5, 5)


def test_a_district_is_named_inside_its_part_in_view_and_most_names_of_a_kind_are_kept():
    wide = Reference(kind="district", name="Inambari", geometry=shapely.box(-90, -90, 4, 4))
    (name,) = names_on_map([wide], WINDOW)
    assert WINDOW.contains(shapely.Point(name.lon, name.lat)) and name.lon < 4
    many = [line(f"r{n}", (0, n / 9), (1 + n, n / 9)) for n in range(9)]
    assert [one.text for one in names_on_map(many, WINDOW, 2)] == ["r8", "r7"]


def test_references_are_cut_to_what_maps_show():
    window = window_of(shapely.box(0, 0, 2, 1), [], 0.5)
    assert window.bounds == (-1, -1, 3, 2)
    (kept,) = within([line("a", (0, 0), (99, 0)), line("b", (50, 50), (60, 60))], window)
    assert kept.geometry.bounds == (0, 0, 3, 0)


@pytest.mark.parametrize("make", [html, map_page])
def test_every_line_of_a_map_is_in_its_legend_and_every_name_is_text(make):
    content = bulletin(Tier.PUBLIC)
    kinds = ("road", "river", "protected", "community", "corridor", "district", "strange")
    lines = [line(HOSTILE[0], (-70.2, -12.8), (-70.1, -12.75), kind=kind) for kind in kinds]
    page = make(replace(content, references=tuple(lines)), language("en"))
    words = (
        "road",
        "river",
        "protected natural area",
        "native community",
        "mining corridor",
        "district border",
    )
    for word in (*words, "other line", "border of the area"):
        assert f"</svg>{word}</li>" in page
    assert HOSTILE[0] not in page


@pytest.mark.parametrize("make", [html, map_page])
def test_names_of_settlements_are_no_line_of_the_legend(make):
    place = Reference(kind="settlement", name="Town", geometry=shapely.Point(-70.2, -12.8))
    page = make(replace(bulletin(Tier.PUBLIC), references=(place,)), language("en"))
    assert "other line" not in page and "border of the area" in page


@pytest.mark.parametrize(
    ("tier", "linked"), [(Tier.PUBLIC, False), (Tier.PARTNER, False), (Tier.RESTRICTED, True)]
)
def test_only_exact_places_open_in_the_map_of_a_telephone(tier, linked):
    content = bulletin(tier)
    page = html(content, language("es"))
    assert ('href="geo:-12.' in page) is linked
    data = json.loads(re.search(r'id="data">(.*?)</script>', map_page(content, language("es"))).group(1))
    addresses = {alert["properties"]["address"] for alert in data["alerts"]["features"]}
    assert all(re.fullmatch(r"geo:(-\d+\.\d+,-\d+\.\d+)\?q=\1", one) for one in addresses) is linked
    assert linked or addresses == {""}


FILTERS = {
    ("status", "provisional"): lambda one: one["status"] == "provisional",
    ("cause", "mining"): lambda one: one["cause"] == "mining",
    ("zones", "protected_core"): lambda one: "protected_core" in one["zones"],
    ("since", "2026-02-15"): lambda one: one["day"] >= "2026-02-15",
    ("until", "2026-02-15"): lambda one: one["day"] <= "2026-02-15",
}


@pytest.mark.slow
def test_the_map_is_kept_to_a_status_a_cause_a_zone_and_days(tmp_path):
    page = unlocked(map_page(bulletin(Tier.RESTRICTED, count=9), language("es")))
    alerts = json.loads(re.search(r'id="data">(.*?)</script>', page).group(1))["alerts"]["features"]
    steps = [f'["{name}", "{value}"]' for name, value in FILTERS]
    script = f"""<script>
      const counted = [];
      for (const [name, value] of [{", ".join(steps)}]) {{
        form.reset();
        form.elements[name].value = value;
        form.elements[name].dispatchEvent(new Event("input", {{ bubbles: true }}));
        const kept = rows.filter(row => !row.closest("tr").hidden).length;
        counted.push([kept, document.querySelectorAll(".mark").length]);
      }}
      document.body.dataset.counted = JSON.stringify(counted);
    </script></body>"""
    (tmp_path / "map.html").write_text(page.replace("</body>", script), encoding="utf-8")
    shown = drawn(tmp_path / "map.html", tmp_path / "profile")
    counted = json.loads(re.search(r'data-counted="(.*?)"', shown).group(1))
    wanted = [sum(map(keeps, (one["properties"] for one in alerts))) for keeps in FILTERS.values()]
    assert counted == [[number, number] for number in wanted]
    assert all(0 < number < len(alerts) for number in wanted)
