"""Sessions as rows of a tree: what each does, and under one that is folded out its sub-agents and background calls."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.core.origin import RequestClass
from app.core.session import Part, PartSum, Session, SessionFilter, SessionId, SessionOrder, added_up
from app.core.tags import Scope, Tags
from app.desktop.formats import plural, sum_text
from app.desktop.models.snapshot import LATELY, Snapshot, agent_word
from app.insight.family import Line, family_of

NAMELESS = "No task told"
ORDERED = {
    SessionOrder.STOP: "Stopped. Its next call is refused.",
    SessionOrder.PAUSE: "Paused. Its next call waits.",
    SessionOrder.GO_ON: "It goes on.",
}


class SessionState(StrEnum):
    """What a session does, in the words for it."""

    RUNNING = "running"
    WAITS = "waits for you"
    PAUSED = "paused"
    STOPPED = "stopped"
    OVER = "over"
    IMPORTED = "imported"


_BY_ORDER = {SessionOrder.STOP: SessionState.STOPPED, SessionOrder.PAUSE: SessionState.PAUSED}


@dataclass(frozen=True, slots=True)
class Activity:
    """What the states of sessions are told by. `on_way` are those with a call that is running or waits, and since
    when."""

    now: datetime
    waiting: frozenset[SessionId] = frozenset()
    stopped: frozenset[str] = frozenset()
    paused: frozenset[str] = frozenset()
    on_way: Mapping[SessionId, datetime] = field(default_factory=dict)

    def order_for(self, one: SessionId) -> SessionOrder:
        """What a person wants of this session."""
        if one.is_imported:
            return SessionOrder.GO_ON
        if one.session in self.stopped:
            return SessionOrder.STOP
        return SessionOrder.PAUSE if one.session in self.paused else SessionOrder.GO_ON

    def state_of(self, one: SessionId, last_at: datetime) -> SessionState:
        """What this session does."""
        if one.is_imported:
            return SessionState.IMPORTED
        if by_order := _BY_ORDER.get(self.order_for(one)):
            return by_order
        if one in self.waiting:
            return SessionState.WAITS
        is_busy = one in self.on_way or self.now - last_at <= LATELY
        return SessionState.RUNNING if is_busy else SessionState.OVER


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session, or with `part` a part of one, at its depth. `is_open` is None where nothing can be folded out.
    `standing` is what a person ordered for the whole session last."""

    session: Session
    part: Part | None
    depth: int
    name: str
    kind: str
    sums: PartSum
    state: SessionState
    standing: SessionOrder
    is_open: bool | None = None

    @property
    def key(self) -> tuple[SessionId, Part | None]:
        """What tells this row from all others."""
        return (self.session.id, self.part)

    @property
    def cost(self) -> str:
        """`$1.50`, `$1.50+` with calls of unknown price, `? —` where none is known, in brackets what a subscription
        paid for at list price."""
        return cost_words(self.sums)


def activity_of(snapshot: Snapshot, on_way: Mapping[SessionId, datetime]) -> Activity:
    """What a reading tells of states, with the calls on their way."""
    waiting = {id_of(ask.tags): ask.asked_at for ask in reversed(snapshot.held_back)}
    return Activity(snapshot.read_at, frozenset(waiting), snapshot.stopped, snapshot.paused, {**on_way, **waiting})


def id_of(tags: Tags) -> SessionId:
    """The session of a call with these tags."""
    return SessionId(tags.session, tags.agent, tags.project, tags.task)


def session_rows(sessions: Iterable[Session], open_ones: frozenset[SessionId], activity: Activity) -> list[SessionRow]:
    """The rows of these sessions in their order, with the parts of those that are folded out."""
    rows = []
    for session in sessions:
        lines = family_of(session.origin_sums)[1:]
        is_open = session.id in open_ones if lines else None
        state = activity.state_of(session.id, session.last_at)
        kind = ("imported, " if session.id.is_imported else "") + agent_word(session.id.agent)
        standing, name = activity.order_for(session.id), title_of(session.id)
        rows.append(SessionRow(session, None, 0, name, kind, session.whole, state, standing, is_open))
        if is_open:
            rows += [_part_row(session, line, activity) for line in lines]
    return rows


def matches(wanted: SessionFilter, one: SessionId) -> bool:
    """Whether a session whose first call has not ended is wanted, going by its names alone."""
    names = " ".join((one.task, one.agent, one.project, one.session)).lower()
    labels = {Scope.AGENT: one.agent, Scope.PROJECT: one.project, Scope.TASK: one.task, Scope.SESSION: one.session}
    has_words = all(word in names for word in wanted.text.lower().split())
    return has_words and all(labels.get(scope) == value for scope, value in wanted.labels)


def title_of(one: SessionId) -> str:
    """What to call a session."""
    return one.name or NAMELESS


def cost_words(sums: PartSum) -> str:
    """A part's cost as it stands in a column."""
    if sums.subscription_nano_usd and not sums.cost_nano_usd:
        return f"({sum_text(sums.subscription_nano_usd, sums.unpriced_calls)})"
    told = sum_text(sums.cost_nano_usd, sums.unpriced_calls)
    return f"? {told}" if sums.unpriced_calls and not sums.cost_nano_usd else told


def cost_hint(sums: PartSum) -> str:
    """What a sum of costs leaves out."""
    said = []
    if sums.unpriced_calls:
        said.append(f"No price is known for {plural(sums.unpriced_calls, 'call')}.")
    if sums.subscription_nano_usd:
        said.append(f"A subscription paid for calls of {sum_text(sums.subscription_nano_usd, 0)} at list price.")
    return " ".join(said)


def calls_hint(sums: PartSum) -> str:
    """How many more calls were refused."""
    return f"{plural(sums.refused_calls, 'more call')} refused, not sent" if sums.refused_calls else ""


def _part_row(session: Session, line: Line, activity: Activity) -> SessionRow:
    if line.depth is None:
        part, kind, depth = Part("", line.request_class), "background calls", 1
    else:
        part, kind, depth = Part(line.agent_id, RequestClass.SUB_AGENT), "sub-agent", line.depth
    sums = added_up((one for one in session.parts if part.holds(one.origin)), session.last_at)
    has_end = activity.state_of(session.id, session.last_at) is not SessionState.RUNNING
    is_busy = not has_end and activity.now - sums.last_at <= LATELY
    done = SessionState.IMPORTED if session.id.is_imported else SessionState.OVER
    state = SessionState.RUNNING if is_busy else done
    return SessionRow(session, part, depth, line.name, kind, sums, state, activity.order_for(session.id))
