"""What screenshots.py shows of a machine, whatever the one it runs on has."""

from collections.abc import Callable
from pathlib import Path

from app.core.errors import AppError
from app.desktop.commands import Places
from app.desktop.key_commands import KeyCommands
from app.desktop.machine_commands import MachineCommands
from app.services.agents.connecting import Plan
from app.services.agents.recipes import AIDER, CLAUDE_CODE, CODEX, CURSOR, GEMINI_CLI
from app.services.doctor.agents import InstalledAgent
from app.services.doctor.finding import Finding, Level, Remedy
from app.services.found_keys import FoundKey

AGENTS = [
    InstalledAgent(CLAUDE_CODE, "claude", "2.4.1"),
    InstalledAgent(CODEX, "codex", "0.169.0"),
    InstalledAgent(GEMINI_CLI, "gemini", "0.61.0"),
    InstalledAgent(AIDER, "aider", ""),
    InstalledAgent(CURSOR, "cursor", "3.2"),
]
PLACES = Places(
    "/home/you/.local/share/bursar", "/home/you/.config/bursar/settings.json", "/home/you/.local/state/bursar/log"
)
FINDINGS = [
    Finding(
        Level.WRONG, "Environment", "OPENAI_API_KEY holds a provider's key",
        "An agent that is started without bursar run spends it unseen.",
        "Move it into the keyring with: bursar keys provider adopt --remove-lines", Remedy.KEEP_KEYS,
    ),
    Finding(
        Level.WRONG, "Claude Code", "The agent’s own settings lead elsewhere than to the meter",
        "~/.claude/settings.json, line 4: ANTHROPIC_BASE_URL. The agent may follow it and not the environment that "
        "bursar run gives it.", "Take the line out of this file.",
    ),
    Finding(
        Level.WRONG, "Files", "Others may open ledger.sqlite", "It is to be readable by you only.",
        "chmod 600 ledger.sqlite", Remedy.CLOSE_FILE, "ledger.sqlite",
    ),
    Finding(
        Level.NOTE, "Prices", "The prices may be out of date",
        "The prices are 31 days old. Update them with: bursar prices update", remedy=Remedy.UPDATE_PRICES,
    ),
    Finding(
        Level.NOTE, "Codex CLI", "Codex CLI 0.169.0 is installed", "No call of it was seen in the last 30 days.",
        "Start it with: bursar run -- codex", Remedy.CONNECT_AGENT, "codex",
    ),
    Finding(
        Level.NOTE, "Cursor", "Cursor 3.2 is installed",
        "Cursor’s calls are made by Cursor’s own servers, so none of them can be metered or capped here.",
    ),
    Finding(Level.FINE, "Meter", "The meter runs at http://127.0.0.1:8787 (process 4711)"),
    Finding(Level.FINE, "Ledger", "SQLite 3.51.3"),
    Finding(Level.FINE, "Keyring", "Keys are kept for anthropic, openai, google"),
    Finding(
        Level.FINE, "Claude Code", "Claude Code 2.4.1 is installed", "Its calls were seen in the last 30 days."
    ),
]  # fmt: skip

CONNECTED = Plan(
    "codex", Path("/home/you/.codex/config.toml"), b'model = "gpt-5-codex"\n',
    b'model = "gpt-5-codex"\nmodel_provider = "bursar"\n\n[model_providers.bursar]\n'
    b'base_url = "http://127.0.0.1:8787/openai/v1"\nwire_api = "responses"\n',
)  # fmt: skip


class SampleMachine(MachineCommands):
    """Tells the samples at once."""

    def examine(self, done: Callable[[list[Finding]], None], failed: Callable[[AppError], None]) -> None:
        """The sample findings."""
        done(FINDINGS)

    def look_at_login(self, done: Callable[[bool], None], failed: Callable[[AppError], None]) -> None:
        """It does."""
        done(True)

    def find_agents(
        self, done: Callable[[list[InstalledAgent], frozenset[str]], None], failed: Callable[[AppError], None]
    ) -> None:
        """The sample agents."""
        done(AGENTS, frozenset({"gemini"}))

    def preview(self, agent: str, done: Callable[[Plan], None], failed: Callable[[AppError], None]) -> None:
        """A change to the agent's settings."""
        done(CONNECTED)


class SampleKeys(KeyCommands):
    """A keyring that is open and says so at once, and one key in the clear, whatever this machine has."""

    trouble: AppError | None = None

    def look(self, done: Callable[[], None], failed: Callable[[AppError], None]) -> None:
        """It can be used, unless there is trouble."""
        if self.trouble is None:
            done()
        else:
            failed(self.trouble)

    def find(self, done: Callable[[list[FoundKey]], None], failed: Callable[[AppError], None]) -> None:
        """The shell's."""
        done([FoundKey("anthropic", "ANTHROPIC_API_KEY", file=Path("/home/you/.profile"), line=12)])

    def suggest(self, found: FoundKey, done: Callable[[str, bool], None], failed: Callable[[AppError], None]) -> None:
        """No label, and the line can go."""
        done("", True)
