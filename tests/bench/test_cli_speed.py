"""What `selvawatch --help` costs, against the import of the library that reads its words."""

import os
import resource
import statistics
import subprocess
import sys

import pytest

from command_line import PACKAGE

HELP = "import sys; sys.argv = ['selvawatch', '--help']; from selvawatch.cli.main import main; main()"


def processor_time(code: str) -> float:
    """Seconds of processor time of an interpreter that runs the code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.DEVNULL,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.bench
def test_help_costs_at_most_two_and_a_half_imports_of_typer():
    typer, help_ = [], []
    for _ in range(11):  # in turn, so that what else the machine does falls on both
        typer.append(processor_time("import typer"))
        help_.append(processor_time(HELP))
    ratio = statistics.median(help_) / statistics.median(typer)
    print(f"\nselvawatch --help / import typer: {ratio:.2f}")
    assert ratio <= 2.5
