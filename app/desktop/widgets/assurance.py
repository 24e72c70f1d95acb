"""How far agents are held back, in a word; a click tells what it means."""

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from app.core.assurance import Assurance
from app.desktop.fonts import REGULAR, SEMIBOLD
from app.desktop.widgets.buttons import button
from app.desktop.widgets.text import Text, heading

WIDTH = 520
_HOW = {
    Assurance.COOPERATIVE: "What bursar run, env and connect give.",
    Assurance.SANDBOXED: "What bursar run --sandbox gives, on Linux.",
    Assurance.SEPARATED: "What bursar proxy --listen and bursar env --at give.",
}


class AssuranceLink(QWidget):
    """For a page's head: `Assurance: cooperative`. The level is the weakest among the virtual keys in force."""

    def __init__(self) -> None:
        super().__init__()
        self._level = Assurance.COOPERATIVE
        self.link: QPushButton = button("", self.explain, kind="link")
        self.dialog: AssuranceDialog | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.link)
        self.show_level(self._level)

    def show_level(self, level: Assurance) -> None:
        """Say this level."""
        self._level = level
        self.link.setText(f"Assurance: {level}")
        self.link.setAccessibleName(f"Assurance: {level}. Tell what it means")

    def explain(self) -> None:
        """Open the explanation."""
        self.dialog = AssuranceDialog(self._level, self)
        self.dialog.open()


class AssuranceDialog(QDialog):
    """The three levels, the one in force first to the eye."""

    def __init__(self, level: Assurance, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Assurance")
        self.setFixedWidth(WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(6)
        column.addWidget(heading(f"Assurance: {level}"))
        column.addWidget(Text("The weakest among the agents whose keys are in force.", ink="text_2", wraps=True))
        for one in Assurance:
            is_in_force = one is level
            name = Text(one.capitalize(), weight=SEMIBOLD if is_in_force else REGULAR)
            name.setContentsMargins(0, 10, 0, 0)
            column.addWidget(name)
            ink = "text" if is_in_force else "text_2"
            column.addWidget(Text(f"{one.meaning} {_HOW[one]}", ink=ink, wraps=True))
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.rejected.connect(self.reject)
        column.addSpacing(10)
        column.addWidget(box)
