"""The demo without Prefect, and the lines it ends with."""

from pathlib import Path

from selvawatch.demo.layout import AREA, DemoPlace, prepare_demo
from selvawatch.demo.score import score_demo
from selvawatch.steps.run.monitor import RunReport, monitor


def run_demo(folder: Path) -> tuple[DemoPlace, RunReport]:
    """Prepare the demo in a folder and run the pipeline over it."""
    place = prepare_demo(folder)
    report = monitor(str(place.site), "aoi/site.toml", str(place.store), AREA, place.until, place.source)
    return place, report.checked()


def demo_lines(place: DemoPlace, report: RunReport) -> list[str]:
    """What the demo prints at its end, measured from the run's own products."""
    ours, naive = score_demo(place)
    return [
        "",
        f"{report.scenes_read} scenes read, {report.scenes_unread} not;"
        f" {100 * report.observed_share:.0f} % of the monitored ground was seen.",
        f"{report.events} events, {report.events_confirmed} confirmed:"
        f" {report.mining_ha:.1f} ha of possible mining in {report.loss_ha:.1f} ha of forest loss.",
        "",
        "Against the simulation's truth:",
        ours.line("  selvawatch"),
        naive.line("  naive rule (two clear looks in a row under a fixed NBR)"),
        "",
        f"bulletin (public)      {report.bulletin}",
        f"bulletin (restricted)  {report.bulletin_restricted}",
        f"map                    {report.map}",
        f"alert table            {report.alerts}",
        f"loss tables            {report.tables}",
    ]
