"""The pictures that are the same at every size of the window: popover, dialogs, the first run, menu and tray icon."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import partial

from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QLabel

from app.core.sent_input import ColdSoon
from app.core.tags import Scope
from app.desktop.closing import destroy
from app.desktop.first_run.window import FirstRun
from app.desktop.models.ring_state import RingKind, RingState
from app.desktop.pages.cap_editor import CapEditor
from app.desktop.pages.caps import CapsPage
from app.desktop.pages.key_dialogs import ConfirmDialog
from app.desktop.pages.price_dialogs import ConcernsDialog
from app.desktop.pages.session_chooser import SessionChooser
from app.desktop.pages.virtual_key_dialogs import ShowKeyDialog
from app.desktop.popover import Popover
from app.desktop.tasks import Tasks
from app.desktop.tokens import DARK_PANEL, LIGHT_PANEL, TEMPLATE, Inks
from app.desktop.tray import Tray
from app.desktop.widgets.ring import ring_pixmap
from app.pricing.review import Concern, Doubt
from app.services.price_updates import Update
from picture_scenes import DOWN, Scene, Shots
from picture_stage import ABSURD, EMPTY, KINDS, NORMAL, Stage, read, sample_commands, settle, wait_until
from sample_ledgers import NOW, SEED, fill_first_call, fill_first_key
from stillness import sample_token

_LATE = "The disk has 4 MB left. New calls are refused until there is room; calls on their way are settled."
_STATES = (
    RingState(RingKind.FINE, 0.38), RingState(RingKind.NEAR, 0.86), RingState(RingKind.AT, 1.0),
    RingState(RingKind.AT, 1.0, True), RingState(RingKind.FINE, 0.38, True), RingState(RingKind.PAUSED, 0.5),
    RingState(RingKind.NO_CAP, 0.0), RingState(RingKind.UNKNOWN, 0.0), RingState(RingKind.DOWN, 0.0),
)  # fmt: skip
_SHOWN_SIZES = (16, 22, 32, 44)
_ALL_SIZES = (16, 18, 20, 22, 24, 32, 44, 48, 64)
_CELL, _ROW = 100, 120


def popover(stage: Stage) -> Shots:
    """As it opens, with the meter down, paused, on a full disk, with a session that was stopped."""
    ledger = stage.ledger("month")
    with stage.popover("month") as one:
        yield "popover", one
    states: dict[str, dict[str, object]] = {
        "down": {"meter": None, "trouble": DOWN}, "paused": {"is_paused": True},
        "full-disk": {"ledger_trouble": ("The disk is full", _LATE)},
    }  # fmt: skip
    for name, changes in states.items():
        with stage.popover("month", **changes) as one:
            yield f"popover-{name}", one
    if stage.kind != EMPTY:
        snapshot = read(ledger)
        stopped = frozenset(one.session for one in snapshot.sessions[:1])
        with stage.popover("month", stopped=stopped, waiting=(), caps=()) as one:
            yield "popover-stopped", one


def popover_asking(stage: Stage) -> Shots:
    """With calls that wait, few and many, in loops, and with the forms that answers open."""
    for sample in ("waiting-1", "waiting-3", "waiting-20", "waiting-500", "loops"):
        with stage.popover(sample) as one:
            yield f"popover-{sample}", one
    with stage.popover("waiting-1") as one:
        answers = one.bands()[0].answers
        answers.open_raise()
        yield "popover-raise", _fitted(one)
        answers._close_form()
        answers.open_session()
        yield "popover-session", _fitted(one)


def popover_cold(stage: Stage) -> Shots:
    """With a cache that goes cold soon."""
    busiest = read(stage.ledger("month")).at_work[0]
    who = (busiest.session, busiest.task, busiest.agent, busiest.project)
    cold = ColdSoon(*who, NOW + timedelta(seconds=42), 31_000_000)
    with stage.popover("month", cold=(cold,)) as one:
        yield "popover-cold", one


def _fitted(one: Popover) -> Popover:
    settle()
    one._fit()
    return one


def cap_dialogs(stage: Stage) -> Shots:
    """The editor of a cap, of a new one with a mistake in it, and of a session's."""
    with stage.window("month", "Caps") as window:
        page = window.caps
        page.edit(page.rows()[min(1, len(page.rows()) - 1)].view)
        first = page.editor
        assert first is not None
        wait_until(lambda: first.preview.words)
        yield "cap-editor", first
        first.reject()
        editor = _new_cap(page)
        editor.limit.setText("nothing")
        editor.save()
        yield "cap-editor-error", editor
        editor.reject()
        editor = _new_cap(page)
        editor.begin_with(Scope.SESSION, "s-1")
        yield "cap-editor-session", editor
        editor.reject()


