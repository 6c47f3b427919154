"""What every command says of itself, what that loads, how a shell completes it, and its shared options."""

import dataclasses
import inspect
import json
import os
import shutil
import subprocess
import sys

import pytest
import typer

import selvawatch
from command_line import PACKAGE, program
from selvawatch.cli import table as table_command
from selvawatch.cli.main import app
from selvawatch.core.table_options import TableOptions, TableRequest

HEAVY = ("numpy", "pandas", "geopandas", "xarray", "rasterio", "numba")
ASK_ALL = """
import contextlib, io, json, sys
from selvawatch.cli.main import main
paths, heavy = json.loads(sys.argv[1])
answers = {}
for words in paths:
    sys.argv = ["selvawatch", *words, "--help"]
    code, text = None, io.StringIO()
    with contextlib.redirect_stdout(text):
        try:
            main()
        except SystemExit as end:
            code = end.code
    answers[" ".join(words)] = [code, text.getvalue(), [name for name in heavy if name in sys.modules]]
print(json.dumps(answers))
"""


def paths(command, words=()):
    """The words of a command and of all below it."""
    yield words
    for name, below in getattr(command, "commands", {}).items():
        yield from paths(below, (*words, name))


def test_help_of_every_command_loads_nothing_heavy():
    asked = list(paths(typer.main.get_command(app)))
    assert ("zones", "fetch") in asked and ("calibrate", "cause") in asked
    done = subprocess.run(
        [sys.executable, "-c", ASK_ALL, json.dumps([asked, HEAVY])],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
    )
    answers = json.loads(done.stdout)
    assert {words: loaded for words, (_, _, loaded) in answers.items() if loaded} == {}
    usage = {words: f"Usage: selvawatch {words}".rstrip() for words in answers}
    wrong = [
        words
        for words, (code, text, _) in answers.items()
        if code != 0 or not text.startswith(f"{usage[words]} ")
    ]
    assert len(answers) == len(asked) and wrong == []


def test_a_table_of_the_python_call_loads_pandas_only_when_it_is_asked_for():
    code = "import sys, selvawatch; selvawatch.table; print([n for n in sys.argv[1:] if n in sys.modules])"
    words = [sys.executable, "-c", code, *HEAVY]
    done = subprocess.run(
        words, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(PACKAGE)}
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(shutil.which("bash") is None, reason="completion is installed for the shell that calls")
def test_completion_is_installed_for_the_shell_that_calls(tmp_path):
    code = "from selvawatch.cli.main import main; main()"
    line = f"'{sys.executable}' -c '{code}' --install-completion; exit $?"
    env = {**os.environ, "PYTHONPATH": str(PACKAGE), "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "--norc", "-c", line], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    (script,) = (tmp_path / ".bash_completions").iterdir()
    assert "_SELVAWATCH_COMPLETE=complete_bash" in script.read_text()
    assert str(script) in (tmp_path / ".bashrc").read_text()


@pytest.mark.parametrize(
    ("words", "at", "offered"),
    [
        ("selvawatch al", 1, {"alerts"}),
        ("selvawatch calibrate ", 2, {"cube", "cause"}),
        ("selvawatch table --cl", 2, {"--clock"}),
    ],
)
def test_a_shell_is_offered_commands_and_options(tmp_path, words, at, offered):
    extra = {
        "HOME": str(tmp_path),
        "COMP_WORDS": words,
        "COMP_CWORD": str(at),
        "_SELVAWATCH_COMPLETE": "complete_bash",
    }
    said = program(extra=extra)
    assert (said.code, set(said.out.split())) == (0, offered)


def test_command_and_python_call_have_the_options_of_a_table_with_their_defaults():
    call, command = (
        inspect.signature(function).parameters for function in (selvawatch.table, table_command.table)
    )
    for field in dataclasses.fields(TableOptions):
        assert call[field.name].default == field.default, field.name
        if field.name != "by":  # a list that was not given is None to the command line
            assert command[field.name].default == field.default, field.name
    for field in dataclasses.fields(TableRequest):
        assert field.name == "options" or {field.name} <= set(call) & set(command)
