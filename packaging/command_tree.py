"""Every command of `bursar` with its arguments and options, read from the program itself: for the manual page and the
page of commands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from typer.main import get_command

from app.cli.main import app

SHELL_OPTIONS = ("--install-completion", "--show-completion")
"""Typer's own, of no use where completions are installed."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument (its placeholder) or an option (its spellings and what it takes), and what is said of it."""

    words: str
    meaning: str
    is_option: bool
    is_required: bool
    is_many: bool


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `name` is all that is typed, `bursar caps add`."""

    name: str
    meaning: str
    parameters: tuple[Parameter, ...]
    is_group: bool

    @property
    def arguments(self) -> list[Parameter]:
        """Those without a dash."""
        return [one for one in self.parameters if not one.is_option]

    @property
    def options(self) -> list[Parameter]:
        """Those with one."""
        return [one for one in self.parameters if one.is_option]

    @property
    def synopsis(self) -> str:
        """The name and what follows it."""
        words = [self.name, *(["[OPTIONS]"] if self.options else [])]
        for one in self.arguments:
            word = one.words + ("…" if one.is_many and not one.words.endswith("…") else "")
            words.append(word if one.is_required else f"[{word}]")
        return " ".join([*words, "COMMAND"] if self.is_group and len(self.name.split()) > 1 else words)


def every_command() -> list[Command]:
    """All of them, `bursar` itself first, groups before their commands."""
    return list(_walk(get_command(app), "bursar"))


def _walk(command: Any, name: str) -> Iterator[Command]:
    below = getattr(command, "commands", {})
    parameters = tuple(_parameter(one) for one in command.params if not set(one.opts) & {*SHELL_OPTIONS, "--help"})
    yield Command(name, " ".join((command.help or "").split()), parameters, bool(below))
    for word, inner in below.items():
        if not inner.hidden:
            yield from _walk(inner, f"{name} {word}")


def _parameter(one: Any) -> Parameter:
    is_option = one.param_type_name == "option"
    many = one.nargs == -1 or bool(getattr(one, "multiple", False))
    meaning = " ".join((getattr(one, "help", None) or "").split())
    if not is_option:
        return Parameter((one.metavar or one.name.upper()).strip("[]"), meaning, False, one.required, many)
    words = ", ".join([*one.opts, *one.secondary_opts])
    takes = "" if one.is_flag else f" {_takes(one)}"
    return Parameter(words + takes, meaning, True, one.required, many)


def _takes(one: Any) -> str:
    told = str(one.metavar or one.display_type(None)).strip("<>[]")
    return told if one.metavar or "|" in told else told.upper()
