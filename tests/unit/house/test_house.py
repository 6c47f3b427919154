"""The limits of the house, read from the source: sizes of functions, packages and folders; module names."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conftest import ROOT

ENGINE = ROOT / "pipeline" / "selvawatch"
MOST_LINES = 60
MOST_PARAMETERS = 7
MOST_MODULES = 16
LARGEST_SHARE = 0.125
PUBLIC_CALLS = {"selvawatch.table"}
"""What a notebook calls: parameters by name, as many as the command has options."""

OPEN_KEYWORDS = {
    "core.schema.column": "a column's fields by name, checked by Column; spelt out in every table of columns",
    "detect.charts.process.blank": "its keywords are the names of a chart's own layers",
    "web.client.GuardedAdapter.init_poolmanager": "overrides a method of requests",
    "web.client.GuardedAdapter.send": "overrides a method of requests",
}
"""Public functions with open keyword arguments, and why."""

SUBJECTS = {
    "baseline": ("the fit of a history: the method, and a tile's use of it", {"detect", "steps/tile"}),
    "cause": ("the rule of possible causes: its use, and its calibration", {"events", "calibrate"}),
    "composite": ("medians before and since a loss: the method, and a tile's use", {"events", "steps/tile"}),
    "evidence": ("weights of evidence: the formula, and its kernel", {"detect", "detect/kernels"}),
    "faces": ("faces of the register: the cut, and its files in a store", {"attribute", "store"}),
    "fusion": ("sums of evidence: the detector, and its kernel", {"detect", "detect/kernels"}),
    "harmonic": ("the seasonal fit: the method, and its kernel", {"detect", "detect/kernels"}),
    "loss_products": ("loss of other makers: read, and kept in a store", {"attribute", "store"}),
    "mirror": ("a copy of an archive: the command, and its use case", {"cli", "steps"}),
    "monitor": ("a run: the command, and its use case", {"cli", "steps/run"}),
    "pictures": ("pictures of an alert: what is read, and how it is drawn", {"steps/run", "write/bulletin"}),
    "register": ("the register of rights: its content, and its use cases", {"register", "steps"}),
    "river_water": ("nearness to river water: the measure, and a run's use", {"attribute", "steps/run"}),
    "tables": ("tables: their columns, and the use case that makes one", {"core", "steps"}),
    "track": ("tracking of events: the method, and a run's use of it", {"events", "steps/run"}),
    "water_counts": ("counts of open water: the method, and a tile's use of it", {"prepare", "steps/tile"}),
}  # fmt: skip
"""Module names that stand twice: the subject that they share, and the folders of the two."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function, by its module and the classes and functions around it."""

    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef
    in_kernel: bool
    is_public: bool

    @property
    def lines(self) -> int:
        """Lines of the body, its docstring not counted."""
        body = self.node.body
        first = body[1:] if ast.get_docstring(self.node) is not None else body
        return first[-1].end_lineno - first[0].lineno + 1 if first else 0

    @property
    def parameters(self) -> int:
        """Named parameters, however they are passed; `self` and `cls` are none."""
        words = self.node.args
        named = [word.arg for word in (*words.posonlyargs, *words.args, *words.kwonlyargs)]
        return len([name for name in named if name not in ("self", "cls")])


@cache
def modules() -> dict[Path, ast.Module]:
    """Every module of the engine, parsed."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ENGINE.rglob("*.py"))}


@cache
def functions() -> tuple[Function, ...]:
    """Every function of the engine."""
    found: list[Function] = []
    for path, tree in modules().items():
        parts = path.relative_to(ENGINE).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__") or "selvawatch"
        found += inside(tree, module, imports(tree, "numba"), True)
    return tuple(found)


def inside(node: ast.AST, name: str, in_kernel: bool, is_public: bool) -> Iterator[Function]:
    """The functions below a node of the tree; what lies inside a function is not public."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from inside(child, name, in_kernel, is_public)
            continue
        child_name, child_public = f"{name}.{child.name}", is_public and not child.name.startswith("_")
        is_class = isinstance(child, ast.ClassDef)
        if not is_class:
            yield Function(child_name, child, in_kernel, child_public)
        yield from inside(child, child_name, in_kernel, child_public and is_class)


def imports(tree: ast.Module, package: str) -> bool:
    """Whether a module imports a package or anything of it."""
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return any(name.split(".")[0] == package for name in names)


def test_no_function_outside_kernels_is_longer_than_a_screen():
    long = {one.name for one in functions() if one.lines > MOST_LINES and not one.in_kernel}
    assert long == set()


def test_no_function_outside_kernels_commands_and_public_calls_has_many_parameters():
    wide = {
        one.name
        for one in functions()
        if one.parameters > MOST_PARAMETERS
        and not one.in_kernel
        and not (one.is_public and one.name.startswith("cli."))
        and one.name not in PUBLIC_CALLS
    }
    assert wide == set()


def test_public_functions_name_their_keywords():
    public = {one.name for one in functions() if one.is_public and one.node.args.kwarg is not None}
    assert public == set(OPEN_KEYWORDS)


def test_a_function_is_measured_without_its_docstring_and_with_what_lies_inside():
    text = (
        "class A:\n def f(self, a, /, b, *, c, **d):\n  '''One\n\n  two.'''\n  def g():\n   pass\n  return g"
    )
    (outer, inner) = inside(ast.parse(text), "m", False, True)
    assert (outer.name, outer.lines, outer.parameters, outer.is_public) == ("m.A.f", 3, 3, True)
    assert (inner.name, inner.lines, inner.parameters, inner.is_public) == ("m.A.f.g", 1, 0, False)


def test_no_package_holds_more_than_an_eighth_of_the_lines():
    lines: Counter[str] = Counter()
    for path in modules():
        lines[path.relative_to(ENGINE).parts[0]] += len(path.read_text(encoding="utf-8").splitlines())
    largest, most = lines.most_common(1)[0]
    assert most <= LARGEST_SHARE * lines.total(), f"{largest}: {100 * most / lines.total():.1f} %"


def test_no_folder_has_many_loose_modules():
    loose = Counter(path.parent.relative_to(ENGINE) for path in modules())
    assert {str(folder): count for folder, count in loose.items() if count > MOST_MODULES} == {}


def test_a_module_name_stands_twice_only_for_one_subject_in_two_layers():
    folders = defaultdict(set)
    for path in modules():
        if path.stem != "__init__":
            folders[path.stem].add(path.parent.relative_to(ENGINE).as_posix())
    assert {name: found for name, found in folders.items() if len(found) > 1} == {
        name: found for name, (_, found) in SUBJECTS.items()
    }


def test_every_module_says_what_it_is():
    silent = [
        path.relative_to(ENGINE).as_posix() for path, tree in modules().items() if not ast.get_docstring(tree)
    ]
    assert silent == []
