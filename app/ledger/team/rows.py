"""Between core values and the JSON that the team's functions take and give. Instants are microseconds since 1970."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from app.core.caps import Cap, cap_name
from app.core.reservations import Draft, Obstacle, Refusal, Verdict
from app.core.tags import clean_name
from app.core.team import Asked, Ended, HeldCalls, Lease, Member, Role, WindowTotal
from app.ledger.alert_store import Alert
from app.ledger.approval_store import Approval, approval_of
from app.ledger.cap_store import cap_of
from app.ledger.obstacles import make_obstacle
from app.ledger.rows import call_columns, draft_columns, payer_columns
from app.ledger.tables import EPOCH, micros

_SHOWN = ("provider", "model", "cap_name", "project", "agent", "user_name", "team", "task", "session")
"""What a person reads of a question; keys stay as they are."""


def told(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as JSON that PostgreSQL takes: without characters that it cannot keep."""
    return json.dumps([{name: _kept(value) for name, value in row.items()} for row in rows])


def _kept(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    return micros(value) if isinstance(value, datetime) else value


def instant(value: int | None) -> datetime | None:
    """An instant, read back."""
    return None if value is None else EPOCH + timedelta(microseconds=value)


def asked_row(asked: Asked) -> dict[str, Any]:
    """A call that asks to be held."""
    excused = [list(window) for window in sorted(asked.excused)]
    return draft_columns(asked.draft) | {"instance_id": asked.instance_id, "excused": excused}


def ended_row(ended: Ended) -> dict[str, Any]:
    """A call that is over."""
    return call_columns(ended.call, ended.charged_nano_usd) | {
        "state": ended.state,
        "lease_ids": list(ended.lease_ids),
    }


def question_row(draft: Draft, obstacle: Obstacle, instance_id: str) -> dict[str, Any]:
    """A question to a lead."""
    return {
        "call_id": draft.call_id,
        "instance_id": instance_id,
        "provider": draft.provider,
        "model": draft.request_model,
        "cap_id": obstacle.cap_id,
        "cap_name": obstacle.cap_name,
        "window_key": obstacle.window_key,
        "worst_nano_usd": draft.worst_nano_usd,
        "spent_nano_usd": obstacle.spent_nano_usd,
        "limit_nano_usd": obstacle.limit_nano_usd,
        **payer_columns(draft.tags),
    }


def read_verdict(row: Any) -> Verdict:
    """The answer to one call. One that is over already may not go again."""
    obstacles = tuple(_obstacle(one) for one in row.get("obstacles", ()))
    return Verdict(obstacles, is_stopped=row.get("is_over", False), held_nano_usd=row.get("held_nano_usd", 0))


def _obstacle(row: Any) -> Obstacle:
    amounts = row["spent_nano_usd"], row["held_nano_usd"], row["limit_nano_usd"]
    made = make_obstacle(
        cap_of(row["cap"]), row["window_key"], Refusal(row["refusal"]), *amounts, instant(row["resets_at"])
    )
    return replace(made, is_team=True)


def read_total(row: Any) -> WindowTotal:
    """A running window, read back."""
    return WindowTotal(**row | {"starts_at": instant(row["starts_at"]), "ends_at": instant(row["ends_at"])})


def read_lease(row: Any) -> Lease:
    """A lease, read back."""
    return Lease(**row | {"ends_at": instant(row["ends_at"]), "taken_at": instant(row["taken_at"])})


def read_held(row: Any) -> HeldCalls:
    """What a meter's calls hold, read back."""
    times = {name: EPOCH + timedelta(microseconds=row[name]) for name in ("since", "last_at")}
    return HeldCalls(**row | times)


def read_member(row: Any) -> Member:
    """Somebody of the team, read back."""
    joined_at = EPOCH + timedelta(microseconds=row["joined_at"])
    return Member(row["name"], Role(row["role"]), joined_at, instant(row["ended_at"]))


def read_alert(row: Any) -> Alert:
    """An alert, read back."""
    cap = cap_of(row.pop("cap"))
    told_at = EPOCH + timedelta(microseconds=row.pop("told_at"))
    return Alert(cap_id=cap.cap_id, cap_name=cap_name(cap), told_at=told_at, **row)


def read_questions(found: Any, caps: Sequence[Cap]) -> list[Approval]:
    """Questions, read back. Whose each is stands in its tags as the user. Texts that a laptop chose are made safe to
    show, since they stand beside the buttons of somebody else; the cap is named after itself."""
    names = {cap.cap_id: cap_name(cap) for cap in caps}
    return [_question(row | {"cap_name": names.get(row["cap_id"], row["cap_name"])}) for row in found]


def _question(row: Any) -> Approval:
    times = {name: instant(row[name]) for name in ("asked_at", "expires_at", "answered_at", "default_at")}
    texts = {name: clean_name(value) for name, value in row.items() if isinstance(value, str) and name in _SHOWN}
    return replace(approval_of(row | texts | times), is_team=True)
