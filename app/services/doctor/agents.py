"""Which agents are installed, in which version, and whether their calls were seen."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Set
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from app.core.tags import Scope
from app.ledger.engine import Ledger
from app.ledger.spend import spend_by
from app.services.agents.recipe import Recipe
from app.services.agents.recipes import RECIPES
from app.services.doctor.finding import Finding, Level

VERSION_LIMIT_S = 5.0
SEEN_WITHIN = timedelta(days=30)
_VERSION = re.compile(r"\d+(?:\.\d+)+[\w.\-+]*")
_MOST_OUTPUT = 10_000


def agent_findings(ledger: Ledger, now: datetime) -> list[Finding]:
    """A finding for each agent on the PATH. Each is asked for its version, for five seconds at most."""
    installed = [(recipe, path) for recipe in RECIPES if (path := _path_of(recipe))]
    with ThreadPoolExecutor(max_workers=4) as pool:
        versions = list(pool.map(lambda agent: program_version(agent[1]), installed))
    seen = {spend.key.lower() for spend in spend_by(ledger, Scope.AGENT, now - SEEN_WITHIN, now) if spend.calls}
    return [_finding(recipe, version, seen) for (recipe, _), version in zip(installed, versions, strict=True)]


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


def _path_of(recipe: Recipe) -> str | None:
    return next((path for program in recipe.programs if (path := shutil.which(program))), None)


def _finding(recipe: Recipe, version: str, seen: Set[str]) -> Finding:
    title = f"{recipe.title} {version or 'of unknown version'} is installed"
    if recipe.unmetered:
        return Finding(Level.NOTE, recipe.title, title, recipe.unmetered)
    if seen & {recipe.name, *recipe.programs}:
        return Finding(Level.FINE, recipe.title, title, f"Its calls were seen in the last {SEEN_WITHIN.days} days.")
    meaning = f"No call of it was seen in the last {SEEN_WITHIN.days} days."
    fix = recipe.note or f"Start it with: bursar run -- {recipe.programs[0]}"
    return Finding(Level.NOTE, recipe.title, title, meaning, fix)
