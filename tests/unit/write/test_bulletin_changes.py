"""What a bulletin says is new: groups, spans, months, the largest mines, and the same in every form."""

import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from selvawatch.core.days import to_date, to_day
from selvawatch.core.schema import Tier
from selvawatch.core.tables import CELLS
from selvawatch.errors import TableError
from selvawatch.events.comparison import GROUPS
from selvawatch.write import tiers
from selvawatch.write.bulletin.bulletin import html, message, text
from selvawatch.write.bulletin.bulletin_changes import Earlier, changes_since
from selvawatch.write.bulletin.bulletin_model import LossRow, largest_mines, shown_in_full
from selvawatch.write.bulletin.changes_view import changes_json, changes_view
from selvawatch.write.bulletin.kept import content_from_json, content_to_json
from selvawatch.write.bulletin.presentation import table_views
from selvawatch.write.language.i18n import language
from write_data import DATA_DAY, OPEN_RULE, alerts, bulletin, cells, real_alerts

SINCE = to_day("2026-05-31")
WATCHED = to_day("2026-01-01")


def loss_cells(frame, onsets):
    """A cell of each alert, of its hectares and cause, lost on a day each."""
    made = cells(len(frame)).assign(
        event_id=frame["event_id"].tolist(), ha=frame["ha"].tolist(), cause=frame["cause"].tolist(),
        onset=[pd.Timestamp(day) for day in onsets], status="confirmed",
    )  # fmt: skip
    gate = tiers.Gate(tier=Tier.RESTRICTED, rule=OPEN_RULE, data_day=DATA_DAY)
    return pd.DataFrame(tiers.apply(CELLS, made, gate).frame)


def with_changes(content, before, *, since=SINCE, onsets=None, first_day=WATCHED, delay_days=0):
    frame = content.alerts.frame
    lost = loss_cells(frame, onsets or ["2026-06-10"] * len(frame))
    earlier = None if before is None else Earlier(run_id="before", data_day=since, alerts=before)
    found = changes_since(earlier, content.alerts, lost, first_day=first_day, delay_days=delay_days)
    return replace(content, changes=found)


def earlier_rows(content):
    """The alerts of a bulletin as another state had them: smaller, provisional, not yet, and one more."""
    rows = pd.DataFrame(content.alerts.frame).copy()
    rows.loc[rows.index[0], "ha"] *= 0.5
    rows.loc[rows.index[1], "status"] = "provisional"
    gone = rows.iloc[[3]].assign(event_id="MDD-260101-GONE00", alert_id="MDD-260101-GONE00.v1", version=1)
    return pd.concat([rows.drop(rows.index[2]), gone.assign(status="confirmed")], ignore_index=True)


@pytest.fixture(scope="module")
def content():
    made = bulletin(Tier.RESTRICTED)
    return with_changes(made, earlier_rows(made))


class Shown(HTMLParser):
    """The text that a reader sees."""

    def __init__(self, page):
        super().__init__()
        self.shown, self.skips = "", 0
        self.feed(page)

    def handle_starttag(self, tag, _attributes):
        self.skips += tag in ("style", "script")

    def handle_endtag(self, tag):
        self.skips -= tag in ("style", "script")

    def handle_data(self, data):
        self.shown += "" if self.skips else data


def normal(words):
    return re.sub(r"\s+", " ", words).casefold()


@pytest.mark.parametrize("code", ["es", "en"])
def test_every_event_of_either_state_is_listed_with_its_group_in_page_and_text(content, code):
    view = changes_view(content, language(code))
    page, plain = normal(Shown(html(content, language(code))).shown), normal(text(content, language(code)))
    assert {group.code for group in view.groups} <= set(GROUPS) and len(view.groups) >= 4
    listed = [row.alert_id for group in view.groups for row in group.rows]
    assert sorted(listed) == sorted(content.changes.comparison.rows["alert_id"])
    for group in view.groups:
        assert group.number == len(group.rows)
        assert (
            normal(f"{group.title} ({group.number})") in page
            and normal(f"{group.title} ({group.number})") in plain
        )
        for row in group.rows:
            line = normal(" · ".join([row.alert_id, *row.words]))
            assert line in page and line in plain
    for line in (*view.spans, view.balance):
        assert normal(line) in page and normal(line) in plain


