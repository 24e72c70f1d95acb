"""Labels in the inks and sizes of the design. Names of agents' choosing are always plain text."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.desktop.fonts import REGULAR, SEMIBOLD, Size, sized
from app.desktop.formats import one_line, tooltip

_LEAST_ELIDED_WIDTH = 24


class Text(QLabel):
    """A line or paragraph. `ink` is a token's name."""

    def __init__(
        self, text: str = "", *, ink: str = "text", size: Size = Size.BODY, weight: QFont.Weight = REGULAR,
        wraps: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(sized(size, weight))
        self.setProperty("ink", ink)
        self.setWordWrap(wraps)

    def heightForWidth(self, width: int) -> int:
        """For the width that it takes: a layout asks with its own, which may be more than a paragraph's greatest."""
        return super().heightForWidth(min(width, self.maximumWidth()))

    def set_ink(self, ink: str) -> None:
        """Write in another token's colour from now on."""
        if self.property("ink") != ink:
            self.setProperty("ink", ink)
            self.style().unpolish(self)
            self.style().polish(self)


class ElidedText(Text):
    """One line that gives way: too long, it is cut in the middle and told whole in the tooltip."""

    def __init__(
        self, text: str = "", *, ink: str = "text", size: Size = Size.BODY, weight: QFont.Weight = REGULAR
    ) -> None:
        self._whole = one_line(text)
        super().__init__(self._whole, ink=ink, size=size, weight=weight)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def setText(self, text: str) -> None:
        """Show this text, whole or cut."""
        self._whole = one_line(text)
        super().setText(self._whole)
        self.setAccessibleName(self._whole)
        self._set_tooltip()

    def minimumSizeHint(self) -> QSize:
        """As small as its neighbours need."""
        return QSize(_LEAST_ELIDED_WIDTH, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell in the tooltip what does not fit."""
        super().resizeEvent(event)
        self._set_tooltip()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it cut in the middle."""
        painter = QPainter(self)
        self.style().drawItemText(
            painter, self.contentsRect(), int(self.alignment()), self.palette(), self.isEnabled(),
            self._cut(), self.foregroundRole(),
        )  # fmt: skip

    def _cut(self) -> str:
        return QFontMetrics(self.font()).elidedText(self._whole, Qt.TextElideMode.ElideMiddle, self.width())

    def _set_tooltip(self) -> None:
        self.setToolTip(tooltip(self._whole) if self._cut() != self._whole else "")


class Figure(QWidget):
    """An amount with its caption under it. `level_with` is the size of the largest figure in its row: all stand on one
    base line then, and captions take a second line where room is short."""

    def __init__(
        self, caption: str, *, size: Size, weight: QFont.Weight = SEMIBOLD, is_right: bool = False,
        level_with: Size | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._amount = Text("", size=size, weight=weight)
        self._caption = Text(caption, ink="text_3", size=Size.CAPTION, wraps=level_with is not None)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        side = Qt.AlignmentFlag.AlignRight if is_right else Qt.AlignmentFlag.AlignLeft
        column.addStretch(0 if level_with is not None else 1)
        for label in (self._amount, self._caption):
            label.setAlignment(side)
            column.addWidget(label)
        if level_with is not None:
            self._level(size, level_with)
            column.addStretch(1)

    def _level(self, size: Size, largest: Size) -> None:
        own, other = (QFontMetrics(sized(one, SEMIBOLD)) for one in (size, largest))
        self._amount.setFixedHeight(other.height())
        self._amount.setContentsMargins(0, 0, 0, other.descent() - own.descent())
        self._amount.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)

    def show_amount(self, amount: str, *, caption: str = "", ink: str = "text", hint: str = "") -> None:
        """Show an amount, and another caption where one is given."""
        self._amount.setText(amount)
        self._amount.set_ink(ink)
        self._amount.setToolTip(hint)
        if caption:
            self._caption.setText(caption)
        self.setAccessibleName(f"{self._caption.text()}: {amount}")

    def align(self, side: Qt.AlignmentFlag) -> None:
        """Stand on another side than before."""
        for label in (self._amount, self._caption):
            label.setAlignment(side)

    def whole_width(self) -> int:
        """Pixels that its longer line needs to stand in one line."""
        return max(QFontMetrics(one.font()).horizontalAdvance(one.text()) for one in (self._amount, self._caption))

    @property
    def amount(self) -> str:
        """What it shows."""
        return self._amount.text()


def heading(text: str) -> Text:
    """A section's heading."""
    return Text(text, size=Size.SECTION, weight=SEMIBOLD)


def title(text: str) -> Text:
    """A page's title."""
    return Text(text, size=Size.TITLE, weight=SEMIBOLD)
