"""The pages that are made from the program are those of this program, and what the other pages say to type is there."""

import re
import shlex
from pathlib import Path

import pytest

import command_tree
import reference
from tests.test_house import ROOT

DOCS = sorted(reference.DOCS.glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]
BY_NAME = {command.name: command for command in command_tree.every_command()}
OPTIONS = {"-h", "--help"}


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_made_page_is_up_to_date(name: str) -> None:
    told = "write it anew with: .venv/bin/python packaging/reference.py"
    assert (reference.DOCS / name).read_text("utf-8") == reference.PAGES[name](), told


def test_the_page_of_commands_is_complete() -> None:
    page = (reference.DOCS / "commands.md").read_text("utf-8")
    for command in BY_NAME.values():
        assert re.search(rf"^#+ {re.escape(command.name)}$", page, re.MULTILINE), command.name


def test_every_page_is_in_the_index_and_every_link_leads_somewhere() -> None:
    index = (reference.DOCS / "README.md").read_text("utf-8")
    assert [page.name for page in DOCS if page.name != "README.md" and f"({page.name})" not in index] == []
    for page in DOCS:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def typed(page: Path) -> set[str]:
    """What a page says to type: `bursar …` in code."""
    return set(re.findall(r"`(bursar [a-z][^`]*)`", page.read_text("utf-8")))


def wrong(line: str) -> str:
    """What is wrong with a command, as far as its words tell; empty for nothing."""
    if "|" in line or "…" in line or "[" in line:
        return ""  # a pattern of commands, not one to type
    words = shlex.split(line.partition(" -- ")[0])
    name = words[0]
    for word in words[1:]:
        if f"{name} {word}" not in BY_NAME:
            break
        name = f"{name} {word}"
    command = BY_NAME[name]
    if command.is_group and len(words) > len(name.split()) and name == "bursar":
        return f"there is no {words[1]}"
    known = OPTIONS | {word.split(" ")[0] for one in command.options for word in one.words.split(", ")}
    unknown = [word for word in words if word.startswith("-") and word != "--" and word.partition("=")[0] not in known]
    return f"{name} has no {unknown}" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_commands_and_options_that_are_there(page: Path) -> None:
    assert {line: why for line in typed(page) if (why := wrong(line))} == {}


def test_a_command_that_is_not_there_is_seen() -> None:
    assert wrong("bursar fly") == "there is no fly"
    assert wrong("bursar caps add 5 --every day")
    assert not wrong("bursar run --cap 2.50 -- claude --print")


def test_the_files_that_the_architecture_names_are_there() -> None:
    named = re.findall(r"`([\w/]+(?:\.py|/))`", (reference.DOCS / "architecture.md").read_text("utf-8"))
    assert len(named) > 15
    assert [name for name in named if not ((ROOT / name).exists() or (ROOT / "proxy_addon" / name).exists())] == []