def _new_cap(page: CapsPage) -> CapEditor:
    page.create_new()
    assert page.editor is not None
    return page.editor


def key_dialogs(stage: Stage) -> Shots:
    """Everything that the Keys page asks and shows."""
    with stage.window("month", "Keys") as window:
        page, providers = window.keys, window.keys.providers
        page.key_table.selectRow(0)
        providers.table.selectRow(0)
        for name, ask in (("new", page.create_new), ("token", page.ask_rotate), ("revoke", page.ask_revoke)):
            ask()
            assert page.dialog is not None
            yield f"key-{name}", page.dialog
            page.dialog.reject()
        shown = ShowKeyDialog("codex", sample_token(SEED), page)
        shown.open()
        yield "key-shown", shown
        shown.reject()
        for name, ask in (
            ("add", providers.open_new), ("replace", providers.open_replacement), ("use", providers.open_use),
            ("move", providers.open_move), ("remove", providers.ask_removal), ("help", providers.explain),
        ):  # fmt: skip
            ask()
            assert providers.dialog is not None
            yield f"provider-key-{name}", providers.dialog
            providers.dialog.reject()


def other_dialogs(stage: Stage) -> Shots:
    """A price, prices that need a look, an agent connected for good, another session to compare with."""
    with stage.window("prices", "Prices") as window:
        page = window.prices
        wait_until(lambda: page.rows.rowCount() > 0)
        page.table.selectRow(3)
        page.open_set()
        assert page.dialog is not None
        yield "price-dialog", page.dialog
        page.dialog.reject()
        before, after = (Decimal("3"), Decimal("15")), (Decimal("0.3"), Decimal("1.5"))
        concerns = tuple(
            Concern(doubt, "anthropic", f"claude-sonnet-{number}-of-a-long-name-20261101", before, after)
            for number, doubt in enumerate(Doubt)
        )
        asks = ConcernsDialog(Update(b"", "", NOW, "1", 1_204, concerns), lambda: None, page)
        asks.open()
        yield "price-concerns", asks
        asks.reject()
    with stage.window("month", "Doctor") as window:
        mend = window.doctor.rows()[4].mend_button
        assert mend is not None
        mend.click()
        wait_until(lambda: window.doctor.dialog is not None and window.doctor.dialog.isVisible())
        assert window.doctor.dialog is not None
        yield "connect", window.doctor.dialog
        window.doctor.dialog.reject()


def choosing(stage: Stage) -> Shots:
    """Another session to compare with, and a question before what cannot be undone."""
    with stage.window("sessions", "Sessions") as window:
        chooser = SessionChooser(window.sessions.panel._commands, window.sessions)
        chooser.open()
        wait_until(lambda: chooser.rows.rowCount() > 0)
        yield "session-chooser", chooser
        chooser.reject()
        asks = ConfirmDialog("Revoke “codex”?", "It was last used 8 s ago. This cannot be undone.", "Revoke", window)
        asks.open()
        yield "question", asks
        asks.reject()


def first_run(stage: Stage) -> Shots:
    """Each step, the last one waiting, in vain, and with its call."""
    ledger = stage.shelf.fresh(fill_first_key, "first-run")
    tasks = Tasks()
    one = FirstRun(sample_commands(ledger, tasks), "bursar", NOW - timedelta(minutes=1))
    one.show_snapshot(read(ledger))
    one.show()
    for place, name in enumerate(("first-run", "first-run-keys", "first-run-cap", "first-run-check")):
        wait_until(partial(_has_come_to, one, place))
        yield name, one
        if place < 3:
            one.go_on()
    one.check._lose_patience()  # it has for a minute
    yield "first-run-late", one
    fill_first_call(ledger)
    one.show_snapshot(read(ledger))
    yield "first-run-call", one
    tasks.stop()
    destroy(one)
    stage.shelf.drop("first-run")


