"""Keeps the list of sessions up to date while its page is open: one reading at a time, each of what is new."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from app.core.errors import AppError
from app.core.session import SessionFilter
from app.desktop.models.session_shelf import SessionShelf
from app.desktop.models.session_view import SessionState
from app.desktop.models.snapshot import LATELY, Snapshot
from app.desktop.questions import GoOn, Questions
from app.desktop.session_reading import ListReading, read_list
from app.ledger.engine import Ledger
from app.ledger.session_list import PageWish

PAGE = 60


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is looked for. Another one than before begins a new shelf."""

    wanted: SessionFilter
    state: SessionState | None
    sessions: frozenset[str] | None


class SessionWatch(QObject):
    """`changed` tells that the shelf holds more or other sessions, `named` which agents and projects there are."""

    changed = Signal()
    named = Signal(object, object)

    def __init__(self, questions: Questions, failed: Callable[[AppError], None], owner: QObject) -> None:
        super().__init__(owner)
        self._question = questions.new(self)
        self._failed = failed
        self._asked: _Asked | None = None
        self._snapshot: Snapshot | None = None
        self._wants_page = False
        self.shelf = SessionShelf()
        self.today = 0
        self.is_reading = True

    def look(self, wanted: SessionFilter, state: SessionState | None, snapshot: Snapshot) -> None:
        """Read what is new of these sessions, or the first page where others were looked for before."""
        self._snapshot = snapshot
        asked = _Asked(wanted, state, _sessions_of(state, snapshot))
        is_other = asked != self._asked
        if is_other:
            self._asked = asked
            self._begin(replace(wanted, sessions=asked.sessions, is_imported=_kind_of(state)), state)
        else:
            self._ask()

    def _begin(self, wanted: SessionFilter, state: SessionState | None) -> None:
        """Read it all anew."""
        self.shelf = SessionShelf(wanted, state)
        self._wants_page = self.is_reading = True
        self._ask(at_once=True)

    def read_more(self) -> None:
        """Read a page of older ones."""
        if self.shelf.has_more and not self._wants_page:
            self._wants_page = True
            self._ask()

    def _ask(self, *, at_once: bool = False) -> None:
        shelf = self.shelf
        self._question.ask(
            lambda: self._work(shelf), lambda reading: self._take(shelf, reading), self._failed, at_once=at_once
        )

    def _work(self, shelf: SessionShelf) -> Callable[[Ledger, GoOn], ListReading]:
        """What to read, as it stands when it is its turn."""
        snapshot = self._snapshot
        assert snapshot is not None
        is_running = shelf.state is SessionState.RUNNING
        wanted = replace(shelf.wanted, since=snapshot.read_at - LATELY) if is_running else shelf.wanted
        seen, known = shelf.seen, shelf.known
        page = PageWish(PAGE, shelf.reached, known) if self._wants_page else None
        now, zone = snapshot.read_at, snapshot.zone
        return lambda ledger, go_on: read_list(ledger, wanted, seen, known, page, now, zone, go_on)

    def _take(self, shelf: SessionShelf, reading: ListReading) -> None:
        if shelf is not self.shelf:
            return
        if shelf.imports not in (None, reading.look.news.imports):
            self._begin(shelf.wanted, shelf.state)
            return
        shelf.put(reading.look)
        self.today = reading.today
        if reading.look.page is not None:
            self._wants_page = self.is_reading = False
        if reading.agents or reading.projects:
            self.named.emit(reading.agents, reading.projects)
        self.changed.emit()


def _kind_of(state: SessionState | None) -> bool | None:
    """Whether only imported sessions are of this state, or none of them; None for both kinds."""
    return None if state is None else state is SessionState.IMPORTED


def _sessions_of(state: SessionState | None, snapshot: Snapshot) -> frozenset[str] | None:
    """The sessions by name where the state tells them; None where any may be of it."""
    if state is SessionState.WAITS:
        return frozenset(ask.tags.session for ask in snapshot.held_back)
    return {SessionState.STOPPED: snapshot.stopped, SessionState.PAUSED: snapshot.paused}.get(state) if state else None
