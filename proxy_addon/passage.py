"""What comes of a call at the gate, and how it is told."""

from dataclasses import dataclass

from app.core.reservations import Draft, Obstacle, Refusal, Verdict
from proxy_addon.gate_wording import refused_by_person, sentence
from proxy_addon.refusals import Cause
from proxy_addon.team_gate import TeamAnswer


@dataclass(frozen=True, slots=True)
class Passage:
    """The gate's answer. `draft` carries the instant and the amount that was held; `output_limit` is what the request's
    must be lowered to, None to leave it, and `remaining_nano_usd` what its tightest cap had left then;
    `cause` is None when the call may go, and
    `refusal` the sentence for the person where it may not; `is_gone` when the client left while it waited."""

    draft: Draft
    cause: Cause | None = None
    refusal: str = ""
    obstacle: Obstacle | None = None
    is_gone: bool = False
    output_limit: int | None = None
    remaining_nano_usd: int | None = None

    @property
    def is_open(self) -> bool:
        """The money is held; the call may go."""
        return self.cause is None and not self.is_gone


CAUSES = {
    Refusal.EXHAUSTED: Cause.EXHAUSTED,
    Refusal.CONTENDED: Cause.CONTENDED,
    Refusal.UNPRICED: Cause.UNPRICED,
    Refusal.CUT: Cause.CUT,
    Refusal.LOOP: Cause.LOOP,
    Refusal.CLOCK: Cause.UNANSWERED,
}


def of_team(draft: Draft, answer: TeamAnswer) -> Passage | None:
    """A call that the team did not let go; None for one that waits on."""
    left = answer.obstacle
    if answer.away is not None:
        return Passage(draft, Cause.TEAM_AWAY, f"{answer.away.title}. {answer.away.message}")
    if answer.is_refused:
        return Passage(draft, Cause.REFUSED, refused_by_person(left), left)
    if left is None:
        return Passage(draft, is_gone=True) if answer.is_gone else None
    if not answer.is_over:
        return Passage(draft, CAUSES[left.refusal], sentence(left, draft), left)
    return unanswered(draft, left)


def no_answer(verdict: Verdict, draft: Draft) -> Passage:
    """The time of a call that waited is over."""
    if verdict.is_paused:
        what = "This session is paused" if verdict.is_of_session else "Everything is paused"
        message = f"{what} in Bursar. Resume it there; this call goes on when it is sent again."
        return Passage(draft, Cause.PAUSED, message)
    return unanswered(draft, verdict.obstacles[0])


def unanswered(draft: Draft, first: Obstacle) -> Passage:
    """Neither room nor an answer has come in time."""
    if first.refusal is Refusal.CONTENDED:
        return Passage(draft, Cause.CONTENDED, sentence(first, draft), first)
    message = f"{sentence(first, draft)} Nobody has answered yet; the question stays open while it is sent again."
    return Passage(draft, Cause.UNANSWERED, message, first)
