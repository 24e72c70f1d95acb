"""What the gate has the writer of the ledger do: values that are sent there and called in a transaction."""

from dataclasses import dataclass
from datetime import datetime

from app.core.clock import Doubt
from app.core.reservations import CapWindow, Draft, Verdict
from app.ledger.admission import admit, take_up
from app.ledger.approval_store import ApprovalState, close, state_of
from app.ledger.group_writer import Desk
from app.pricing.bound import OutputQuote
from proxy_addon.holders import KeyCheck
from proxy_addon.packets import sent_short


@sent_short(1)
@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a call's open question, and, unless that was answered with no, whether it may go. With neither it
    must be known first whether the call can fit."""

    state: ApprovalState | None = None
    verdict: Verdict | None = None


UNKNOWN_FIT = Seen()


class _WhetherItFits(Exception):
    """Whether the request's output limit can be lowered must be known, and its body stays with the meter."""


@sent_short(2)
@dataclass(frozen=True, slots=True)
class Look:
    """What the ledger says to one call, in one transaction. `asked_about` are the windows of its question; `can_fit` is
    None until it turns out to matter."""

    draft: Draft
    instance_id: str
    question: str
    asked_about: frozenset[CapWindow]
    excused: frozenset[CapWindow]
    quote: OutputQuote | None
    can_fit: bool | None
    waits_until: datetime
    doubt: Doubt | None
    check: KeyCheck | None

    def __call__(self, desk: Desk) -> Seen:
        """Raises KeyRejected."""
        try:
            return self._see(desk)
        except _WhetherItFits:
            return UNKNOWN_FIT

    def _see(self, desk: Desk) -> Seen:
        connection, draft = desk.connection, self.draft
        if self.check is not None:
            self.check(desk, draft.at)
        state = state_of(connection, self.question) if self.question else None
        if state in (ApprovalState.REFUSED, ApprovalState.GONE):
            return Seen(state)
        verdict = admit(
            connection, desk.caps, draft, instance_id=self.instance_id, quote=self.quote, can_fit=self._can_fit,
            excused=self.excused | self.asked_about if state is ApprovalState.APPROVED else self.excused,
            waits_until=self.waits_until, doubt=self.doubt,
        )  # fmt: skip
        if verdict.is_admitted and self.question:
            close(connection, self.question, ApprovalState.MOOT, draft.at)
        return Seen(state, verdict)

    def _can_fit(self) -> bool:
        if self.can_fit is None:
            raise _WhetherItFits
        return self.can_fit


def count(desk: Desk, *, draft: Draft, instance_id: str) -> None:
    """Count a call that is spent already."""
    take_up(desk.connection, desk.caps, draft, instance_id=instance_id)
