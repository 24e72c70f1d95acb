import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.core.tags import Tags
from app.ledger.engine import Ledger, open_ledger
from app.services.doctor.agents import agent_findings, program_version
from app.services.doctor.finding import Level
from tests.cli.samples import book_call

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs here are shell scripts")


def program(folder: Path, name: str, script: str) -> str:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return str(folder / name)


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo '2.1.330 (Claude Code)'", "2.1.330"),
        ("echo codex-cli 0.169.0-alpha.1", "0.169.0-alpha.1"),
        ("echo v1.0 >&2; exit 3", "1.0"),
        ("echo hello", ""),
        ("exit 1", ""),
        ("read line; echo 1.2", "1.2"),
    ],
)
def test_a_program_is_asked_for_its_version(tmp_path: Path, script: str, version: str) -> None:
    assert program_version(program(tmp_path, "x", script)) == version


def test_a_program_that_hangs_is_left_with_all_it_started(tmp_path: Path) -> None:
    hanging = program(tmp_path, "x", "sleep 600 & sleep 600")
    started = time.monotonic()
    assert program_version(hanging, time_limit_s=0.2) == ""
    assert time.monotonic() - started < 60


def test_something_that_cannot_be_started_has_no_version(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    assert program_version(str(tmp_path / "x")) == ""


def test_installed_agents_are_told_and_whether_they_were_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("claude", "codex", "cursor-agent"):
        program(tmp_path, name, "echo 1.2.3")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    ledger: Ledger = open_ledger(tmp_path / "ledger.sqlite")
    try:
        book_call(ledger, Tags(agent="codex"), 1)
        now = datetime.now(UTC) + timedelta(seconds=1)
        found = {finding.subject: finding for finding in agent_findings(ledger, now)}
    finally:
        ledger.close()
    assert found["Codex CLI"].level is Level.FINE
    assert found["Claude Code"].title == "Claude Code 1.2.3 is installed"
    assert found["Claude Code"].fix == "Start it with: bursar run -- claude"
    assert found["Cursor"].meaning.startswith("Cursor’s calls are made by Cursor’s own servers")
