"""Caps of this laptop's own ledger and of the team's, for whoever lists and changes them: two books, written alike."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from app.core.caps import Cap, Hold, Payer
from app.core.errors import InvalidInput
from app.core.tags import Tags
from app.ledger import cap_store, raise_store
from app.ledger.cap_store import CapStatus
from app.ledger.engine import Ledger

if TYPE_CHECKING:
    from app.core.team import WindowTotal
    from app.ledger.team.ledger import TeamLedger


class CapBook(Protocol):
    """Where caps are written. Every method may block and raises LedgerError and InvalidInput."""

    is_team: bool

    def statuses(self) -> list[CapStatus]:
        """Every cap with its running window, tightest first."""

    def add(self, cap: Cap) -> None:
        """Set a cap."""

    def update(self, cap: Cap) -> None:
        """Give a cap new values."""

    def raise_by(self, cap_id: str, window_key: str, amount_nano_usd: int, *, until: datetime | None) -> None:
        """Let one running window spend so much more, until an instant or until it ends."""

    def remove(self, cap_id: str) -> None:
        """Take a cap out of force."""

    def restore(self, cap_id: str) -> None:
        """Put a removed cap back."""


class OwnCaps:
    """The caps of this laptop. `by` is who changes them."""

    is_team = False

    def __init__(self, ledger: Ledger, by: str) -> None:
        self._ledger = ledger
        self._by = by

    def statuses(self) -> list[CapStatus]:
        """Every cap with its running window, tightest first."""
        return cap_store.cap_statuses(self._ledger, datetime.now(UTC))

    def add(self, cap: Cap) -> None:
        """Set a cap."""
        with self._ledger.write() as connection:
            cap_store.put_cap_in(connection, cap)

    def update(self, cap: Cap) -> None:
        """Give a cap new values."""
        cap_store.update_cap(self._ledger, cap)

    def raise_by(self, cap_id: str, window_key: str, amount_nano_usd: int, *, until: datetime | None) -> None:
        """Let one running window spend so much more, until an instant or until it ends."""
        raise_store.raise_by(self._ledger, cap_id, window_key, amount_nano_usd, until=until, by=self._by)

    def remove(self, cap_id: str) -> None:
        """Take a cap out of force."""
        cap_store.remove_cap(self._ledger, cap_id)

    def restore(self, cap_id: str) -> None:
        """Put a removed cap back."""
        cap_store.restore_cap(self._ledger, cap_id)


class TeamCaps:
    """The caps of the team, which only its leads change."""

    is_team = True

    def __init__(self, team: "TeamLedger") -> None:
        self._team = team

    def statuses(self) -> list[CapStatus]:
        """Every cap with its running window, tightest first."""
        return team_statuses(self._team.caps(), self._team.totals(), datetime.now(UTC))

    def add(self, cap: Cap) -> None:
        """Set a cap."""
        self._team.set_cap(strict(cap))

    def update(self, cap: Cap) -> None:
        """Give a cap new values."""
        self._team.set_cap(strict(cap))

    def raise_by(self, cap_id: str, window_key: str, amount_nano_usd: int, *, until: datetime | None) -> None:
        """Let one running window spend so much more, until an instant or until it ends."""
        if not window_key:
            raise InvalidInput("Nothing has been spent yet", "This cap has no running window to raise. Edit the cap.")
        self._team.raise_window(cap_id, window_key, amount_nano_usd, until=until)

    def remove(self, cap_id: str) -> None:
        """Take a cap out of force."""
        self._team.remove_cap(cap_id)

    def restore(self, cap_id: str) -> None:
        """Put a removed cap back."""
        self._team.restore_cap(cap_id)


def strict(cap: Cap) -> Cap:
    """The cap, if a team can keep it. Raises InvalidInput."""
    if cap.hold is not Hold.STRICT:
        raise InvalidInput("A team's cap holds strictly", "Several laptops spend at once: leave --hold out.")
    return cap


def team_statuses(caps: Sequence[Cap], totals: "Sequence[WindowTotal]", now: datetime) -> list[CapStatus]:
    """Caps of a team with their running windows, tightest first. A cap for each one shows its tightest; one in which
    nobody has spent yet has no window."""
    found = [_status(cap, [one for one in totals if one.cap_id == cap.cap_id], now) for cap in caps]
    return sorted(found, key=lambda status: status.share, reverse=True)


_NOBODY = Payer(Tags(), "", "")


def _status(cap: Cap, totals: "Sequence[WindowTotal]", now: datetime) -> CapStatus:
    if not totals:
        span = cap.span(now, _NOBODY)
        return CapStatus(cap, "", 0, 0, cap.limit_nano_usd, span.starts_at, span.ends_at, 0)
    one = max(totals, key=lambda total: total.spent_nano_usd * 100 // total.limit_nano_usd)
    return CapStatus(
        cap, one.window_key, one.spent_nano_usd, one.held_nano_usd, one.limit_nano_usd, one.starts_at, one.ends_at,
        one.unpriced_calls,
    )  # fmt: skip
