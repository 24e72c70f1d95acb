"""Every command and block of code in the README is run here, run by a test that is named, or has a reason why not.

A line that stands in none of the tables fails, and so does an entry whose line is gone from the README. What stands in
a sentence is held against the commands that there are by `tests/packaging/test_reference.py`.
"""

import re
import shlex
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.core.provider_keys import KeyName
from app.core.tags import Scope, Tags
from app.keys.vault import FixedVault
from app.ledger.cap_store import cap_statuses
from app.ledger.engine import Ledger
from app.services.repository import repository_at
from tests.cli.conftest import Bursar
from tests.cli.samples import ask_person, book_call
from tests.test_house import ROOT

README = (ROOT / "README.md").read_text("utf-8")
FENCED = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
SHOWN = re.compile(r"^\s*bursar: ")
"""What Bursar prints, shown as it looks."""
TASK, SESSION = "fix retry on 429", "s1"

RUN_HERE = {
    "bursar caps add 10 --project billing-api --each day",
    "bursar caps add 150 --each month",
    "bursar keys provider set anthropic",
    "bursar keys provider set openai --label team",
    "bursar keys provider set openai --label own",
    "bursar keys provider use openai --label team",
    "bursar keys provider use openai --label own --project web-shop",
    "bursar keys issue codex-laptop --project billing-api --agent Codex",
    "bursar keys issue ci --provider anthropic --model 'claude-haiku-*' --cap 5 --per day --days 30",
    "bursar keys list",
    "bursar keys rotate ci --grace 10m",
    "bursar keys revoke ci",
    "bursar approvals list",
    "bursar approvals approve",
    "bursar approvals approve --session",
    "bursar approvals raise 5 --hours 2",
    "bursar approvals refuse",
    "bursar pause SESSION",
    "bursar stop SESSION",
    "bursar loops",
    "bursar loops set --project evals --repeat alert --request off",
    "bursar loops rules",
    "bursar env --at https://host.docker.internal:8443 --shell docker > agent.env",
    "bursar prices show claude-opus-5-5",
    "bursar prices set gpt-6.2-sol --provider openai --input 2 --output 10 --from 2026-12-01",
    "bursar prices set --provider azure --factor 0.85",
    "bursar prices set --host llm.example.com --free",
    "bursar review",
    'bursar explain "fix retry on 429"',
    "bursar tools --project billing-api",
    "bursar forecast --by agent",
    "bursar caps simulate --limit 10 --project billing-api --each day",
}
WAITED_FOR = {"bursar approvals list", "bursar approvals approve --session", "bursar approvals raise 5 --hours 2"}
"""What comes with a call that waits; the other answers are to those."""
RUN_BY = {
    "python3 packaging/run.py demo": "tests/packaging/test_run.py",
    "python3 packaging/run.py test": ".ci/run",
    ".venv/bin/python packaging/reference.py": "tests/packaging/test_reference.py",
    "python3 packaging/run.py bursar --help": "tests/packaging/test_run.py",
    "bursar": "tests/cli/test_main.py",
    "bursar run -- claude": "tests/end2end/agents",
    'bursar run --task "fix retry on 429" -- codex': "tests/end2end/agents",
    "bursar run -- gemini": "tests/end2end/agents",
    "bursar run --project evals --agent nightly -- python evaluate.py": "tests/cli/test_run.py",
    "bursar keys provider test": "tests/cli/test_keys.py",
    "bursar keys provider rotate openai --label team": "tests/cli/test_keys.py",
    "bursar keys provider adopt --remove-lines": "tests/cli/test_keys.py",
    "dbus-run-session -- bash": "tests/keys/test_without_a_desktop.py",
    'read -rs PASSWORD; printf %s "$PASSWORD" | gnome-keyring-daemon --unlock --components=secrets; unset PASSWORD': (
        "tests/keys/test_without_a_desktop.py"
    ),
    "bursar proxy": "tests/cli/test_proxy.py",
    "bursar service install": "tests/cli/test_uninstall.py",
    "bursar service status": "tests/cli/test_uninstall.py",
    "bursar loops allow": "tests/cli/test_loops.py",
    'curl -H "authorization: Bearer $OPENAI_API_KEY" "http://127.0.0.1:8787/bursar/budget?estimate_usd=0.25"': (
        "tests/end2end/test_budget.py"
    ),
    "bursar run --sandbox -- claude": "tests/cli/test_sandbox.py",
    "bursar run --offline -- python evaluate.py": "tests/cli/test_sandbox.py",
    "bursar proxy --listen 172.17.0.1:8443 --listen-name host.docker.internal": "tests/end2end/test_network.py",
    "bursar ca > bursar-ca.pem": "tests/cli/test_proxy.py",
    'bursar cache "fix retry on 429"': "tests/cli/test_cache.py",
    "bursar audit session.har": "tests/cli/test_audit.py",
    "bursar audit --json capture.jsonl.gz dump.flows > calls.jsonl": "tests/cli/test_audit.py",
    "bursar prices update": "tests/cli/test_prices.py",
}
NOT_RUN = {
    "python3 packaging/build.py deb": "takes minutes; packaging/try_deb.py tries what it makes",
    "python3 packaging/build.py wheel": "takes minutes; tests/packaging/test_build.py makes one with the same tool",
    "python3 packaging/smoke.py dist/bursar/bursar": "needs what build.py makes",
    "sudo python3 packaging/try_deb.py dist/bursar_*.deb": "needs root, a mirror and what build.py makes",
    "python3 packaging/build_twice.py": "takes minutes",
    "loginctl enable-linger": "changes the system, and needs systemd",
    "claude mcp add bursar -- bursar mcp": (
        "changes Claude Code's own settings; tests/end2end/test_mcp.py runs the server itself"
    ),
    "docker run --add-host host.docker.internal:host-gateway --env-file agent.env": (
        "no container engine where tests run; tests/end2end/test_network.py reaches the meter as a container does"
    ),
}
TAKES_MINUTES = re.compile(r"(?:\.venv/bin/)?python -m ")
"""Longer tests and benchmarks: that they are there is what is looked at."""


