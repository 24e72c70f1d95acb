"""Providers' keys that stand in the clear, in the environment, a shell's profile or an agent's settings: found, and
moved into the keyring.

An agent that finds such a key can go around the meter. A key's value is read at the moment it is moved and kept nowhere
else; what is found names only the place.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import InvalidInput
from app.core.provider_keys import KeyName, clean_key_label
from app.ledger.provider_key_store import list_provider_keys
from app.services.agents.settings_scan import Kind, kind_of, pairs_in
from app.services.provider_keys import KeyRing, check_key, keep_key
from app.whole_file import write_whole

_PROFILES = (
    *(".bashrc", ".bash_profile", ".bash_login", ".profile", ".zshrc", ".zshenv", ".zprofile", ".pam_environment"),
    ".config/fish/config.fish",
)
_ENVIRONMENT_FOLDER = ".config/environment.d"
# By how a key begins, then by what it is called; the first that fits. An empty provider is a login, not a key.
_BEGINNINGS = {
    "sk-ant-oat": "", "sk-ant-": "anthropic", "sk-or-": "openrouter", "sk-proj-": "openai", "AIza": "google",
    "gsk_": "groq", "xai-": "x-ai", "pplx-": "perplexity", "csk-": "cerebras", "fw_": "fireworks",
}  # fmt: skip
_NAMES = {
    "anthropic": "anthropic", "azure": "azure", "openrouter": "openrouter", "openai": "openai", "codex": "openai",
    "gemini": "google", "google": "google", "mistral": "mistral", "groq": "groq", "deepseek": "deepseek", "xai": "x-ai",
    "together": "together", "fireworks": "fireworks", "cerebras": "cerebras", "cohere": "cohere",
    "perplexity": "perplexity", "moonshot": "moonshotai", "voyage": "voyageai", "zai": "zai", "ai_gateway": "vercel",
}  # fmt: skip
_WHOLE_LINE = r"\s*(?:export\s+|set\s+(?:-\w+\s+)+)?{}\s*[=\s]\s*(?:\"[^\"]*\"|'[^']*'|[^\s;&|#\"']+)\s*;?\s*(?:#.*)?"


@dataclass(frozen=True, slots=True)
class FoundKey:
    """Where a provider's key stands. `owner` is the agent whose settings they are, empty for the shell's. `file` is
    None where only the environment of this program is known to have it; `line` counts from 1."""

    provider: str
    variable: str
    owner: str = ""
    file: Path | None = None
    line: int = 0

    @property
    def words(self) -> str:
        """What was found and what it means, as a sentence."""
        if self.owner:
            return f"{self.owner} has a key of its own ({self.variable}), so it can go around Bursar."
        return f"{self.variable} is also set in your shell, so an agent can go around Bursar."

    @property
    def place(self) -> str:
        """Where it stands."""
        return "the environment" if self.file is None else f"{self.file}, line {self.line}"


@dataclass(frozen=True, slots=True)
class Moved:
    """A key that is in the keyring now. `is_line_gone`: it was taken out of its file, of which `backup` is the copy."""

    found: FoundKey
    name: KeyName
    is_line_gone: bool
    backup: Path | None = None

    @property
    def words(self) -> str:
        """What is left to do, as sentences."""
        where = self.found
        if self.is_line_gone:
            return f"The line is gone from {where.file}. Delete {self.backup} when all works: it is the file as it was."
        if where.file is None:
            return f"Take {where.variable} out of what sets it for your shell, then sign in again."
        return f"Now delete line {where.line} of {where.file}, which still holds the key."


def find_keys(
    environment: Mapping[str, str], home: Path, settings: list[tuple[str, Path]], gateway_url: str
) -> list[FoundKey]:
    """The keys that stand in the clear. `settings` are agents' files with the agent's name; files need not be there."""
    found = [key for file in _profiles(home) for key in _in_file("", file, gateway_url)]
    known = {key.variable for key in found}
    for variable, value in sorted(environment.items()):
        provider = _provider_of(variable, value, gateway_url)
        if provider and variable not in known:
            found.append(FoundKey(provider, variable))
    return found + [key for owner, file in settings for key in _in_file(owner, file, gateway_url)]


def suggested_label(ring: KeyRing, found: FoundKey) -> str:
    """A label for a key that is moved: none where it is the provider's first."""
    taken = [key.name.label for key in list_provider_keys(ring.ledger) if key.name.provider == found.provider]
    return "" if not taken else found.owner or "shell"


