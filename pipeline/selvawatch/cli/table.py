"""`selvawatch table`: the tables analysts pull."""

from pathlib import Path
from typing import Annotated

import typer

from selvawatch.cli.options import site_folder
from selvawatch.core.schema import Tier


def table(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A table, or `list` for all of them.")],
    by: Annotated[
        list[str] | None, typer.Option(help="Split by year, month, area, district, status, cause, event_id.")
    ] = None,
    accounting: Annotated[
        str, typer.Option(help="exclusive, inclusive (not additive), fractional or combination.")
    ] = "exclusive",
    clock: Annotated[str, typer.Option(help="Rights in force at-loss, or today.")] = "at-loss",
    measure: Annotated[
        str, typer.Option(help="What `ha` counts: loss_all, loss_mining or loss_mining_expected.")
    ] = "loss_all",
    scale: Annotated[str, typer.Option(help="Priority scale; default: the site's first.")] = "",
    periods: Annotated[str, typer.Option(help="Period set, `year` or `month`; default: the first.")] = "",
    area: Annotated[str, typer.Option(help="Keep to one area of interest.")] = "",
    as_of: Annotated[str, typer.Option(metavar="DATE", help="As the last run until that day saw it.")] = "",
    product: Annotated[str, typer.Option(help="A loss product kept by `attribute --register-as`.")] = "",
    tier: Annotated[str, typer.Option(help="public, partner or restricted.")] = "public",
    out: Annotated[Path | None, typer.Option(help="File to write: .csv, .xlsx or .parquet.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Picture of `ha` with its bounds: .png or .svg.")] = None,
    site: Annotated[
        Path | None, typer.Option(help="Folder with aoi/ and models/; default: here, or the packaged site.")
    ] = None,
    store: Annotated[str, typer.Option(help="Folder with the results.")] = "outputs",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """A table, written to --out or printed. Every share says what it is a share of."""
    from selvawatch.errors import TableError
    from selvawatch.site import Site
    from selvawatch.steps.tables import Wanted, make_table, plot_table, write_table
    from selvawatch.store.folders import open_store
    from selvawatch.tables import TABLES, Options

    if name == "list":
        for spec in TABLES.values():
            typer.echo(f"{spec.name}: {spec.title_es}. {spec.description}")
        return
    tiers = {one.name.lower(): one for one in Tier}
    if tier not in tiers:
        raise TableError("unknown tier", got=tier, needed=list(tiers))
    wanted = Wanted(
        name=name,
        options=Options(
            accounting=accounting,
            clock=clock,
            measure=measure,
            scale=scale,
            periods=periods,
            by=tuple(by or ()),
            area=area,
        ),
        tier=tiers[tier],
        as_of=as_of,
        product=product,
    )
    made = make_table(Site.load(site_folder(site)), open_store(store), wanted)
    if plot is not None:
        typer.echo(str(plot_table(plot, made.released, wanted)), err=as_json)
    if out is not None:
        path = write_table(out, made)
        rows = len(made.released.frame)
        typer.echo(f'{{"out": "{path.as_posix()}", "rows": {rows}}}' if as_json else f"{path}: {rows} rows")
    elif plot is not None:
        return
    elif as_json:
        typer.echo(made.released.frame.to_json(orient="records", date_format="iso", force_ascii=False))
    else:
        typer.echo(made.released.frame.to_string(index=False))
