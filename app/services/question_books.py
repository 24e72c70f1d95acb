"""Calls that wait, on this laptop and in its team, and their answers: two books, read and written alike."""

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from app.core.caps import Answer
from app.ledger import approval_store, raise_store
from app.ledger.approval_store import Approval
from app.ledger.engine import Ledger

if TYPE_CHECKING:
    from app.ledger.team.ledger import TeamLedger


class QuestionBook(Protocol):
    """Where calls that wait are written. Every method may block and raises LedgerError; answers raise InvalidInput."""

    is_team: bool

    def waiting(self) -> list[Approval]:
        """Questions without an answer, oldest first."""

    def answered(self) -> list[Approval]:
        """Past questions, newest answer first."""

    def approve(self, approval_id: str, *, for_session: bool = False) -> None:
        """Let a call go, or its whole session."""

    def refuse(self, approval_id: str) -> None:
        """Refuse a call."""

    def raise_by(self, approval: Approval, amount_nano_usd: int, *, until: datetime | None) -> None:
        """Raise the cap that holds a call back."""


class OwnQuestions:
    """The calls of this laptop that wait at its own caps. `by` is who answers."""

    is_team = False

    def __init__(self, ledger: Ledger, by: str) -> None:
        self._ledger = ledger
        self._by = by

    def waiting(self) -> list[Approval]:
        """Questions without an answer, oldest first."""
        return approval_store.waiting(self._ledger)

    def answered(self) -> list[Approval]:
        """Past questions, newest answer first."""
        return approval_store.answered(self._ledger)

    def approve(self, approval_id: str, *, for_session: bool = False) -> None:
        """Let a call go, or its whole session."""
        answer = approval_store.approve_session if for_session else approval_store.approve
        answer(self._ledger, approval_id, by=self._by)

    def refuse(self, approval_id: str) -> None:
        """Refuse a call."""
        approval_store.refuse(self._ledger, approval_id, by=self._by)

    def raise_by(self, approval: Approval, amount_nano_usd: int, *, until: datetime | None) -> None:
        """Raise the cap that holds a call back."""
        window = approval.cap_id, approval.window_key
        raise_store.raise_by(self._ledger, *window, amount_nano_usd, until=until, by=self._by)


class TeamQuestions:
    """The calls that wait at the team's caps: all of them for a lead, who answers; the own ones for a member."""

    is_team = True

    def __init__(self, team: "TeamLedger") -> None:
        self._team = team

    def waiting(self) -> list[Approval]:
        """Questions without an answer, oldest first."""
        return self._team.waiting()

    def answered(self) -> list[Approval]:
        """Past questions, newest answer first."""
        return self._team.answered()

    def approve(self, approval_id: str, *, for_session: bool = False) -> None:
        """Let a call go, or its whole session."""
        self._team.answer(approval_id, Answer.APPROVE, for_session=for_session)

    def refuse(self, approval_id: str) -> None:
        """Refuse a call."""
        self._team.answer(approval_id, Answer.REFUSE)

    def raise_by(self, approval: Approval, amount_nano_usd: int, *, until: datetime | None) -> None:
        """Raise the cap that holds a call back."""
        self._team.raise_window(approval.cap_id, approval.window_key, amount_nano_usd, until=until)
