"""Every control can be reached by Tab in reading order, and tells a screen reader what it is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QRadioButton, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from app.core.money import NANO_PER_USD
from app.core.provider_keys import KeyName, Trial
from app.core.tags import Tags
from app.desktop.popover import Popover
from app.desktop.reading import read_snapshot
from app.desktop.widgets.buttons import Segments
from app.desktop.window import Window
from app.keys.issue import issue_key
from app.ledger import provider_key_store
from app.ledger.engine import Ledger
from tests.desktop.conftest import TAGS, ZONE, Scribe
from tests.desktop.test_window import cap_on_billing

PAGES = ("Overview", "Sessions", "Caps", "Approvals", "Keys", "Review", "Prices", "Settings", "Doctor")
MOST_STOPS = 400


@pytest.fixture
def full(ledger: Ledger, scribe: Scribe) -> Ledger:
    """Something on every page."""
    for number in range(12):
        task = Tags("billing-api", "Claude Code", "mara", "core", f"task {number % 3}", f"s-{number % 3}")
        at = datetime.now(UTC) - timedelta(seconds=40 * number + 1)
        scribe.write_call(80_000_000 * (number + 1), tags=task, at=at)
    cap_on_billing(ledger, NANO_PER_USD)
    scribe.ask(2 * NANO_PER_USD, tags=TAGS)
    issue_key(ledger, name="codex", tags=Tags(project="web-shop", agent="Codex"))
    provider_key_store.note_provider_key(ledger, KeyName("anthropic"), datetime.now(UTC))
    provider_key_store.note_trial(ledger, KeyName("anthropic"), Trial.WORKS, datetime.now(UTC))
    return ledger


def stops(within: QWidget) -> Iterator[QWidget]:
    """What Tab has to reach."""
    for one in within.findChildren(QWidget):
        by_tab = one.focusPolicy() & Qt.FocusPolicy.TabFocus and one.focusProxy() is None
        if by_tab and one.isVisible() and one.isEnabled() and not is_other_of_group(one):
            yield one


def is_other_of_group(one: QWidget) -> bool:
    """Of a group of which one is taken, Tab reaches that one, and arrows the others."""
    if isinstance(one, QRadioButton):
        return not one.isChecked()
    return isinstance(one, QPushButton) and isinstance(one.parentWidget(), Segments) and not one.isChecked()


def spoken(one: QWidget) -> str:
    """What a screen reader says of it."""
    return QAccessible.queryAccessibleInterface(one).text(QAccessible.Text.Name).strip()


def place(one: QWidget, within: QWidget) -> QRect:
    """Where it stands, however far things are scrolled."""
    scrolled, parent = 0, one.parentWidget()
    while parent is not None and parent is not within:
        scrolled += parent.verticalScrollBar().value() if isinstance(parent, QScrollArea) else 0
        parent = parent.parentWidget()
    return QRect(one.mapTo(within, QPoint(0, scrolled)), one.size())


def walk(qtbot: QtBot, within: QWidget) -> list[QWidget]:
    """Press Tab until it comes round. A table or a list is one stop."""
    window = within.window()
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    window.setFocus()
    seen: list[QWidget] = []
    for _ in range(MOST_STOPS):
        QTest.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Tab)
        focused = QApplication.focusWidget()
        assert focused is not None
        if focused in seen:
            return seen
        seen.append(focused)
    raise AssertionError(f"Tab does not come round: {seen[-5:]}")


def out_of_order(seen: list[QWidget], within: QWidget) -> list[str]:
    """Pairs of which the second stands before the first: left of it in the same row, or above and not to its right."""
    wrong = []
    for one, other in pairwise(seen):
        first, second = place(one, within), place(other, within)
        is_above = second.bottom() <= first.top() and second.left() < first.right()
        is_left = second.right() <= first.left() and second.top() < first.bottom() and second.bottom() > first.top()
        if is_above or is_left:
            wrong.append(f"{spoken(one)} -> {spoken(other)}")
    return wrong


def check(qtbot: QtBot, within: QWidget) -> None:
    wanted = list(stops(within))
    assert wanted
    assert [one for one in wanted if not spoken(one)] == []
    seen = walk(qtbot, within)
    missed = [one for one in wanted if one not in seen]
    assert [spoken(one) for one in missed] == []
    assert out_of_order([one for one in seen if one in wanted], within) == []


@pytest.mark.parametrize("page", PAGES)
def test_tab_reaches_every_control_of_a_page_in_reading_order(
    qtbot: QtBot, window: Window, full: Ledger, page: str
) -> None:
    window.open_page(page)
    ready = {
        "Overview": lambda: window.overview.overview is not None and window.overview.where.isVisible(),
        "Sessions": lambda: window.sessions.list.rows.rowCount() >= 3,
        "Caps": lambda: len(window.caps.rows()) == 1,
        "Approvals": lambda: window.approvals.detail is not None,
        "Keys": lambda: window.keys.key_rows.rowCount() == 1 and window.keys.providers.rows.rowCount() == 1,
        "Review": lambda: window.review.view is not None,
        "Prices": lambda: window.prices.rows.rowCount() > 0,
    }.get(page, lambda: True)
    qtbot.waitUntil(ready)
    if page == "Keys":
        window.keys.key_table.selectRow(0)
        window.keys.providers.table.selectRow(0)
    if page == "Sessions":
        window.sessions.list.table.selectRow(0)
        window.sessions.orders.explain()
        qtbot.waitUntil(lambda: window.sessions.panel.view is not None)
    check(qtbot, window)


def test_tab_reaches_every_control_of_the_popover(qtbot: QtBot, commands: object, full: Ledger) -> None:
    popover = Popover(commands)  # type: ignore[arg-type]
    qtbot.addWidget(popover)
    popover.show_snapshot(read_snapshot(full, datetime.now(UTC), ZONE))
    popover.show()
    area = popover.findChild(QScrollArea)
    assert area is not None
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() == 0)
    check(qtbot, popover)


def test_every_painted_thing_has_words(qtbot: QtBot, window: Window, full: Ledger) -> None:
    """Rings, bars, sparklines and graphs are pictures to the eye, so each says what it shows."""
    window.open_page("Overview")
    qtbot.waitUntil(lambda: window.overview.overview is not None)
    painted = {"Ring", "CapBar", "Sparkline", "SpendChart", "WholeBar", "Legend"}
    for page in ("Overview", "Caps"):
        window.open_page(page)
        qtbot.waitUntil(lambda: bool(window.caps.rows()) or window.page_name == "Overview")
        found = [one for one in window.findChildren(QWidget) if type(one).__name__ in painted and one.isVisible()]
        assert found
        assert [type(one).__name__ for one in found if not spoken(one)] == []
