"""Settings: a misspelt key never passes, and every refusal names its place."""

from dataclasses import dataclass

import pytest

from selvawatch.core.settings import load, parse
from selvawatch.errors import SiteError


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    weight: float

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 1:
            raise ValueError(f"weight is {self.weight}, need 0 < weight <= 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: str
    inner: Inner
    many: tuple[Inner, ...] = ()
    named: dict[str, Inner] | None = None


def test_nested_tables_become_nested_dataclasses():
    outer = parse(Outer, {"name": "a", "inner": {"weight": 1}, "many": [{"weight": 0.5}]}, "f.toml")
    assert outer == Outer(name="a", inner=Inner(weight=1.0), many=(Inner(weight=0.5),))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"name": "a", "inner": {"weight": 1}, "nme": 1}, "nme"),
        ({"name": "a", "inner": {"weigth": 1}}, r"inner\.weigth"),
        ({"name": "a", "inner": {"weight": 1}, "many": [{"wait": 1}]}, r"many\.wait"),
        ({"name": "a", "inner": {"weight": 2}}, "0 < weight"),
        ({"name": "a", "inner": {"weight": "x"}}, r"inner\.weight"),
        ({"inner": {"weight": 1}}, "name"),
    ],
)
def test_what_is_unknown_missing_mistyped_or_out_of_bounds_is_one_line_naming_it(values, named):
    with pytest.raises(SiteError, match=named) as caught:
        parse(Outer, values, "f.toml")
    assert "f.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_broken_toml_are_site_errors(tmp_path):
    with pytest.raises(SiteError, match="missing"):
        load(Outer, tmp_path / "no.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(SiteError, match="TOML"):
        load(Outer, tmp_path / "bad.toml")
