"""Where each agent keeps its own things beneath a person's home: what it must be able to write, in a sandbox too.

From the agents themselves as they were measured (see `recipes`) and their documentation. An agent's settings are left
out: they can name another address for its calls and commands to run, so whoever writes them could get out later.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class OwnPlaces:
    """`folders`, relative to the home, are made when missing. `variable` names the first one to the agent. `settings`,
    relative to the first, are to be read only. `copied`: a file in the home itself, which cannot be replaced there (an
    agent writes a new one and renames it), and where the agent looks for it in its first folder."""

    folders: tuple[str, ...] = ()
    variable: str = ""
    settings: tuple[str, ...] = ()
    copied: Mapping[str, str] = field(default_factory=dict)


_PLACES = {
    # With the variable set it keeps its .claude.json in that folder (measured).
    "claude-code": OwnPlaces(
        (".claude",), "CLAUDE_CONFIG_DIR", ("settings.json", "hooks"), {".claude.json": ".claude.json"}
    ),
    "codex": OwnPlaces((".codex",), "CODEX_HOME", ("config.toml",)),
    "gemini": OwnPlaces((".gemini",), settings=("settings.json", ".env")),
    "opencode": OwnPlaces(
        (".config/opencode", ".local/share/opencode", ".local/state/opencode"), settings=("opencode.json", "plugin")
    ),
    "aider": OwnPlaces((".aider",)),
    "goose": OwnPlaces((".config/goose", ".local/share/goose", ".local/state/goose"), settings=("config.yaml",)),
    "copilot": OwnPlaces((".copilot",), settings=("config.json", "mcp-config.json")),
    "cline": OwnPlaces((".cline",)),
}


@dataclass(frozen=True, slots=True)
class FoundPlaces:
    """The same on one machine: what may be written, what only read, and variables that the agent is given."""

    writable: tuple[Path, ...] = ()
    read_only: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def find_own_places(agent: str, home: Path, environment: Mapping[str, str]) -> FoundPlaces:
    """Those of the agent that a recipe names, made where they are missing; of another program none. Raises OSError."""
    places = _PLACES.get(agent)
    if places is None:
        return FoundPlaces()
    folders = [home / name for name in places.folders]
    if moved := environment.get(places.variable, ""):
        folders[0] = Path(moved).expanduser()
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, copy in places.copied.items():
        if (home / name).is_file() and not (folders[0] / copy).exists():
            shutil.copy2(home / name, folders[0] / copy)
    first = folders[0].resolve()
    return FoundPlaces(
        writable=tuple(folder.resolve() for folder in folders),
        read_only=tuple(first / name for name in places.settings if (first / name).exists()),
        variables={places.variable: str(first)} if places.variable else {},
    )
