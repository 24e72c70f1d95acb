"""One tray a ledger: a second start shows the first one's window and ends."""

import hashlib
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

CONNECT_LIMIT_MS = 500


class SingleInstance(QObject):
    """`asked` is told in the first instance when a second one was started."""

    asked = Signal()

    def __init__(self, ledger_path: Path) -> None:
        super().__init__()
        self._name = "bursar-" + hashlib.sha256(str(ledger_path.resolve()).encode()).hexdigest()[:16]
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._greet)

    def claim(self) -> bool:
        """Become the first instance. False when there is one; it was asked to show itself."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if socket.waitForConnected(CONNECT_LIMIT_MS):
            socket.disconnectFromServer()
            return False
        QLocalServer.removeServer(self._name)  # what a crashed instance left behind
        self._server.listen(self._name)
        return True

    def release(self) -> None:
        """Let another be the first."""
        self._server.close()

    def _greet(self) -> None:
        while (connection := self._server.nextPendingConnection()) is not None:
            connection.deleteLater()
            self.asked.emit()
