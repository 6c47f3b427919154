"""What a package says it is public is all that others use of it."""

import ast
import re
from pathlib import Path

import pytest

from conftest import ROOT

ENGINE = ROOT / "pipeline" / "selvawatch"


def _docstring(package: str) -> str:
    return ast.get_docstring(ast.parse((ENGINE / package / "__init__.py").read_text(encoding="utf-8"))) or ""


PACKAGES = sorted(
    path.parent.name for path in ENGINE.glob("*/__init__.py") if "\nPublic: " in _docstring(path.parent.name)
)


def _listed(package: str) -> set[str]:
    """`module.name` of everything that a package lists."""
    lists = re.findall(r"`([\w.]+)`\s+\(([^)]*)\)", _docstring(package).partition("\nPublic: ")[2])
    return {f"{module}.{name}" for module, names in lists for name in re.split(r",\s+", names)}


def _imported(package: str) -> set[str]:
    """`module.name` of everything that the rest of the engine and the flows import of a package's modules."""
    prefix, found = f"selvawatch.{package}.", set()
    for path in (*ENGINE.rglob("*.py"), *(ROOT / "flows").rglob("*.py")):
        if (ENGINE / package) in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(prefix):
                module = str(node.module).removeprefix(prefix)
                found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def test_packages_that_fetch_and_simulate_list_their_surface():
    assert {"web", "sources", "register", "simulate"} <= set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_else_of_a_package_is_used_by_others(package):
    assert _imported(package) <= _listed(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_listed_is_there(package):
    for entry in _listed(package):
        module, _, name = entry.rpartition(".")
        path = (ENGINE / package / Path(*module.split("."))).with_suffix(".py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        for node in tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            leaves = [leaf for target in targets if target is not None for leaf in ast.walk(target)]
            names |= {leaf.id for leaf in leaves if isinstance(leaf, ast.Name)}
        assert name in names, entry
