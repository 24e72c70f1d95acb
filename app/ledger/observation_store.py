"""What caps in dry run would have stopped."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from app.core.reservations import Draft, Obstacle, Refusal
from app.core.tags import Tags
from app.ledger.engine import Ledger
from app.ledger.limit_tables import observations
from app.ledger.rows import payer_columns, tags_of


@dataclass(frozen=True, slots=True)
class Observation:
    """A call that went although the cap, were it in force, had no room for it. Amounts in nano-dollars."""

    call_id: str
    window_key: str
    refusal: Refusal
    tags: Tags
    provider: str
    model: str
    worst_nano_usd: int | None
    spent_nano_usd: int
    limit_nano_usd: int
    seen_at: datetime


def observe(connection: Connection, draft: Draft, obstacles: tuple[Obstacle, ...]) -> None:
    """Write down what would have stopped an admitted call."""
    for obstacle in obstacles:
        connection.execute(
            insert(observations).values(
                cap_id=obstacle.cap_id,
                cap_name=obstacle.cap_name,
                window_key=obstacle.window_key,
                call_id=draft.call_id,
                provider=draft.provider,
                model=draft.request_model,
                refusal=obstacle.refusal,
                worst_nano_usd=draft.worst_nano_usd,
                spent_nano_usd=obstacle.spent_nano_usd,
                limit_nano_usd=obstacle.limit_nano_usd,
                seen_at=draft.at,
                **payer_columns(draft.tags),
            )
        )


def observations_of(ledger: Ledger, cap_id: str, limit: int = 50) -> list[Observation]:
    """The last calls that a cap would have stopped, newest first."""
    mine = select(observations).where(observations.c.cap_id == cap_id)
    newest = mine.order_by(observations.c.observation_id.desc()).limit(limit)
    with ledger.read() as connection:
        return [_observation_of(row) for row in connection.execute(newest).mappings()]


def count_observations(ledger: Ledger, cap_id: str) -> int:
    """How many calls a cap would have stopped so far."""
    mine = select(func.count()).select_from(observations).where(observations.c.cap_id == cap_id)
    with ledger.read() as connection:
        return int(connection.execute(mine).scalar_one())


def _observation_of(row: Any) -> Observation:
    return Observation(
        call_id=row["call_id"],
        window_key=row["window_key"],
        refusal=Refusal(row["refusal"]),
        tags=tags_of(row),
        provider=row["provider"],
        model=row["model"],
        worst_nano_usd=row["worst_nano_usd"],
        spent_nano_usd=row["spent_nano_usd"],
        limit_nano_usd=row["limit_nano_usd"],
        seen_at=row["seen_at"],
    )
