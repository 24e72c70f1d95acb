"""How far each exporter has come: through which call its receiver has been told."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import BigInteger, func, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlmodel import Field, SQLModel

from app.core.call import Call
from app.core.tool_call import ToolCall
from app.ledger.engine import Ledger
from app.ledger.rows import call_of
from app.ledger.tables import calls, table_of
from app.ledger.tool_store import tool_call_of
from app.ledger.tool_tables import tool_calls


class ExportPlaceRow(SQLModel, table=True):
    """The last call that the receiver of that name has."""

    __tablename__ = "export_places"
    receiver: str = Field(primary_key=True)
    row_id: int = Field(sa_type=BigInteger)


export_places = table_of(ExportPlaceRow)


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that has ended, with the results of tools that it carried. `row_id` is its place among all calls."""

    row_id: int
    call: Call
    results: tuple[ToolCall, ...]


def place_of(ledger: Ledger, receiver: str) -> int | None:
    """Through which call a receiver has been told; None for one that never was."""
    with ledger.read() as connection:
        place = select(export_places.c.row_id).where(export_places.c.receiver == receiver)
        return connection.execute(place).scalar_one_or_none()


def newest_place(ledger: Ledger) -> int:
    """The place of the newest call, 0 before the first."""
    with ledger.read() as connection:
        return int(connection.execute(select(func.coalesce(func.max(calls.c.row_id), 0))).scalar_one())


def note_place(ledger: Ledger, receiver: str, row_id: int) -> None:
    """A receiver has all calls through this one."""
    noted = upsert(export_places).values(receiver=receiver, row_id=row_id)
    with ledger.write() as connection:
        connection.execute(noted.on_conflict_do_update(index_elements=["receiver"], set_={"row_id": row_id}))


def ended_after(ledger: Ledger, row_id: int, most: int) -> list[Ended]:
    """The next calls in the order in which they ended, at most so many."""
    following = select(calls).where(calls.c.row_id > row_id).order_by(calls.c.row_id).limit(most)
    with ledger.read() as connection:
        found = [(row["row_id"], call_of(row)) for row in connection.execute(following).mappings()]
        carried = select(tool_calls).where(tool_calls.c.result_call_id.in_([call.call_id for _, call in found]))
        results = [tool_call_of(row) for row in connection.execute(carried.order_by(tool_calls.c.row_id)).mappings()]
    return list(_with_results(found, results))


def _with_results(found: list[tuple[int, Call]], results: list[ToolCall]) -> Iterator[Ended]:
    of_call: dict[str, list[ToolCall]] = {}
    for result in results:
        of_call.setdefault(result.result_call_id, []).append(result)
    for row_id, call in found:
        yield Ended(row_id, call, tuple(of_call.get(call.call_id, ())))
