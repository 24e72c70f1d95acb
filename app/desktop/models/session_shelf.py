"""The sessions that were read so far, and the order they are shown in, which stands still while somebody looks."""

from collections.abc import Mapping
from datetime import datetime

from app.core.session import Session, SessionFilter, SessionId
from app.desktop.models.session_view import Activity, SessionState, matches
from app.ledger.session_list import SessionLook

EVERY = SessionFilter()


class SessionShelf:
    """Looks at the ledger are put in; what to show comes out."""

    def __init__(self, wanted: SessionFilter = EVERY, state: SessionState | None = None) -> None:
        self.wanted = wanted
        self.state = state
        self.reached: datetime | None = None
        self.seen: int | None = None
        self.imports: tuple[int, int] | None = None
        self.on_way: Mapping[SessionId, datetime] = {}
        self._sessions: dict[SessionId, Session] = {}
        self._order: list[SessionId] = []

    @property
    def known(self) -> frozenset[SessionId]:
        """The sessions that need not be read again."""
        return frozenset(self._sessions)

    @property
    def has_more(self) -> bool:
        """Whether the ledger goes further back than what was read."""
        return self.seen is not None and self.reached is not None

    def session(self, one: SessionId) -> Session | None:
        """A session that was read."""
        return self._sessions.get(one)

    def put(self, look: SessionLook) -> None:
        """Take in what a look saw."""
        for one, parts in look.news.added.items():
            if one in self._sessions:
                self._sessions[one] = self._sessions[one].plus(parts)
        for session in look.unknown:
            self._sessions[session.id] = session
        if look.page is not None:
            self._sessions |= {session.id: session for session in look.page.sessions}
            self.reached = look.page.reached
        self.seen, self.on_way, self.imports = look.news.seen, look.news.on_way, look.news.imports

    def arrange(self, activity: Activity, *, is_held: bool) -> tuple[list[Session], int]:
        """The sessions to show, and how many new ones are not shown yet. While the order is held, what is shown stays
        where it is, older ones join at the end and newer ones wait."""
        wanted = self._wanted(activity)
        newest_first = sorted(wanted, key=lambda one: _moment(wanted[one], activity), reverse=True)
        if not is_held or not self._order:
            self._order = newest_first
            return [wanted[one] for one in newest_first], 0
        kept = [one for one in self._order if one in wanted]
        shown = set(kept)
        oldest = min((_moment(wanted[one], activity) for one in kept), default=activity.now)
        older = [one for one in newest_first if one not in shown and _moment(wanted[one], activity) <= oldest]
        self._order = kept + older
        return [wanted[one] for one in self._order], len(wanted) - len(self._order)

    def _wanted(self, activity: Activity) -> dict[SessionId, Session]:
        """Those of the state that is asked for; a session whose first call has not ended yet is one too."""
        found = dict(self._sessions)
        for one, since in activity.on_way.items():
            if one not in found and matches(self.wanted, one):
                found[one] = Session(one, (), since)
        if self.state is None:
            return found
        return {
            one: session
            for one, session in found.items()
            if activity.state_of(one, session.last_at) is self.state
        }  # fmt: skip


def _moment(session: Session, activity: Activity) -> datetime:
    """When a session was last heard of."""
    return max(session.last_at, activity.on_way.get(session.id, session.last_at))
