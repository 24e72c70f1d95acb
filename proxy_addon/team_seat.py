"""This laptop's place in a team, and what its meter asks of the team's ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.core.caps import Cap
from app.core.reservations import Draft, Obstacle, Verdict
from app.core.team import Asked, Ended, Lease
from app.ledger.approval_store import ApprovalState


class Team(Protocol):
    """What a meter asks of the team's ledger. Everything may block for a few seconds and raises LedgerError."""

    def reserve(self, asked: Sequence[Asked]) -> list[Verdict]:
        """Hold each call's money in the team's caps, or say what stands in the way."""

    def settle(self, ended: Sequence[Ended]) -> None:
        """Take these ends, each once."""

    def release(self, call_ids: Sequence[str]) -> None:
        """Hold nothing any more for these calls, which were not sent."""

    def caps(self) -> list[Cap]:
        """The team's caps."""

    def ask(self, draft: Draft, obstacle: Obstacle, instance_id: str, wait_s: float) -> str:
        """Put a question to the team's leads."""

    def postpone(self, approval_id: str, call_id: str, wait_s: float) -> None:
        """Let a question stand so much longer, for another call: its request was sent again."""

    def states(self, ids: Sequence[str]) -> dict[str, ApprovalState]:
        """Where questions stand."""

    def close_questions(self, ids: Sequence[str], state: ApprovalState) -> None:
        """End questions that nobody answered."""

    def leases(self, wanted: Sequence[Draft], size_nano_usd: int, instance_id: str) -> list[Lease]:
        """Fill up this laptop's leases for calls like these, and give all that it has."""

    def give_back(self, lease_ids: Sequence[str]) -> None:
        """Need these leases no more."""

    def listen(self, timeout_s: float = 0) -> frozenset[str]:
        """What changed in the team's ledger since it was last asked: `caps`, and what calls wait for."""

    def close(self) -> None:
        """End the connection."""


@dataclass(frozen=True, slots=True)
class Seat:
    """This laptop's place in a team: `connect` opens the team's ledger (it may block, and raises AppError);
    `lease_nano_usd` is what is asked for in advance in each cap's window, 0 for nothing."""

    name: str
    connect: Callable[[], Team]
    lease_nano_usd: int = 0
