"""A quiet table: hairlines, no frame, amounts right-aligned and never cut, one stop for the Tab key."""

from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app.desktop.fonts import MEDIUM, REGULAR, Size, monospace, sized
from app.desktop.formats import one_line
from app.desktop.models.rows import Column, Rows
from app.desktop.theme import icon, tokens_of, tokens_of_palette
from app.desktop.widgets.column_widths import narrow, widen
from app.desktop.widgets.swatches import SWATCH, SWATCH_ROOM, paint_bar, paint_swatch

ROW_HEIGHT = 34
HEADER_HEIGHT = 28
CELL_PAD = 6
MARK_SIZE = 16
_LEAST_TEXT_WIDTH = 44
_MOST_TEXT_WIDTH = 190
_SLACK = 4  # advances are rounded, and a text that is a fraction too wide would be cut
_LEAST_SOFT_WIDTH = 72
_MEASURED_TEXTS = 300
_LONGEST_MEASURED = 5
_LEAD = 12
"""Between an amount and the text after it, which would touch: one ends where the other begins."""


class CellDelegate(QStyledItemDelegate):
    """Paints a cell by its column's ink and weight, over a hairline."""

    def __init__(self, rows: Rows[Any], parent: QWidget) -> None:
        super().__init__(parent)
        self._rows = rows

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """One cell."""
        rect, state = option.rect, option.state
        tokens = tokens_of_palette(option.palette)
        column = self._rows.columns[index.column()]
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(tokens.selected))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(tokens.hover))
        painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), QColor(tokens.grid))
        value = index.data(Qt.ItemDataRole.UserRole)
        ink = getattr(tokens, column.ink_of(value) if column.ink_of else column.ink)
        painter.setPen(QColor(ink))
        painter.setFont(cell_font(column.is_strong, column.is_code))
        inner = rect.adjusted(CELL_PAD + lead(self._rows, index.column()), 0, -CELL_PAD, -1)
        if column.mark is not None and (mark := column.mark(value)):
            place = QRect(inner.left(), inner.center().y() - MARK_SIZE // 2, MARK_SIZE, MARK_SIZE)
            icon(mark, ink).paint(painter, place)
            inner.setLeft(inner.left() + MARK_SIZE + CELL_PAD)
        if column.swatch is not None and (swatch := column.swatch(value)):
            paint_swatch(painter, QPointF(inner.left() + SWATCH / 2, inner.center().y() + 1), swatch, tokens)
            inner.setLeft(inner.left() + SWATCH_ROOM)
        if column.bar is not None:
            paint_bar(painter, inner, column.bar(value), tokens)
        text = str(index.data())
        if not column.is_amount:
            text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, inner.width())
        painter.drawText(inner, index.data(Qt.ItemDataRole.TextAlignmentRole), text)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """As wide as its text."""
        column = self._rows.columns[index.column()]
        metrics = QFontMetrics(cell_font(column.is_strong, column.is_code))
        width = cell_width(column, metrics.horizontalAdvance(str(index.data())))
        return QSize(width + lead(self._rows, index.column()), ROW_HEIGHT)


class HeaderView(QHeaderView):
    """Captions over a hairline, each on its column's side."""

    def __init__(self, rows: Rows[Any], parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._rows = rows
        self.setFixedHeight(HEADER_HEIGHT)
        self.setHighlightSections(False)
        self.setSectionsClickable(False)
        self.setMinimumSectionSize(_LEAST_TEXT_WIDTH)

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        """One caption."""
        tokens = tokens_of(self)
        column = self._rows.columns[logicalIndex]
        side = Qt.AlignmentFlag.AlignRight if column.is_amount else Qt.AlignmentFlag.AlignLeft
        painter.fillRect(rect, QColor(tokens.content))
        painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), QColor(tokens.line))
        painter.setPen(QColor(tokens.text_3))
        painter.setFont(sized(Size.CAPTION, MEDIUM))
        inner = rect.adjusted(CELL_PAD + lead(self._rows, logicalIndex), 0, -CELL_PAD, 0)
        painter.drawText(inner, side | Qt.AlignmentFlag.AlignVCenter, column.title)


