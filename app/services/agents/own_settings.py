"""Each agent's own settings file, and the change that leads it to the meter for good."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import InvalidInput
from app.services.agents.json_text import NotEditable, set_value
from app.services.agents.line_text import appended, newline_of, prepended, set_lines
from app.services.agents.recipe import Connection

_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_PROVIDER_LINE = re.compile(r"^model_provider[ \t]*=[^\r\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """A settings file, relative to a person's home, and the edit that connects it. The edit may raise InvalidInput."""

    file: Callable[[Mapping[str, str]], Path]
    connect: Callable[[str, Connection], str]


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME") or Path.home())


def _config(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("XDG_CONFIG_HOME") or _home(environment) / ".config")


def _claude_file(environment: Mapping[str, str]) -> Path:
    folder = environment.get("CLAUDE_CONFIG_DIR")
    return (Path(folder) if folder else _home(environment) / ".claude") / "settings.json"


def _claude(text: str, connection: Connection) -> str:
    wanted = {"ANTHROPIC_BASE_URL": "$anthropic", "ANTHROPIC_AUTH_TOKEN": "$token"}
    return _json(text, {("env", name): connection.fill(value) for name, value in wanted.items()})


def _opencode(text: str, connection: Connection) -> str:
    addresses = {"anthropic": "$anthropic/v1", "openai": "$openai", "google": "$gemini/v1beta"}
    values: dict[tuple[str, ...], str] = {}
    for provider, address in addresses.items():
        values["provider", provider, "options", "baseURL"] = connection.fill(address)
        values["provider", provider, "options", "apiKey"] = connection.token
    return _json(text, values)


def _json(text: str, values: Mapping[tuple[str, ...], str]) -> str:
    try:
        for path, value in values.items():
            text = set_value(text, path, value)
    except NotEditable as error:
        raise InvalidInput("The settings cannot be changed", f"They are not one JSON object ({error}).") from None
    return text


def _codex_file(environment: Mapping[str, str]) -> Path:
    folder = environment.get("CODEX_HOME")
    return (Path(folder) if folder else _home(environment) / ".codex") / "config.toml"


def _codex(text: str, connection: Connection) -> str:
    """A provider of its own: only there does Codex take a key from its settings. It then speaks HTTP (measured)."""
    try:
        before = tomllib.loads(text)
        table = {
            "name": "Bursar",
            "base_url": connection.fill("$openai"),
            "wire_api": "responses",
            "http_headers": {"Authorization": f"Bearer {connection.token}"},
        }
        providers = before.get("model_providers", {}) | {"bursar": table}
        after = _with_table(_with_provider(text), table)
        if tomllib.loads(after) != before | {"model_provider": "bursar", "model_providers": providers}:
            raise InvalidInput("The settings cannot be changed", "Their layout is not one that can be added to.")
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise InvalidInput("The settings cannot be changed", f"They are not TOML: {str(error)[:120]}.") from None
    return after


def _with_provider(text: str) -> str:
    """The name of the provider stands before the first table."""
    line = 'model_provider = "bursar"'
    found, table = _PROVIDER_LINE.search(text), _TABLE.search(text)
    if found is None or (table is not None and table.start() < found.start()):
        return prepended(text, line)
    return text[: found.start()] + line + text[found.end() :]


def _with_table(text: str, table: Mapping[str, object]) -> str:
    lines = ["", "[model_providers.bursar]"]
    for name, value in table.items():
        inline = value if isinstance(value, str) else None
        if inline is not None:
            lines.append(f"{name} = {json.dumps(inline)}")
        elif isinstance(value, Mapping):
            pairs = ", ".join(f"{key} = {json.dumps(item)}" for key, item in value.items())
            lines.append(f"{name} = {{ {pairs} }}")
    return appended(text, newline_of(text).join(lines))


def _gemini(text: str, connection: Connection) -> str:
    wanted = {"GOOGLE_GEMINI_BASE_URL": "$gemini", "GEMINI_API_KEY": "$token"}
    return set_lines(text, {name: f"{name}={connection.fill(value)}" for name, value in wanted.items()}, sign="=")


def _aider(text: str, connection: Connection) -> str:
    wanted = {"openai-api-base": "$openai", "openai-api-key": "$token", "anthropic-api-key": "$token"}
    text = set_lines(text, {name: f"{name}: {connection.fill(value)}" for name, value in wanted.items()}, sign=":")
    return _with_variable(text, connection.fill("ANTHROPIC_API_BASE=$anthropic"))


def _with_variable(text: str, assignment: str) -> str:
    """aider has no option for Anthropic's address; `set-env` sets the variable that is read instead."""
    found = re.search(r"^set-env[ \t]*:([^\r\n]*)(\r?\n|$)([ \t]*)(-?)", text, re.MULTILINE)
    if found is None:
        return appended(appended(text, "set-env:"), f"  - {assignment}")
    if found[1].strip() or not found[4]:
        raise InvalidInput(
            "The settings cannot be changed", f"Write set-env as a list with one line each, then add: {assignment}"
        )
    place = found.end(2)
    return f"{text[:place]}{found[3]}- {assignment}{newline_of(text)}{text[place:]}"


OWN_SETTINGS: Mapping[str, OwnSettings] = {
    "claude-code": OwnSettings(_claude_file, _claude),
    "codex": OwnSettings(_codex_file, _codex),
    "gemini": OwnSettings(lambda environment: _home(environment) / ".gemini" / ".env", _gemini),
    "opencode": OwnSettings(lambda environment: _config(environment) / "opencode" / "opencode.json", _opencode),
    "aider": OwnSettings(lambda environment: _home(environment) / ".aider.conf.yml", _aider),
}
"""By the recipe's name."""
