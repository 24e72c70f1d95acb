"""What one session's cost is compared with, read from the ledger, and the comparison made."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from app.core.call_sum import Account
from app.core.session import Session, SessionId
from app.insight.comparison import LEAST_TASKS, Comparison, agents_of, last_of, typical_task
from app.insight.explain import Explanation, explain
from app.insight.family import Line, family_of
from app.insight.rates import rate_card
from app.insight.sides import side_of
from app.ledger.accounts import account_between, account_of_session
from app.ledger.engine import Ledger
from app.ledger.price_store import use_prices
from app.ledger.session_list import earlier_runs, read_sessions

AROUND = timedelta(days=28)


class Against(StrEnum):
    """What a session can be compared with."""

    TYPICAL = "typical"
    LAST_RUN = "its last run"
    SESSION = "another session"


@dataclass(frozen=True, slots=True)
class SessionExplanation:
    """Why one session cost what it did. `found` is None where there is too little to compare with: then `family` says
    what the cost itself was made of. `other` is the session it was compared with, None for the typical task;
    `tasks` is how many tasks that is the mean of. `has_last_run` tells whether there is an earlier run to choose."""

    session: Session
    against: Against
    found: Explanation | None
    other: SessionId | None
    tasks: int
    family: tuple[Line, ...]
    has_last_run: bool


def explain_session(
    ledger: Ledger, session: Session, against: Against, other: SessionId | None = None
) -> SessionExplanation:
    """Compare a session's metered calls, all at list price. `other` is for `Against.SESSION`. Raises LedgerError."""
    use_prices(ledger)
    mine = account_of_session(ledger, session.id)
    runs = earlier_runs(ledger, session.id, _first(mine), 1)
    if against is Against.LAST_RUN:
        other = runs[0] if runs else None
    compared = _typical(ledger, mine) if against is Against.TYPICAL else _session(ledger, other)
    found = None
    if compared.tasks >= (LEAST_TASKS if against is Against.TYPICAL else 1):
        card = rate_card([*mine.sums, *compared.account.sums], last_of(mine))
        found = explain(side_of(mine, card), side_of(compared.account, card, tasks=compared.tasks))
    whole = next(iter(read_sessions(ledger, [session.id])), session)
    family = family_of(whole.origin_sums)
    return SessionExplanation(whole, against, found, other, compared.tasks, family, bool(runs))


def _typical(ledger: Ledger, mine: Account) -> Comparison:
    end = last_of(mine)
    around = [account_between(ledger, end - AROUND, end + AROUND, agent=agent) for agent in agents_of(mine)]
    return typical_task(mine, sum(around, Account()))


def _session(ledger: Ledger, other: SessionId | None) -> Comparison:
    account = Account() if other is None else account_of_session(ledger, other)
    return Comparison(account, int(bool(account.sums)))


def _first(mine: Account) -> datetime:
    return min((one.first_at for one in mine.sums if one.first_at is not None), default=datetime.now(UTC))