class Table(QTableView):
    """Rows shown by their columns. New rows on top push nothing that is being read. `own_widths` are those that a
    person drew, by the columns' titles."""

    widths_changed = Signal()

    def __init__(self, rows: Rows[Any], *, name: str, fits_content: bool = False) -> None:
        super().__init__()
        self._rows = rows
        self._fits_content = fits_content
        self._is_fitting = False
        self._hidden: frozenset[str] = frozenset()
        self._widest: dict[int, int] = {}  # by column, since the rows were last changed
        self.own_widths: dict[str, int] = {}
        self.setModel(rows)
        self.setItemDelegate(CellDelegate(rows, self))
        self.setHorizontalHeader(HeaderView(rows, self))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.setAccessibleName(name)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.horizontalHeader().sectionResized.connect(self._take_width)
        rows.rowsInserted.connect(self._keep_place)
        for told in (rows.modelReset, rows.dataChanged):  # one of them ends each update
            told.connect(self._fit_to_new_rows)
        self.fit_columns()

    def selected(self) -> Any | None:
        """The value of the selected row."""
        chosen = self.selectionModel().selectedRows()
        return self._rows.value(chosen[0].row()) if chosen else None

    def hide_columns(self, titles: frozenset[str]) -> None:
        """Leave these columns out, where there is no room for them."""
        if titles != self._hidden:
            self._hidden = titles
            self.fit_columns()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copying takes the whole row, its columns parted by tabs."""
        if event.matches(QKeySequence.StandardKey.Copy) and self.selected() is not None:
            row = self.currentIndex().row()
            shown = (self._rows.index(row, number) for number in range(self._rows.columnCount()))
            texts = (str(one.data()) for one in shown if not self.isColumnHidden(one.column()))
            QGuiApplication.clipboard().setText("\t".join(texts))
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the new width out."""
        super().resizeEvent(event)
        self.fit_columns()

    def _fit_to_new_rows(self, *_ignored: object) -> None:
        self._widest.clear()
        self.fit_columns()

    def fit_columns(self) -> None:
        """Amounts and marked texts as wide as their widest, texts up to a limit, or whole where there is room; or texts
        give way."""
        columns = self._rows.columns
        gone = {
            number
            for number, column in enumerate(columns)
            if column.title in self._hidden or (column.may_vanish and not self._text_width(number))
        }
        whole = [0 if number in gone else self._whole_width(number) for number in range(len(columns))]
        widths = [self._wanted_width(number, width) for number, width in enumerate(whole)]
        growing = next((number for number, column in enumerate(columns) if column.grows), 0)
        free = [number for number, column in enumerate(columns) if number not in gone and not self._is_drawn(column)]
        widen(widths, whole, free, growing, self.viewport().width() - sum(widths))
        missing = sum(widths) - self.viewport().width()
        soft = [number for number, column in enumerate(columns) if column.gives_way]
        hard = [
            number for number, column in enumerate(columns) if not column.is_amount and number not in (*soft, *gone)
        ]
        missing = narrow(widths, soft, missing, _LEAST_SOFT_WIDTH, growing)
        narrow(widths, hard, missing, _LEAST_TEXT_WIDTH, growing)
        self._is_fitting = True
        for number, width in enumerate(widths):
            self.setColumnHidden(number, number in gone)
            if width and self.columnWidth(number) != width:
                self.setColumnWidth(number, width)
        self._is_fitting = False
        if self._fits_content:
            self.setFixedHeight(HEADER_HEIGHT + ROW_HEIGHT * self._rows.rowCount() + 2)

    def _is_drawn(self, column: Column[Any]) -> bool:
        """Whether a person drew its width."""
        return column.title in self.own_widths

    def _whole_width(self, number: int) -> int:
        """What its title and widest text need, or the width that a person drew."""
        column = self._rows.columns[number]
        if self._is_drawn(column):
            return self.own_widths[column.title]
        title = QFontMetrics(sized(Size.CAPTION, MEDIUM)).horizontalAdvance(column.title) + 2 * CELL_PAD
        return max(title, cell_width(column, self._text_width(number)), _LEAST_TEXT_WIDTH) + lead(self._rows, number)

    def _wanted_width(self, number: int, whole: int) -> int:
        """Texts are content with less."""
        column = self._rows.columns[number]
        is_fixed = column.is_amount or column.mark is not None or self._is_drawn(column)
        return whole if is_fixed else min(whole, _MOST_TEXT_WIDTH)

    def _text_width(self, number: int) -> int:
        """Of the widest text in a column; 0 where no row says anything there. Read once for the same rows."""
        if number not in self._widest:
            self._widest[number] = self._measured_text(self._rows.columns[number])
        return self._widest[number]

    def _measured_text(self, column: Column[Any]) -> int:
        """Of many rows only the longest texts are measured: figures have one width, and measuring all takes long."""
        texts = set(map(one_line, self._rows.texts(column)))
        if len(texts) > _MEASURED_TEXTS:
            texts = set(sorted(texts, key=len)[-_LONGEST_MEASURED:])
        metrics = QFontMetrics(cell_font(column.is_strong, column.is_code))
        return max(map(metrics.horizontalAdvance, texts), default=0)

    def _take_width(self, number: int, _old: int, width: int) -> None:
        """A width that a person drew stays; the column that grows gives and takes the rest."""
        column = self._rows.columns[number]
        if not self._is_fitting and width and not column.grows:
            self.own_widths[column.title] = width
            self.widths_changed.emit()
            self.fit_columns()

    def _keep_place(self, _parent: object, first: int, last: int) -> None:
        bar = self.verticalScrollBar()
        if first == 0 and bar.value() > 0:
            bar.setValue(bar.value() + (last + 1) * ROW_HEIGHT)


class OpeningTable(Table):
    """A table whose rows are opened by Enter or a double click."""

    opened = Signal(object)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.selected() is not None:
            self.opened.emit(self.selected())
        else:
            super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open what is under the pointer."""
        if self.indexAt(event.position().toPoint()).isValid():
            self.opened.emit(self.selected())


def lead(rows: Rows[Any], number: int) -> int:
    """Pixels before the text of a column."""
    columns = rows.columns
    return _LEAD if number and columns[number - 1].is_amount and not columns[number].is_amount else 0


def cell_width(column: Column[Any], text_width: int) -> int:
    """The width of a cell whose text is so wide."""
    mark = MARK_SIZE + CELL_PAD if column.mark is not None else 0
    mark += SWATCH_ROOM if column.swatch is not None else 0
    return text_width + 2 * CELL_PAD + mark + _SLACK


def cell_font(is_strong: bool, is_code: bool) -> Any:
    """The font of a cell."""
    return monospace() if is_code else sized(Size.BODY, MEDIUM if is_strong else REGULAR)
