"""Draws every window and the tray icon from sample ledgers, light and dark.

Run with the project's interpreter; needs no screen. Without an argument it draws the README's pictures, into
resources/screenshots; with a folder it draws them there, and those of empty and overflowing ledgers as well.
"""

# ruff: noqa: E402 - the project is found before anything of it is imported

import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from PySide6.QtCore import QSettings, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QWidget

from app.desktop.closing import destroy
from app.desktop.commands import Commands
from app.desktop.first_run.window import FirstRun
from app.desktop.models.chart_range import ChartRange
from app.desktop.models.columns import Clock
from app.desktop.models.ring_state import RingKind, RingState
from app.desktop.models.session_view import SessionRow
from app.desktop.models.snapshot import Snapshot
from app.desktop.popover import Popover
from app.desktop.reading import read_snapshot
from app.desktop.tasks import Tasks
from app.desktop.theme import ThemeSwitch
from app.desktop.tokens import DARK_PANEL, LIGHT_PANEL
from app.desktop.widgets.ring import ring_pixmap
from app.desktop.window import Window
from app.keys.vault import FixedVault
from app.ledger.engine import Ledger
from app.ledger.session_calls import CallWish
from app.services.settings import Settings, Theme
from sample_ledgers import (
    NOW,
    ZONE,
    fill_absurd,
    fill_first_call,
    fill_first_key,
    fill_normal,
    fill_prices,
    fill_waiting,
    open_sample,
)
from sample_loops import fill_loops
from sample_machine import PLACES, SampleMachine
from sample_sessions import fill_sessions

PATIENCE_S = 30
EXPLAINED = "fix retry on 429"


def main() -> int:
    """Draw everything; returns the exit status."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ.setdefault("QT_SCALE_FACTOR", "2")
    is_for_readme = len(sys.argv) == 1
    folder = PROJECT / "resources" / "screenshots" if is_for_readme else Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication(sys.argv[:1])
    set_font(app)
    theme = ThemeSwitch(app, Theme.LIGHT)
    with tempfile.TemporaryDirectory() as home:
        for kind in (Theme.LIGHT, Theme.DARK):
            theme.choose(kind)
            draw_normal(Path(home) / kind, folder, str(kind), has_details=not is_for_readme)
            if not is_for_readme:
                draw_extremes(Path(home) / kind, folder, str(kind))
    draw_icons(folder / "tray-icon.png")
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")
    return 0


def set_font(app: QApplication) -> None:
    """Inter at 13 pixels where it is installed, as in the design's pictures."""
    font = QFont("Inter" if "Inter" in QFontDatabase.families() else app.font().family())
    font.setPixelSize(13)
    app.setFont(font)


def draw_normal(home: Path, folder: Path, suffix: str, *, has_details: bool) -> None:
    """The pictures of an ordinary month in one theme; with details, those of its smaller states as well."""
    full = open_sample(home / "full", fill_normal)
    pages = ("Overview", "Caps", "Approvals", "Keys", "Settings", "Doctor")
    draw_window(full, folder, suffix, pages, has_details=has_details)
    draw_popover(full, folder / f"popover-{suffix}.png")
    full.close()
    draw_prices(home, folder, suffix, has_details=has_details)
    draw_first_run(home, folder, suffix, has_details=has_details)
    sessions = open_sample(home / "sessions", fill_sessions)
    window, tasks, _row = draw_explained(sessions, folder, suffix)
    tasks.stop()
    destroy(window)
    sessions.close()


def draw_extremes(home: Path, folder: Path, suffix: str) -> None:
    """The pictures of a ledger with nothing in it and of one that overflows, in one theme."""
    empty = open_sample(home / "empty", lambda _ledger, _meter: None)
    absurd = open_sample(home / "absurd", fill_absurd)
    for count in (1, 20, 500):
        waiting = open_sample(home / f"waiting-{count}", partial(fill_waiting, count))
        draw_window(waiting, folder, f"waiting-{count}-{suffix}", ("Approvals",))
        draw_popover(waiting, folder / f"popover-waiting-{count}-{suffix}.png")
        waiting.close()
    loops = open_sample(home / "loops", fill_loops)
    draw_window(loops, folder, f"loops-{suffix}", ("Approvals",))
    draw_popover(loops, folder / f"popover-loops-{suffix}.png")
    loops.close()
    for name, ledger, size in (("empty", empty, (1120, 740)), ("absurd", absurd, (1024, 700))):
        draw_window(ledger, folder, f"{name}-{suffix}", ("Overview", "Caps", "Approvals", "Keys"), size=size)
        draw_popover(ledger, folder / f"popover-{name}-{suffix}.png")
        draw_sessions(ledger, folder, f"{name}-{suffix}", size=size)
        ledger.close()
    sessions = open_sample(home / "more-sessions", fill_sessions)
    draw_sessions(sessions, folder, f"full-{suffix}")
    sessions.close()


