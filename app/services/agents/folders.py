"""Where each agent keeps its own things beneath a person's home: what it must be able to write, in a sandbox too.

From the agents themselves as they were measured (see `recipes`) and their documentation. An agent's settings are left
out: they can name another address for its calls and commands to run, so whoever writes them could get out later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class OwnPlaces:
    """Relative to the home. `folders` are made when missing; `files` too, with their first text. `variable` is one that
    moves the first folder elsewhere. `settings` are to be read only."""

    folders: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    variable: str = ""
    settings: tuple[str, ...] = ()


_PLACES = {
    "claude-code": OwnPlaces(
        (".claude",), {".claude.json": "{}\n"}, "CLAUDE_CONFIG_DIR", (".claude/settings.json", ".claude/hooks")
    ),
    "codex": OwnPlaces((".codex",), variable="CODEX_HOME", settings=(".codex/config.toml",)),
    "gemini": OwnPlaces((".gemini",), settings=(".gemini/settings.json", ".gemini/.env")),
    "opencode": OwnPlaces(
        (".local/share/opencode", ".local/state/opencode", ".config/opencode"),
        settings=(".config/opencode/opencode.json", ".config/opencode/plugin"),
    ),
    "aider": OwnPlaces((".aider",)),
    "goose": OwnPlaces(
        (".local/share/goose", ".local/state/goose", ".config/goose"), settings=(".config/goose/config.yaml",)
    ),
    "copilot": OwnPlaces((".copilot",), settings=(".copilot/config.json", ".copilot/mcp-config.json")),
    "cline": OwnPlaces((".cline",)),
}


def own_places(agent: str) -> OwnPlaces:
    """Those of the agent that a recipe names; none for any other program."""
    return _PLACES.get(agent, OwnPlaces())


def writable_places(places: OwnPlaces, home: Path, environment: Mapping[str, str]) -> list[Path]:
    """The folders and files, made where they are missing. Raises OSError."""
    folders = [home / name for name in places.folders]
    if moved := environment.get(places.variable, ""):
        folders[0] = Path(moved).expanduser()
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = [home / name for name in places.files]
    for file, text in zip(files, places.files.values(), strict=True):
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(text, encoding="utf-8")
    return [*folders, *files]


def settings_places(places: OwnPlaces, home: Path) -> list[Path]:
    """What is to be read only of them, as far as it is there."""
    return [home / name for name in places.settings if (home / name).exists()]
