"""Settings files of agents, looked through for keys and for addresses that lead elsewhere.

They are JSON, TOML, YAML or lists of variables, sometimes with comments and sometimes damaged, so they are read line by
line as names and values. Values are judged and dropped; none is ever told.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from app.keys.virtual_keys import PREFIX

_MOST_BYTES = 1_000_000
_PAIR = re.compile(r"""["']?([A-Za-z_][\w.\-]*)["']?\s*[:=]\s*(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"',;}{\[\]#]+))""")
_FISH = re.compile(r"""^\s*set\s+(?:-\w+\s+)+(\w+)\s+(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"';#]+))""")
_KEY = re.compile(r"(?:api[_-]?key|auth[_-]?token|bearer[_-]?token)$", re.IGNORECASE)
_LOGIN = re.compile(r"(?:access[_-]?token|refresh[_-]?token)$", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:base[_-]?url|api[_-]?base|_host|apibase)$", re.IGNORECASE)
_SHORTEST_KEY = 16
HIDDEN = "[hidden]"
_REFERENCE = re.compile(r"^(?:\$|\{|env:|\*|<|your|xxx)", re.IGNORECASE)


class Kind(StrEnum):
    """What a setting is. `login`: the tokens of a subscription or an account."""

    KEY = "key"
    LOGIN = "login"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A setting that may lead around the meter: its file, line and name, never its value."""

    kind: Kind
    file: Path
    line: int
    name: str


def suspects_in(file: Path, gateway_url: str) -> list[Suspect]:
    """The settings of a file that may lead around the meter at `gateway_url`; none for a file that is not there."""
    return [
        Suspect(kind, file, line, name)
        for line, name, value in pairs_in(file)
        if (kind := kind_of(name, value, gateway_url)) is not None
    ]


def kind_of(name: str, value: str, gateway_url: str) -> Kind | None:
    """What a setting is; None for one that leads nowhere else.

    Models on this machine cost nothing, so an address on loopback is no way around the meter.
    """
    last = name.rpartition(".")[2]
    if _ADDRESS.search(last):
        return Kind.ELSEWHERE if _leads_elsewhere(value, gateway_url) else None
    if len(value) < _SHORTEST_KEY or value.startswith(PREFIX) or _REFERENCE.match(value):
        return None
    if _KEY.search(last):
        return Kind.KEY
    return Kind.LOGIN if _LOGIN.search(last) else None


def without_keys(text: str) -> str:
    """The text with every key and login that a person has in it hidden, names kept: for showing."""

    def hidden(pair: re.Match[str]) -> str:
        value = next((value for value in pair.groups()[1:] if value), "")
        return pair[0].replace(value, HIDDEN) if kind_of(pair[1], value, "") in (Kind.KEY, Kind.LOGIN) else pair[0]

    return _PAIR.sub(hidden, text)


def _leads_elsewhere(value: str, gateway_url: str) -> bool:
    if not value.startswith(("http://", "https://")) or value.startswith(gateway_url):
        return False
    try:
        host = urlsplit(value).hostname or ""
    except ValueError:
        return True
    if host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def pairs_in(file: Path) -> Iterator[tuple[int, str, str]]:
    """Line, name and value of each setting in a file; nothing for a file that cannot be read. The caller judges the
    values and drops them."""
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            text = stream.read(_MOST_BYTES)
    except OSError:
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.lstrip().startswith(("#", "//")):
            for name, *values in [*_PAIR.findall(line), *_FISH.findall(line)]:
                yield number, name, next((value for value in values if value), "")
