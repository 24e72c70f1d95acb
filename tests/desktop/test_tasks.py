import threading

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.errors import AppError, InvalidInput
from app.desktop.tasks import Tasks


def test_a_result_comes_back_on_the_ui_thread(qtbot: QtBot, tasks: Tasks) -> None:
    came: list[tuple[int, int]] = []
    tasks.run(threading.get_ident, lambda worker: came.append((worker, threading.get_ident())))
    qtbot.waitUntil(lambda: bool(came))
    worker, receiver = came[0]
    assert worker != receiver == threading.get_ident()


def test_an_error_for_a_person_comes_back_as_it_is(qtbot: QtBot, tasks: Tasks) -> None:
    failed: list[AppError] = []

    def work() -> None:
        raise InvalidInput("Not a limit", "Write it like 2.50.")

    tasks.run(work, lambda _none: None, failed.append)
    qtbot.waitUntil(lambda: bool(failed))
    assert (failed[0].title, failed[0].message) == ("Not a limit", "Write it like 2.50.")


def test_a_fault_of_ours_is_logged_and_told_without_its_text(
    qtbot: QtBot, tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    failed: list[AppError] = []

    def work() -> None:
        raise RuntimeError("sk-secret")

    tasks.run(work, lambda _none: None, failed.append)
    qtbot.waitUntil(lambda: bool(failed))
    assert "sk-secret" not in f"{failed[0].title} {failed[0].message}"
    assert "RuntimeError" in caplog.text


def test_a_result_that_comes_after_the_end_is_dropped(qapp: QApplication, tasks: Tasks) -> None:
    came: list[int] = []
    tasks.run(lambda: 1, came.append)
    tasks.stop()
    qapp.processEvents()
    assert came == []
