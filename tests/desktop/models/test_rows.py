from PySide6.QtCore import QPersistentModelIndex, Qt
from pytestqt.qtbot import QtBot

from app.desktop.models.rows import Column, Rows

COLUMNS: list[Column[tuple[str, int]]] = [
    Column("Name", lambda row: row[0], hint=lambda row: row[0]),
    Column("Amount", lambda row: str(row[1]), is_amount=True),
]


def rows_of(*names: str) -> Rows[tuple[str, int]]:
    made = Rows(COLUMNS, lambda row: row[0])
    made.update([(name, 1) for name in names])
    return made


def test_new_rows_on_top_are_inserted_and_gone_ones_dropped_without_a_reset(
    qtbot: QtBot, qtmodeltester: object
) -> None:
    rows = rows_of("b", "a")
    told: list[str] = []
    rows.modelReset.connect(lambda: told.append("reset"))
    rows.rowsInserted.connect(lambda _parent, first, last: told.append(f"in {first}-{last}"))
    rows.rowsRemoved.connect(lambda _parent, first, last: told.append(f"out {first}-{last}"))
    rows.update([("d", 1), ("c", 1), ("b", 2)])
    assert told == ["out 1-1", "in 0-1"]
    assert [rows.value(row) for row in range(rows.rowCount())] == [("d", 1), ("c", 1), ("b", 2)]
    qtmodeltester.check(rows)  # type: ignore[attr-defined]


def test_another_order_keeps_what_is_selected(qtbot: QtBot, qtmodeltester: object) -> None:
    rows = rows_of("a", "b", "c", "d")
    chosen = QPersistentModelIndex(rows.index(1, 0))
    resets: list[str] = []
    rows.modelReset.connect(lambda: resets.append("reset"))
    rows.update([("new", 1), ("d", 1), ("c", 1), ("b", 7)])
    assert resets == []
    assert chosen.data() == "b"
    assert [rows.value(row)[0] for row in range(rows.rowCount())] == ["new", "d", "c", "b"]
    qtmodeltester.check(rows)  # type: ignore[attr-defined]
    rows.update([("d", 1)])
    assert not chosen.isValid()
    rows.update([])
    assert rows.rowCount() == 0
    rows.update([])


def test_cells_answer_for_sight_and_for_screen_readers(qtbot: QtBot) -> None:
    rows = rows_of("<b>")
    assert rows.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole) == "Name: <b>"
    assert rows.index(0, 0).data(Qt.ItemDataRole.ToolTipRole) == "<span>&lt;b&gt;</span>"
    assert rows.index(0, 1).data(Qt.ItemDataRole.TextAlignmentRole) & Qt.AlignmentFlag.AlignRight
