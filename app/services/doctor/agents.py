"""Which agents are installed, in which version, and whether their calls were seen."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from app.core.tags import Scope
from app.ledger.engine import Ledger
from app.ledger.spend import spend_by
from app.services.agents.connecting import CONNECTIONS, is_connected
from app.services.agents.own_settings import OWN_SETTINGS
from app.services.agents.recipe import Recipe
from app.services.agents.recipes import RECIPES
from app.services.doctor.finding import Finding, Level, Remedy

VERSION_LIMIT_S = 5.0
SEEN_WITHIN = timedelta(days=30)
_VERSION = re.compile(r"\d+(?:\.\d+)+[\w.\-+]*")
_MOST_OUTPUT = 10_000


@dataclass(frozen=True, slots=True)
class InstalledAgent:
    """An agent on the PATH. `program` is the name it was found by, `version` empty where it does not tell."""

    recipe: Recipe
    program: str
    version: str

    @property
    def can_be_connected(self) -> bool:
        """Whether Bursar knows the change to its own settings that leads it to the meter for good."""
        return self.recipe.name in OWN_SETTINGS


def installed_agents() -> list[InstalledAgent]:
    """The agents on the PATH. Each is asked for its version, for five seconds at most."""
    found = [(recipe, name, path) for recipe in RECIPES for name, path in _place_of(recipe)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        versions = list(pool.map(program_version, (path for _, _, path in found)))
    return [InstalledAgent(recipe, name, told) for (recipe, name, _), told in zip(found, versions, strict=True)]


def agent_findings(ledger: Ledger, now: datetime) -> list[Finding]:
    """A finding for each agent on the PATH. Takes as long as `installed_agents`."""
    installed = installed_agents()
    seen = {spend.key.lower() for spend in spend_by(ledger, Scope.AGENT, now - SEEN_WITHIN, now) if spend.calls}
    connections = ledger.path.with_name(CONNECTIONS)
    return [_finding(agent, seen, is_connected(connections, agent.recipe.name)) for agent in installed]


def program_version(path: str, time_limit_s: float = VERSION_LIMIT_S) -> str:
    """What a program says of its version; empty when it does not say, or not in time."""
    try:
        process = subprocess.Popen(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=os.name == "posix",
        )
    except OSError:
        return ""
    try:
        told, _ = process.communicate(timeout=time_limit_s)
    except subprocess.TimeoutExpired:
        told = b""
        _end(process)
    found = _VERSION.search(told[:_MOST_OUTPUT].decode(errors="replace"))
    return found[0] if found else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """With all it has started: a child that keeps the pipe open would be waited for."""
    if sys.platform != "win32":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()


def _place_of(recipe: Recipe) -> list[tuple[str, str]]:
    """The first of its programs that is there, with its path; else nothing."""
    found = ((program, path) for program in recipe.programs if (path := shutil.which(program)))
    return list(islice(found, 1))


def _finding(agent: InstalledAgent, seen: Set[str], has_connection: bool) -> Finding:
    recipe = agent.recipe
    title = f"{recipe.title} {agent.version or 'of unknown version'} is installed"
    if recipe.unmetered:
        return Finding(Level.NOTE, recipe.title, title, recipe.unmetered)
    if seen & {recipe.name, *recipe.programs}:
        return Finding(Level.FINE, recipe.title, title, f"Its calls were seen in the last {SEEN_WITHIN.days} days.")
    meaning = f"No call of it was seen in the last {SEEN_WITHIN.days} days."
    if has_connection:
        return Finding(Level.NOTE, recipe.title, title, f"It is connected for good. {meaning}")
    fix = recipe.note or f"Start it with: bursar run -- {recipe.programs[0]}"
    remedy = Remedy.CONNECT_AGENT if agent.can_be_connected else None
    return Finding(Level.NOTE, recipe.title, title, meaning, fix, remedy, recipe.name)
