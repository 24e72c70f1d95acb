"""The demo told as text: what happens is read from the ledger, as the tray would, and the approvals are answered.

The first question is answered by approving once, every later one by refusing; so each answer is seen at work.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.core.call import Call, Outcome
from app.core.money import format_call_usd, format_usd
from app.core.tags import Scope
from app.core.wording import format_tokens
from app.ledger.alert_store import alerts_after
from app.ledger.approval_store import Approval, ApprovalState, answered, approve, refuse, waiting
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger
from app.ledger.spend import spend_between, spend_by
from app.ledger.spend_sums import Spend
from app.services.demo.stage import Stage

LOOK_S = 0.1
ANSWER_AFTER_S = 1.0
TIME_LIMIT_S = 60.0
ANSWERED_BY = "demo"
EVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Summary:
    """How it ended. `bill_nano_usd` and `billed_calls` are the provider's own. `faults`: what is not as it must be."""

    total: Spend
    by_agent: list[Spend]
    answers: list[Approval]
    bill_nano_usd: int
    billed_calls: int
    faults: list[str]


@dataclass(slots=True)
class Teller:
    """Tells each thing once. `say` prints a line."""

    ledger: Ledger
    say: Callable[[str], None]
    started_s: float = field(default_factory=time.monotonic)
    told_calls: set[str] = field(default_factory=set)
    told_alert: int = 0
    asked_s: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        """Tell what is new, and answer what has waited long enough."""
        for call in reversed(recent_calls(self.ledger, 50)):
            if call.call_id not in self.told_calls:
                self.told_calls.add(call.call_id)
                self._tell(_call_line(call))
        for alert in alerts_after(self.ledger, self.told_alert):
            self.told_alert = alert.alert_id
            spent = f"{format_usd(alert.spent_nano_usd)} of {format_usd(alert.limit_nano_usd)}"
            self._tell(f"! {alert.cap_name} is at {alert.percent}%: {spent}")
        for approval in waiting(self.ledger):
            self._meet(approval)

    def _meet(self, approval: Approval) -> None:
        """Tell a new question; answer an old one."""
        now_s = time.monotonic()
        if approval.approval_id not in self.asked_s:
            self.asked_s[approval.approval_id] = now_s
            left = format_usd(max(0, approval.limit_nano_usd - approval.spent_nano_usd))
            worst = format_call_usd(approval.worst_nano_usd)
            self._tell(f"? {approval.tags.agent} is paused. {approval.cap_name} has {left} left of "
                       f"{format_usd(approval.limit_nano_usd)}. The next call needs up to {worst}.")  # fmt: skip
        elif now_s - self.asked_s[approval.approval_id] >= ANSWER_AFTER_S:
            if len(self.asked_s) == 1:
                approve(self.ledger, approval.approval_id, by=ANSWERED_BY)
                self._tell(f"> Approved once, up to {format_call_usd(approval.worst_nano_usd)}.")
            else:
                refuse(self.ledger, approval.approval_id, by=ANSWERED_BY)
                self._tell("> Refused.")

    def _tell(self, text: str) -> None:
        self.say(f"{time.monotonic() - self.started_s:5.1f} s  {text}")


def tell_story(stage: Stage, say: Callable[[str], None]) -> Summary:
    """Play until the agents have ended, at most a minute, then stop the meter and add up. Raises LedgerError."""
    say(f"The meter listens at {stage.meter.gateway_url}. {len(stage.agents)} simulated agents work behind it.")
    teller = Teller(stage.ledger, say)
    while any(agent.is_playing for agent in stage.agents) and time.monotonic() - teller.started_s < TIME_LIMIT_S:
        teller.look()
        time.sleep(LOOK_S)
    are_done = not any(agent.is_playing for agent in stage.agents)
    stage.meter.stop()
    teller.look()
    for agent in stage.agents:
        if agent.played.refusal:
            say(f"{agent.role.agent} was told: {agent.played.refusal}")
    return _summary(stage, are_done=are_done)


def _summary(stage: Stage, *, are_done: bool) -> Summary:
    now = datetime.now(UTC) + timedelta(seconds=1)
    summary = Summary(
        total=spend_between(stage.ledger, EVER, now),
        by_agent=spend_by(stage.ledger, Scope.AGENT, EVER, now),
        answers=answered(stage.ledger),
        bill_nano_usd=stage.provider.bill_nano_usd,
        billed_calls=stage.provider.calls,
        faults=[] if are_done else ["the agents did not end in time"],
    )
    states = [answer.state for answer in summary.answers]
    checks = {
        "the ledger's total is not the provider's bill": summary.total.cost_nano_usd == summary.bill_nano_usd,
        "the ledger's calls are not those the provider answered": summary.total.calls == summary.billed_calls,
        "calls have no price": summary.total.unpriced_calls == 0,
        "no call was approved": ApprovalState.APPROVED in states,
        "no call was refused": ApprovalState.REFUSED in states,
    }
    summary.faults.extend(fault for fault, is_well in checks.items() if not is_well)
    return summary


def _call_line(call: Call) -> str:
    who = f"{call.tags.agent} in {call.tags.project}"
    if call.outcome is Outcome.REFUSED:
        return f"{who}: {call.model}, refused, nothing was sent"
    tokens_in = "?" if call.usage.input_tokens is None else format_tokens(call.usage.input_tokens)
    tokens_out = "?" if call.usage.output_tokens is None else format_tokens(call.usage.output_tokens)
    return f"{who}: {call.model}, {tokens_in} in, {tokens_out} out, {format_call_usd(call.cost_nano_usd)}"
