"""A session bus of the tests' own and a notification service played on it, which keeps what it is told to show."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from jeepney import DBusAddress, HeaderFields, MessageType, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.threading import DBusConnection, ReceiveStopped, open_dbus_connection

from tests.secret_service import BUS_COMMAND

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"


@dataclass(frozen=True, slots=True)
class Shown:
    """A notification as the service was told to show it."""

    number: int
    replaces: int
    title: str
    body: str
    actions: tuple[str, ...]
    hints: dict[str, Any]

    @property
    def labels(self) -> list[str]:
        """The words of its buttons; a click on it has none."""
        pairs = zip(self.actions[::2], self.actions[1::2], strict=True)
        return [label for key, label in pairs if key != "default"]


class NotificationService:
    """Answers as services do: a notification that replaces one keeps its id."""

    def __init__(self, connection: DBusConnection, capabilities: list[str]) -> None:
        self.shown: list[Shown] = []
        self.withdrawn: list[int] = []
        self._connection = connection
        self._capabilities = capabilities
        self._last = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def press(self, number: int, key: str) -> None:
        """A person presses a button of a notification."""
        emitter = DBusAddress(PATH, interface=NAME)
        self._connection.send(new_signal(emitter, "ActionInvoked", "us", (number, key)))

    def stop(self) -> None:
        """Leave the bus."""
        self._connection.interrupt()
        self._thread.join()
        self._connection.close()

    def _serve(self) -> None:
        try:
            while True:
                message = self._connection.receive()
                if message.header.message_type is MessageType.method_call:
                    name = message.header.fields[HeaderFields.member]
                    signature, answer = self._answer(name, message.body)
                    self._connection.send(new_method_return(message, signature, answer))
        except ReceiveStopped:
            pass

    def _answer(self, name: str, body: tuple[Any, ...]) -> tuple[str | None, tuple[Any, ...]]:
        if name == "GetCapabilities":
            return "as", (self._capabilities,)
        if name == "CloseNotification":
            self.withdrawn.append(body[0])
            return None, ()
        _app, replaces, _icon, title, text, actions, hints, _timeout = body
        self._last = replaces or self._last + 1
        values = {hint: value for hint, (_signature, value) in hints.items()}
        self.shown.append(Shown(self._last, replaces, title, text, tuple(actions), values))
        return "u", (self._last,)


@contextmanager
def running_notification_service(
    patch: pytest.MonkeyPatch, capabilities: tuple[str, ...] = ("actions", "body")
) -> Iterator[NotificationService]:
    """The service on a bus of its own; the machine's bus is out of reach."""
    if shutil.which("dbus-daemon") is None:
        pytest.skip("dbus is not installed")
    bus = subprocess.Popen(BUS_COMMAND, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert bus.stdout is not None
    patch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
    connection = open_dbus_connection(bus="SESSION", auth_timeout=30)
    service = NotificationService(connection, list(capabilities))
    connection.send(message_bus.RequestName(NAME))
    try:
        yield service
    finally:
        service.stop()
        os.kill(bus.pid, signal.SIGTERM)
        bus.wait(timeout=10)
        bus.stdout.close()
