"""Questions to a person, and the answers. The meter asks, the tray or the command line answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from app.core.caps import Answer
from app.core.clock import CLOCK_CAP_ID
from app.core.errors import InvalidInput
from app.core.loops import LOOP_CAP_ID
from app.core.reservations import CapWindow, Draft, Obstacle
from app.core.tags import Tags
from app.ledger.engine import Ledger
from app.ledger.identifiers import new_id
from app.ledger.kept_reads import kept
from app.ledger.limit_tables import session_grants
from app.ledger.loop_store import quieten
from app.ledger.rows import payer_columns, tags_of
from app.ledger.session_store import put_stop
from app.ledger.statement import Statement
from app.ledger.tables import approvals

_GRANTED = Statement(
    select(session_grants.c.cap_id, session_grants.c.window_key).where(
        session_grants.c.session == bindparam("of_session"), session_grants.c.virtual_key_id == bindparam("of_key")
    )
)


class ApprovalState(StrEnum):
    """Where a question stands. `moot`: room was made (the cap was raised or removed, a new window began);
    `gone`: the client or the meter went away."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    MOOT = "moot"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Approval:
    """One question: may this call go although the cap is reached, its agent goes round in circles, or the clock is in
    doubt? Amounts as they were when it was asked.

    `default_answer` is given at `default_at` when nobody has answered by then. `is_team`: the cap is the team's, the
    user of its tags is the member who asks, and a lead answers.
    """

    approval_id: str
    call_id: str
    tags: Tags
    provider: str
    model: str
    worst_nano_usd: int | None
    cap_id: str
    cap_name: str
    window_key: str
    spent_nano_usd: int
    limit_nano_usd: int
    asked_at: datetime
    expires_at: datetime
    state: ApprovalState
    answered_at: datetime | None
    answered_by: str
    default_answer: Answer | None = None
    default_at: datetime | None = None
    is_team: bool = False

    @property
    def is_about_loop(self) -> bool:
        """Whether it asks about a loop and not about a cap: `cap_name` is then what repeats, `spent_nano_usd` what the
        repetitions cost."""
        return self.cap_id == LOOP_CAP_ID

    @property
    def is_about_clock(self) -> bool:
        """Whether it asks if the clock is right: `cap_name` is then what the clock did."""
        return self.cap_id == CLOCK_CAP_ID

    @property
    def is_about_cap(self) -> bool:
        """Whether it is a matter of money."""
        return not self.is_about_loop and not self.is_about_clock


def waiting(ledger: Ledger) -> list[Approval]:
    """Questions without an answer, oldest first."""
    asked = select(approvals).where(approvals.c.state == ApprovalState.WAITING).order_by(approvals.c.asked_at)
    with ledger.read() as connection:
        return [approval_of(row) for row in connection.execute(asked).mappings()]


def answered(ledger: Ledger, limit: int = 50) -> list[Approval]:
    """Past questions, newest answer first."""
    past = select(approvals).where(approvals.c.state != ApprovalState.WAITING)
    newest = past.order_by(approvals.c.answered_at.desc()).limit(limit)
    with ledger.read() as connection:
        return [approval_of(row) for row in connection.execute(newest).mappings()]


def approve(ledger: Ledger, approval_id: str, *, by: str) -> None:
    """Let this one call go, at most at the amount asked for; a loop, until it has gone round twice as often. Raises
    InvalidInput when it no longer waits."""
    _answer(ledger, approval_id, ApprovalState.APPROVED, by)


