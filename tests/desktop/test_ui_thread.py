import gc
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.desktop import ui_thread
from app.desktop.ui_thread import UiThread

MANY = 5_000


class Ring:
    """Holds itself, as a window does whose buttons know it."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture
def begun(qapp: QApplication) -> Iterator[UiThread]:
    made = UiThread()
    made.begin()
    yield made
    made.end()


def test_what_another_thread_leaves_is_collected_in_the_one_that_paints(qtbot: QtBot, begun: UiThread) -> None:
    collected: list[int] = []
    kept: list[list[int]] = []

    def work() -> None:
        weakref.finalize(Ring(), lambda: collected.append(threading.get_ident()))
        kept.extend([number] for number in range(MANY))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert collected == []
    qtbot.waitUntil(lambda: bool(collected))
    assert collected == [threading.get_ident()]


def test_what_was_loaded_is_walked_only_while_no_window_is_seen(
    qtbot: QtBot, begun: UiThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gc, "get_count", lambda: (10_000, 10_000, 10_000))
    monkeypatch.setattr(ui_thread, "_MOST_WALKED", 100)
    loaded = [Ring() for _ in range(200)]
    gc.collect(1)
    gone: list[bool] = []
    weakref.finalize(loaded[0], lambda: gone.append(True))
    seen = QWidget()
    qtbot.addWidget(seen)
    seen.show()
    begun.collect()
    loaded.clear()
    begun.collect()
    assert not gone
    seen.hide()
    begun.collect()
    assert gone


def test_afterwards_all_is_as_before(qapp: QApplication) -> None:
    before = sys.getswitchinterval()
    made = UiThread()
    made.begin()
    assert not gc.isenabled()
    assert sys.getswitchinterval() < before
    made.end()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert sys.getswitchinterval() == before
