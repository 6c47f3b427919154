import collections

import shapely

from selvawatch.core.days import to_day
from selvawatch.site import Site
from selvawatch.sources.open import open_source
from selvawatch.sources.sensors.sensor_table import sensor_of
from selvawatch.steps.run.run_report import report_of
from selvawatch.steps.run.scene_rows import TERMS
from small_site import AREA, Place


def test_every_scene_that_a_run_found_is_in_one_term(small_run: Place):
    report = report_of(small_run.opened.ledger.runs()[-1])
    balance = report.scene_balance
    for counts in balance.values():
        assert counts["found"] == sum(counts[term] for term in TERMS) + counts.get("track", 0) > 0
        reasons = [count for term, count in counts.items() if term.startswith("unread:")]
        assert counts["unread"] == sum(reasons)
    area = shapely.union_all([one.geometry for one in Site.load(small_run.site).select_areas(AREA)])
    found = open_source(f"folder:{small_run.archive}").search(area, 0, to_day(small_run.until))
    listed = collections.Counter(sensor_of(scene).stream for scene in found.scenes)
    assert {sensor: counts["found"] for sensor, counts in balance.items()} == dict(listed)
    assert sum(counts["read"] for counts in balance.values()) > 0
