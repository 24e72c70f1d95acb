from pathlib import Path

from pytestqt.qtbot import QtBot

from app.desktop.single_instance import SingleInstance


def test_a_second_start_shows_the_firsts_window(qtbot: QtBot, tmp_path: Path) -> None:
    first, second = SingleInstance(tmp_path / "ledger"), SingleInstance(tmp_path / "ledger")
    assert first.claim()
    with qtbot.waitSignal(first.asked):
        assert not second.claim()
    first.release()
    assert second.claim()
    second.release()


def test_another_ledger_has_a_tray_of_its_own(qtbot: QtBot, tmp_path: Path) -> None:
    first, other = SingleInstance(tmp_path / "one"), SingleInstance(tmp_path / "other")
    assert first.claim()
    assert other.claim()
    first.release()
    other.release()