def test_page_and_text_say_the_same_of_every_alert_in_full(content):
    lang = language("es")
    page, plain = normal(Shown(html(content, lang)).shown), normal(text(content, lang))
    for word in (
        "Autoridad",
        "Zonas",
        "Indicios",
        "Capas consultadas",
        "Catastro minero",
        "Sin bosque",
        "Método",
    ):
        assert normal(word) in page and normal(word) in plain, word


def test_what_is_withdrawn_is_listed_whole_with_place_code_and_reason():
    made = bulletin(Tier.RESTRICTED, count=70)
    before = pd.DataFrame(made.alerts.frame).assign(status="confirmed", withdrawn_reason=None)
    now = alerts(70).assign(
        status="withdrawn", withdrawn_reason="forest-seen", event_id=before["event_id"].tolist()
    )
    gate = tiers.Gate(tier=Tier.RESTRICTED, rule=OPEN_RULE, data_day=DATA_DAY)
    content = with_changes(replace(made, alerts=tiers.apply(made.alerts.table, now, gate)), before)
    (group,) = [group for group in changes_view(content, language("es")).groups if group.code == "withdrawn"]
    assert group.number == len(group.rows) == 70
    assert all(
        "observaciones posteriores muestran bosque" in row.words and row.coordinates for row in group.rows
    )


def test_where_something_is_that_a_tier_is_no_longer_given_is_not_said_below_restricted():
    rows = {}
    for tier in (Tier.PUBLIC, Tier.RESTRICTED):
        made = bulletin(tier)
        content = with_changes(made, earlier_rows(made))
        view = changes_view(content, language("es"))
        rows[tier] = next(
            row for group in view.groups for row in group.rows if row.alert_id == "MDD-260101-GONE00.v1"
        )
    assert rows[Tier.RESTRICTED].coordinates and not rows[Tier.PUBLIC].coordinates
    assert len(rows[Tier.PUBLIC].words) == 2


def test_hectares_of_a_span_of_the_span_before_and_of_a_year_ago_are_empty_with_a_reason_where_not_known():
    made = bulletin(Tier.RESTRICTED, count=3)
    days = ["2026-06-10", "2026-05-12", "2025-06-12"]
    spans = with_changes(
        made, earlier_rows(bulletin(Tier.RESTRICTED)), onsets=days, first_day=to_day("2025-06-01")
    ).changes.spans
    assert [(to_date(one.first_day).isoformat(), to_date(one.last_day).isoformat()) for one in spans] == [
        ("2026-06-01", "2026-06-30"), ("2026-05-02", "2026-05-31"), ("2025-06-01", "2025-06-30"),
    ]  # fmt: skip
    assert [one.loss_ha for one in spans] == pytest.approx(made.alerts.frame["ha"].tolist())
    unknown = with_changes(made, earlier_rows(bulletin(Tier.RESTRICTED)), onsets=days).changes.spans
    assert [(one.loss_ha, one.why) for one in unknown[2:]] == [(None, "not-watched")]
    same_day = with_changes(made, earlier_rows(bulletin(Tier.RESTRICTED)), since=DATA_DAY).changes.spans
    assert {(one.loss_ha, one.why) for one in same_day} == {(None, "no-days")}
    first = with_changes(made, None).changes
    assert (first.since_run, first.spans[0].first_day, first.spans[1].why) == ("", WATCHED, "not-watched")
    assert set(first.comparison.rows["group"]) <= {"new", "passing"}


def test_a_tier_with_a_delay_counts_the_span_of_the_days_that_it_learned_of():
    made = bulletin(Tier.RESTRICTED, count=3)
    span = with_changes(made, earlier_rows(bulletin(Tier.RESTRICTED)), delay_days=20).changes.spans[0]
    assert (span.first_day, span.last_day) == (SINCE - 19, DATA_DAY - 20)


def test_every_watched_month_has_a_row_also_where_nothing_was_lost():
    made = bulletin(Tier.RESTRICTED, count=3)
    months = with_changes(made, None, onsets=["2026-06-10", "2026-06-01", "2026-03-31"]).changes.months
    assert [one.month.month for one in months] == [1, 2, 3, 4, 5, 6]
    ha = made.alerts.frame["ha"].tolist()
    assert [one.loss_ha for one in months] == pytest.approx([0, 0, ha[2], 0, 0, ha[0] + ha[1]])
    titles = [table.title for table in table_views(with_changes(made, None), language("es"))]
    assert "Pérdida por mes" in titles