def approve_session(ledger: Ledger, approval_id: str, *, by: str) -> None:
    """Let this call go, the others of its session that wait at the same cap, and the session's later calls within this
    window; a loop, for good. Raises InvalidInput when it no longer waits or names no session."""
    now = datetime.now(UTC)
    with ledger.write() as connection:
        row = (
            connection.execute(select(approvals).where(approvals.c.approval_id == approval_id)).mappings().one_or_none()
        )
        if row is not None and not row["session"]:
            raise InvalidInput("This call names no session", "Approve it once, or raise the cap.")
        _answer_in(connection, approval_id, ApprovalState.APPROVED, now, by)
        assert row is not None
        if row["cap_id"] == LOOP_CAP_ID:
            quieten(connection, row["window_key"], by, for_good=True)
            return
        if row["cap_id"] == CLOCK_CAP_ID:
            return
        same = {name: row[name] for name in ("session", "virtual_key_id", "cap_id", "window_key")}
        granted = upsert(session_grants).values(granted_at=now, granted_by=by, **same)
        connection.execute(granted.on_conflict_do_nothing())
        _move(
            connection,
            and_(*(approvals.c[name] == value for name, value in same.items())),
            ApprovalState.APPROVED,
            now,
            by,
        )


def granted_windows(connection: Connection, tags: Tags) -> frozenset[CapWindow]:
    """The windows that a person let this session pass."""
    if not tags.session:
        return frozenset()
    asked = {"of_session": tags.session, "of_key": tags.virtual_key_id}
    name = ("grants", tags.session, tags.virtual_key_id)
    return kept(connection, name, lambda: frozenset(tuple(row) for row in _GRANTED.rows(connection, asked)))


def refuse(ledger: Ledger, approval_id: str, *, by: str) -> None:
    """Refuse this one call; one in a loop, and stop its session. Raises InvalidInput when it no longer waits."""
    _answer(ledger, approval_id, ApprovalState.REFUSED, by)


def refuse_all(ledger: Ledger, approval_ids: Sequence[str], *, by: str) -> int:
    """Refuse those of these calls that still wait, in one transaction. Returns how many."""
    return _answer_all(ledger, approval_ids, ApprovalState.REFUSED, by)


def approve_all(ledger: Ledger, approval_ids: Sequence[str], *, by: str) -> int:
    """Let those of these calls go that still wait, each at most at the amount asked for, in one transaction. Returns
    how many."""
    return _answer_all(ledger, approval_ids, ApprovalState.APPROVED, by)


def ask(connection: Connection, draft: Draft, obstacle: Obstacle, instance_id: str, expires_at: datetime) -> str:
    """Write a question. Returns its id."""
    approval_id = new_id()
    after_s = obstacle.answer_after_s
    default_at = None if obstacle.default_answer is None or after_s is None else draft.at + timedelta(seconds=after_s)
    connection.execute(
        insert(approvals).values(
            approval_id=approval_id,
            call_id=draft.call_id,
            instance_id=instance_id,
            provider=draft.provider,
            model=draft.request_model,
            cap_id=obstacle.cap_id,
            cap_name=obstacle.cap_name,
            window_key=obstacle.window_key,
            worst_nano_usd=draft.worst_nano_usd,
            spent_nano_usd=obstacle.spent_nano_usd,
            limit_nano_usd=obstacle.limit_nano_usd,
            asked_at=draft.at,
            expires_at=expires_at,
            state=ApprovalState.WAITING,
            answered_by="",
            default_answer=obstacle.default_answer or "",
            default_at=default_at,
            **payer_columns(draft.tags),
        )
    )
    return approval_id


def postpone(connection: Connection, approval_id: str, expires_at: datetime) -> None:
    """Let a question stand longer: its call was sent again."""
    waits = (approvals.c.approval_id == approval_id, approvals.c.state == ApprovalState.WAITING)
    connection.execute(update(approvals).where(*waits).values(expires_at=expires_at))


def state_of(connection: Connection, approval_id: str) -> ApprovalState:
    """Where a question stands now."""
    asked = select(approvals.c.state).where(approvals.c.approval_id == approval_id)
    return ApprovalState(connection.execute(asked).scalar_one())


