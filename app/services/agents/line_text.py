"""Setting names in settings that are kept line by line: lists of variables, YAML's top level, TOML's top level.

Every other line is left as it is, its end included.
"""

import re
from collections.abc import Mapping


def set_lines(text: str, lines: Mapping[str, str], *, sign: str) -> str:
    """The text with a line for each name: in the place of the one that sets it, else at the end.

    `lines` maps a name to its whole line; `sign` parts name and value, as `=` or `:` does.
    """
    for name, line in lines.items():
        setting = re.compile(rf"^(?:export[ \t]+)?{re.escape(name)}[ \t]*{sign}[^\r\n]*", re.MULTILINE)
        text = setting.sub(lambda _: line, text, count=1) if setting.search(text) else appended(text, line)  # noqa: B023
    return text


def appended(text: str, line: str) -> str:
    """The text with a line at its end."""
    newline = newline_of(text)
    return f"{text}{newline if text and not text.endswith(newline) else ''}{line}{newline}"


def prepended(text: str, line: str) -> str:
    """The text with a line at its beginning."""
    return f"{line}{newline_of(text)}{text}"


def newline_of(text: str) -> str:
    """The line end a text uses."""
    return "\r\n" if "\r\n" in text else "\n"
