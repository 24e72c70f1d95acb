"""The pictures of the window: every page with its states, at the size that is asked for.

A scene is a function that shows something and yields a name and the widget to be taken; SCENES says what each yields.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from PySide6.QtWidgets import QScrollArea, QWidget

from app.core.errors import LedgerError, VaultAbsent, VaultLocked
from app.desktop.models.chart_range import ChartRange
from app.desktop.models.session_view import SessionRow
from app.desktop.pages.sessions import SessionsPage
from app.desktop.window import Window
from app.ledger.session_calls import CallWish
from picture_stage import ABSURD, EMPTY, KINDS, NORMAL, Stage, read, settle, wait_until
from sample_exports import ON_CALL, SETTINGS, STATES, SampleExports

type Shot = tuple[str, QWidget]
type Shots = Iterator[Shot]

EXPLAINED = "fix retry on 429"
DOWN = "Bursar tried to restart it 3 times; another program uses port 8787."


@dataclass(frozen=True)
class Scene:
    """What is shown, the names of its pictures, and for which kinds of ledger. A scene that is not `is_sized` looks the
    same at every size of the window."""

    show: Callable[[Stage], Shots]
    names: tuple[str, ...]
    kinds: tuple[str, ...] = (NORMAL,)
    is_sized: bool = True


def overview(stage: Stage) -> Shots:
    """Every range, and the table in the place of the graph."""
    with stage.window("month", "Overview") as window:
        page = window.overview
        yield "overview", _in_range(window, ChartRange.MONTH)
        if page.is_empty:
            return
        for chosen in ChartRange:
            if chosen is not ChartRange.MONTH:
                page.choose_range(chosen)
                yield f"overview-{chosen.name.lower()}", _in_range(window, chosen)
        page.choose_range(ChartRange.MONTH)
        page.toggle_table()
        yield "overview-table", _in_range(window, ChartRange.MONTH)


def _in_range(window: Window, chosen: ChartRange) -> Window:
    page = window.overview
    wait_until(lambda: page.is_empty or (page.overview is not None and page.overview.range is chosen))
    return window


def sessions(stage: Stage) -> Shots:
    """One explained, the list alone and folded out, a filter that finds nothing, one that was stopped."""
    with stage.window("sessions", "Sessions") as window:
        page = window.sessions
        rows = _session_rows(page)
        yield "sessions-list", window
        if not rows:
            return
        row = _explained(rows)
        page.list.table.folded.emit(row)
        yield "sessions-tree", window
        page.list.table.selectRow(rows.index(row))
        yield "sessions-selected", window
        page.orders.undo.offer("Stopped. Its next call is refused.", lambda: None)
        yield "sessions-undo", window
        page.orders.undo.hide()
        page.orders.explain()
        wait_until(lambda: page.panel.view is not None)
        yield "sessions", window
        page.panel.close_panel()
        page.list.search.setText("nothing is called so")
        wait_until(lambda: page.list.rows.rowCount() == 0 and not page.list.table.isVisible())
        yield "sessions-none", window


def one_session(stage: Stage) -> Shots:
    """Its calls, and one of them."""
    with stage.window("sessions", "Sessions") as window:
        page = window.sessions
        page.open_session(_explained(_session_rows(page)).session, CallWish())
        wait_until(lambda: page.calls.rows.rowCount() > 0)
        yield "session-calls", window
        page.open_call(page.calls.rows.value(min(2, page.calls.rows.rowCount() - 1)))
        wait_until(lambda: bool(page.call.words))
        yield "session-call", window


def _session_rows(page: SessionsPage) -> list[SessionRow]:
    wait_until(lambda: page.list.shelf.seen is not None)
    return [page.list.rows.value(place) for place in range(page.list.rows.rowCount())]


def _explained(rows: list[SessionRow]) -> SessionRow:
    return next((row for row in rows if row.name == EXPLAINED), max(rows, key=lambda row: row.sums.calls))


def caps(stage: Stage) -> Shots:
    """All caps, and one just taken away while everything is paused."""
    with stage.window("month", "Caps") as window:
        yield "caps", window
        window.show_snapshot(replace(read(stage.ledger("month")), is_paused=True))
        window.caps.undo.offer("Cap removed.", lambda: None)
        yield "caps-undo", window


def approvals(stage: Stage) -> Shots:
    """One that waits, none, and the forms that answers open."""
    with stage.window("month", "Approvals") as window:
        yield "approvals", window
        if (detail := window.approvals.detail) is None:
            return
        detail.answers.open_raise()
        yield "approvals-raise", window
        window.show_snapshot(replace(read(stage.ledger("month")), waiting=()))
        yield "approvals-none", window


def many_wait(stage: Stage) -> Shots:
    """3, 20 and 500 calls that wait, and agents in loops."""
    for sample in ("waiting-3", "waiting-20", "waiting-500", "loops"):
        with stage.window(sample, "Approvals") as window:
            yield f"approvals-{sample}", window


def keys(stage: Stage) -> Shots:
    """Both halves, a key of each chosen, and a keyring that is locked or absent."""
    with stage.window("month", "Keys") as window:
        page = window.keys
        yield "keys", window
        page.key_table.selectRow(0)
        page.providers.table.selectRow(0)
        yield "keys-selected", window
        for name, error in (("locked", VaultLocked("", "")), ("absent", VaultAbsent("", ""))):
            page.providers._show_trouble(error)  # the keyring looks at itself every five seconds
            yield f"keys-{name}", window


def review(stage: Stage) -> Shots:
    """The week so far, and the one before."""
    with stage.window("sessions", "Review") as window:
        page = window.review
        wait_until(lambda: page.view is not None)
        yield "review", window
        first = page.view
        page.earlier.click()
        wait_until(lambda: page.view is not first)
        yield "review-before", window


def prices(stage: Stage) -> Shots:
    """All prices, one chosen, and a search that finds none."""
    with stage.window("prices", "Prices") as window:
        page = window.prices
        wait_until(lambda: page.rows.rowCount() > 0)
        yield "prices", window
        page.table.selectRow(3)
        yield "prices-selected", window
        page.search.setText("nothing is called so")
        yield "prices-none", window


def settings(stage: Stage) -> Shots:
    """From top to end."""
    with stage.window("month", "Settings") as window:
        yield "settings", window
        area = window.settings.findChild(QScrollArea)
        assert area is not None
        area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
        yield "settings-end", window
        window.settings.error.tell(LedgerError("Not a port", "A port is a whole number from 1 to 65535."))
        yield "settings-error", window


def settings_exports(stage: Stage) -> Shots:
    """What is exported, and what becomes of it."""
    with stage.window("month", "Settings") as window:
        section = window.settings.exports
        area = window.settings.findChild(QScrollArea)
        assert area is not None
        settle()
        area.ensureWidgetVisible(section.add_button, 0, 200)
        yield "exports-none", window
        commands = section.commands
        assert isinstance(commands, SampleExports)
        commands.states = STATES
        window.settings.show_settings(SETTINGS)
        settle()
        area.ensureWidgetVisible(section.add_button, 0, 60)
        yield "exports", window


def export_dialogs(stage: Stage) -> Shots:
    """Everything that the Settings page asks about exports."""
    with stage.window("month", "Settings") as window:
        section = window.settings.exports
        window.settings.show_settings(SETTINGS)
        for name, ask in (
            ("add", section.open_new), ("headers", section.open_headers), ("remove", lambda: section.remove(ON_CALL)),
            ("secret", lambda: section.show_secret("on-call", "whsec_c2lnbmluZy1rZXktb2YtdGhlLXRlc3RzLTMyLWJ5dGU=")),
        ):  # fmt: skip
            ask()
            assert section.dialog is not None
            yield f"webhook-{name}", section.dialog
            section.dialog.reject()


def doctor(stage: Stage) -> Shots:
    """What it found, and what passed as well."""
    with stage.window("month", "Doctor") as window:
        yield "doctor", window
        window.doctor.toggle_passed()
        yield "doctor-passed", window


def trouble(stage: Stage) -> Shots:
    """The lines on top: no tray, the meter down, a reading that failed, all of them."""
    with stage.window("month", "Overview") as window:
        _in_range(window, ChartRange.MONTH)
        window.no_tray.tell_missing()
        window.no_tray.buttons["Start at login"].show()
        yield "no-tray", window
        window.no_tray.hide()
        down = replace(read(stage.ledger("month")), meter=None, trouble=DOWN)
        window.show_snapshot(down)
        yield "meter-down", window
        window.show_failure(LedgerError("The ledger could not be read", "The disk answers with an error (5)."))
        yield "ledger-unread", window


SCENES = (
    Scene(
        overview,
        ("overview", *(f"overview-{name}" for name in ("live", "hour", "day", "week", "year", "table"))), KINDS,
    ),
    Scene(
        sessions,
        ("sessions", *(f"sessions-{name}" for name in ("list", "tree", "selected", "undo", "none"))), KINDS,
    ),
    Scene(one_session, ("session-calls", "session-call"), (NORMAL, ABSURD)),
    Scene(caps, ("caps", "caps-undo"), KINDS),
    Scene(approvals, ("approvals", "approvals-raise", "approvals-none"), KINDS),
    Scene(many_wait, tuple(f"approvals-{name}" for name in ("waiting-3", "waiting-20", "waiting-500", "loops"))),
    Scene(keys, ("keys", "keys-selected", "keys-locked", "keys-absent"), KINDS),
    Scene(review, ("review", "review-before"), KINDS),
    Scene(prices, ("prices", "prices-selected", "prices-none"), KINDS),
    Scene(settings, ("settings", "settings-end", "settings-error")),
    Scene(settings_exports, ("exports-none", "exports")),
    Scene(
        export_dialogs, tuple(f"webhook-{name}" for name in ("add", "headers", "remove", "secret")), is_sized=False
    ),
    Scene(doctor, ("doctor", "doctor-passed")),
    Scene(trouble, ("no-tray", "meter-down", "ledger-unread"), (NORMAL, EMPTY)),
)  # fmt: skip
