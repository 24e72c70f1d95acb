"""What a person said to suggestions: one answer for each kind and project, the last one."""

from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from app.core.advice import Advice, AdviceAnswer, Saving
from app.ledger.engine import Ledger
from app.ledger.limit_tables import advice


def answer_advice(
    ledger: Ledger, kind: Saving, project: str, answer: AdviceAnswer, *, weekly_nano_usd: int, by: str
) -> None:
    """Write down what a person said, in the place of what was said before."""
    values = {
        "answer": answer, "weekly_nano_usd": weekly_nano_usd, "answered_at": datetime.now(UTC), "answered_by": by,
    }  # fmt: skip
    said = upsert(advice).values(kind=kind, project=project, **values)
    with ledger.write() as connection:
        connection.execute(said.on_conflict_do_update(index_elements=["kind", "project"], set_=values))


def take_back_advice(ledger: Ledger, kind: Saving, project: str) -> None:
    """As if nothing had been said."""
    with ledger.write() as connection:
        connection.execute(delete(advice).where(advice.c.kind == kind, advice.c.project == project))


def list_advice(ledger: Ledger) -> list[Advice]:
    """All that was said, the newest first."""
    with ledger.read() as connection:
        rows = connection.execute(select(advice).order_by(advice.c.answered_at.desc(), advice.c.kind)).all()
    return [
        Advice(Saving(row.kind), row.project, AdviceAnswer(row.answer), row.weekly_nano_usd, row.answered_at)
        for row in rows
    ]
