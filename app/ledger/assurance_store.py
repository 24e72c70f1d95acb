"""How far the holder of each virtual key is held back, and the level that can be spoken of for all in force."""

from datetime import datetime

from sqlalchemy import func, insert, or_, select
from sqlmodel import Field, SQLModel

from app.core.assurance import Assurance, weakest
from app.ledger.engine import Ledger
from app.ledger.key_tables import virtual_keys
from app.ledger.tables import table_of


class KeyLevelRow(SQLModel, table=True):
    """That a key was given to an agent in a sandbox or elsewhere. A key without a row is cooperative."""

    __tablename__ = "key_levels"
    key_id: str = Field(primary_key=True)
    level: str


key_levels = table_of(KeyLevelRow)


def note_level(ledger: Ledger, key_id: str, level: Assurance) -> None:
    """Note what stands around the agent that was given a key. Once for each key."""
    with ledger.write() as connection:
        connection.execute(insert(key_levels).values(key_id=key_id, level=level))


def level_of(ledger: Ledger, key_id: str) -> Assurance:
    """The level of one key, in force or not."""
    with ledger.read() as connection:
        level = connection.execute(select(key_levels.c.level).where(key_levels.c.key_id == key_id)).scalar_one_or_none()
    return Assurance(level or Assurance.COOPERATIVE)


def level_in_force(ledger: Ledger, now: datetime) -> Assurance:
    """The weakest level among the keys in force: one agent that is free makes the walls of the others moot. Cooperative
    when there is none, since whoever comes next may be."""
    level = func.coalesce(key_levels.c.level, Assurance.COOPERATIVE)
    in_force = (
        select(level)
        .select_from(virtual_keys.outerjoin(key_levels, key_levels.c.key_id == virtual_keys.c.key_id))
        .where(
            virtual_keys.c.revoked_at.is_(None),
            or_(virtual_keys.c.expires_at.is_(None), virtual_keys.c.expires_at > now),
        )
        .distinct()
    )
    with ledger.read() as connection:
        return weakest(Assurance(found) for found in connection.execute(in_force).scalars())
