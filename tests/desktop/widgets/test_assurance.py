from pytestqt.qtbot import QtBot

from app.core.assurance import Assurance
from app.desktop.closing import destroy
from app.desktop.widgets.assurance import AssuranceLink
from app.desktop.widgets.text import Text


def test_the_level_is_said_and_a_click_tells_what_it_means(qtbot: QtBot) -> None:
    link = AssuranceLink()
    qtbot.addWidget(link)
    assert link.link.text() == "Assurance: cooperative"
    link.show_level(Assurance.SANDBOXED)
    assert link.link.text() == "Assurance: sandboxed"
    link.link.click()
    assert link.dialog is not None
    told = [label.text() for label in link.dialog.findChildren(Text)]
    assert told[0] == "Assurance: sandboxed"
    for level in Assurance:
        assert any(text.startswith(level.meaning) for text in told)
    destroy(link.dialog)
