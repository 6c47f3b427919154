"""The walk through `docs/analysts.md` runs as printed; the made register has the known statistics."""

import re
import shlex
import shutil

import pytest
from typer.testing import CliRunner

import made_register
import selvawatch
from conftest import ROOT
from selvawatch.cli.main import app
from selvawatch.core.files import write_text


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a site whose register is made up, and a loss layer."""
    folder = tmp_path_factory.mktemp("analysts")
    for part in ("aoi", "models"):
        shutil.copytree(ROOT / part, folder / "site" / part)
    write_text(folder / "site" / "aoi" / "zones.toml", made_register.ZONES)
    made_register.write_register(folder / "site" / "aoi" / "register.gpkg", seed=20260101)
    made_register.write_loss(folder / "loss.gpkg", seed=7)
    return folder


def test_every_block_of_the_walk_runs(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    text = (ROOT / "docs" / "analysts.md").read_text(encoding="utf-8")
    names = {"site": place / "site", "store": place / "store"}
    blocks = re.findall(r"```(python|sh)\n(.*?)```", text, re.S)
    assert len(blocks) >= 10
    for kind, block in blocks:
        if kind == "python":
            exec(compile(block, "docs/analysts.md", "exec"), names)  # noqa: S102  (our own page)
            continue
        for line in block.strip().splitlines():
            program, *arguments = shlex.split(line)
            assert program == "selvawatch"
            done = CliRunner().invoke(app, arguments)
            assert done.exit_code == 0, (line, done.output, done.exception)
    assert (place / "zones.xlsx").exists()
    assert "timber" in capsys.readouterr().out


def test_the_made_corridor_has_the_published_share_of_conflicts(place, monkeypatch):
    monkeypatch.chdir(place)
    kept = ["--register-as", "made", "--product-version", "1", "--replace", "--allow-undated"]
    kept += ["--site", "site", "--store", "store"]
    loss = ["--loss", "loss.gpkg:loss", *kept]
    done = CliRunner().invoke(app, ["attribute", *loss])
    assert done.exit_code == 0, (done.output, done.exception)
    table = selvawatch.table("corridor_conflict_share", site="site", store="store", product="made")
    both = table[table["rights"] == "titles and applications"]
    assert both["n"].tolist() == [100] * 4
    assert both["share"].tolist() == pytest.approx([0.74] * 4)


def test_re_claimed_ground_is_gross_but_not_net(place, monkeypatch):
    monkeypatch.chdir(place)
    table = selvawatch.table("granted_by_period", site="site", store="store", product="made", periods="spda")
    assert (table["ha"] <= table["ha_gross"] + 1e-6).all()
    pairs = selvawatch.table(
        "overlap_conflicts", site="site", store="store", product="made", tier="restricted"
    )
    again = pairs[pairs["right_senior"].str.contains(":99") & pairs["right_junior"].str.contains(":01")]
    assert len(again) == 12
    assert (again["lag_days"] == 3000).all()
