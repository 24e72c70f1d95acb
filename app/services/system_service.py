"""The meter as a service of a person's system, for machines without a screen: a systemd user unit on Linux, a launch
agent on macOS, a scheduled task on Windows. The texts are written here and given to the system's own tool.

With systemd the sockets are its own: it listens from the login on, hands them to the keeper (sd_listen_fds(3)), and to
the next one should that be killed, so nobody is refused meanwhile. The other two start the meter and start it again;
neither was tried, and what is written for them is held against their documentation by tests.
"""

import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from app.core.errors import InvalidInput
from app.paths import HOME_VARIABLE
from app.services.own_command import lasting_command
from app.services.settings import Settings
from app.whole_file import write_whole

UNIT = "bursar-meter"
LABEL = "dev.bursar.meter"
EXPORTS_UNIT = "bursar-exports"
EXPORTS_LABEL = "dev.bursar.exports"
TASK = "Bursar meter"
_READABLE = 0o644
_PATIENCE_S = 60
_LOOPBACK = "127.0.0.1"
_UNIT_END = """TimeoutStopSec=30
UMask=0077
LimitCORE=0
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True, slots=True)
class SystemService:
    """Its files with their content, and the commands by which the system takes it up, lets it go, and tells whether it
    is in force (exit status 0)."""

    files: Mapping[Path, bytes]
    taken_up_by: tuple[tuple[str, ...], ...]
    let_go_by: tuple[tuple[str, ...], ...]
    told_by: tuple[str, ...]

    @property
    def is_installed(self) -> bool:
        """Whether its files are there."""
        return all(file.exists() for file in self.files)


def service_for(
    command: Sequence[str], settings: Settings, environment: Mapping[str, str], platform: str = sys.platform
) -> SystemService:
    """The service that runs `command`, absolute and without a shell, at login. Raises InvalidInput where there is none
    such."""
    home = Path(environment.get("HOME") or Path.home())
    own = {HOME_VARIABLE: environment[HOME_VARIABLE]} if environment.get(HOME_VARIABLE) else {}
    if platform == "linux":
        folder = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "systemd" / "user"
        return _systemd(folder, command, settings, own)
    if platform == "darwin":
        return _launchd(home / "Library" / "LaunchAgents" / f"{LABEL}.plist", command, own)
    if platform == "win32":
        return _scheduled(Path(environment.get("LOCALAPPDATA") or home) / "Bursar" / "meter-task.xml", command)
    raise InvalidInput("No services here", "Run the meter by: bursar proxy")


def own_service(settings: Settings) -> SystemService:
    """The service that this program would be. Raises InvalidInput where the system has none."""
    words = ["proxy"] if sys.platform == "win32" else ["service", "run"]
    return service_for([*lasting_command(), *words], settings, os.environ)


def own_exports() -> SystemService | None:
    """The service that would run this program's exports; None where the meter's does. Raises InvalidInput."""
    return exports_service_for([*lasting_command(), "export", "run"], os.environ)


def exports_service_for(
    command: Sequence[str], environment: Mapping[str, str], platform: str = sys.platform
) -> SystemService | None:
    """The service that runs the exports by `command`, beside that of the meter; None where the meter's sees to them, as
    `bursar proxy` does. Raises InvalidInput where there are no services."""
    home = Path(environment.get("HOME") or Path.home())
    own = {HOME_VARIABLE: environment[HOME_VARIABLE]} if environment.get(HOME_VARIABLE) else {}
    if platform == "linux":
        folder = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "systemd" / "user"
        file = folder / f"{EXPORTS_UNIT}.service"
        return _by_systemd({file: _exports_unit(command, own).encode()})
    if platform == "darwin":
        return _launchd(home / "Library" / "LaunchAgents" / f"{EXPORTS_LABEL}.plist", command, own)
    if platform == "win32":
        return None
    raise InvalidInput("No services here", "Run the exports by: bursar export run")


def install_service(service: SystemService) -> None:
    """Write the files and have the system take them up. Raises InvalidInput, with the system's own words."""
    _require_tool(service)
    for file, content in service.files.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, content, _READABLE)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise InvalidInput("The service cannot be installed", f"{file}: {why}.") from None
    for command in service.taken_up_by:
        _run(command)


def uninstall_service(service: SystemService) -> None:
    """Have the system let it go, and remove its files. No error where there is none. Raises InvalidInput."""
    if service.is_installed:
        _require_tool(service)
        _run(service.let_go_by[0])
    for file in service.files:
        file.unlink(missing_ok=True)
    for command in service.let_go_by[1:]:
        _run(command)


def is_in_force(service: SystemService) -> bool:
    """Whether the system says that it keeps it."""
    if not service.is_installed or shutil.which(service.told_by[0]) is None:
        return False
    done = subprocess.run(service.told_by, capture_output=True, check=False, timeout=_PATIENCE_S)
    return done.returncode == 0


