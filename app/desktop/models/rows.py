"""A table of frozen values: columns say how a value is written, the model says only what changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from app.desktop.formats import one_line, tooltip

type Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Swatch:
    """The sign of a series before its name: a dot, or a square, in a token's colour at an opacity of 0 to 1."""

    token: str
    opacity: float = 1.0
    is_square: bool = False


@dataclass(frozen=True, slots=True)
class Column[T]:
    """How one column writes a value. `ink` names a token, `hint` is its tooltip, `grows` takes the room left over,
    and where room is short those that give way do so first. `mark` names an icon before the text, empty for none, and
    `ink_of` the token of one value where they differ. One that `may_vanish` is not shown while no value has a text.
    `swatch` is painted before the text, and in the place of a text a `bar` of 0 to 1 of the column's width."""

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
    swatch: Callable[[T], Swatch | None] | None = None
    bar: Callable[[T], float] | None = None


class Rows[T](QAbstractTableModel):
    """Values in rows. `update` changes as little as it can, so a table never jumps while it is read. `has_more` says
    that there are older ones, which `wanted_more` asks for when the view has reached the end."""

    wanted_more = Signal()

    def __init__(self, columns: Sequence[Column[T]], key: Callable[[T], object]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self._key = key
        self._values: list[T] = []
        self.has_more = False

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """How many values there are."""
        return 0 if parent.isValid() else len(self._values)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """How many columns there are."""
        return 0 if parent.isValid() else len(self.columns)

    def canFetchMore(self, parent: Index) -> bool:
        """Whether there are older ones."""
        return self.has_more and not parent.isValid()

    def fetchMore(self, parent: Index) -> None:
        """Ask for them; they come when they are read."""
        self.wanted_more.emit()

    def texts(self, column: Column[T]) -> list[str]:
        """What each row says in this column."""
        return [column.text(value) for value in self._values]

    def value(self, row: int) -> T:
        """The value of a row."""
        return self._values[row]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """One cell, as text, tooltip, alignment, ink or words to say."""
        column, value = self.columns[index.column()], self._values[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return one_line(column.text(value))
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
        """Show these values now. What is gone is removed, what is new inserted, the rest repainted where it stands;
        what is selected stays so, in another order too."""
        if not values:
            self.beginResetModel()
            self._values = []
            self.endResetModel()
            return
        keys = [self._key(value) for value in values]
        self._remove_gone(set(keys))
        self._reorder(keys)
        self._insert_new(values, keys)
        self._values = list(values)
        self.dataChanged.emit(self.index(0, 0), self.index(len(values) - 1, len(self.columns) - 1))

    def _remove_gone(self, staying: set[object]) -> None:
        gone = [row for row, value in enumerate(self._values) if self._key(value) not in staying]
        for first, last in reversed(_runs(gone)):
            self.beginRemoveRows(QModelIndex(), first, last)
            del self._values[first : last + 1]
            self.endRemoveRows()

    def _reorder(self, keys: Sequence[object]) -> None:
        places = {key: place for place, key in enumerate(keys)}
        old = [self._key(value) for value in self._values]
        order = sorted(range(len(old)), key=lambda row: places[old[row]])
        if order == list(range(len(old))):
            return
        self.layoutAboutToBeChanged.emit()
        moved = {row: place for place, row in enumerate(order)}
        before = self.persistentIndexList()
        self._values = [self._values[row] for row in order]
        self.changePersistentIndexList(before, [self.index(moved[one.row()], one.column()) for one in before])
        self.layoutChanged.emit()

    def _insert_new(self, values: Sequence[T], keys: Sequence[object]) -> None:
        there = {self._key(value) for value in self._values}
        for first, last in _runs([row for row, key in enumerate(keys) if key not in there]):
            self.beginInsertRows(QModelIndex(), first, last)
            self._values[first:first] = values[first : last + 1]
            self.endInsertRows()


def _runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Rising numbers as first and last of each unbroken run."""
    runs: list[tuple[int, int]] = []
    for row in rows:
        if runs and runs[-1][1] == row - 1:
            runs[-1] = (runs[-1][0], row)
        else:
            runs.append((row, row))
    return runs