def draw_window(
    ledger: Ledger, folder: Path, suffix: str, pages: tuple[str, ...], *, size: tuple[int, int] = (1120, 740),
    has_details: bool = False,
) -> None:  # fmt: skip
    """One picture a page, and the cap editor over its page."""
    window, tasks = make_window(ledger, folder)
    window.resize(*size)
    window.show()
    for page in pages:
        snapshot = read_snapshot(ledger, NOW, ZONE)
        window.show_snapshot(snapshot)
        window.open_page(page)
        if page == "Overview":
            wait_for_range(window, ChartRange.MONTH)
        save(window, folder / f"{page.lower()}-{suffix}.png")
    if "Doctor" in pages and has_details:
        window.doctor.toggle_passed()
        save(window, folder / f"doctor-passed-{suffix}.png")
        draw_no_tray(window, folder / f"no-tray-{suffix}.png")
    if "Settings" in pages:
        draw_editor(window, folder / f"cap-editor-{suffix}.png")
        window.open_page("Overview")
        for chosen in tuple(ChartRange) if has_details else (ChartRange.DAY,):
            window.overview.choose_range(chosen)
            wait_for_range(window, chosen)
            save(window, folder / f"overview-{chosen.name.lower()}-{suffix}.png")
    tasks.stop()
    destroy(window)


def draw_explained(
    ledger: Ledger, folder: Path, suffix: str, *, size: tuple[int, int] = (1120, 740)
) -> tuple[Window, Tasks, SessionRow | None]:
    """The list of sessions, one folded out and explained. Returns the window that shows it, and that row."""
    window, tasks = make_window(ledger, folder)
    window.resize(*size)
    window.show()
    window.show_snapshot(read_snapshot(ledger, NOW, ZONE))
    window.open_page("Sessions")
    page = window.sessions
    wait_until(lambda: page.list.shelf.seen is not None)
    rows = [page.list.rows.value(place) for place in range(page.list.rows.rowCount())]
    if not rows:
        return window, tasks, None
    row = next((row for row in rows if row.name == EXPLAINED), max(rows, key=lambda row: row.sums.calls))
    page.list.table.selectRow(rows.index(row))
    page.list.table.folded.emit(row)
    page.orders.explain()
    wait_until(lambda: page.panel.view is not None)
    save(window, folder / f"sessions-{suffix}.png")
    return window, tasks, row


def draw_sessions(ledger: Ledger, folder: Path, suffix: str, *, size: tuple[int, int] = (1120, 740)) -> None:
    """The same, then the list alone, the calls of that session, one call, and the week's review."""
    window, tasks, row = draw_explained(ledger, folder, suffix, size=size)
    page = window.sessions
    if row is not None:
        page.panel.close_panel()
        page.list.table.clearSelection()
    save(window, folder / f"sessions-list-{suffix}.png")
    if row is not None:
        page.open_session(row.session, CallWish())
        wait_until(lambda: page.calls.rows.rowCount() > 0)
        save(window, folder / f"session-calls-{suffix}.png")
        page.open_call(page.calls.rows.value(min(2, page.calls.rows.rowCount() - 1)))
        wait_until(lambda: bool(page.call.words))
        save(window, folder / f"session-call-{suffix}.png")
    window.open_page("Review")
    wait_until(lambda: window.review.view is not None)
    save(window, folder / f"review-{suffix}.png")
    tasks.stop()
    destroy(window)


def draw_prices(home: Path, folder: Path, suffix: str, *, has_details: bool) -> None:
    """The prices, with some of a person's own and models without any, and the dialog that sets one."""
    ledger = open_sample(home / "prices", fill_prices)
    window, tasks = make_window(ledger, folder)
    window.resize(1120, 740)
    window.open_page("Prices")
    window.show()
    window.show_snapshot(read_snapshot(ledger, NOW, ZONE))
    wait_until(lambda: window.prices.rows.rowCount() > 0)
    save(window, folder / f"prices-{suffix}.png")
    if has_details:
        window.prices.table.selectRow(3)
        window.prices.open_set()
        assert window.prices.dialog is not None
        save(window.prices.dialog, folder / f"price-dialog-{suffix}.png")
        window.prices.dialog.reject()
    tasks.stop()
    destroy(window)
    ledger.close()


