"""Real coding agents out of the npm and PyPI registries, installed once into a cache folder outside the checkout."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from interpreters import candidates, probe

INSTALL_TIMEOUT_S = 900


@dataclass(frozen=True)
class NodeAgent:
    """A package of npm's. `is_built`: what is downloaded has to be put in its place by its own install script."""

    package: str
    version: str
    is_built: bool = False


@dataclass(frozen=True)
class PythonAgent:
    """Packages of PyPI's for an environment of their own, on the first of these Pythons that is found."""

    packages: tuple[str, ...]
    pythons: tuple[tuple[int, int], ...]


NODE_AGENTS = {
    "codex": NodeAgent("@openai/codex", "0.169.0"),
    "claude": NodeAgent("@anthropic-ai/claude-code", "2.1.330", is_built=True),
    "gemini": NodeAgent("@google/gemini-cli", "0.61.0"),
    "opencode": NodeAgent("opencode-ai", "1.18.33", is_built=True),
}
"""By command. The versions are those whose behaviour was measured."""
AIDER = PythonAgent(("aider-chat==0.86.2",), ((3, 12), (3, 11), (3, 10)))
LANGGRAPH = PythonAgent(("langgraph==1.2.22", "langchain-openai==1.7.3"), ((3, 13), (3, 12), (3, 14)))


def cache_folder() -> Path:
    """Where the agents are kept: BURSAR_AGENTS_CACHE, else the user's cache folder."""
    given = os.environ.get("BURSAR_AGENTS_CACHE")
    return Path(given) if given else platformdirs.user_cache_path("bursar") / "agents"


def node_agent(command: str) -> str:
    """The path of an agent's program, installed first where it is not there in the right version."""
    wanted, folder = NODE_AGENTS[command], cache_folder()
    if _installed_version(folder, wanted.package) != wanted.version:
        folder.mkdir(parents=True, exist_ok=True)
        _npm(folder, "install", "--no-audit", "--no-fund", "--ignore-scripts", f"{wanted.package}@{wanted.version}")
        if wanted.is_built:
            _npm(folder, "rebuild", wanted.package)
    return str(folder / "node_modules" / ".bin" / command)


def python_agent(wanted: PythonAgent, command: str) -> str:
    """The path of a program in the environment of these packages, which is made first where it is not there."""
    folder = cache_folder() / "-".join(wanted.packages).replace("==", "-")
    is_made = folder / "made"
    if not is_made.exists():
        python = next(path for version in wanted.pythons for path in candidates(version, folder) if probe(path))
        subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True, timeout=INSTALL_TIMEOUT_S)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *wanted.packages]
        subprocess.run(pip, check=True, timeout=INSTALL_TIMEOUT_S)
        is_made.touch()
    return str(folder / "bin" / command)


def _npm(folder: Path, *arguments: str) -> None:
    subprocess.run(["npm", *arguments, "--prefix", str(folder)], check=True, timeout=INSTALL_TIMEOUT_S)


def _installed_version(folder: Path, package: str) -> str:
    manifest = folder / "node_modules" / package / "package.json"
    return str(json.loads(manifest.read_text())["version"]) if manifest.is_file() else ""
