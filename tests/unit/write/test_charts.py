import datetime as dt

import numpy as np
import pandas as pd
import pytest
import shapely

from selvawatch.errors import TableError
from selvawatch.write.charts.by_type import draw_types
from selvawatch.write.charts.drawing import COLOURS, About, words_in_chart, write_chart
from selvawatch.write.charts.fronts import draw_fronts
from selvawatch.write.charts.months import LegalPeriod, draw_months
from selvawatch.write.charts.promptness import draw_promptness, found_within
from selvawatch.write.language.i18n import language
from write_data import HOSTILE, real_alerts

ABOUT = About(title="Title $x$", lines=("product: p · run 0123", "area: La Pampa"))
PERIODS = [
    LegalPeriod(title="Antes", start=dt.date(2023, 1, 1), end=dt.date(2024, 3, 1)),
    LegalPeriod(title="Después", start=dt.date(2024, 3, 1), end=None),
]


def months(**columns):
    starts = [f"2024-{month:02d}" for month in range(1, 7)]
    frame = pd.DataFrame({"area": "La Pampa", "period": starts, "ha": np.arange(6.0), "ha_lo": 0.0})
    return frame.assign(ha_hi=frame["ha"] + 2, **columns)


def kinds():
    rows = [(kind, period) for kind in ("mining", "outside") for period in ("one", "two", "unwatched")]
    frame = pd.DataFrame(rows, columns=["type", "period"])
    ha = [3.0, 1.0, np.nan, 2.0, 4.0, np.nan]
    return frame.assign(ha=ha, ha_lo=np.array(ha) - 0.5, ha_hi=np.array(ha) + 0.5)


def squares(count=4):
    numbers = np.arange(count)
    return pd.DataFrame(
        {"west": 1000.0 * numbers, "south": 0.0, "cell_m": 1000.0, "first_year": 2020 + numbers}
    )


CHARTS = {
    "months": lambda figure, lang: draw_months(figure, months(), PERIODS, lang),
    "kinds": lambda figure, lang: draw_types(figure, kinds(), {"one": "Uno", "two": "Dos"}, lang),
    "fronts": lambda figure, lang: draw_fronts(figure, squares(), shapely.box(0, 0, 4000, 2000), lang),
    "finding": lambda figure, lang: draw_promptness(figure, real_alerts(5), lang),
    "no months": lambda figure, lang: draw_months(figure, months(ha=np.nan), PERIODS, lang),
    "no kinds": lambda figure, lang: draw_types(figure, kinds().assign(ha=np.nan), {}, lang),
    "no fronts": lambda figure, lang: draw_fronts(figure, squares(0), shapely.box(0, 0, 9, 9), lang),
    "no alerts": lambda figure, lang: draw_promptness(figure, real_alerts(1).iloc[:0], lang),
}


@pytest.mark.parametrize("draw", CHARTS.values(), ids=CHARTS)
def test_a_chart_says_where_it_is_from_and_has_the_same_bytes_each_time(draw, tmp_path):
    for suffix in (".svg", ".png"):
        paths = [
            write_chart(tmp_path / f"{n}{suffix}", ABOUT, lambda figure: draw(figure, language("es")))
            for n in "ab"
        ]
        assert paths[0].read_bytes() == paths[1].read_bytes()
    svg = paths[0].with_suffix(".svg").read_text(encoding="utf-8")
    for said in ("Title $x$", "product: p · run 0123", "area: La Pampa"):
        assert f"<!-- {said}" in svg or said in svg
    other = write_chart(tmp_path / "en.svg", ABOUT, lambda figure: draw(figure, language("en")))
    assert other.read_text(encoding="utf-8") != svg


def drawn(draw, tmp_path, code="es"):
    path = write_chart(tmp_path / "chart.svg", ABOUT, lambda figure: draw(figure, language(code)))
    return path.read_text(encoding="utf-8")


def test_legal_periods_lie_behind_the_months_and_what_was_not_watched_is_hatched(tmp_path):
    svg = drawn(CHARTS["months"], tmp_path)
    assert "<!-- Antes -->" in svg and "<!-- Después -->" in svg and "rayado: sin vigilancia" in svg
    assert "<pattern" not in svg
    ha = [1.0, np.nan, 2.0, 3.0, np.nan, 1.0]
    gaps = drawn(lambda figure, lang: draw_months(figure, months(ha=ha), PERIODS, lang), tmp_path)
    assert "<pattern" in gaps


def test_types_are_words_and_a_period_that_was_not_watched_is_no_bar_of_zero(tmp_path):
    svg = drawn(CHARTS["kinds"], tmp_path)
    assert "concesión minera" in svg and "<!-- mining -->" not in svg and "<!-- outside -->" not in svg
    assert "<!-- Uno -->" in svg and "unwatched" not in svg
    assert len({colour for colour in COLOURS[:7] if colour in svg}) == 2 and "<pattern" in svg


def test_each_year_of_a_front_has_a_colour_of_its_own_and_its_figures(tmp_path):
    svg = drawn(CHARTS["fronts"], tmp_path)
    assert all(svg.count(f"<!-- {year} -->") == 2 for year in range(2020, 2024))


def test_a_share_found_counts_from_the_earliest_and_the_latest_beginning():
    day = pd.Timestamp("2024-06-30")
    alerts = pd.DataFrame(
        {
            "first_detected": day,
            "onset_earliest": day - pd.to_timedelta([10, 40, 100, np.nan], unit="D"),
            "onset_latest": day - pd.to_timedelta([1, 20, 50, 70], unit="D"),
            "onset": day - pd.to_timedelta([1, 20, 50, 70], unit="D"),
        }
    )
    assert found_within(alerts, np.ones(4)) == [(0.25, 0.25), (0.25, 0.5), (0.5, 0.75)]
    assert found_within(alerts, np.array([6.0, 2.0, 1.0, 1.0]))[0] == (0.6, 0.6)
    assert found_within(alerts, np.zeros(4)) == [(0.0, 0.0)] * 3


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("type_validity", "in_force", ""),
        ("validity", "unknown", "vigencia no conocida"),
        ("area", "none", "fuera de las áreas de interés"),
        ("class", "mining", "concesión minera"),
        ("status", "provisional", "provisional"),
        ("cause", "mining", "posible minería"),
        ("district", "Inambari", "Inambari"),
    ],
)
def test_labels_of_charts_are_words(column, value, words):
    lang = language("es")
    if column == "validity":
        words = lang.text("validity unknown")
    assert words_in_chart(column, value, lang) == words


def test_hostile_names_are_drawn_as_text_and_other_endings_are_refused(tmp_path):
    frame = months(area=HOSTILE[0])
    svg = drawn(lambda figure, lang: draw_months(figure, frame, PERIODS, lang), tmp_path)
    assert "<script" not in svg
    with pytest.raises(TableError, match="unknown picture format"):
        write_chart(tmp_path / "chart.jpg", ABOUT, len)