def answer_by_default(connection: Connection, instance_id: str, now: datetime) -> int:
    """Give the cap's default answer to a meter's questions whose time for a person is over. Returns how many."""
    due = and_(approvals.c.instance_id == instance_id, approvals.c.default_at <= now)
    states = {Answer.APPROVE: ApprovalState.APPROVED, Answer.REFUSE: ApprovalState.REFUSED}
    return sum(
        _move(connection, and_(due, approvals.c.default_answer == answer), state, now, by="default answer")
        for answer, state in states.items()
    )


def open_questions(connection: Connection, instance_id: str) -> frozenset[str]:
    """The questions of one meter that nobody has answered."""
    asked = select(approvals.c.approval_id).where(
        approvals.c.state == ApprovalState.WAITING, approvals.c.instance_id == instance_id
    )
    return frozenset(connection.execute(asked).scalars())


def close(connection: Connection, approval_id: str, state: ApprovalState, now: datetime) -> bool:
    """End a question that nobody answered. False when somebody had."""
    return _move(connection, approvals.c.approval_id == approval_id, state, now, by="") > 0


def close_questions(connection: Connection, instance_id: str, now: datetime) -> None:
    """End all questions of a meter that is gone."""
    _move(connection, approvals.c.instance_id == instance_id, ApprovalState.GONE, now, by="")


def _answer(ledger: Ledger, approval_id: str, state: ApprovalState, by: str) -> None:
    with ledger.write() as connection:
        _answer_in(connection, approval_id, state, datetime.now(UTC), by)


def _answer_all(ledger: Ledger, approval_ids: Sequence[str], state: ApprovalState, by: str) -> int:
    with ledger.write() as connection:
        now = datetime.now(UTC)
        moved = [one for one in approval_ids if _move(connection, approvals.c.approval_id == one, state, now, by)]
        for one in moved:
            _follow_up(connection, one, state, by)
    return len(moved)


def _answer_in(connection: Connection, approval_id: str, state: ApprovalState, now: datetime, by: str) -> None:
    if not _move(connection, approvals.c.approval_id == approval_id, state, now, by):
        raise InvalidInput("This call no longer waits", "It was answered already, or its client went away.")
    _follow_up(connection, approval_id, state, by)


def _follow_up(connection: Connection, approval_id: str, state: ApprovalState, by: str) -> None:
    """What an answer about a loop means beyond this call: the loop goes on for a while, or its session is stopped, and
    is let go on if that is taken back."""
    about = (approvals.c.approval_id == approval_id, approvals.c.cap_id == LOOP_CAP_ID)
    row = connection.execute(select(approvals.c.window_key, approvals.c.session).where(*about)).one_or_none()
    if row is None:
        return
    quieten(connection, row.window_key, by)
    if state is ApprovalState.REFUSED and row.session:
        put_stop(connection, row.session, by)


def _move(connection: Connection, which: ColumnElement[bool], state: ApprovalState, now: datetime, by: str) -> int:
    """Answer or close the questions that still wait. Returns how many did."""
    moved = update(approvals).where(which, approvals.c.state == ApprovalState.WAITING)
    return connection.execute(moved.values(state=state, answered_at=now, answered_by=by)).rowcount


def approval_of(row: Any) -> Approval:
    """A question, read from its row."""
    return Approval(
        approval_id=row["approval_id"],
        call_id=row["call_id"],
        tags=tags_of(row),
        provider=row["provider"],
        model=row["model"],
        worst_nano_usd=row["worst_nano_usd"],
        cap_id=row["cap_id"],
        cap_name=row["cap_name"],
        window_key=row["window_key"],
        spent_nano_usd=row["spent_nano_usd"],
        limit_nano_usd=row["limit_nano_usd"],
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
        state=ApprovalState(row["state"]),
        answered_at=row["answered_at"],
        answered_by=row["answered_by"],
        default_answer=Answer(row["default_answer"]) if row["default_answer"] else None,
        default_at=row["default_at"],
    )
