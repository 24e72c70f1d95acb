from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.desktop.widgets.text import Text


def test_a_paragraph_that_may_not_get_wide_gets_the_height_of_all_its_lines(qtbot: QtBot) -> None:
    pane = QWidget()
    qtbot.addWidget(pane)
    column, words = QVBoxLayout(pane), QVBoxLayout()
    paragraph = Text("word " * 100, wraps=True)
    paragraph.setMaximumWidth(200)
    words.addWidget(paragraph)
    words.addWidget(Text("below"))
    column.addLayout(words)
    column.addWidget(QWidget(), 1)
    pane.resize(1_200, 900)
    pane.show()
    assert paragraph.width() == 200
    assert paragraph.height() >= paragraph.heightForWidth(200)
