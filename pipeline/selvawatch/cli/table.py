"""`selvawatch table`: the tables analysts pull."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selvawatch.cli.options import JsonOption, StoreOption, StoreSiteOption, TierOption, WordsOption
from selvawatch.core.table_options import TableOptions, TableRequest, listed
from selvawatch.core.tier import tier_named

if TYPE_CHECKING:
    from selvawatch.steps.tables import MadeTable

_DEFAULT = TableOptions()


def table(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A table, or `list` for all of them.")],
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Split by year, month, area, district, status, cause, event_id; repeated, or with commas."
        ),
    ] = None,
    accounting: Annotated[
        str, typer.Option(help="exclusive, inclusive (not additive), fractional or combination.")
    ] = _DEFAULT.accounting,
    clock: Annotated[str, typer.Option(help="Rights in force at-loss, or today.")] = _DEFAULT.clock,
    measure: Annotated[
        str, typer.Option(help="What `ha` counts: loss_all, loss_mining or loss_mining_expected.")
    ] = _DEFAULT.measure,
    scale: Annotated[str, typer.Option(help="Priority scale; default: the site's first.")] = _DEFAULT.scale,
    periods: Annotated[
        str, typer.Option(help="Period set, `year` or `month`; default: the first.")
    ] = _DEFAULT.periods,
    area: Annotated[str, typer.Option(help="Keep to one area of interest.")] = _DEFAULT.area,
    as_of: Annotated[str, typer.Option(metavar="DATE", help="As the last run until that day saw it.")] = "",
    product: Annotated[str, typer.Option(help="A loss product kept by `attribute --register-as`.")] = "",
    against: Annotated[
        str, typer.Option(metavar="NAME", help="Of products_compared: the other product, or `detections`.")
    ] = "",
    sample: Annotated[
        str, typer.Option(metavar="FILE", help="Of area_estimates: CSV of interpreted reference units.")
    ] = "",
    tier: TierOption = "public",
    out: Annotated[Path | None, typer.Option(help="File to write: .csv, .xlsx or .parquet.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Picture of `ha` with its bounds: .png or .svg.")] = None,
    lang: WordsOption = "",
    site: StoreSiteOption = None,
    store: StoreOption = "outputs",
    as_json: JsonOption = False,
) -> None:
    """A table, written to --out or printed. Every share says what it is a share of.

    An option that the table does not use is refused.
    """
    from selvawatch.errors import TableError
    from selvawatch.steps.store_site import site_of_store
    from selvawatch.steps.tables import make_table, plot_table
    from selvawatch.store.folders import open_store

    if lang and out is None and plot is None:
        raise TableError(
            "what is printed has codes, no words",
            got=f"--lang {lang}",
            needed="--out or --plot with it",
            do="give one of them, or leave --lang out",
        )
    if name == "list":
        _print_list()
        return
    options = TableOptions(
        by=listed(by),
        accounting=accounting,
        clock=clock,
        measure=measure,
        scale=scale,
        periods=periods,
        area=area,
    )
    request = TableRequest(
        name=name,
        options=options,
        tier=tier_named(tier),
        as_of=as_of,
        product=product,
        sample=sample,
        against=against,
    )
    opened = open_store(store)
    with site_of_store(opened, site) as loaded:
        made = make_table(loaded, opened, request)
    if plot is not None:
        typer.echo(str(plot_table(plot, made, request, lang)), err=as_json)
    if out is not None or plot is None:
        _give_out(made, out, as_json, lang)


def _print_list() -> None:
    from selvawatch.tables import TABLES
    from selvawatch.write.language.i18n import language
    from selvawatch.write.language.labels import table_title

    for spec in TABLES.values():
        title = table_title(language("es"), spec.name, spec.description)
        typer.echo(f"{spec.name}: {title}. {spec.description}")


def _give_out(made: "MadeTable", out: Path | None, as_json: bool, words: str) -> None:
    """Write the table where a file is named, print it where none is."""
    from selvawatch.cli.console_table import console_table
    from selvawatch.steps.tables import write_table

    frame = made.released.frame
    if out is not None:
        path, rows = write_table(out, made, words), len(frame)
        typer.echo(f'{{"out": "{path.as_posix()}", "rows": {rows}}}' if as_json else f"{path}: {rows} rows")
    elif as_json:
        typer.echo(frame.to_json(orient="records", date_format="iso", force_ascii=False))
    else:
        typer.echo(console_table(frame, made.provenance))
