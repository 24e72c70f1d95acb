"""Setting one value in JSON text, every other byte left as it is: comments, order, spacing, line ends.

Settings files are JSON with or without comments and trailing commas. Parsing and writing them anew would lose what a
person has put there, so the place is found in the text and only that place is changed.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_BLANK = re.compile(r"(?:[\s\ufeff]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_SCALAR = re.compile(r"[^\s,\]}/]+")
_INDENT = "  "


class NotEditable(ValueError):
    """The text is no JSON object, or holds something else where an object is needed."""


@dataclass(frozen=True, slots=True)
class _Member:
    """One member of an object: its name, where the name begins, and where its value stands."""

    name: str
    at: int
    start: int
    end: int


def set_value(text: str, path: Sequence[str], value: Any) -> str:
    """The text with one value set; objects on the way are made. Raises NotEditable."""
    if not text.strip("\ufeff \t\r\n"):
        text += "{}\n"
    start = _blank_end(text, 0)
    for depth, name in enumerate(path):
        members = _members(text, start)
        found = next((member for member in reversed(members) if member.name == name), None)
        if found is None:
            missing = value
            for inner in reversed(path[depth + 1 :]):
                missing = {inner: missing}
            return _inserted(text, start, members, name, missing)
        if depth == len(path) - 1:
            return text[: found.start] + json.dumps(value, ensure_ascii=False) + text[found.end :]
        start = found.start
    raise NotEditable("no path")


def _inserted(text: str, start: int, members: Sequence[_Member], name: str, value: Any) -> str:
    """A member put first in the object at `start`: so neither a trailing comma nor a comment gets in the way."""
    newline = "\r\n" if "\r\n" in text else "\n"
    outer = _indent_at(text, start)
    if members and "\n" not in text[start : members[0].at]:
        return f"{text[: start + 1]}{_pair(name, value)}, {text[start + 1 :]}"
    indent = _indent_at(text, members[0].at) if members else outer + _INDENT
    lines = json.dumps(value, indent=_INDENT, ensure_ascii=False).replace("\n", newline + indent)
    member = f"{newline}{indent}{json.dumps(name, ensure_ascii=False)}: {lines}"
    if members:
        return f"{text[: start + 1]}{member},{text[start + 1 :]}"
    rest = text[start + 1 :]
    is_closed_below = "\n" in rest[: _blank_end(rest, 0)]
    return f"{text[: start + 1]}{member}{'' if is_closed_below else newline + outer}{rest}"


def _pair(name: str, value: Any) -> str:
    return f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}"


def _indent_at(text: str, position: int) -> str:
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _members(text: str, start: int) -> list[_Member]:
    """The members of the object whose brace stands at `start`. Raises NotEditable."""
    if text[start : start + 1] != "{":
        raise NotEditable("not an object")
    members = []
    position = _blank_end(text, start + 1)
    while text[position : position + 1] != "}":
        named = _STRING.match(text, position)
        if named is None:
            raise NotEditable("a name was expected")
        colon = _blank_end(text, named.end())
        if text[colon : colon + 1] != ":":
            raise NotEditable("a colon was expected")
        value = _blank_end(text, colon + 1)
        end = _value_end(text, value)
        members.append(_Member(_name(named[0]), position, value, end))
        position = _blank_end(text, end)
        if text[position : position + 1] == ",":
            position = _blank_end(text, position + 1)
        elif text[position : position + 1] != "}":
            raise NotEditable("a comma was expected")
    return members


def _name(quoted: str) -> str:
    try:
        return str(json.loads(quoted))
    except ValueError:
        raise NotEditable("a name cannot be read") from None


def _value_end(text: str, start: int) -> int:
    """Where the value that begins at `start` ends. Raises NotEditable."""
    if text[start : start + 1] in ("{", "["):
        return _nested_end(text, start)
    found = (_STRING if text[start : start + 1] == '"' else _SCALAR).match(text, start)
    if found is None:
        raise NotEditable("a value was expected")
    return found.end()


def _nested_end(text: str, start: int) -> int:
    depth, position = 0, start
    while position < len(text):
        char = text[position]
        if char == '"':
            position = _value_end(text, position)
            continue
        if char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
            if depth == 0:
                return position + 1
        after = _blank_end(text, position)
        position = after if after > position else position + 1
    raise NotEditable("it ends too early")


def _blank_end(text: str, start: int) -> int:
    found = _BLANK.match(text, start)
    return found.end() if found else start
