"""Waiting calls in words, grouped by the session that waits."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from app.core.caps import Answer
from app.core.money import NANO_PER_USD, UNKNOWN, format_usd
from app.core.tags import Tags
from app.desktop.formats import countdown, elapsed
from app.desktop.models.snapshot import Snapshot, agent_word
from app.ledger.approval_store import Approval, ApprovalState

_ANSWERS = {
    ApprovalState.APPROVED: "Approved once",
    ApprovalState.REFUSED: "Refused",
    ApprovalState.EXPIRED: "Refused, no answer",
    ApprovalState.MOOT: "Let go, room was made",
    ApprovalState.GONE: "The agent stopped waiting",
}
_CLOCK_ANSWERS = {
    ApprovalState.APPROVED: "The clock is right",
    ApprovalState.MOOT: "Let go, the clock was right",
}
_LOOP_ANSWERS = {
    ApprovalState.APPROVED: "Let go on",
    ApprovalState.REFUSED: "Stopped",
    ApprovalState.MOOT: "Let go, it was over",
}
CLOCK_WORDS = "Caps by day, week or month would start anew by it, so calls wait until you say that it is right."
_MANY_CALLS, _MUCH_NANO_USD = 10, 5 * NANO_PER_USD
_SESSION_END = 6


type GroupKey = tuple[str, str, str, str, bool, bool, str]
"""Session, agent, project, task, whether it is about a loop or the clock (answered with other words than a cap), and
the member of the team whose call it is."""


@dataclass(frozen=True, slots=True)
class WaitingGroup:
    """The calls of one session that wait, oldest first. `key` stays the same while the group is shown;
    `names_session` where only the session tells it from another. `lead_of` is the team whose lead answers, not here;
    empty where it is answered here."""

    key: GroupKey
    calls: tuple[Approval, ...]
    names_session: bool = False
    lead_of: str = ""

    @property
    def oldest(self) -> Approval:
        """The call that has waited longest: the one an answer is for."""
        return self.calls[0]

    @property
    def agent(self) -> str:
        """Whose calls they are."""
        agent, call = agent_word(self.oldest.tags.agent), self.oldest
        return f"{call.tags.user}: {agent}" if call.is_team and not self.lead_of else agent

    @property
    def place(self) -> str:
        """`evals, run 118`; with the end of the session's id where another one would read the same."""
        tags = self.oldest.tags
        session = f"…{tags.session[-_SESSION_END:]}" if self.names_session and tags.session else ""
        return ", ".join(part for part in (tags.project, tags.task, session) if part)

    @property
    def most_nano_usd(self) -> int | None:
        """The most these calls can cost; None when one has no price."""
        amounts = [call.worst_nano_usd for call in self.calls]
        known = [amount for amount in amounts if amount is not None]
        return sum(known) if len(known) == len(amounts) else None


def all_words(group: WaitingGroup) -> str:
    """What it means to approve all calls of a group at once."""
    most, first = group.most_nano_usd, group.oldest
    said = f"Approve {len(group.calls):,} calls? "
    if most is None:
        return f"{said}Nobody knows what they can cost: one has no price."
    said += f"They can cost up to {format_usd(most)}."
    if {call.cap_id for call in group.calls} == {first.cap_id}:
        said += f" {first.cap_name} goes over its {format_usd(first.limit_nano_usd)} by at most that."
    return said


def wants_asking(group: WaitingGroup) -> bool:
    """Whether approving all of a group is so much that it is asked once more."""
    most = group.most_nano_usd
    return len(group.calls) > _MANY_CALLS or most is None or most > _MUCH_NANO_USD


def waiting_groups(snapshot: Snapshot) -> tuple[WaitingGroup, ...]:
    """The waiting calls that are answered here, by session, the group that has waited longest first."""
    return _groups(snapshot.waiting, "")


def shown_groups(snapshot: Snapshot) -> tuple[WaitingGroup, ...]:
    """The same, and after them those that a lead of the team answers."""
    return (*waiting_groups(snapshot), *_groups(snapshot.team.for_leads, snapshot.team.name))