def test_a_label_stands_for_one_number_on_a_page(content):
    by_type, by_zone = content.tables
    row = LossRow(code="protected_core", loss_ha=13.4, mining_ha=1.0, ha_lo=1.0, ha_hi=2.0)
    tables = (
        replace(by_type, rows=(*by_type.rows, row)),
        replace(by_zone, rows=(*by_zone.rows, replace(row, loss_ha=9.2))),
    )
    for code in ("es", "en"):
        views = table_views(replace(content, tables=tables), language(code))
        labels = [made.label for view in views for made in view.rows]
        assert len(labels) == len(set(labels))
    assert {"área natural protegida (por derecho)", "área natural protegida (por zona)"} <= {
        made.label
        for view in table_views(replace(content, tables=tables), language("es"))
        for made in view.rows
    }


def ranked(count, **columns):
    gate = tiers.Gate(tier=Tier.RESTRICTED, rule=OPEN_RULE, data_day=DATA_DAY)
    made = bulletin(Tier.RESTRICTED)
    frame = real_alerts(count).assign(**columns)
    return replace(made, alerts=tiers.apply(made.alerts.table, frame, gate), pictures={})


def test_the_ten_largest_confirmed_mines_are_on_the_page_whatever_their_rank():
    count = 200
    content = ranked(
        count,
        rank=list(range(1, count + 1)),
        ha=[0.1 + 0.001 * n for n in range(count - 15)] + [3.0 + n for n in range(15)],
        status=["confirmed"] * (count - 3) + ["closed", "provisional", "confirmed"],
        cause=["mining"] * count,
    )
    content = with_changes(content, pd.DataFrame(content.alerts.frame).iloc[::2])
    frame = content.alerts.frame
    confirmed = frame[frame["status"] == "confirmed"].sort_values("ha", ascending=False)
    assert len(largest_mines(frame)) >= 10
    begun = time.monotonic()
    page, plain, short = (make(content, language("es")) for make in (html, text, message))
    assert time.monotonic() - begun < 15
    assert len(page.encode()) <= 2_000_000 and len(short) <= 1000
    listed = page[page.index("Las mayores minas") : page.index("Alertas por prioridad")]
    assert all(name in listed and name in plain for name in confirmed["alert_id"].head(10))
    assert all(name in short for name in confirmed["alert_id"].head(3))
    assert set(confirmed["alert_id"].head(3)) <= set(shown_in_full(frame, 12))


def test_a_message_carries_codes_and_what_decides_who_goes(content):
    for code in ("es", "en"):
        lines = [line for line in message(content, language(code)).splitlines() if re.match(r"\d+\) ", line)]
        assert lines and all(re.search(r"\.v\d+$", line) for line in lines)


def test_what_is_new_as_json_holds_every_event_and_balances(content):
    values = json.loads(changes_json(content, language("es")))
    sums = values["balance"]
    gained = sums["new_ha"] + sums["back_ha"] + sums["grown_ha"]
    assert gained - sums["shrunk_ha"] - sums["withdrawn_ha"] == pytest.approx(
        sums["now_ha"] - sums["before_ha"], abs=1e-5
    )
    assert len(values["events"]) == len(content.changes.comparison.rows)
    with pytest.raises(TableError, match="earlier state"):
        changes_json(replace(content, changes=None), language("es"))


def test_what_a_bulletin_says_is_the_same_after_it_was_kept_as_json(content):
    kept = json.loads(json.dumps(content_to_json(content)))
    images = {(name, one.side): one.content for name, made in content.pictures.items() for one in made}
    again = content_from_json(kept, content.alerts, content.changes, lambda *of: images.get(of))
    assert html(again, language("es")) == html(content, language("es"))
    assert text(again, language("en")) == text(content, language("en"))
    with pytest.raises(TableError, match="cannot be read"):
        content_from_json({**kept, "coverage": {}}, content.alerts, None, lambda *of: images.get(of))
