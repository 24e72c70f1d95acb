"""Sums up to now that are read once and then added to, for whoever asks again and again.

Calls are only ever added, under growing row ids, and what is dropped for its age stays in the sums (`rollup`). So a sum
since an instant is the one that was read before and the calls written since: the tray's reading costs the same in a
ledger of ten million calls as in one of a thousand.
"""

from dataclasses import dataclass, field
from datetime import datetime

from app.ledger import places
from app.ledger.engine import Ledger
from app.ledger.glance import Reader
from app.ledger.instants import micros
from app.ledger.sum_questions import Answer, Question, answer, answer_after

_MANY = 32


@dataclass(frozen=True, slots=True)
class _Known:
    """An answer, and through which call it goes."""

    answered: Answer
    through_row_id: int


@dataclass
class RunningSums:
    """What one reader of a ledger remembers. Another file in the ledger's place is read anew. For one thread."""

    _known: dict[tuple[Question, datetime], _Known] = field(default_factory=dict)
    _file: places.Identity | None = None

    def answer(self, ledger: Ledger, question: Question, start: datetime, end: datetime) -> Answer:
        """The sums of the calls begun in [start, end), where `end` is now. Raises LedgerError."""
        with ledger.glance() as reader:
            self._follow(ledger)
            known, newest = self._known.pop((question, start), None), _newest(reader)
            if _is_any_after(reader, end):  # a clock was set back: what is not counted yet is told by no row id
                return answer(reader, question, start, end)
            if known is None or known.through_row_id > newest:
                answered = answer(reader, question, start, end)
            else:
                added = answer_after(reader, question, start, known.through_row_id)
                answered = question.together(known.answered, added)
            if len(self._known) >= _MANY:
                self._known.clear()
            self._known[question, start] = _Known(answered, newest)
            return answered

    def _follow(self, ledger: Ledger) -> None:
        file = places.identity(ledger.path)
        if file != self._file:
            self._known.clear()
            self._file = file


def _newest(reader: Reader) -> int:
    [row_id] = reader.execute("SELECT coalesce(max(row_id), 0) FROM calls").fetchone()
    return int(row_id)


def _is_any_after(reader: Reader, end: datetime) -> bool:
    return reader.execute("SELECT 1 FROM calls WHERE started_at >= ? LIMIT 1", (micros(end),)).fetchone() is not None