def lines_of(text: str) -> list[str]:
    """The lines of code that stand indented in it, without comments and output."""
    unfenced = FENCED.sub("", text)
    shown = re.findall(r"^ {4,}(\S.*)$", unfenced, re.MULTILINE)
    whole = re.sub(r"\\\n\s*", "\0", "\n".join(shown)).split("\n")
    code = [line.partition("\0")[0].strip() for line in whole if not SHOWN.match(line)]
    return [re.sub(r"\s+#\s.*", "", line) for line in code]


LINES = lines_of(README)
SETS_PATH = next(line for line in LINES if line.startswith("export PATH="))


def test_every_line_is_run_or_has_a_reason() -> None:
    known = RUN_HERE | RUN_BY.keys() | NOT_RUN.keys() | {SETS_PATH}
    unknown = [line for line in LINES if line not in known and not TAKES_MINUTES.match(line)]
    assert unknown == [], "run it here, name the test that does, or say why not"
    assert known - {*LINES} == set(), "these are in the README no more"


def test_a_new_line_would_be_seen() -> None:
    assert lines_of("text\n\n    bursar fly   # away\n    bursar: 1 call\n") == ["bursar fly"]


@pytest.mark.parametrize(("line", "place"), RUN_BY.items())
def test_the_test_that_runs_a_line_has_its_words(line: str, place: str) -> None:
    files = [ROOT / place] if (ROOT / place).is_file() else [*(ROOT / place).rglob("*.py")]
    text = "\n".join(file.read_text("utf-8") for file in files)
    words = re.findall(r"(?<!\S)-{0,2}[a-z][a-z-]{2,}(?!\S)|bursar/\w+|(?<=packaging/)reference", line)
    assert words
    told = [word for word in words if word in text]
    assert told, f"{place} says nothing of {words}"


@pytest.fixture
def machine(home: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ledger:
    """A ledger in use, a keyring, and the folder of a repository."""
    vault = FixedVault({"openai": "sk-0", KeyName("openai", "own").entry: "sk-1"})
    monkeypatch.setattr("app.keys.vault.KeyringVault", lambda: vault)
    (tmp_path / "billing-api" / ".git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "billing-api")
    for task in (TASK, "another", "a third"):
        for cost in (120_000_000, 90_000_000):
            book_call(ledger, Tags(project="billing-api", agent="claude", task=task, session=SESSION), cost)
    return ledger


def test_the_lines_run_in_the_order_of_the_readme(machine: Ledger, bursar: Bursar) -> None:
    for line in LINES:
        if line in RUN_HERE:
            if line in WAITED_FOR:
                _ask(machine)
            words = [SESSION if word == "SESSION" else word for word in shlex.split(line.partition(" > ")[0])]
            ran = bursar(*words[1:], stdin="sk-of-the-provider\n")
            assert ran.status == 0, f"{line}\n{ran.err}{ran.out}"
            assert ran.out or ran.err, line


def _ask(ledger: Ledger) -> None:
    cap = next(status.cap for status in cap_statuses(ledger, datetime.now(UTC)) if status.cap.scope is Scope.PROJECT)
    ask_person(ledger, Tags(project="billing-api", agent="claude", session=SESSION), cap)


@pytest.mark.skipif(sys.platform == "win32", reason="for the shell of the others")
def test_the_path_is_set_as_a_shell_reads_it(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f'{SETS_PATH}\necho "$PATH"'], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"{tmp_path}/.venv/bin:")


@pytest.mark.parametrize("line", [line for line in LINES if TAKES_MINUTES.match(line)])
def test_what_takes_minutes_is_there(line: str) -> None:
    words = shlex.split(line)
    module, paths = words[2], [word for word in words if word.startswith("tests/")]
    assert find_spec(module) is not None
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_fenced_blocks_are_of_kinds_that_are_run() -> None:
    """The Python ones are run by tests/end2end/test_readme_examples.py."""
    assert {kind for kind, _ in FENCED.findall(README)} == {"toml", "python"}
    assert "```python" in (ROOT / "tests/end2end/test_readme_examples.py").read_text("utf-8")


def test_toml_says_what_it_is_meant_to(tmp_path: Path) -> None:
    labels, servers = (text for kind, text in FENCED.findall(README) if kind == "toml")
    (tmp_path / ".bursar.toml").write_text(labels, "utf-8")
    found = repository_at(tmp_path)
    assert (found.project, found.team) == ("billing-api", "payments")
    assert tomllib.loads(servers)["mcp_servers"]["bursar"]["command"] == "bursar"
