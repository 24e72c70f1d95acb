import stat
from pathlib import Path

import pytest

from app import paths


def test_one_variable_moves_everything_and_folders_are_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "deep" / "home"
    monkeypatch.setenv("BURSAR_HOME", str(home))
    assert paths.ledger_path() == home / "ledger.sqlite"
    assert paths.settings_path() == home / "settings.json"
    assert paths.log_folder() == home / "log"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "log").stat().st_mode) == 0o700


def test_a_folder_that_others_could_read_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "open"
    home.mkdir(mode=0o755)
    monkeypatch.setenv("BURSAR_HOME", str(home))
    assert stat.S_IMODE(paths.data_folder().stat().st_mode) == 0o700


def test_without_the_variable_the_platforms_folders_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BURSAR_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert tmp_path in paths.ledger_path().parents
    assert tmp_path in paths.settings_path().parents


def test_the_resources_are_found() -> None:
    assert (paths.resources_folder() / "demo").is_dir()
