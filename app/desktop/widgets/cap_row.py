"""A cap in the popover: name and amounts, bar, pace."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.money import format_usd
from app.desktop.fonts import MEDIUM, SEMIBOLD, Size
from app.desktop.models.cap_view import CapView
from app.desktop.widgets.bars import LEVEL_INKS, CapBar
from app.desktop.widgets.text import ElidedText, Text


class CapRow(QWidget):
    """One cap, full width."""

    def __init__(self, view: CapView, *, is_dimmed: bool = False) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(ElidedText(view.name, weight=MEDIUM, ink="text_3" if is_dimmed else "text"), 1)
        head.addWidget(Text(format_usd(view.status.spent_nano_usd), weight=SEMIBOLD))
        head.addWidget(Text(f"of {format_usd(view.status.limit_nano_usd)}", ink="text_2"))
        column.addLayout(head)
        bar = CapBar()
        bar.show_view(view)
        column.addWidget(bar)
        if view.pace:
            column.addWidget(ElidedText(view.pace, ink=LEVEL_INKS[view.level], size=Size.CAPTION))