def _groups(waiting: tuple[Approval, ...], lead_of: str) -> tuple[WaitingGroup, ...]:
    groups: dict[GroupKey, list[Approval]] = {}
    for approval in waiting:
        groups.setdefault(_key(approval), []).append(approval)
    alike = Counter(key[1:] for key in groups)
    return tuple(WaitingGroup(key, tuple(calls), alike[key[1:]] > 1, lead_of) for key, calls in groups.items())


def state_words(group: WaitingGroup) -> str:
    """`is paused`: what stands after the agent's name."""
    if group.oldest.is_about_loop:
        return "repeats itself"
    return "waits" if group.oldest.is_about_clock or group.lead_of else "is paused"


def up_to(nano_usd: int | None) -> str:
    """`up to $0.38`, or that it cannot be told."""
    return "an unknown amount" if nano_usd is None else f"up to {format_usd(nano_usd)}"


def why(approval: Approval) -> str:
    """Why a call waits, as rich text with the cap's name, or what repeats, in bold."""
    if approval.is_about_loop:
        again = "Let it go on, and you are asked again once it has gone round twice as often."
        return f"<b>{_plain(approval.cap_name)}</b>{_so_far(approval)}. {again}"
    if approval.is_about_clock:
        return f"<b>{_plain(approval.cap_name)}</b>. {CLOCK_WORDS} Look at it before you answer."
    left = max(0, approval.limit_nano_usd - approval.spent_nano_usd)
    limit = format_usd(approval.limit_nano_usd)
    name = f"{'Your team’s ' if approval.is_team else ''}<b>{_plain(approval.cap_name)}</b>"
    if approval.worst_nano_usd is None:
        return f"{name} cannot be kept: no price is known for {_plain(approval.model)}."
    used = f"{name} has {format_usd(left)} left of {limit}." if left else f"{name} is used up: {limit} of {limit}."
    return f"{used} The next call needs {up_to(approval.worst_nano_usd)}."


def loop_body(approval: Approval) -> str:
    """What repeats and what that cost: `Bash with the same arguments, 12 times, $1.90.`"""
    return f"{approval.cap_name}{_so_far(approval)}."


def _so_far(approval: Approval) -> str:
    return f", {format_usd(approval.spent_nano_usd)}" if approval.spent_nano_usd else ""


def waited(approval: Approval, now: datetime) -> str:
    """How long it has waited: `1:12`."""
    return elapsed(now - approval.asked_at)


def without_answer(approval: Approval, now: datetime) -> str:
    """What happens without an answer: what the cap says, or what its client needs to hear before it gives up."""
    if approval.default_answer is not None and approval.default_at is not None:
        done = "approved" if approval.default_answer is Answer.APPROVE else "refused"
        return f"If nobody answers, it is {done} in {countdown(approval.default_at - now)}."
    left = countdown(approval.expires_at - now)
    return f"If nobody answers, its agent is told in {left} to try again."


def outlook(group: WaitingGroup, now: datetime) -> str:
    """Who answers, where that is somebody else, and what happens without an answer."""
    who = f"A lead of {group.lead_of} answers. " if group.lead_of else ""
    return who + without_answer(group.oldest, now)


def answer_words(approval: Approval) -> str:
    """How a past question ended."""
    if approval.is_about_loop and approval.state in _LOOP_ANSWERS:
        return _LOOP_ANSWERS[approval.state]
    if approval.is_about_clock and approval.state in _CLOCK_ANSWERS:
        return _CLOCK_ANSWERS[approval.state]
    return _ANSWERS.get(approval.state, approval.state.value.capitalize())


def task_line(tags: Tags) -> str:
    """`Claude Code · billing-api`; a dash where nothing is told."""
    return " · ".join(part for part in (tags.agent, tags.project) if part) or UNKNOWN


def _key(approval: Approval) -> GroupKey:
    tags = approval.tags
    whose = tags.user if approval.is_team else ""
    about = approval.is_about_loop, approval.is_about_clock
    return (tags.session, tags.agent, tags.project, tags.task, *about, whose)


def _plain(text: str) -> str:
    """Agents choose these names, so none of their characters may be markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
