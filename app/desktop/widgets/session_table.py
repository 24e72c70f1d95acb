"""The table of sessions: a tree in rows, with a mark for what each does, and keys for what can be done."""

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.desktop.fonts import MEDIUM, REGULAR, Size, sized
from app.desktop.formats import one_line
from app.desktop.models.rows import Rows
from app.desktop.models.session_view import SessionRow, SessionState
from app.desktop.theme import icon, tokens_of_palette
from app.desktop.tokens import Tokens
from app.desktop.widgets.table import CELL_PAD, ROW_HEIGHT, Table

_INDENT = 24
_FOLD_SIZE = 14
_MARK_SIZE = 9
_GAP = 8
_LEAST_KIND_WIDTH = 48
_LONGEST_MEASURED = 12
_NAME_LEFT = CELL_PAD + _FOLD_SIZE + _GAP + _MARK_SIZE + _GAP


class SessionDelegate(QStyledItemDelegate):
    """Paints the first column: fold, mark, name, agent."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """One cell."""
        row: SessionRow = index.data(Qt.ItemDataRole.UserRole)
        tokens, rect = tokens_of_palette(option.palette), option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(tokens.selected))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(tokens.hover))
        painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), QColor(tokens.grid))
        left = rect.left() + row.depth * _INDENT
        if row.is_open is not None:
            icon("caret-down" if row.is_open else "caret-right", tokens.text_2).paint(painter, fold_place(rect, row))
        mark = QRectF(left + _NAME_LEFT - _GAP - _MARK_SIZE, rect.center().y() - _MARK_SIZE / 2, _MARK_SIZE, _MARK_SIZE)
        paint_mark(painter, mark, row.state, tokens)
        _paint_names(painter, rect.adjusted(left - rect.left() + _NAME_LEFT, 0, -CELL_PAD, -1), row, tokens)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """As wide as its texts."""
        return QSize(whole_width(index.data(Qt.ItemDataRole.UserRole)), ROW_HEIGHT)


class SessionTable(Table):
    """`asked` tells a key that means an order: Enter, E, S, P or Space on a row that can be folded."""

    opened = Signal(object)
    folded = Signal(object)
    asked = Signal(str)
    left = Signal()

    def __init__(self, rows: Rows[SessionRow]) -> None:
        super().__init__(rows, name="Sessions, newest first")
        self._session_rows = rows
        self.setItemDelegateForColumn(0, SessionDelegate(self))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def _whole_width(self, number: int) -> int:
        """The first column has more in it than its text."""
        if number or self._is_drawn(self._rows.columns[0]):
            return super()._whole_width(number)
        rows = [self._rows.value(place) for place in range(self._rows.rowCount())]
        longest = sorted(rows, key=lambda row: len(row.name) + len(row.kind))[-_LONGEST_MEASURED:]
        return max([super()._whole_width(0), *map(whole_width, longest)])

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A press on a fold opens or closes it."""
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and index.column() == 0:
            row = self._session_rows.value(index.row())
            if row.is_open is not None and fold_place(self.visualRect(index), row).contains(event.position().toPoint()):
                self.folded.emit(row)
                return
        super().mousePressEvent(event)
        if not index.isValid():
            self.clearSelection()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open it."""
        index = self.indexAt(event.position().toPoint())
        if index.isValid():
            self.opened.emit(self._session_rows.value(index.row()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens, Space and the arrows fold; letters are orders."""
        row, key = self.selected(), Qt.Key(event.key())
        if row is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            super().keyPressEvent(event)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit(row)
        elif row.is_open is not None and (
            key is Qt.Key.Key_Space
            or (key is Qt.Key.Key_Right and not row.is_open)
            or (key is Qt.Key.Key_Left and row.is_open)
        ):
            self.folded.emit(row)
        elif key in (Qt.Key.Key_E, Qt.Key.Key_S, Qt.Key.Key_P):
            self.asked.emit(event.text().upper())
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer is gone."""
        super().leaveEvent(event)
        self.left.emit()

    @property
    def is_held(self) -> bool:
        """Whether somebody looks closely: the order is then left as it is."""
        is_scrolled = self.verticalScrollBar().value() > 0
        return self.viewport().underMouse() or is_scrolled or self.selected() is not None


def whole_width(row: SessionRow) -> int:
    """Pixels that fold, mark, name and agent need."""
    name, kind = _metrics(row)
    wide = name.horizontalAdvance(one_line(row.name)) + _GAP + kind.horizontalAdvance(one_line(row.kind))
    return _NAME_LEFT + row.depth * _INDENT + wide + 2 * CELL_PAD


def fold_place(rect: QRect, row: SessionRow) -> QRect:
    """Where the fold of a row is."""
    left = rect.left() + CELL_PAD + row.depth * _INDENT
    return QRect(QPoint(left, rect.center().y() - _FOLD_SIZE // 2), QSize(_FOLD_SIZE, _FOLD_SIZE))


def paint_mark(painter: QPainter, place: QRectF, state: SessionState, tokens: Tokens) -> None:
    """Filled running, two bars waits (in ink: a person paused it), minus stopped, hollow over, a square imported."""
    painter.setPen(Qt.PenStyle.NoPen)
    match state:
        case SessionState.RUNNING:
            painter.setBrush(QColor(tokens.text))
            painter.drawEllipse(place)
        case SessionState.WAITS | SessionState.PAUSED:
            painter.setBrush(QColor(tokens.paused if state is SessionState.WAITS else tokens.text_2))
            for left in (place.left() + 0.5, place.right() - 3.5):
                painter.drawRect(QRectF(left, place.top(), 3, place.height()))
        case SessionState.STOPPED:
            painter.setBrush(QColor(tokens.at))
            painter.drawRect(QRectF(place.left(), place.center().y() - 1.5, place.width(), 3))
        case SessionState.OVER:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.edge), 1.5))
            painter.drawEllipse(place.adjusted(0.75, 0.75, -0.75, -0.75))
        case SessionState.IMPORTED:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.edge), 1.5))
            painter.drawRect(place.adjusted(1, 1, -1, -1))


def _paint_names(painter: QPainter, inner: QRect, row: SessionRow, tokens: Tokens) -> None:
    """The name whole where it can be, then the agent; both give way where room is short."""
    name, kind = _metrics(row)
    told, agent = one_line(row.name), one_line(row.kind)
    kind_width = kind.horizontalAdvance(agent)
    for_kind = min(kind_width, max(_LEAST_KIND_WIDTH, inner.width() - name.horizontalAdvance(told) - _GAP))
    shown = name.elidedText(told, Qt.TextElideMode.ElideMiddle, max(0, inner.width() - for_kind - _GAP))
    painter.setPen(QColor(tokens.text))
    painter.setFont(_name_font(row))
    painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, shown)
    rest = inner.adjusted(name.horizontalAdvance(shown) + _GAP, 0, 0, 0)
    painter.setPen(QColor(tokens.text_2))
    painter.setFont(sized(Size.CAPTION))
    painter.drawText(
        rest, Qt.AlignmentFlag.AlignVCenter, kind.elidedText(agent, Qt.TextElideMode.ElideRight, rest.width())
    )


def _metrics(row: SessionRow) -> tuple[QFontMetrics, QFontMetrics]:
    return QFontMetrics(_name_font(row)), QFontMetrics(sized(Size.CAPTION))


def _name_font(row: SessionRow) -> QFont:
    return sized(Size.BODY, REGULAR if row.part else MEDIUM)
