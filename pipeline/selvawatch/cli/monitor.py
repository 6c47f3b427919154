"""`selvawatch demo | scenes | monitor | init | serve | doctor`."""

import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from selvawatch.cli.log_lines import LogFileOption, LogJsonOption, VerboseOption, begin_log
from selvawatch.cli.options import (
    DEFAULT_SITE_FILE,
    AreaOption,
    DaskOption,
    FirstOption,
    JsonOption,
    LastOption,
    MeasureOption,
    RateOption,
    SiteFileOption,
    SiteOption,
    SourceOption,
    StoreOption,
    day_of,
    print_json,
    site_folder,
    the_source,
)

STALE_EXIT = 3
"""Exit code of `monitor --strict` where some sensor brought nothing new."""

UntilOption = Annotated[
    str, typer.Option("--until", help="Last day to take in, such as 2024-12-31, or today.")
]

DeepOption = Annotated[bool, typer.Option("--deep", help="Compare the content of every file too.")]
OnlineOption = Annotated[
    bool, typer.Option("--online", help="Ask each archive of scenes too: a search, a token, a small read.")
]
StrictOption = Annotated[
    bool,
    typer.Option("--strict", help="Exit 3, after the commit, where a sensor is stale or was not searched."),
]


def demo(
    store: Annotated[Path, typer.Option(help="Folder of the demo.")] = Path("outputs/demo"),
    as_json: JsonOption = False,
) -> None:
    """Simulate an archive and a register, run everything over it, print where the bulletin is."""
    from selvawatch.demo.demo_run import demo_lines, run_demo

    layout, report = run_demo(store.resolve())
    for line in demo_lines(layout, report):
        typer.echo(line)
    if as_json:
        print_json(asdict(report))


def monitor(
    context: typer.Context,
    until: UntilOption,
    area: AreaOption = "all",
    source: SourceOption = None,
    site: SiteOption = None,
    site_file: SiteFileOption = DEFAULT_SITE_FILE,
    store: StoreOption = "outputs",
    dask: DaskOption = None,
    strict: StrictOption = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    log_file: LogFileOption = None,
    log_json: LogJsonOption = False,
) -> None:
    """Bring the state up to a day: detect, track, classify, attribute, publish, commit."""
    from selvawatch.core.days import iso
    from selvawatch.steps.run.monitor import monitor as run
    from selvawatch.steps.run.run_report import blind_lines_of, seen_line

    begin_log(context, verbose, log_file, log_json)
    folder = site_folder(site)
    day = iso(day_of(until, "--until"))
    report = run(str(folder), site_file, store, area, day, the_source(source, folder, site_file), dask)
    typer.echo(
        f"{report.until}: {report.events} events ({report.events_new} new,"
        f" {report.events_confirmed} confirmed, {report.events_closed} closed),"
        f" {report.mining_ha:.1f} ha of possible mining in {report.loss_ha:.1f} ha of forest loss;"
        f" {seen_line(report)};"
        f" {report.scenes_read} scenes read, {report.scenes_unread} not"
        + (f", {report.scenes_superseded} replaced by newer products" if report.scenes_superseded else "")
    )
    for line in blind_lines_of(report):
        typer.echo(line)
    typer.echo(f"bulletin     {report.bulletin}")
    typer.echo(f"map          {report.map}")
    typer.echo(f"alert table  {report.alerts}")
    typer.echo(f"loss tables  {report.tables}")
    if as_json:
        print_json(asdict(report))
    report.checked()
    if strict and report.is_blind:
        raise typer.Exit(STALE_EXIT)


def baseline(
    context: typer.Context,
    area: AreaOption = "all",
    first: Annotated[str | None, typer.Option("--from", help="First day; default: the site's.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day; default: the site's.")] = None,
    source: SourceOption = None,
    site: SiteOption = None,
    site_file: SiteFileOption = DEFAULT_SITE_FILE,
    store: StoreOption = "outputs",
    verbose: VerboseOption = False,
    log_file: LogFileOption = None,
    log_json: LogJsonOption = False,
) -> None:
    """Fit the baselines of an area to the site's history now; the next monitor run uses them."""
    from selvawatch.errors import SiteError
    from selvawatch.site import Site
    from selvawatch.steps.run.monitor import baseline as fit

    begin_log(context, verbose, log_file, log_json)
    folder = site_folder(site)
    days = Site.load(folder, site_file).days
    for given, known, name in (
        (first, days.history_from, "history_from"),
        (last, days.history_to, "history_to"),
    ):
        if given is not None and given != str(known):
            raise SiteError(
                "the days are not those of the site",
                where=folder / site_file,
                got=given,
                needed=f"{name} = {known}",
                do="set it in [days]: monitoring must find the same history again",
            )
    fitted = fit(str(folder), site_file, store, area, the_source(source, folder, site_file))
    for tile, path in fitted.items():
        typer.echo(f"{tile}  {path}")


