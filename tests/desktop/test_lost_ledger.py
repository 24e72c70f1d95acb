from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.core.errors import LedgerError
from app.desktop.lost_ledger import LostLedger, opened_or_restored
from app.ledger.call_store import recent_calls
from app.services.settings import Theme
from tests.faults.cells import cell
from tests.faults.ledger.test_damage import delete, replace_by_garbage
from tests.faults.ledger.used_ledger import Used, make_used


@pytest.fixture
def used(tmp_path: Path) -> Used:
    return make_used(tmp_path / "home" / "ledger.sqlite")


def clicking(qtbot: QtBot, *clicks: str) -> Callable[[LostLedger], None]:
    """A person who clicks these buttons, each when it can be clicked."""

    def click(button: QPushButton) -> None:
        qtbot.waitUntil(lambda: button.isVisible() and button.isEnabled())
        button.click()

    def ask(dialog: LostLedger) -> None:
        dialog.show()
        for name in clicks:
            click(getattr(dialog, f"{name}_button"))
        qtbot.waitUntil(lambda: not dialog.isVisible())

    return ask


@pytest.mark.parametrize("harm", [
    pytest.param(delete, marks=cell("F11", "file deleted", "a tray starts", "told, and put back by a button")),
    pytest.param(replace_by_garbage, marks=cell("F11", "file replaced by garbage", "a tray starts",
                                                "told, and put back by a button")),
])  # fmt: skip
def test_a_ledger_is_put_back_by_a_button(
    qtbot: QtBot, qapp: QApplication, used: Used, harm: Callable[[Used], None]
) -> None:
    harm(used)
    ledger = opened_or_restored(qapp, used.path, Theme.LIGHT, ask=clicking(qtbot, "restore", "go_on"))
    assert ledger is not None
    assert len(recent_calls(ledger)) > 0
    ledger.close()


def test_who_does_not_want_it_gets_no_empty_one(qtbot: QtBot, qapp: QApplication, used: Used) -> None:
    delete(used)
    assert opened_or_restored(qapp, used.path, Theme.LIGHT, ask=clicking(qtbot, "quit")) is None
    assert not used.path.exists()


def test_an_empty_one_is_begun_on_a_persons_word_only(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    used = make_used(tmp_path / "home" / "ledger.sqlite", is_backed_up=False)
    replace_by_garbage(used)
    ledger = opened_or_restored(qapp, used.path, Theme.LIGHT, ask=clicking(qtbot, "restore", "empty", "go_on"))
    assert ledger is not None
    assert recent_calls(ledger) == []
    ledger.close()


def test_a_sound_one_is_opened_without_a_word_and_somebody_elses_is_refused(qapp: QApplication, used: Used) -> None:
    ledger = opened_or_restored(qapp, used.path, Theme.LIGHT)
    assert ledger is not None
    ledger.close()
    other = used.path.with_name("diary.sqlite")
    other.write_bytes(b"somebody's diary " * 500)
    with pytest.raises(LedgerError):
        opened_or_restored(qapp, other, Theme.LIGHT)
