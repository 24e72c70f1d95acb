from PySide6.QtGui import QFontMetrics
from pytestqt.qtbot import QtBot

from app.desktop.models.rows import Column, Rows
from app.desktop.widgets.table import Table, cell_font

COLUMNS: list[Column[tuple[str, str]]] = [
    Column("Name", lambda row: row[0], grows=True),
    Column("Part", lambda row: row[1], may_vanish=True),
]


def test_a_column_that_says_nothing_takes_no_room_until_it_does(qtbot: QtBot) -> None:
    rows: Rows[tuple[str, str]] = Rows(COLUMNS, lambda row: row[0])
    table = Table(rows, name="Names")
    qtbot.addWidget(table)
    table.resize(400, 300)
    table.show()
    rows.update([("a", "")])
    assert table.isColumnHidden(1)
    assert table.columnWidth(0) == table.viewport().width()
    rows.update([("b", "compaction"), ("a", "")])
    assert not table.isColumnHidden(1)
    assert table.columnWidth(1) >= QFontMetrics(cell_font(False, False)).horizontalAdvance("compaction")
    assert table.columnWidth(0) + table.columnWidth(1) == table.viewport().width()
    rows.update([("a", "")])
    assert table.isColumnHidden(1)


def test_texts_are_measured_once_however_often_the_room_changes(qtbot: QtBot) -> None:
    read: list[str] = []

    def noted(row: tuple[str, str]) -> str:
        read.append(row[0])
        return row[0]

    rows: Rows[tuple[str, str]] = Rows([Column("Name", noted, grows=True)], lambda row: row[0])
    table = Table(rows, name="Names")
    qtbot.addWidget(table)
    rows.update([("a", ""), ("b", "")])
    assert sorted(read) == ["a", "b"]
    table.resize(400, 300)
    table.fit_columns()
    table.hide_columns(frozenset({"None"}))
    assert len(read) == 2
    rows.update([("a", ""), ("c", "")])
    assert sorted(read[2:]) == ["a", "c"]
