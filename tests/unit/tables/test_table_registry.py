"""The list of tables: that it follows from the modules, and a table made up by the recipe."""

from pathlib import Path

import pytest

from attribute_made import box, cells, inputs, register
from selvawatch import tables
from selvawatch.errors import TableError
from selvawatch.tables import TABLES, TableOptions, build
from selvawatch.tables.registry import read_specs
from selvawatch.write.schemas import write_schemas

MADE_UP = '''"""Largest event of each cause."""

from selvawatch.core.schema import column
from selvawatch.tables.base import TableSpec, added, all_pieces


def largest_event(inputs, options):
    pieces = all_pieces(inputs, options)
    pieces["event_id"] = inputs.pieces.frame["event_id"].to_numpy()[pieces["piece"]]
    events = added(inputs, options, pieces, ["event_id"])
    return events.nlargest(1, "ha")[["event_id", "ha"]]


SPECS = (
    TableSpec(
        name="largest_event",
        description="The largest event.",
        build=largest_event,
        columns=(
            column("event_id", "text", "Event."),
            column("ha", "float", "Its loss.", unit="ha"),
        ),
    ),
)
'''


def test_the_tables_are_those_that_the_modules_declare_in_the_order_of_names():
    modules = [path for path in Path(tables.__file__).parent.rglob("*.py") if "SPECS = (" in path.read_text()]
    declared = sum(path.read_text().count("    TableSpec(") for path in modules)
    assert len(TABLES) == declared and list(TABLES) == sorted(TABLES)
    assert all(spec.name == name for name, spec in TABLES.items())


def test_a_table_made_up_by_the_recipe_is_built_listed_and_has_a_schema(tmp_path, monkeypatch, command):
    (tmp_path / "made_up.py").write_text(MADE_UP, encoding="utf-8")
    monkeypatch.setattr(tables, "__path__", [*tables.__path__, str(tmp_path)])
    found = read_specs(tables.__path__)
    assert set(found) - set(TABLES) == {"largest_event"}
    monkeypatch.setitem(TABLES, "largest_event", found["largest_event"])
    lost = cells([box(0, 0, 100, 100), box(200, 0, 300, 100)], ha=[1.0, 2.0])
    rights = register([{"type": "mining", "geometry": box(0, 0, 100, 100), "first": "2000-01-01"}])
    table = build("largest_event", inputs(lost, rights), TableOptions())
    assert table.to_dict("list") == {"event_id": [lost["event_id"].iloc[1]], "ha": [pytest.approx(2.0)]}
    assert "largest_event: largest_event. The largest event." in command("table", "list").out.splitlines()
    assert "largest_event.json" in {path.name for path in write_schemas(tmp_path / "schemas")}


def test_a_name_that_stands_twice_is_refused(tmp_path, monkeypatch):
    text = MADE_UP.replace("largest_event", "loss_by_type")
    (tmp_path / "made_up_twice.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(tables, "__path__", [*tables.__path__, str(tmp_path)])
    with pytest.raises(TableError, match="loss_by_type"):
        read_specs(tables.__path__)
