"""A table of frozen values: columns say how a value is written, the model says only what changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from app.desktop.formats import tooltip

type Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Column[T]:
    """How one column writes a value. `ink` names a token, `hint` is its tooltip, `grows` takes the room left over,
    and where room is short those that give way do so first. `mark` names an icon before the text, empty for none, and
    `ink_of` the token of one value where they differ. One that `may_vanish` is not shown while no value has a text."""

    title: str
    text: Callable[[T], str]
    is_amount: bool = False
    ink: str = "text_2"
    is_strong: bool = False
    is_code: bool = False
    grows: bool = False
    gives_way: bool = False
    may_vanish: bool = False
    hint: Callable[[T], str] | None = None
    spoken: Callable[[T], str] | None = None
    mark: Callable[[T], str] | None = None
    ink_of: Callable[[T], str] | None = None


class Rows[T](QAbstractTableModel):
    """Values in rows. `update` changes as little as it can, so a table never jumps while it is read."""

    def __init__(self, columns: Sequence[Column[T]], key: Callable[[T], object]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self._key = key
        self._values: list[T] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """How many values there are."""
        return 0 if parent.isValid() else len(self._values)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """How many columns there are."""
        return 0 if parent.isValid() else len(self.columns)

    def says(self, column: Column[T]) -> bool:
        """Whether any value has a text in this column."""
        return any(column.text(value) for value in self._values)

    def value(self, row: int) -> T:
        """The value of a row."""
        return self._values[row]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """One cell, as text, tooltip, alignment, ink or words to say."""
        column, value = self.columns[index.column()], self._values[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.text(value)
            case Qt.ItemDataRole.ToolTipRole:
                return tooltip(column.hint(value)) if column.hint else None
            case Qt.ItemDataRole.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignRight if column.is_amount else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.AccessibleTextRole:
                told = column.spoken(value) if column.spoken else column.text(value)
                return f"{column.title}: {told}"
            case Qt.ItemDataRole.UserRole:
                return value
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The title of a column."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        return None

    def update(self, values: Sequence[T]) -> None:
        """Show these values now. New ones on top are inserted, gone ones at the end removed, the rest repainted."""
        new_keys = [self._key(value) for value in values]
        old_keys = [self._key(value) for value in self._values]
        fresh = new_keys.index(old_keys[0]) if old_keys and old_keys[0] in new_keys else None
        if fresh is None or new_keys[fresh:] != old_keys[: len(new_keys) - fresh]:
            self.beginResetModel()
            self._values = list(values)
            self.endResetModel()
            return
        self._insert_on_top(values[:fresh])
        self._drop_from(len(values))
        self._values = list(values)
        self.dataChanged.emit(self.index(0, 0), self.index(len(values) - 1, len(self.columns) - 1))

    def _insert_on_top(self, values: Sequence[T]) -> None:
        if values:
            self.beginInsertRows(QModelIndex(), 0, len(values) - 1)
            self._values[:0] = values
            self.endInsertRows()

    def _drop_from(self, count: int) -> None:
        if len(self._values) > count:
            self.beginRemoveRows(QModelIndex(), count, len(self._values) - 1)
            del self._values[count:]
            self.endRemoveRows()