def scenes(
    context: typer.Context,
    first: FirstOption,
    last: LastOption,
    area: AreaOption = "all",
    source: SourceOption = None,
    site: SiteOption = None,
    site_file: SiteFileOption = DEFAULT_SITE_FILE,
    rate_mb_s: RateOption = 2.0,
    measure: MeasureOption = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    log_file: LogFileOption = None,
    log_json: LogJsonOption = False,
) -> None:
    """What there is, per sensor and month: found, cloud, covered, missing, megabytes and hours to expect."""
    from selvawatch.site import Site
    from selvawatch.steps.scenes import SceneQuery, TransferRate, list_scenes

    begin_log(context, verbose, log_file, log_json)
    folder = site_folder(site)
    query = SceneQuery(
        area=area,
        first_day=day_of(first, "--from"),
        last_day=day_of(last, "--to"),
        source=the_source(source, folder, site_file),
    )
    rate = TransferRate(mb_s=rate_mb_s, measure=measure)
    listed = list_scenes(Site.load(folder, site_file), query, rate)
    table = listed.months
    if as_json:
        plain = table.astype(object).where(table.notna(), None)
        print_json(
            {
                "months": plain.to_dict("records"),
                "problems": [asdict(one) for one in listed.problems],
                "unsearched": list(listed.unsearched),
                "rate_mb_s": listed.rate_mb_s,
            }
        )
        return
    typer.echo(table.to_string(index=False, na_rep="-") if len(table) else "no scene")
    if len(table):
        typer.echo(
            f"in all about {table['megabytes'].sum():.0f} MB, {table['hours'].sum():.2f} h"
            f" at {listed.rate_mb_s:g} MB/s"
        )
    for sensor in listed.unsearched:
        typer.echo(f"not searched: {sensor}: its months are not known to be empty", err=True)
    for problem in listed.problems:
        typer.echo(f"unusable: {problem.scene_id}: {problem.reason}: {problem.text}", err=True)


def init(folder: Annotated[Path, typer.Argument(help="Where the new site goes.")]) -> None:
    """Copy the packaged site (aoi/, models/, flows/) into a folder of your own."""
    from selvawatch.site import init_site

    files = init_site(folder)
    typer.echo(f"{len(files)} files in {folder}; begin with {folder / DEFAULT_SITE_FILE}")


def serve(
    area: AreaOption = "all",
    source: SourceOption = None,
    site: SiteOption = None,
    site_file: SiteFileOption = DEFAULT_SITE_FILE,
    store: StoreOption = "outputs",
    cron: Annotated[str, typer.Option(help="When to run, in --timezone.")] = "0 6 */3 * *",
    timezone: Annotated[str, typer.Option(help="Time zone of --cron.")] = "America/Lima",
    every_seconds: Annotated[int, typer.Option(help="Run at a fixed interval instead; for trials.")] = 0,
    dask: DaskOption = None,
) -> None:
    """Schedule the monitoring flow (Prefect) and run what is due until stopped."""
    from selvawatch.errors import SelvawatchError
    from selvawatch.site import default_site

    if not os.environ.get("PREFECT_API_URL"):
        raise SelvawatchError(
            "a schedule needs a Prefect server",
            got="no PREFECT_API_URL",
            do="run `prefect server start`, set PREFECT_API_URL=http://127.0.0.1:4200/api, and try again",
        )
    folder = site_folder(site).resolve()
    script = folder / "flows" / "serve.py"
    script = script if script.is_file() else default_site() / "flows" / "serve.py"
    command = [sys.executable, str(script), "--site", str(folder), "--site-file", site_file]
    command += ["--store", str(Path(store).resolve()), "--area", area]
    command += ["--source", the_source(source, folder, site_file)]
    command += ["--cron", cron, "--timezone", timezone, "--every-seconds", str(every_seconds)]
    command += [] if dask is None else ["--dask", dask]
    child = subprocess.Popen(command)
    before = signal.signal(signal.SIGTERM, lambda *_: child.terminate())  # a supervisor knows only the parent
    try:
        raise typer.Exit(child.wait())
    finally:
        signal.signal(signal.SIGTERM, before)


def doctor(
    store: StoreOption = "outputs",
    site: SiteOption = None,
    site_file: SiteFileOption = DEFAULT_SITE_FILE,
    deep: DeepOption = False,
    online: OnlineOption = False,
) -> None:
    """Say what is wrong and what to do next: site, layers, keys, last run, files; exit 1 for FAIL."""
    from selvawatch.steps.doctor import examine, examine_online

    findings = examine(site_folder(site), store, file=site_file, deep=deep)
    if online:
        findings += examine_online(site_folder(site), file=site_file)
    for finding in findings:
        typer.echo(finding.line)
    if any(finding.state == "FAIL" for finding in findings):
        raise typer.Exit(1)
