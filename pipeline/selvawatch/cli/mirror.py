"""`selvawatch mirror`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from selvawatch.cli.log_lines import LogFileOption, LogJsonOption, VerboseOption, begin_log
from selvawatch.cli.options import (
    DEFAULT_SITE_FILE,
    AreaOption,
    FirstOption,
    JsonOption,
    LastOption,
    MeasureOption,
    RateOption,
    SiteFileOption,
    SiteOption,
    SourceOption,
    day_of,
    print_json,
    site_folder,
    the_source,
)


def mirror(
    context: typer.Context,
    first: FirstOption,
    last: LastOption,
    to_folder: Annotated[Path, typer.Option("--to-folder", help="STAC folder that receives the copies.")],
    area: AreaOption = "all",
    source: SourceOption = None,
    site: SiteOption = None,
    site_file: SiteFileOption = DEFAULT_SITE_FILE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say bytes and hours; copy nothing.")] = False,
    rate_mb_s: RateOption = 2.0,
    measure: MeasureOption = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    log_file: LogFileOption = None,
    log_json: LogJsonOption = False,
) -> None:
    """Copy an area's scenes into a folder, clipped; a later run fetches only what is new."""
    from selvawatch.site import Site
    from selvawatch.steps.mirror import mirror as run
    from selvawatch.steps.scenes import SceneQuery, TransferRate

    begin_log(context, verbose, log_file, log_json)
    folder = site_folder(site)
    query = SceneQuery(
        area=area,
        first_day=day_of(first, "--from"),
        last_day=day_of(last, "--to"),
        source=the_source(source, folder, site_file),
    )
    rate = TransferRate(mb_s=rate_mb_s, measure=measure)
    report = run(Site.load(folder, site_file), query, to_folder, dry_run=dry_run, rate=rate)
    if as_json:
        print_json(asdict(report))
        return
    typer.echo(
        f"{report.found} scenes found: {report.new} {'to fetch' if dry_run else 'new'},"
        f" {report.replaced} replaced, {report.here} here already, {report.cloudy} too cloudy,"
        f" {len(report.superseded)} replaced by newer products, {report.duplicates} of a second source,"
        f" {len(report.unread)} unread, {len(report.unusable)} unusable; {report.bytes / 1e6:.1f} MB"
        + (f", about {report.hours:.2f} h at {report.rate_mb_s:g} MB/s" if dry_run else "")
    )
    for text in (*report.unread, *report.unusable):
        typer.echo(text, err=True)
    for sensor in report.unsearched:
        typer.echo(f"not searched: {sensor}", err=True)
