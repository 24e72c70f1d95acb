"""An agent asks a person for more money: a question like that of a call at its cap, but without a call.

Nobody's meter holds it. It stands as long as the agent waits, a little longer each time it looks, and is closed when
nobody has looked for a while.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, update

from app.core.call import ApiShape
from app.core.caps import cap_name
from app.core.reservations import Draft, Obstacle, Refusal
from app.core.tags import Tags
from app.ledger.approval_store import Approval, ApprovalState, approval_of, ask, postpone
from app.ledger.cap_store import CapStatus
from app.ledger.engine import Ledger
from app.ledger.identifiers import new_id
from app.ledger.tables import approvals

ASKER = "agent's request"
"""What stands in the place of a meter's id."""
PATIENCE = timedelta(minutes=2)


def ask_for_budget(ledger: Ledger, tags: Tags, cap: CapStatus, amount_nano_usd: int, now: datetime) -> str:
    """Ask a person to let a cap's running window spend so much more. Gives the question's id."""
    question = Draft(
        call_id=new_id(),
        at=now,
        provider="",
        api_shape=ApiShape.ANTHROPIC_MESSAGES,  # of no meaning without a call; a question does not keep it
        operation="budget",
        request_model="more budget",
        is_stream=False,
        tags=tags,
        worst_nano_usd=amount_nano_usd,
    )
    obstacle = Obstacle(
        refusal=Refusal.EXHAUSTED,
        cap_id=cap.cap.cap_id,
        cap_name=cap_name(cap.cap),
        window_key=cap.window_key,
        asks_person=True,
        spent_nano_usd=cap.spent_nano_usd,
        held_nano_usd=cap.held_nano_usd,
        limit_nano_usd=cap.limit_nano_usd,
        resets_at=cap.ends_at,
    )
    with ledger.write() as connection:
        return ask(connection, question, obstacle, ASKER, now + PATIENCE)


def look_again(ledger: Ledger, approval_id: str, now: datetime) -> Approval:
    """Where a question stands. It stands longer for being looked at; that is written once a minute and not at each
    look, since every write wakes whoever watches the ledger."""
    question = select(approvals).where(approvals.c.approval_id == approval_id)
    with ledger.read() as connection:
        found = approval_of(connection.execute(question).mappings().one())
    if found.state is ApprovalState.WAITING and found.expires_at - now <= PATIENCE / 2:
        with ledger.write() as connection:
            postpone(connection, approval_id, now + PATIENCE)
    return found


def close_unattended(ledger: Ledger, now: datetime) -> None:
    """End the questions whose agents no longer wait."""
    left = (approvals.c.instance_id == ASKER, approvals.c.state == ApprovalState.WAITING, approvals.c.expires_at <= now)
    with ledger.write() as connection:
        connection.execute(update(approvals).where(*left).values(state=ApprovalState.GONE, answered_at=now))
