"""Questions to a person in the order in which they were asked, for whoever tells of them."""

from datetime import datetime

from sqlalchemy import or_, select

from app.ledger.approval_store import Approval, ApprovalState, approval_of
from app.ledger.engine import Ledger
from app.ledger.identifiers import first_id_at
from app.ledger.tables import approvals


def asked_since(ledger: Ledger, instant: datetime) -> list[Approval]:
    """Questions that were asked since that instant, answered ones too, and those that still wait; oldest first."""
    waits = approvals.c.state == ApprovalState.WAITING
    asked = select(approvals).where(or_(approvals.c.approval_id >= first_id_at(instant), waits))
    with ledger.read() as connection:
        rows = connection.execute(asked.order_by(approvals.c.approval_id)).mappings()
        return [approval_of(row) for row in rows]
