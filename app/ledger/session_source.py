"""Where the calls of sessions stand: those that were metered, and those of agents' logs that no meter saw.

A session of one kind is never added to one of the other: a log's call that was metered too stands among the metered.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, func, literal, or_, select, true

from app.core.call import Outcome
from app.core.session import PartSum, SessionFilter, SessionId
from app.core.tags import Billing, Scope
from app.ledger.import_tables import imported_calls
from app.ledger.rows import origin_of
from app.ledger.spend import IS_MONEY
from app.ledger.tables import calls
from app.ledger.window_totals import scope_column

_NAMES = ("session", "agent", "project", "task")
_SEARCHED = ("task", "agent", "project", "session")
_ORIGIN = ("request_class", "agent_id", "parent_agent_id", "agent_kind")
_MEASURES = ("calls", "refused_calls", "tokens", "cost_nano_usd", "subscription_nano_usd", "unpriced_calls")


@dataclass(frozen=True, slots=True)
class SessionSource:
    """One of the two tables. `order` tells calls of the same instant apart."""

    table: Table
    is_imported: bool
    order: str

    @property
    def columns(self) -> Any:
        """The table's columns."""
        return self.table.c

    @property
    def identity(self) -> tuple[ColumnElement[str], ...]:
        """What tells one session from another."""
        return tuple(self.columns[name] for name in _NAMES)

    @property
    def origin(self) -> tuple[ColumnElement[str], ...]:
        """What tells the parts of a session apart."""
        return tuple(self.columns[name] for name in _ORIGIN)

    @property
    def is_counted(self) -> ColumnElement[bool]:
        """The condition that a call stands here and not in the other table."""
        counted: ColumnElement[bool] = self.columns.wire_call_id == "" if self.is_imported else true()
        return counted

    def whole_rows(self, *more: Any) -> Any:
        """All columns of a call, as `call_of` takes them."""
        paid = (literal(Billing.API.value).label("billing"),) if self.is_imported else ()
        return select(self.table, *paid, *more).where(self.is_counted)

    def newest_first(self) -> tuple[ColumnElement[Any], ...]:
        """The order of calls from the newest on."""
        return self.columns.started_at.desc(), self.columns[self.order].desc()

    def is_of(self, one: SessionId) -> ColumnElement[bool]:
        """The condition that a call is of this session. Adding nothing to the agent keeps the index on agents out of
        it, which would find half of all calls first."""
        columns = self.columns
        return and_(
            self.is_counted,
            columns.session == one.session,
            columns.agent.concat("") == one.agent,
            columns.project == one.project,
            columns.task == one.task,
        )

    def conditions(self, wanted: SessionFilter) -> list[ColumnElement[bool]]:
        """What a filter asks of a call."""
        found: list[ColumnElement[bool]] = [self.is_counted]
        for word in wanted.text.split():  # in SQLite, LIKE takes both cases of a letter for the same
            found.append(or_(*(self.columns[name].contains(word, autoescape=True) for name in _SEARCHED)))
        found += [self._label(scope) == value for scope, value in wanted.labels]
        if wanted.sessions is not None:
            found.append(self.columns.session.in_(wanted.sessions))
        if wanted.since is not None:
            found.append(self.columns.started_at >= wanted.since)
        return found

    def measures(self) -> list[Any]:
        """What the calls of a part come to, for `part_of`. A log does not tell a subscription."""
        columns = self.columns
        is_sent = columns.outcome != Outcome.REFUSED
        tokens = func.coalesce(columns.input_tokens, 0) + func.coalesce(columns.output_tokens, 0)
        cost = func.sum(columns.cost_nano_usd)
        money, covered = (cost, literal(0)) if self.is_imported else (cost.filter(IS_MONEY), cost.filter(~IS_MONEY))
        return [
            func.max(columns.started_at).label("last_at"),
            func.count().filter(is_sent).label("calls"),
            func.count().filter(~is_sent).label("refused_calls"),
            func.sum(tokens).label("tokens"),
            func.coalesce(money, 0).label("cost_nano_usd"),
            func.coalesce(covered, 0).label("subscription_nano_usd"),
            func.count().filter(columns.cost_nano_usd.is_(None), is_sent).label("unpriced_calls"),
        ]

    def id_of(self, row: Any) -> SessionId:
        """Which session a row is of."""
        return SessionId(row["session"], row["agent"], row["project"], row["task"], is_imported=self.is_imported)

    def _label(self, by: Scope) -> ColumnElement[str]:
        """The label of a scope; the model is the one that answered, since that is what was paid for. A step is found by
        its time, which is why indexes on labels are kept out here too; but for that on sessions, which have few
        calls."""
        if by is Scope.MODEL:
            return func.coalesce(func.nullif(self.columns.response_model, ""), self.columns.request_model)
        column: ColumnElement[str] = self.columns[scope_column(by)]
        return column if by is Scope.SESSION else column.concat("")


METERED = SessionSource(calls, is_imported=False, order="row_id")
IMPORTED = SessionSource(imported_calls, is_imported=True, order="call_id")


def source_of(one: SessionId) -> SessionSource:
    """Where a session's calls stand."""
    return IMPORTED if one.is_imported else METERED


def sources_for(wanted: SessionFilter) -> tuple[SessionSource, ...]:
    """Where to look for what a filter wants."""
    if wanted.is_imported is None:
        return METERED, IMPORTED
    return (IMPORTED,) if wanted.is_imported else (METERED,)


def is_of(one: SessionId) -> ColumnElement[bool]:
    """The condition that a call is of this session."""
    return source_of(one).is_of(one)


def part_of(row: Any) -> PartSum:
    """What the calls of one origin came to, out of `measures`."""
    return PartSum(origin_of(row), row["last_at"], **{name: int(row[name]) for name in _MEASURES})
