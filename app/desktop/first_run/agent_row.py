"""One agent in the first run: whether it is to be metered, how it is started, and connecting it for good."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.desktop.fonts import MEDIUM, Size, monospace
from app.desktop.models.setup_steps import PickedAgent, start_line
from app.desktop.widgets.buttons import button
from app.desktop.widgets.choice import Tick
from app.desktop.widgets.ground import Hairline
from app.desktop.widgets.text import ElidedText, Text

_INDENT = 28


class AgentRow(QWidget):
    """`connect` and `undo` are None where the agent's own settings are not known."""

    def __init__(
        self, agent: PickedAgent, version: str, bursar: str, *,
        connect: Callable[[], None] | None = None, undo: Callable[[], None] | None = None, can_connect: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.agent = agent
        unmetered = agent.recipe.unmetered if agent.recipe else ""
        self.tick = Tick("")
        self.tick.setAccessibleName(f"Meter {agent.title}")
        self.tick.setChecked(not unmetered)
        self.tick.setVisible(not unmetered)
        self.link = button("", (undo if agent.is_connected else connect) or (lambda: None), kind="link")
        self.link.setText("Disconnect" if agent.is_connected else "Connect for good…")
        self.link.setAccessibleName(f"{self.link.text().rstrip('…')}: {agent.title}")
        self.link.setVisible(can_connect)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._head(version, bool(unmetered)))
        column.addLayout(self._how(bursar, unmetered))
        column.addSpacing(10)
        line = QHBoxLayout()
        line.setContentsMargins(_INDENT, 0, 0, 0)
        line.addWidget(Hairline("grid"))
        column.addLayout(line)
        column.addSpacing(10)

    @property
    def is_picked(self) -> bool:
        """Whether it is to be metered."""
        return self.tick.isChecked()

    def _head(self, version: str, is_unmetered: bool) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(_INDENT if is_unmetered else 0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.tick)
        row.addWidget(ElidedText(self.agent.title, weight=MEDIUM))
        row.addWidget(Text(version, ink="text_3"))
        row.addStretch(1)
        row.addWidget(self.link)
        if is_unmetered:
            row.addWidget(Text("not seen", ink="near_text"))
        return row

    def _how(self, bursar: str, unmetered: str) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(_INDENT, 2, 0, 0)
        row.setSpacing(6)
        if unmetered:
            row.addWidget(Text(unmetered, ink="text_2", size=Size.CAPTION, wraps=True))
            return row
        connected = self.agent.is_connected
        row.addWidget(Text("Connected for good. Start it with" if connected else "Start it with", ink="text_2"))
        command = Text(start_line(self.agent, bursar))
        command.setFont(monospace())
        command.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row.addWidget(command)
        row.addStretch(1)
        return row
