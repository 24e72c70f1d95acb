import os
import plistlib
import shutil
import subprocess
import xml.etree.ElementTree
from pathlib import Path

import pytest

from app.core.errors import InvalidInput
from app.services.settings import Settings
from app.services.system_service import (
    SystemService,
    exports_service_for,
    install_service,
    is_in_force,
    service_for,
    uninstall_service,
)

COMMAND = ['/opt/my bursar/50% "$x"/bursar', "service", "run"]
SETTINGS = Settings(gateway_port=9787, forward_port=9788)


def linux(home: Path, command: list[str] = COMMAND) -> SystemService:
    return service_for(command, SETTINGS, {"HOME": str(home), "BURSAR_HOME": "/srv/my home"}, "linux")


def test_the_units_say_where_to_listen_and_what_to_run(tmp_path: Path) -> None:
    texts = {file.name: content.decode() for file, content in linux(tmp_path).files.items()}
    assert "ListenStream=127.0.0.1:9787\nFileDescriptorName=gateway\n" in texts["bursar-meter-gateway.socket"]
    assert "ListenStream=127.0.0.1:9788\nFileDescriptorName=forward\n" in texts["bursar-meter-forward.socket"]
    service = texts["bursar-meter.service"]
    assert 'ExecStart="/opt/my bursar/50%% \\"$$x\\"/bursar" "service" "run"\n' in service
    assert 'Environment="BURSAR_HOME=/srv/my home"\n' in service
    assert "Sockets=bursar-meter-gateway.socket bursar-meter-forward.socket\nRestart=on-failure\n" in service


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    beside = exports_service_for([str(tmp_path / "my bursar 50%"), "export", "run"], {"HOME": str(tmp_path)}, "linux")
    assert beside is not None
    program = tmp_path / "my bursar 50%"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    service = linux(tmp_path, [str(program), "service", "run"])
    files = {**service.files, **beside.files}
    for file, content in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    command = ["systemd-analyze", "verify", "--man=no", *map(str, files)]
    environment = os.environ | {"SYSTEMD_LOG_LEVEL": "warning", "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    told = [line for line in (done.stdout + done.stderr).splitlines() if "bursar" in line]
    assert (done.returncode, told) == (0, [])


def test_the_launch_agent_is_a_property_list_that_starts_it_again_unless_it_was_asked_to_end(tmp_path: Path) -> None:
    service = service_for(COMMAND, SETTINGS, {"HOME": str(tmp_path)}, "darwin")
    ((file, content),) = service.files.items()
    assert file == tmp_path / "Library" / "LaunchAgents" / "dev.bursar.meter.plist"
    facts = plistlib.loads(content)
    assert facts["ProgramArguments"] == COMMAND
    assert (facts["RunAtLoad"], facts["KeepAlive"]) == (True, {"SuccessfulExit": False})


def test_the_windows_task_is_well_formed_and_has_no_time_limit(tmp_path: Path) -> None:
    service = service_for([r"C:\Program Files\A&B\bursar.exe", "proxy"], SETTINGS, {"HOME": str(tmp_path)}, "win32")
    (content,) = service.files.values()
    root = xml.etree.ElementTree.fromstring(content.decode("utf-16").partition("?>")[2])
    space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    found = {name: root.findtext(f".//{space}{name}") for name in ("Command", "Arguments", "ExecutionTimeLimit")}
    assert found == {
        "Command": r"C:\Program Files\A&B\bursar.exe", "Arguments": "proxy", "ExecutionTimeLimit": "PT0S"
    }  # fmt: skip
    assert root.find(f".//{space}LogonTrigger") is not None


def test_the_exports_have_a_service_of_their_own_where_the_meters_does_not_run_them(tmp_path: Path) -> None:
    command = [*COMMAND[:1], "export", "run"]
    surroundings = {"HOME": str(tmp_path), "BURSAR_HOME": "/srv/my home"}
    linux_one = exports_service_for(command, surroundings, "linux")
    assert linux_one is not None
    ((file, content),) = linux_one.files.items()
    assert file.name == "bursar-exports.service"
    assert 'ExecStart="/opt/my bursar/50%% \\"$$x\\"/bursar" "export" "run"\n' in content.decode()
    assert 'Environment="BURSAR_HOME=/srv/my home"\nRestart=on-failure\n' in content.decode()
    assert linux_one.taken_up_by[-1] == ("systemctl", "--user", "enable", "--now", "bursar-exports.service")
    mac = exports_service_for(command, surroundings, "darwin")
    assert mac is not None
    facts = plistlib.loads(next(iter(mac.files.values())))
    assert (facts["Label"], facts["ProgramArguments"]) == ("dev.bursar.exports", command)
    assert exports_service_for(command, surroundings, "win32") is None
    with pytest.raises(InvalidInput, match="bursar export run"):
        exports_service_for(command, surroundings, "plan9")


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that writes down what it is asked, and says yes unless the file `no` is there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    tool = folder / "systemctl"
    tool.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n[ ! -e {tmp_path}/no ] || {{ echo "No bus" >&2; exit 1; }}\n'
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return tmp_path / "asked"


@pytest.mark.skipif(os.name != "posix", reason="plays systemctl by a shell script")
def test_it_is_installed_told_and_uninstalled_whole(tmp_path: Path, systemctl: Path) -> None:
    service = linux(tmp_path)
    assert not is_in_force(service)
    install_service(service)
    assert is_in_force(service)
    names = " ".join(file.name for file in service.files)
    assert systemctl.read_text().splitlines()[:2] == [
        "--user daemon-reload", f"--user enable --now {names}"
    ]  # fmt: skip
    uninstall_service(service)
    assert not any(file.exists() for file in service.files)
    assert systemctl.read_text().splitlines()[-2:] == [f"--user disable --now {names}", "--user daemon-reload"]
    assert not is_in_force(service)


@pytest.mark.skipif(os.name != "posix", reason="plays systemctl by a shell script")
def test_what_the_system_says_against_it_is_told(tmp_path: Path, systemctl: Path) -> None:
    (tmp_path / "no").touch()
    with pytest.raises(InvalidInput, match="did not take it") as told:
        install_service(linux(tmp_path))
    assert "No bus" in told.value.message
    assert not is_in_force(linux(tmp_path))


def test_without_the_systems_tool_the_other_way_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidInput) as told:
        install_service(linux(tmp_path))
    assert "bursar proxy" in told.value.message
    with pytest.raises(InvalidInput):
        service_for(COMMAND, SETTINGS, {}, "plan9")
