"""SIGINT and SIGTERM end the program as quitting from the tray does, so everything is put away."""

import signal
import socket
from types import FrameType

from PySide6.QtCore import QObject, QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication


class QuitSignals(QObject):
    """Wakes Qt's event loop when a signal arrives: Python runs a handler only between two of its own instructions, and
    there are none while Qt waits. To be made on the main thread."""

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self._inbox, self._outbox = socket.socketpair()
        self._inbox.setblocking(False)
        self._outbox.setblocking(False)
        self._former_fd = signal.set_wakeup_fd(self._outbox.fileno(), warn_on_full_buffer=False)
        self._former = {number: signal.signal(number, self._quit) for number in (signal.SIGINT, signal.SIGTERM)}
        self._notifier = QSocketNotifier(self._inbox.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._drain)

    def release(self) -> None:
        """Leave signals as they were."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._former_fd)
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._inbox.close()
        self._outbox.close()

    def _drain(self) -> None:
        self._inbox.recv(64)  # the handler itself runs as soon as Python is back, which is now

    def _quit(self, _number: int, _frame: FrameType | None) -> None:
        QTimer.singleShot(0, self._app, self._app.quit)  # not at once: before the loop runs it would be lost
