"""The providers' own keys as all but the vault know them: whose, under which label, and which one a call uses."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.core.errors import InvalidInput
from app.core.providers import provider_title
from app.core.tags import clean_label

MAX_LABEL_LENGTH = 40


class Trial(StrEnum):
    """What came of asking a provider whether it takes a key. `untestable`: it has no place to ask that is free."""

    NONE = ""
    WORKS = "works"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNTESTABLE = "untestable"


@dataclass(frozen=True, slots=True, order=True)
class KeyName:
    """A key by its provider and its label, which is empty for the key that needs none."""

    provider: str
    label: str = ""

    @property
    def entry(self) -> str:
        """What it is called in the vault. No provider's name holds a slash."""
        return f"{self.provider}/{self.label}" if self.label else self.provider

    @property
    def words(self) -> str:
        """What to call it in a sentence: `openai`, or `openai, team`."""
        return f"{self.provider}, {self.label}" if self.label else self.provider

    @property
    def arguments(self) -> str:
        """How commands are told it: `openai`, or `openai --label team`."""
        return f"{self.provider} --label {shlex.quote(self.label)}" if self.label else self.provider


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """That a key lies in the vault, `added_at` since when. `projects` are those that were told to use it."""

    name: KeyName
    added_at: datetime
    is_default: bool
    projects: tuple[str, ...] = ()
    trial: Trial = Trial.NONE
    tested_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """Which key the calls of each project use. `added_at` tells a key from the one that it replaced."""

    defaults: Mapping[str, KeyName] = field(default_factory=dict)
    of_projects: Mapping[tuple[str, str], KeyName] = field(default_factory=dict)
    added_at: Mapping[KeyName, datetime] = field(default_factory=dict)

    def name_for(self, provider: str, project: str) -> KeyName:
        """The key of a project's calls to a provider. One that the ledger knows nothing of has no label."""
        chosen = self.of_projects.get((project, provider)) if project else None
        return chosen or self.defaults.get(provider) or KeyName(provider)


def trial_words(provider: str, trial: Trial) -> str:
    """What came of a test, in few words."""
    return {
        Trial.NONE: "Not tested",
        Trial.WORKS: "Works",
        Trial.REFUSED: f"Refused by {provider_title(provider)}",
        Trial.UNREACHABLE: "Cannot be reached",
        Trial.UNTESTABLE: "Not tested: there is no free way",
    }[trial]


def choice_among(keys: Iterable[ProviderKey]) -> KeyChoice:
    """The choice that these keys stand for."""
    known = list(keys)
    return KeyChoice(
        {key.name.provider: key.name for key in known if key.is_default},
        {(project, key.name.provider): key.name for key in known for project in key.projects},
        {key.name: key.added_at for key in known},
    )


def clean_key_label(text: str) -> str:
    """A label as it is kept. Raises InvalidInput for one that is too long or not plain text."""
    label = clean_label(text, MAX_LABEL_LENGTH + 1)
    if len(label) > MAX_LABEL_LENGTH or label != text.strip():
        raise InvalidInput("Not a label", f"A label is one line of at most {MAX_LABEL_LENGTH} characters, like “team”.")
    return label
