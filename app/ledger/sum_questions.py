"""Sums over calls by a label, as SQL for the driver.

Whole quarters of an hour are read from their sums, what is not summed yet and the ends of a stretch of time call by
call, as in `summed_calls`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.ledger.glance import Reader
from app.ledger.instants import QUARTER_MICROS, micros

type Answer = dict[str, tuple[int, ...]]
"""The sums of each label that any call has."""

_OF_ONE_CALL = {
    "model": "coalesce(nullif(response_model, ''), request_model)",
    "number": "1",
    "last_at": "started_at",
}
"""The columns of a sum that a call has under another name."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which sums are asked for: by which text, as which expressions of SQL, from which columns of a rollup, and how
    each of two answers' is put together."""

    label: str
    columns: tuple[str, ...]
    sums: tuple[str, ...]
    joined: tuple[Callable[[int, int], int], ...]

    def together(self, one: Answer, other: Answer) -> Answer:
        """The answer for the calls of both."""
        found = dict(one)
        for label, sums in other.items():
            known = found.get(label)
            parts = zip(self.joined, known or (), sums, strict=False)
            found[label] = sums if known is None else tuple(join(*values) for join, *values in parts)
        return found


def answer(reader: Reader, question: Question, start: datetime, end: datetime) -> Answer:
    """The sums of the calls begun in [start, end)."""
    edges = _edges(micros(start), micros(end))
    return _asked(reader, question, _arms(question.columns, edges), edges)


def answer_after(reader: Reader, question: Question, start: datetime, row_id: int) -> Answer:
    """The sums of the calls that were written after this one and begun at `start` or later."""
    where = "row_id > :row_id AND started_at + 0 >= :start"  # adding nothing keeps the index on times out of it
    values = {"row_id": row_id, "start": micros(start)}
    return _asked(reader, question, f"{_single(question.columns)} WHERE {where}", values)


def _asked(reader: Reader, question: Question, source: str, values: dict[str, int]) -> Answer:
    sql = f"SELECT {question.label}, {', '.join(question.sums)} FROM ({source}) GROUP BY 1"
    return {label: tuple(sums) for label, *sums in reader.execute(sql, values)}


def _edges(start: int, end: int) -> dict[str, int]:
    """The stretch of time, and the whole quarters in it: in numbers of quarters and in microseconds."""
    first = -(-start // QUARTER_MICROS)
    last = max(first, end // QUARTER_MICROS)
    edges = {"start": start, "end": end, "first": first, "last": last}
    return edges | {"head": first * QUARTER_MICROS, "tail": last * QUARTER_MICROS}


def _arms(names: tuple[str, ...], edges: dict[str, int]) -> str:
    """Where these columns come from, each call once."""
    single = _single(names)
    if edges["first"] == edges["last"]:
        return f"{single} WHERE started_at >= :start AND started_at < :end"
    whole = f"SELECT {', '.join(names)} FROM rollups WHERE quarter >= :first AND quarter < :last"
    # Adding nothing keeps the index on times out of it: the new calls are the last few by their row ids.
    since = "row_id > (SELECT through_row_id FROM rolled_up) AND started_at + 0 >= :head AND started_at + 0 < :tail"
    arms = [whole, f"{single} WHERE {since}"]
    if edges["start"] < edges["head"]:
        arms.append(f"{single} WHERE started_at >= :start AND started_at < :head")
    if edges["tail"] < edges["end"]:
        arms.append(f"{single} WHERE started_at >= :tail AND started_at < :end")
    return " UNION ALL ".join(arms)


def _single(names: tuple[str, ...]) -> str:
    return f"SELECT {', '.join(f'{_OF_ONE_CALL.get(name, name)} AS {name}' for name in names)} FROM calls"