def _systemd(folder: Path, command: Sequence[str], settings: Settings, environment: Mapping[str, str]) -> SystemService:
    doors = {"gateway": settings.gateway_port, "forward": settings.forward_port}
    sockets = {folder / f"{UNIT}-{name}.socket": _socket_unit(name, port).encode() for name, port in doors.items()}
    return _by_systemd(
        sockets | {folder / f"{UNIT}.service": _service_unit(command, environment, list(doors)).encode()}
    )


def _by_systemd(files: Mapping[Path, bytes]) -> SystemService:
    names = [file.name for file in files]
    control = ("systemctl", "--user")
    return SystemService(
        files,
        taken_up_by=((*control, "daemon-reload"), (*control, "enable", "--now", *names)),
        let_go_by=((*control, "disable", "--now", *names), (*control, "daemon-reload")),
        told_by=(*control, "is-enabled", "--quiet", *names),
    )


def _socket_unit(name: str, port: int) -> str:
    """systemd.socket(5)."""
    return f"""[Unit]
Description=Bursar's meter: where agents call ({name})

[Socket]
ListenStream={_LOOPBACK}:{port}
FileDescriptorName={name}
Service={UNIT}.service
Backlog=1024

[Install]
WantedBy=sockets.target
"""


def _service_unit(command: Sequence[str], environment: Mapping[str, str], doors: Sequence[str]) -> str:
    """systemd.service(5). A keeper that was asked to end ends with 0 and is started by the next caller."""
    return f"""[Unit]
Description=Bursar's meter
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=exec
ExecStart={" ".join(_unit_word(word) for word in command)}
{_variables(environment)}Sockets={" ".join(f"{UNIT}-{name}.socket" for name in doors)}
Restart=on-failure
RestartSec=200ms
{_UNIT_END}"""


def _exports_unit(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """systemd.service(5). A tray that does the same makes it wait, so it runs all the time."""
    return f"""[Unit]
Description=Bursar's exports and webhooks

[Service]
Type=exec
ExecStart={" ".join(_unit_word(word) for word in command)}
{_variables(environment)}Restart=on-failure
RestartSec=5s
{_UNIT_END}"""


def _variables(environment: Mapping[str, str]) -> str:
    return "".join(f"Environment={_unit_word(f'{name}={value}')}\n" for name, value in environment.items())


def _unit_word(word: str) -> str:
    """Quoted by the rules of systemd.service(5), “Command lines”, and of systemd.unit(5), “Specifiers”."""
    quoted = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{quoted}"'


def _launchd(file: Path, command: Sequence[str], environment: Mapping[str, str]) -> SystemService:
    """launchd.plist(5)."""
    facts = {
        "Label": file.stem,
        "ProgramArguments": list(command),
        "EnvironmentVariables": dict(environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ProcessType": "Background",
        "ExitTimeOut": 30,
        "Umask": 0o077,
    }
    return SystemService(
        {file: plistlib.dumps(facts)},
        taken_up_by=(("launchctl", "load", "-w", str(file)),),
        let_go_by=(("launchctl", "unload", "-w", str(file)),),
        told_by=("launchctl", "list", file.stem),
    )


def _scheduled(file: Path, command: Sequence[str]) -> SystemService:
    """Task Scheduler's schema 1.2. It knows no quoting but that of the program itself."""
    arguments = escape(subprocess.list2cmdline(command[1:]))
    text = f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>Bursar's meter</Description></RegistrationInfo>
  <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>5</Count></RestartOnFailure>
    <Hidden>true</Hidden>
  </Settings>
  <Actions><Exec><Command>{escape(command[0])}</Command><Arguments>{arguments}</Arguments></Exec></Actions>
</Task>
"""
    return SystemService(
        {file: text.encode("utf-16")},
        taken_up_by=(("schtasks", "/Create", "/F", "/TN", TASK, "/XML", str(file)), ("schtasks", "/Run", "/TN", TASK)),
        let_go_by=(("schtasks", "/Delete", "/F", "/TN", TASK),),
        told_by=("schtasks", "/Query", "/TN", TASK),
    )


def _require_tool(service: SystemService) -> None:
    tool = service.told_by[0]
    if shutil.which(tool) is None:
        raise InvalidInput("No services here", f"{tool} is not on this machine. Run the meter by: bursar proxy")


def _run(command: Sequence[str]) -> None:
    """Raises InvalidInput with what the command said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InvalidInput("The system did not take it", f"{' '.join(command)}: {type(error).__name__}.") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"it ended with status {done.returncode}"
        raise InvalidInput("The system did not take it", f"{' '.join(command)}: {said}")
