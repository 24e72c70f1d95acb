"""The meter as a service: a service manager is played that holds the sockets and starts what it was told to."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.services.keeper import Keeper, KeeperPhase, keeper_command, keepers_of
from app.services.settings import Settings
from tests.end2end.meter_process import wait_until
from tests.faults.cells import cell
from tests.faults.life.kept import PLAYED, ROOT, call, kill_group, only_keeper

pytestmark = [
    pytest.mark.end2end,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no keeper on Windows"),
]


LAYING = """
import fcntl, os, sys
for at, name in enumerate([fcntl.fcntl(int(name), fcntl.F_DUPFD, 64) for name in sys.argv[1:3]], start=3):
    os.dup2(name, at)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Lays its first two descriptors where systemd would, and becomes the command that follows."""


@dataclass
class Manager:
    """Holds the sockets of a service, and starts it."""

    doors: list[socket.socket]

    @property
    def ports(self) -> tuple[int, int]:
        """Of the gateway and of the HTTPS proxy."""
        gateway, forward = (int(door.getsockname()[1]) for door in self.doors)
        return gateway, forward

    @contextmanager
    def started(self, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        """As systemd starts it: the sockets lie from 3 on."""
        lying = [os.dup(door.fileno()) for door in self.doors]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "gateway:forward"}
        laying = [sys.executable, "-I", "-S", "-c", LAYING, *map(str, lying)]
        process = subprocess.Popen(
            [*laying, *command], env=environment, pass_fds=lying, start_new_session=True, stdout=subprocess.DEVNULL
        )
        for descriptor in lying:
            os.close(descriptor)
        try:
            yield process
        finally:
            kill_group(process)
            process.wait()


@pytest.fixture
def manager() -> Iterator[Manager]:
    doors = [socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in range(2)]
    yield Manager(doors)
    for door in doors:
        door.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("BURSAR_HOME", str(home))
    (home / "mode").write_text("serve")
    return home


def served(folder: Path) -> Keeper:
    """What the keeper says once its meter serves."""
    ledger = folder / "ledger.sqlite"
    wait_until(lambda: [one for one in keepers_of(ledger) if one.phase is KeeperPhase.RUNNING], "a meter", 60)
    return only_keeper(ledger)


def command_for(folder: Path, manager: Manager) -> list[str]:
    settings = Settings(gateway_port=manager.ports[0], forward_port=manager.ports[1])
    return keeper_command([sys.executable, str(PLAYED), str(folder)], settings, folder / "ledger.sqlite", stays=True)


@cell("F1", "meter killed", "as a service, on the system's sockets", "another serves; none is refused")
def test_a_service_keeps_its_meter_on_the_systems_sockets(folder: Path, manager: Manager) -> None:
    with manager.started(command_for(folder, manager)) as process:
        before = served(folder)
        assert (before.pid, before.gateway_port, before.forward_port) == (process.pid, *manager.ports)
        os.kill(before.meter_pid, signal.SIGKILL)
        status, answered = call(manager.ports[0])
        assert status == 200
        assert int(answered) != before.meter_pid


@cell("F3", "keeper and meter killed", "as a service", "callers wait until the system has started both again")
def test_callers_of_a_service_wait_although_all_of_it_was_killed(folder: Path, manager: Manager) -> None:
    with manager.started(command_for(folder, manager)) as process:
        served(folder)
        kill_group(process)
        process.wait()
        with ThreadPoolExecutor(20) as pool:
            answers = [pool.submit(call, manager.ports[0]) for _ in range(50)]
            with manager.started(command_for(folder, manager)):
                assert [one.result()[0] for one in answers] == [200] * 50


@cell("F1", "service started", "by the command that stands in its unit", "the real meter serves on its sockets")
def test_the_command_of_the_unit_becomes_the_keeper(folder: Path, manager: Manager) -> None:
    gateway, forward = manager.ports
    (folder / "settings.json").write_text(f'{{"gateway_port": {gateway}, "forward_port": {forward}}}')
    with manager.started([sys.executable, "-m", "app", "service", "run"]) as process:
        keeper = served(folder)
        assert keeper.pid == process.pid
        assert "--stays" in keeper.flags
        assert call(gateway, path="/bursar/health")[0] == 200
        process.terminate()
        assert process.wait(60) == 0


@cell("F1", "sockets of another process's variables", "at the start", "not taken; it listens on its own")
def test_sockets_meant_for_another_process_are_not_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "2")
    monkeypatch.setenv("LISTEN_FDNAMES", "gateway:forward")
    settings = Settings(gateway_port=0, forward_port=0)
    command = keeper_command([sys.executable, str(PLAYED), str(folder)], settings, folder / "ledger.sqlite")
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True, stdout=subprocess.DEVNULL
    )
    try:
        assert call(served(folder).gateway_port)[0] == 200
    finally:
        kill_group(process)
        process.wait()
