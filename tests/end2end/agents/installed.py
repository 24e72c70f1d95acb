"""Real coding agents out of the npm registry, installed once into a cache folder outside the checkout."""

import json
import os
import subprocess
from pathlib import Path

import platformdirs

PACKAGES = {"codex": ("@openai/codex", "0.169.0"), "claude": ("@anthropic-ai/claude-code", "2.1.330")}
"""Command -> package and version: those whose behaviour was measured."""
INSTALL_TIMEOUT_S = 900


def cache_folder() -> Path:
    """Where the agents are kept: BURSAR_AGENTS_CACHE, else the user's cache folder."""
    given = os.environ.get("BURSAR_AGENTS_CACHE")
    return Path(given) if given else platformdirs.user_cache_path("bursar") / "agents"


def agent(command: str) -> str:
    """The path of an agent's program, installed first where it is not there in the right version."""
    package, version = PACKAGES[command]
    folder = cache_folder()
    if _installed_version(folder, package) != version:
        folder.mkdir(parents=True, exist_ok=True)
        npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
        subprocess.run([*npm, f"{package}@{version}"], check=True, timeout=INSTALL_TIMEOUT_S)
    return str(folder / "node_modules" / ".bin" / command)


def _installed_version(folder: Path, package: str) -> str:
    manifest = folder / "node_modules" / package / "package.json"
    return str(json.loads(manifest.read_text())["version"]) if manifest.is_file() else ""
