import json
from pathlib import Path

import pytest

from app.ledger.engine import Ledger
from app.ledger.key_store import list_keys
from tests.cli.conftest import Bursar


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Claude Code's settings in a home of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / "settings.json").write_text('{"model": "opus"}')
    return tmp_path / ".claude" / "settings.json"


def test_without_a_yes_the_change_is_shown_and_not_made(bursar: Bursar, ledger: Ledger, settings: Path) -> None:
    ran = bursar("connect", "claude-code")
    assert ran.status == 0
    assert '"ANTHROPIC_BASE_URL": "http://127.0.0.1:8787/anthropic"' in ran.out
    assert "Nothing was changed" in ran.err
    assert settings.read_text() == '{"model": "opus"}'
    assert list_keys(ledger) == []


def test_an_agent_is_connected_with_a_key_of_its_own_and_disconnected(
    bursar: Bursar, ledger: Ledger, settings: Path
) -> None:
    assert bursar("connect", "claude-code", "--project", "p", "--yes").status == 0
    token = json.loads(settings.read_text())["env"]["ANTHROPIC_AUTH_TOKEN"]
    [key] = list_keys(ledger)
    assert token.startswith(key.prefix)
    assert (key.tags.agent, key.tags.project) == ("claude-code", "p")
    again = bursar("connect", "claude-code", "--yes")
    assert (again.status, again.err.splitlines()[0]) == (1, "This agent is connected already")
    assert bursar("disconnect", "claude-code").status == 0
    assert settings.read_text() == '{"model": "opus"}'
    assert list_keys(ledger) == []
    gone = bursar("disconnect", "claude-code")
    assert (gone.status, gone.err.splitlines()[0]) == (1, "This agent is not connected")


def test_a_failed_change_leaves_no_key(
    bursar: Bursar, ledger: Ledger, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "settings.json")

    monkeypatch.setattr("app.services.agents.connecting.write_whole", full)
    assert bursar("connect", "claude-code", "--yes").status == 1
    assert list_keys(ledger) == []
    monkeypatch.undo()
    assert settings.read_text() == '{"model": "opus"}'


@pytest.mark.usefixtures("settings")
def test_a_meter_without_a_fixed_port_cannot_be_written_down(bursar: Bursar, home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "settings.json").write_text('{"gateway_port": 0}')
    assert bursar("connect", "claude-code", "--yes").err.splitlines()[0] == "The meter has no fixed port"
