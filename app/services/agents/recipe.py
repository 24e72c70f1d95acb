"""What is known of one agent, as data: the variables, arguments and settings that lead it to the meter."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from string import Template


@dataclass(frozen=True, slots=True)
class Connection:
    """How an agent reaches the meter: `gateway_url` without a slash at its end, and its virtual key."""

    gateway_url: str
    token: str

    def fill(self, template: str) -> str:
        """The template with `$anthropic`, `$openai`, `$gemini` (base URLs), `$gateway` and `$token` put in."""
        return Template(template).substitute(
            gateway=self.gateway_url,
            token=self.token,
            anthropic=f"{self.gateway_url}/anthropic",
            openai=f"{self.gateway_url}/openai/v1",
            gemini=f"{self.gateway_url}/gemini",
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """Variables that depend on what a person has set: they apply when `variable` holds `value`."""

    variable: str
    value: str
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One agent.

    `variables`: what it needs beyond what every program is given; templates for `Connection.fill`. `removed`: inherited
    variables that would go first. `joined_settings`: variables holding a JSON object that ours is put into.
    `arguments`: put right after the program's name. `names_session`: it tells its session on the wire by itself.
    `bypasses`: variables that, when set, send its calls elsewhere than to its base URL. `provider`: the one its models
    are of, empty where it has those of many. `own_login`: variables with which it keeps a login of its own and is
    metered all the same; templates too. `unmetered`: why nothing of it can be metered; `note`: what a person has to do
    themselves. Both are whole sentences, or empty.
    """

    name: str
    title: str
    programs: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    removed: tuple[str, ...] = ()
    joined_settings: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    names_session: bool = False
    bypasses: tuple[str, ...] = ()
    provider: str = ""
    own_login: Mapping[str, str] = field(default_factory=dict)
    unmetered: str = ""
    note: str = ""

    def is_for(self, command: str) -> bool:
        """Whether a command starts this agent."""
        return program_name(command).lower() in self.programs


def program_name(command: str) -> str:
    """The name of a program without its folder and `.exe`."""
    name = PurePath(command).name
    return re.sub(r"\.(?:exe|cmd|bat)$", "", name, flags=re.IGNORECASE)
