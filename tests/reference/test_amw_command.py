"""The oracle of Amazon Mining Watch, on the command line."""

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from selvawatch.cli.attribute import attribute

app = typer.Typer()
app.command()(attribute)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_attribute_reproduces_the_published_native_communities(reference_data, tmp_path, suffix):
    folder = reference_data / "amw-madre-de-dios"
    out = tmp_path / f"out.{suffix}"
    done = CliRunner().invoke(
        app,
        [
            "--loss", f"{folder / 'amw_mining_2018_2021.gpkg'}:mining",
            "--zones", f"{reference_data / 'land-units-madre-de-dios' / 'land_units.gpkg'}:native_community",
            "--area-field", "mined_area_ha",
            "--out", str(out),
        ],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    result = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
    inside = result[result["zone_layer"] == "native_community"]
    ours = inside.groupby([inside["zone_amw_id"], inside["period"].astype(int)])["attributed_ha"].sum()
    published = pd.read_csv(folder / "published_mining_by_unit_2018_2021.csv")
    published = published[published["unit_set"] == "native_communities"]
    theirs = published.groupby(["amw_id", "period"])["area_ha"].sum()
    ours.index.names = theirs.index.names
    assert (ours.sub(theirs, fill_value=0)).abs().max() < 0.5
    assert result["zone_layer"].isna().any()