def can_remove(found: FoundKey) -> bool:
    """Whether the key has a line of its own, so that the file is whole without it."""
    if found.file is None:
        return False
    try:
        line = found.file.read_text("utf-8").splitlines()[found.line - 1]
    except (OSError, UnicodeDecodeError, IndexError):
        return False
    return re.fullmatch(_WHOLE_LINE.format(re.escape(found.variable)), line) is not None


def move_key(
    ring: KeyRing, found: FoundKey, environment: Mapping[str, str], *, label: str = "", removes_line: bool = False
) -> Moved:
    """Put a found key into the keyring, unless it is there, and take its line out of its file when asked.

    Raises InvalidInput for a key that is not there any more, a label that another key has and a file that cannot be
    changed; VaultError, LedgerError.
    """
    if not ring.vault.is_lasting:
        raise InvalidInput("Nothing was moved", "Keys are held in memory only here, so this one would be lost.")
    value = check_key(_value_of(found, environment))
    names = [key.name for key in list_provider_keys(ring.ledger) if key.name.provider == found.provider]
    name = next((name for name in names if ring.vault.get(name.entry) == value), None)
    if name is None:
        name = KeyName(found.provider, clean_key_label(label))
        if name in names:
            raise InvalidInput("There is another key of that name", "Give this one a label of its own, like “shell”.")
        keep_key(ring, name, value)
    if not removes_line or found.file is None or ring.vault.get(name.entry) != value:
        return Moved(found, name, is_line_gone=False)
    return Moved(found, name, is_line_gone=True, backup=_without_line(found, found.file.resolve()))


def _profiles(home: Path) -> Iterator[Path]:
    yield from (home / name for name in _PROFILES)
    yield from sorted((home / _ENVIRONMENT_FOLDER).glob("*.conf"))


def _in_file(owner: str, file: Path, gateway_url: str) -> Iterator[FoundKey]:
    for line, variable, value in pairs_in(file):
        if provider := _provider_of(variable, value, gateway_url):
            yield FoundKey(provider, variable, owner, file, line)


def _provider_of(variable: str, value: str, gateway_url: str) -> str:
    """Whose key a setting is; empty for what is none, or nobody's that is known."""
    if kind_of(variable, value, gateway_url) is not Kind.KEY:
        return ""
    for beginning, provider in _BEGINNINGS.items():
        if value.startswith(beginning):
            return provider
    name = variable.lower()
    return next((provider for part, provider in _NAMES.items() if part in name), "")


def _value_of(found: FoundKey, environment: Mapping[str, str]) -> str:
    """The key itself. Raises InvalidInput where it is gone."""
    value = environment.get(found.variable, "")
    if found.file is not None:
        place = (found.line, found.variable)
        value = next((told for line, variable, told in pairs_in(found.file) if (line, variable) == place), "")
    if not value:
        raise InvalidInput("The key is not there any more", f"Nothing was moved from {found.place}.")
    return value


def _without_line(found: FoundKey, file: Path) -> Path:
    """Take the line out, keeping a copy beside the file. Returns the copy. Raises InvalidInput."""
    if not can_remove(found):
        raise InvalidInput(
            "The key is in the keyring, and in its file still", f"More stands on line {found.line} of {file}: edit it."
        )
    try:
        before = file.read_bytes()
        lines = before.splitlines(keepends=True)
        after = b"".join(lines[: found.line - 1] + lines[found.line :])
        backup = _copied_beside(file, before)
        write_whole(file, after, file.stat().st_mode & 0o777)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise InvalidInput("The key is in the keyring, and in its file still", f"{file}: {why}.") from None
    return backup


def _copied_beside(file: Path, content: bytes) -> Path:
    """A file beside this one, under a name that is free, which nobody else can read."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.before-bursar-")
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return Path(name)