def _has_come_to(one: FirstRun, place: int) -> bool:
    return one.place == place


@contextmanager
def _tray(stage: Stage) -> Iterator[Tray]:
    ledger, tasks = stage.ledger("month"), Tasks()
    commands = sample_commands(ledger, tasks)
    panel = Popover(commands)
    made = Tray(commands, panel)
    made.show_snapshot(read(ledger))
    made.fill_menu()
    try:
        yield made
    finally:
        tasks.stop()
        made.icon.hide()
        destroy(panel, made.menu, made)


def tray_menu(stage: Stage) -> Shots:
    """The menu, which is all that some panels show."""
    with _tray(stage) as tray:
        tray.menu.popup(tray.menu.pos())
        yield "tray-menu", tray.menu
        tray.menu.hide()


def tray_icon(_stage: Stage) -> Shots:
    """The ring in every state, at four sizes for the README and at all sizes to look at."""
    yield "tray-icon", _sheet(_SHOWN_SIZES, (("#1E1F22", DARK_PANEL), ("#EDECEA", LIGHT_PANEL)))
    panels = (("#1E1F22", DARK_PANEL), ("#EDECEA", LIGHT_PANEL), ("#D6DCE6", TEMPLATE))
    yield "tray-icon-sizes", _sheet(_ALL_SIZES, panels)


def _sheet(sizes: tuple[int, ...], panels: tuple[tuple[str, Inks], ...]) -> QLabel:
    width = _CELL * len(sizes) + 40
    sheet = QPixmap(QSize(len(panels) * width, len(_STATES) * _ROW))
    painter = QPainter(sheet)
    for panel, (ground, inks) in enumerate(panels):
        painter.fillRect(panel * width, 0, width, sheet.height(), QColor(ground))
        for row, state in enumerate(_STATES):
            for column, size in enumerate(sizes):
                pixmap = ring_pixmap(size, state, inks, 2.0)
                pixmap.setDevicePixelRatio(1.0)
                painter.drawPixmap(panel * width + 40 + column * _CELL, row * _ROW + 60 - pixmap.height() // 2, pixmap)
    painter.end()
    shown = QLabel()
    sheet.setDevicePixelRatio(shown.devicePixelRatio())
    shown.setPixmap(sheet)
    shown.adjustSize()
    return shown


_ASKING = ("waiting-1", "waiting-3", "waiting-20", "waiting-500", "loops", "raise", "session")
_PROVIDER_DIALOGS = ("add", "replace", "use", "move", "remove", "help")
SMALL_SCENES = (
    Scene(
        popover, ("popover", *(f"popover-{name}" for name in ("down", "paused", "full-disk", "stopped"))), KINDS,
        is_sized=False,
    ),
    Scene(popover_asking, tuple(f"popover-{name}" for name in _ASKING), is_sized=False),
    Scene(popover_cold, ("popover-cold",), is_sized=False),
    Scene(cap_dialogs, ("cap-editor", "cap-editor-error", "cap-editor-session"), (NORMAL, ABSURD), is_sized=False),
    Scene(
        key_dialogs,
        (
            *(f"key-{name}" for name in ("new", "token", "revoke", "shown")),
            *(f"provider-key-{name}" for name in _PROVIDER_DIALOGS),
        ),
        (NORMAL, ABSURD), is_sized=False,
    ),
    Scene(other_dialogs, ("price-dialog", "price-concerns", "connect"), is_sized=False),
    Scene(choosing, ("session-chooser", "question"), (NORMAL, ABSURD), is_sized=False),
    Scene(
        first_run, ("first-run", *(f"first-run-{name}" for name in ("keys", "cap", "check", "late", "call"))),
        is_sized=False,
    ),
    Scene(tray_menu, ("tray-menu",), KINDS, is_sized=False),
    Scene(tray_icon, ("tray-icon", "tray-icon-sizes"), is_sized=False),
)  # fmt: skip
