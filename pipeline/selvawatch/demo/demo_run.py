"""The demo without Prefect, and the lines it ends with."""

from pathlib import Path

from selvawatch.demo.layout import AREA, DemoLayout, prepare_demo
from selvawatch.demo.score import score_demo
from selvawatch.steps.run.monitor import monitor
from selvawatch.steps.run.run_report import RunReport, blind_lines_of, seen_line


def run_demo(folder: Path) -> tuple[DemoLayout, RunReport]:
    """Prepare the demo in a folder and run the pipeline over it."""
    layout = prepare_demo(folder)
    report = monitor(str(layout.site), "aoi/site.toml", str(layout.store), AREA, layout.until, layout.source)
    return layout, report.checked()


def demo_lines(layout: DemoLayout, report: RunReport) -> list[str]:
    """What the demo prints at its end, measured from the run's own products."""
    ours, naive = score_demo(layout)
    return [
        "",
        f"{report.scenes_read} scenes read, {report.scenes_unread} not; {seen_line(report)}.",
        *blind_lines_of(report),
        f"{report.events} events, {report.events_confirmed} confirmed, {report.events_closed} closed:"
        f" {report.mining_ha:.1f} ha of possible mining in {report.loss_ha:.1f} ha of forest loss.",
        "",
        "Against the simulation's truth:",
        ours.line("  selvawatch"),
        naive.line("  naive rule (two clear observations in a row under a fixed NBR)"),
        "",
        f"bulletin (public)      {report.bulletin}",
        f"bulletin (restricted)  {report.bulletin_restricted}",
        f"map                    {report.map}",
        f"alert table            {report.alerts}",
        f"loss tables            {report.tables}",
    ]
