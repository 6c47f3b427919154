"""What the documents say about commands, files and links is so."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from selvawatch.cli.main import app
from selvawatch.steps.run.publish import TABLE_NAMES
from selvawatch.steps.run.run_report import RunReport
from selvawatch.write.formats.raster import PRODUCT_LAYERS

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "outputs" / "README.md"])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def commands(text: str) -> list[list[str]]:
    """Every command line of selvawatch in a document, as words, without comments and what follows a pipe."""
    found = []
    for kind, block in BLOCK.findall(text):
        found += block.splitlines() if kind in ("", "sh") else []
    found += INLINE.findall(text)
    lines = [
        re.sub(r"\s{2,}[^-\[\s].*$", "", re.split(r"\s#|\||·|\.\.\.|→", line)[0]).strip() for line in found
    ]
    lines = [re.sub(r"^(?:\S*/)?bin/", "", line) for line in lines]
    return [
        shlex.split(line.replace("[", "").replace("]", ""))
        for line in lines
        if line.startswith("selvawatch ")
    ]


def described(words: list[str]) -> str:
    """What is wrong with a command line: an unknown command or option; empty when nothing is."""
    command = typer.main.get_command(app)
    rest = list(words[1:])
    while (below := getattr(command, "commands", {})) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in below:
            return f"no command {name}"
        command = below[name]
    known = {"--help", *(option for one in command.params for option in (*one.opts, *one.secondary_opts))}
    strange = [word for word in rest if word.startswith("--") and word not in known]
    return f"no option {strange[0]}" if strange else ""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_in_a_document_exists_with_its_options(path):
    wrong = {" ".join(one): described(one) for one in commands(path.read_text("utf-8"))}
    assert {line: why for line, why in wrong.items() if why} == {}


def test_a_command_that_does_not_exist_is_noticed():
    found = commands("`selvawatch fly --high`\n```sh\nselvawatch alerts list --loud   # not\n```\n")
    assert [described(one) for one in found] == ["no option --loud", "no command fly"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_and_picture_leads_to_a_file_or_a_heading(path):
    missing = []
    for target in LINK.findall(path.read_text("utf-8")):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        file = (path.parent / name) if name else path
        if not file.exists() or (heading and heading not in anchors(file)):
            missing.append(target)
    assert missing == []


def anchors(path: Path) -> set[str]:
    """Anchors of a document's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_document_names_a_machine_or_a_registry(path):
    text = path.read_text("utf-8").lower()
    assert [word for word in ("/home/", "/root/", "/tmp/", "index-url", "../shared") if word in text] == []


def test_the_product_specification_names_every_key_of_the_report_and_every_product():
    text = (ROOT / "outputs" / "README.md").read_text("utf-8")
    keys = [field.name for field in fields(RunReport)]
    assert [
        name
        for name in (*keys, *TABLE_NAMES, *PRODUCT_LAYERS)
        if f"`{name}`" not in text and f"/{name}." not in text
    ] == []