def draw_first_run(home: Path, folder: Path, suffix: str, *, has_details: bool) -> None:
    """The first step of the first run; with details all steps, the last one waiting and with its call."""
    ledger = open_sample(home / "first-run", fill_first_key)
    tasks = Tasks()
    settings = ledger.path.with_name("settings.json")
    commands = Commands(ledger, FixedVault({}), tasks, settings, ZONE.key)
    commands.machine = SampleMachine(ledger, FixedVault({}), tasks, settings)
    first_run = FirstRun(commands, "bursar", NOW - timedelta(minutes=1))
    first_run.show_snapshot(read_snapshot(ledger, NOW, ZONE))
    first_run.show()
    save(first_run, folder / f"first-run-{suffix}.png")
    for place, name in enumerate(("agents", "keys", "cap", "check") if has_details else ()):
        wait_until(partial(has_come_to, first_run, place))
        save(first_run, folder / f"first-run-{name}-{suffix}.png")
        if name != "check":
            first_run.go_on()
    if has_details:
        fill_first_call(ledger)
        first_run.show_snapshot(read_snapshot(ledger, NOW, ZONE))
        save(first_run, folder / f"first-run-call-{suffix}.png")
    tasks.stop()
    destroy(first_run)
    ledger.close()


def has_come_to(first_run: FirstRun, place: int) -> bool:
    """Whether this step of the first run is open."""
    return first_run.place == place


def wait_until(is_there: Callable[[], bool]) -> None:
    """Let the windows work until then."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_there():
        if time.monotonic() > deadline:
            raise TimeoutError("a window did not read in time")
        QApplication.processEvents()
        time.sleep(0.01)


def wait_for_range(window: Window, chosen: ChartRange) -> None:
    """Let the Overview read a range, where there is anything to read."""
    page = window.overview
    wait_until(lambda: page.is_empty or (page.overview is not None and page.overview.range is chosen))


def make_window(ledger: Ledger, folder: Path) -> tuple[Window, Tasks]:
    """A window on this ledger that keeps nothing."""
    tasks = Tasks()
    commands = Commands(ledger, FixedVault({}), tasks, ledger.path.with_name("settings.json"), ZONE.key)
    commands.machine = SampleMachine(ledger, FixedVault({}), tasks, ledger.path.with_name("settings.json"))
    commands.places = PLACES
    state = QSettings(str(ledger.path.with_name("window.ini")), QSettings.Format.IniFormat)
    return Window(commands, Settings(), ZONE, Clock(NOW, ZONE), state), tasks


def draw_no_tray(window: Window, file: Path) -> None:
    """The line on top of the window where there is no tray."""
    window.no_tray.tell_missing()
    window.no_tray.buttons["Start at login"].show()
    save(window, file)
    window.no_tray.hide()


def draw_editor(window: Window, file: Path) -> None:
    """The editor of the second cap."""
    window.open_page("Caps")
    row = window.caps.rows()[1]
    window.caps.edit(row.view)
    assert window.caps.editor is not None
    save(window.caps.editor, file)
    window.caps.editor.reject()


def draw_popover(ledger: Ledger, file: Path) -> None:
    """The popover."""
    tasks = Tasks()
    popover = Popover(Commands(ledger, FixedVault({}), tasks, ledger.path.with_name("settings.json"), ZONE.key))
    snapshot: Snapshot = read_snapshot(ledger, NOW, ZONE)
    popover.show_snapshot(snapshot)
    popover.show()
    save(popover, file)
    tasks.stop()
    destroy(popover)


def save(widget: QWidget, file: Path) -> None:
    """Let it lay itself out, then take its picture."""
    for _ in range(4):
        QApplication.processEvents()
    widget.grab().save(str(file))


def draw_icons(file: Path) -> None:
    """The ring in every state at three sizes on a dark and a light panel."""
    states = [RingState(kind, share) for kind, share in (
        (RingKind.FINE, 0.38), (RingKind.NEAR, 0.86), (RingKind.AT, 1.0), (RingKind.PAUSED, 0.5),
        (RingKind.NO_CAP, 0.0), (RingKind.UNKNOWN, 0.0), (RingKind.DOWN, 0.0),
    )]  # fmt: skip
    states[3:3] = [RingState(RingKind.AT, 1.0, True), RingState(RingKind.FINE, 0.38, True)]
    sheet = QPixmap(QSize(2 * 440, len(states) * 120))
    painter = QPainter(sheet)
    for left, ground, inks in ((0, "#1E1F22", DARK_PANEL), (440, "#EDECEA", LIGHT_PANEL)):
        painter.fillRect(left, 0, 440, sheet.height(), QColor(ground))
        for row, state in enumerate(states):
            for column, size in enumerate((16, 22, 32, 44)):
                pixmap = ring_pixmap(size, state, inks, 2.0)
                pixmap.setDevicePixelRatio(1.0)
                painter.drawPixmap(left + 40 + column * 100, row * 120 + 60 - pixmap.height() // 2, pixmap)
    painter.end()
    sheet.save(str(file))


if __name__ == "__main__":
    QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    raise SystemExit(main())
