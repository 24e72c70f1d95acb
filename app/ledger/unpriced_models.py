"""Models whose calls went without a price."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from app.core.call import Basis
from app.ledger.engine import Ledger
from app.ledger.tables import calls


@dataclass(frozen=True, slots=True)
class UnpricedModel:
    """A model, and how many of its calls and tokens no cost is known for."""

    provider: str
    model: str
    calls: int
    tokens: int


def unpriced_models(ledger: Ledger, since: datetime) -> list[UnpricedModel]:
    """Models with calls begun since then that no price was known for at the time, most calls first. A price may have
    been set or fetched after that."""
    model = func.coalesce(func.nullif(calls.c.response_model, ""), calls.c.request_model)
    tokens = func.coalesce(calls.c.input_tokens, 0) + func.coalesce(calls.c.output_tokens, 0)
    count = func.count()
    grouped = select(calls.c.provider, model, count, func.coalesce(func.sum(tokens), 0)).where(
        calls.c.started_at >= since, calls.c.cost_basis == Basis.UNPRICED, model != ""
    )
    with ledger.read() as connection:
        rows = connection.execute(grouped.group_by(calls.c.provider, model).order_by(count.desc(), model))
        return [UnpricedModel(*row) for row in rows]
