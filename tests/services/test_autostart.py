import os
import plistlib
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.errors import InvalidInput
from app.services.autostart import autostart_file, start_at_login, starts_at_login, stop_at_login
from app.services.own_command import as_typed, lasting_command, own_command


def test_the_entry_stands_where_the_desktop_looks(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert autostart_file(home, "linux") == tmp_path / ".config" / "autostart" / "bursar.desktop"
    elsewhere = home | {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert autostart_file(elsewhere, "linux") == tmp_path / "xdg" / "autostart" / "bursar.desktop"
    assert autostart_file(home, "darwin") == tmp_path / "Library" / "LaunchAgents" / "dev.bursar.tray.plist"
    startup = Path("Microsoft", "Windows", "Start Menu", "Programs", "Startup", "Bursar.cmd")
    assert autostart_file(home | {"APPDATA": str(tmp_path)}, "win32") == tmp_path / startup
    assert autostart_file(home, "freebsd") is None
    assert autostart_file(home | {"BURSAR_HOME": str(tmp_path)}, "linux") is None, "the demo touches nothing of yours"


def test_it_is_written_whole_and_removed_whole(tmp_path: Path) -> None:
    file = tmp_path / "autostart" / "bursar.desktop"
    assert not starts_at_login(file)
    start_at_login(file, ["/opt/bursar/bin/bursar"])
    assert file.read_text() == (
        "[Desktop Entry]\nType=Application\nName=Bursar\nComment=Meters and caps what coding agents spend\n"
        'Exec="/opt/bursar/bin/bursar"\nTryExec=/opt/bursar/bin/bursar\nIcon=bursar\nTerminal=false\nX-GNOME-Autostart-enabled=true\n'
    )
    assert starts_at_login(file)
    stop_at_login(file)
    stop_at_login(file)
    assert list(file.parent.iterdir()) == []


def test_the_command_is_quoted_by_the_rules_of_desktop_entries(tmp_path: Path) -> None:
    file = tmp_path / "bursar.desktop"
    start_at_login(file, ["/a folder/100%/$x", 'say "hi"', "back\\slash"])
    line = next(line for line in file.read_text().splitlines() if line.startswith("Exec="))
    assert line == r'Exec="/a folder/100%%/\\$x" "say \\"hi\\"" "back\\\\slash"'


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_an_entry_that_the_desktop_switched_off_is_off(tmp_path: Path, line: str) -> None:
    file = tmp_path / "bursar.desktop"
    start_at_login(file, ["/opt/bursar"])
    file.write_text(file.read_text().replace("X-GNOME-Autostart-enabled=true", line))
    assert not starts_at_login(file)


def test_macos_gets_a_launch_agent(tmp_path: Path) -> None:
    file = autostart_file({"HOME": str(tmp_path)}, "darwin")
    assert file is not None
    start_at_login(file, ["/opt/bursar", "-m", "app"])
    assert plistlib.loads(file.read_bytes()) == {
        "Label": "dev.bursar.tray", "ProgramArguments": ["/opt/bursar", "-m", "app"], "RunAtLoad": True,
    }  # fmt: skip
    assert starts_at_login(file)


def test_windows_gets_a_command_file(tmp_path: Path) -> None:
    file = autostart_file({"APPDATA": str(tmp_path)}, "win32")
    assert file is not None
    start_at_login(file, ["C:\\Programs\\100% Bursar\\bursar-tray.exe"])
    started = b'@start "" "C:\\Programs\\100%% Bursar\\bursar-tray.exe"'
    assert file.read_bytes() == b"@chcp 65001 >nul\r\n" + started + b"\r\n"
    assert starts_at_login(file)
    stop_at_login(file)
    assert not file.exists()


@pytest.mark.skipif(os.name != "posix", reason="a file in the place of a folder")
def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "autostart").write_text("")
    with pytest.raises(InvalidInput, match="Start at login cannot be changed"):
        start_at_login(tmp_path / "autostart" / "bursar.desktop", ["/opt/bursar"])


@pytest.mark.skipif(sys.platform == "win32", reason="the script has another name there")
def test_bursar_is_found_as_the_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = Path(sys.executable).with_name("bursar")
    monkeypatch.setenv("PATH", "/nowhere")
    assert own_command() == ([str(beside)] if beside.is_file() else [sys.executable, "-m", "app"])
    monkeypatch.setenv("PATH", str(beside.parent))
    assert own_command() == (["bursar"] if beside.is_file() else own_command())
    assert Path(lasting_command()[0]).is_absolute()
    told = subprocess.run([*lasting_command(), "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.startswith("bursar ")
    assert as_typed(["/a folder/bursar", "-m"]) == "'/a folder/bursar' -m"
