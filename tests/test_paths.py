import os
import stat
import subprocess
from collections.abc import Callable
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


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has such modes")
@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o770])
def test_a_folder_that_others_could_open_is_refused_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    home = tmp_path / "it's open"
    home.mkdir()
    home.chmod(mode)
    monkeypatch.setenv("BURSAR_HOME", str(home))
    with pytest.raises(paths.OpenToOthers) as refused:
        paths.data_folder()
    assert f"has mode {mode:o}. Close it with: chmod 700 " in refused.value.message
    assert stat.S_IMODE(home.stat().st_mode) == mode
    subprocess.run(["/bin/sh", "-c", refused.value.message.rpartition("with: ")[2]], check=True)
    assert paths.data_folder() == home


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has such modes")
@pytest.mark.parametrize(
    "name", ["ledger.sqlite", "ledger.sqlite-wal", "log/meter.log.1", "meter/mitmproxy-ca.pem", "log", "meter"]
)
def test_a_file_that_others_could_open_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    ledger = paths.ledger_path()
    for file in ("ledger.sqlite", "ledger.sqlite-wal", "log/meter.log.1", "meter/mitmproxy-ca.pem", "settings.json"):
        paths.log_folder(), paths.meter_folder()
        (tmp_path / file).touch(mode=0o600)
    paths.refuse_exposed(ledger)
    (tmp_path / name).chmod(0o740)
    with pytest.raises(paths.OpenToOthers) as refused:
        paths.refuse_exposed(ledger)
    assert str(tmp_path / name) in refused.value.message


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has such modes")
def test_settings_that_others_could_write_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    paths.settings_path().touch(mode=0o600)
    paths.settings_path().chmod(0o644)
    paths.refuse_exposed(paths.ledger_path())
    paths.settings_path().chmod(0o664)
    with pytest.raises(paths.OpenToOthers, match=r"settings\.json"):
        paths.refuse_exposed(paths.ledger_path())


def test_without_the_variable_the_platforms_folders_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BURSAR_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert tmp_path in paths.ledger_path().parents
    assert tmp_path in paths.settings_path().parents


def test_the_resources_are_found() -> None:
    assert (paths.resources_folder() / "demo").is_dir()


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has such modes")
@pytest.mark.parametrize("first", [paths.log_folder, paths.meter_folder, paths.data_folder])
def test_whatever_is_asked_for_first_the_home_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: Callable[[], Path]
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path / "home"))
    first()
    paths.refuse_exposed(paths.ledger_path())
