"""`bursar uninstall` on a home of its own, and what it leaves."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.provider_keys import KeyName
from app.keys.vault import FixedVault
from app.ledger.attendance import attend_keeper
from app.ledger.engine import Ledger
from app.ledger.provider_key_store import note_provider_key
from app.services import autostart
from app.services.meter import start_meter
from app.services.settings import Settings
from tests.cli.conftest import Bursar


@pytest.fixture
def used(home: Path, bursar: Bursar, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home with a cap, settings, a log, a certificate and an agent that was connected; HOME is elsewhere."""
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    monkeypatch.delenv("CODEX_HOME", raising=False)
    assert bursar("caps", "add", "10", "--project", "p", "--each", "day").status == 0
    (tmp_path / "person" / ".codex").mkdir(parents=True)
    (tmp_path / "person" / ".codex" / "config.toml").write_text('model = "gpt-5"\n')
    assert bursar("connect", "codex", "--yes").status == 0
    for name in ("settings.json", "log/meter.log", "meter/mitmproxy-ca.pem", "window.ini"):
        (home / name).parent.mkdir(mode=0o700, exist_ok=True)
        (home / name).touch(mode=0o600)
    (home / "settings.json").write_text("{}")
    return home


def test_without_a_terminal_nothing_is_done_unless_it_is_said(used: Path, bursar: Bursar) -> None:
    before = {file.name for file in used.iterdir()}
    ran = bursar("uninstall")
    assert ran.status == 0
    assert "codex is disconnected" in ran.out
    assert "Nothing was changed" in ran.err
    assert {file.name for file in used.iterdir()} == before


def test_yes_gives_back_and_keeps_what_is_a_persons(used: Path, bursar: Bursar, tmp_path: Path) -> None:
    ran = bursar("uninstall", "--yes")
    assert ran.status == 0, ran.err
    assert (tmp_path / "person" / ".codex" / "config.toml").read_text() == 'model = "gpt-5"\n'
    assert (used / "ledger.sqlite").exists()
    assert f"{used} stays, with" in ran.out
    assert "uv tool uninstall bursar" in ran.out


def test_with_the_data_nothing_of_bursar_stays(used: Path, bursar: Bursar) -> None:
    ran = bursar("uninstall", "--yes", "--delete-data")
    assert ran.status == 0, ran.err
    assert not used.exists()
    assert " stays" not in ran.out


def test_what_is_not_ours_stays_and_is_told(used: Path, bursar: Bursar) -> None:
    (used / "diary.txt").write_text("mine")
    ran = bursar("uninstall", "--yes", "--delete-data")
    assert [file.name for file in used.iterdir()] == ["diary.txt"]
    assert f"{used} stays, with diary.txt." in ran.out


def test_a_tray_that_runs_is_not_pulled_away_from_under_its_agents(used: Path, bursar: Bursar, ledger: Ledger) -> None:
    keeper = attend_keeper(ledger, 8787)
    ran = bursar("uninstall", "--yes", "--delete-data")
    keeper.release()
    assert (ran.status, ran.err.splitlines()[0]) == (1, "Bursar is in use")
    assert (used / "ledger.sqlite").exists()


def test_keys_leave_the_keyring_only_with_the_data(
    used: Path, bursar: Bursar, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, name = FixedVault({"openai": "sk-1"}), KeyName("openai")
    monkeypatch.setattr("app.keys.vault.KeyringVault", lambda: vault)
    note_provider_key(ledger, name, datetime.now(UTC))
    assert bursar("uninstall", "--yes").status == 0
    assert vault.get(name.entry) == "sk-1"
    assert "The key for openai is out of the keyring." in bursar("uninstall", "--yes", "--delete-data").out
    assert vault.get(name.entry) is None


def test_the_entry_for_login_goes(bursar: Bursar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "autostart" / "bursar.desktop"
    monkeypatch.setattr("app.services.removal.autostart_file", lambda _environment: file)
    autostart.start_at_login(file, ["/opt/bursar"])
    assert f"{file} is removed." in bursar("uninstall", "--yes").out
    assert not file.exists()
    assert list(file.parent.iterdir()) == []


@pytest.mark.end2end
def test_a_meter_that_nobody_needs_any_more_is_ended_with_its_keeper(
    bursar: Bursar, ledger: Ledger, home: Path
) -> None:
    settings = Settings(gateway_port=0, forward_port=0)
    meter = start_meter(settings, home / "ledger.sqlite", keys={})
    try:
        ran = bursar("uninstall", "--yes", "--delete-data")
        assert ran.status == 0, ran.err
        assert "The meter is stopped." in ran.out
        assert meter.wait(20) == 0
        assert not home.exists()
    finally:
        meter.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the units are systemd's")
def test_the_systems_service_goes_before_the_meter(
    used: Path, bursar: Bursar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    said = tools / "said"
    (tools / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {said}\n')
    (tools / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    vault = FixedVault({})
    monkeypatch.setattr("app.keys.vault.KeyringVault", lambda: vault)
    assert bursar("webhooks", "add", "team", stdin="https://hooks.example.com/x").status == 0
    assert bursar("service", "install", "--no-exports").status == 0
    assert "bursar-exports.service" not in bursar("service", "status").out + said.read_text()
    assert "bursar-exports.service" in bursar("service", "install").out
    units = tmp_path / "person" / ".config" / "systemd" / "user"
    assert list(units.glob("bursar-meter*"))
    told = bursar("service", "status").out
    assert told.startswith("The system keeps the meter.\nThe system runs the exports.")
    said.write_text("")
    ran = bursar("uninstall", "--yes", "--delete-data")
    assert ran.status == 0, ran.err
    assert list(units.glob("bursar-*")) == []
    assert "webhook/team/address is out of the keyring." in ran.out
    assert vault.get("webhook/team/address") is None
    assert "disable" in said.read_text()
    assert "bursar service is uninstalled." in ran.out
