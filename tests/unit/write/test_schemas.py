"""The committed schemas are those of the code, and what is given out keeps to them."""

from pathlib import Path

import pytest

from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.schema import Tier
from selvawatch.core.tables import ALERTS, TABLES
from selvawatch.tables import TABLES as ANALYSTS_TABLES
from selvawatch.write.formats.geojson import feature_collection
from selvawatch.write.formats.raster import PRODUCT_LAYERS
from selvawatch.write.schemas import layers_schema, schemas, table_schema, write_schemas
from selvawatch.write.tiers import Gate, apply
from write_data import DATA_DAY, RULE, alerts

COMMITTED = Path(__file__).resolve().parents[3] / "outputs" / "schemas"
_JSON = {"string": str, "integer": int, "number": float, "boolean": bool, "null": type(None)}


def _breaks(schema: dict, row: dict) -> list[str]:
    """What a row does against a schema, as far as ours go: names, types, choices."""
    wrong = [f"{name} is missing" for name in schema["required"] if name not in row]
    for name, value in row.items():
        says = schema["properties"].get(name)
        if says is None:
            wrong.append(f"{name} is unknown")
            continue
        kinds = [says["type"]] if isinstance(says["type"], str) else says["type"]
        if type(value) not in [_JSON[kind] for kind in kinds]:
            wrong.append(f"{name} is {type(value).__name__}, not {kinds}")
        elif "enum" in says and value not in says["enum"]:
            wrong.append(f"{name} is {value!r}")
    return wrong


def test_the_committed_schemas_are_what_make_schemas_writes(tmp_path):
    made = {path.name: path.read_bytes() for path in write_schemas(tmp_path)}
    kept = {path.name: path.read_bytes() for path in COMMITTED.iterdir()}
    assert kept == made, "run `make schemas` and commit outputs/schemas"


def test_every_table_and_the_layers_have_a_schema():
    assert set(schemas()) == {f"{name}.json" for name in ("layers", *TABLES, *ANALYSTS_TABLES)}


@pytest.mark.parametrize("tier", list(Tier))
def test_alerts_of_every_tier_keep_to_their_schema(tier):
    released = apply(ALERTS, alerts(), Gate(tier=tier, rule=RULE, data_day=DATA_DAY + 10_000))
    rows = [feature["properties"] for feature in feature_collection(released)["features"]]
    assert rows
    schema = table_schema(ALERTS)
    assert [found for row in rows for found in _breaks(schema, row)] == []


def test_a_row_that_breaks_the_schema_is_noticed():
    released = apply(ALERTS, alerts(1), Gate(tier=Tier.RESTRICTED, rule=RULE, data_day=DATA_DAY))
    row = feature_collection(released)["features"][0]["properties"] | {"status": "gone", "extra": 1}
    del row["ha"]
    assert _breaks(table_schema(ALERTS), row) == ["ha is missing", "status is 'gone'", "extra is unknown"]


def test_the_layers_say_which_of_them_are_given_out_and_every_code():
    layers = {layer["name"]: layer for layer in layers_schema()["layers"]}
    assert set(layers) == set(LAYERS)
    assert {name for name, layer in layers.items() if layer["given_out"]} == set(PRODUCT_LAYERS)
    assert all(layer["codes"] for layer in layers.values() if layer["unit"] == "code")
