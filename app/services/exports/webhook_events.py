"""What happened, in the words and facts that webhooks are told. Ids are derived: what is found twice is one event."""

import hashlib
from datetime import datetime

from app.core.loops import loop_title, loop_words
from app.core.money import format_exact_usd, format_usd
from app.core.tags import Tags
from app.core.webhooks import Event, EventKind
from app.ledger.alert_store import Alert
from app.ledger.approval_store import Approval, ApprovalState
from app.ledger.loop_store import Loop
from app.services.keeper import Keeper

type Facts = dict[str, str | int | bool | None]

_NO_AGENT = "Unnamed agent"


def event_id(*parts: object) -> str:
    """An id that the same parts always give, 32 hexadecimal digits."""
    return hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def alert_event(alert: Alert) -> Event:
    """A cap reached an alert level, or its limit."""
    name, comma, window = alert.cap_name.rpartition(", ")
    title = f"{name} is at {alert.percent}% {window}" if comma else f"{alert.cap_name} is at {alert.percent}%"
    facts: Facts = {"cap_id": alert.cap_id, "cap": alert.cap_name, "window": alert.window_key, "percent": alert.percent}
    return Event(
        event_id("alert", alert.cap_id, alert.window_key, alert.percent),
        EventKind.CAP_ALERT,
        alert.told_at,
        title,
        f"{format_usd(alert.spent_nano_usd)} of {format_usd(alert.limit_nano_usd)}.",
        facts | _amount("spent", alert.spent_nano_usd) | _amount("limit", alert.limit_nano_usd),
    )


def waiting_event(ask: Approval) -> Event:
    """A call waits for a person; or did, where that is over by now. What an agent said to it is not told."""
    who = ask.tags.agent or _NO_AGENT
    waits = ask.state is ApprovalState.WAITING
    title = f"{who} waits for you" if waits else f"{who} waited for you"
    reason, text = _why(ask)
    facts: Facts = {
        "approval_id": ask.approval_id,
        "reason": reason,
        "state": ask.state,
        "cap": ask.cap_name if reason == "cap" else None,
        "provider": ask.provider,
        "model": ask.model,
    }
    amounts = _amount("next_call_at_most", ask.worst_nano_usd) | _amount("spent", ask.spent_nano_usd)
    limit = _amount("limit", ask.limit_nano_usd if reason == "cap" else None)
    over = "" if waits else f" It is over: {ask.state}."
    return Event(
        event_id("question", ask.approval_id),
        EventKind.CALL_WAITING,
        ask.asked_at,
        title,
        f"{text}{_place(ask.tags)}{over}",
        facts | _payer(ask.tags) | amounts | limit,
    )


def loop_event(loop: Loop) -> Event:
    """An agent goes round in circles."""
    finding, told_at = loop.finding, loop.told_at or loop.found_at
    cost = finding.cost_nano_usd
    facts: Facts = {
        "loop_id": loop.loop_id,
        "loop": finding.kind,
        "level": finding.level,
        "count": finding.count,
        "tools": ", ".join(finding.tools),
        "stops": loop.stands,
    }
    return Event(
        event_id("loop", loop.loop_id, told_at.isoformat()),
        EventKind.LOOP_FOUND,
        told_at,
        f"{loop.tags.agent or _NO_AGENT} {loop_title(finding.kind)}",
        f"{loop_words(finding)}{'' if cost is None else f', {format_usd(cost)}'}.{_place(loop.tags)}",
        facts | _payer(loop.tags) | _amount("cost", cost),
    )


def meter_event(keeper: Keeper, now: datetime) -> Event:
    """The meter died too often and is not started again by itself."""
    text = f"It died {keeper.deaths} times within a minute, and calls are answered with an error. {keeper.reason}"
    facts: Facts = {"gateway_port": keeper.gateway_port, "deaths": keeper.deaths, "fix": "bursar proxy restart"}
    found = event_id("meter", keeper.note.name, now.isoformat())
    return Event(found, EventKind.METER_STOPPED, now, "The meter stopped", text.strip(), facts)


def ledger_event(mark: str, title: str, message: str, now: datetime) -> Event:
    """The ledger cannot be read or written. `mark` tells one trouble from another; the same is told once a day."""
    facts: Facts = {"trouble": title, "fix": "bursar ledger verify"}
    found = event_id("ledger", mark, title, now.date())
    return Event(found, EventKind.LEDGER_TROUBLE, now, title, message, facts)


def trial_event(webhook: str, now: datetime) -> Event:
    """For seeing whether it arrives."""
    text = "Alerts, calls that wait, loops and a meter that stops are told here."
    return Event(event_id("test", webhook, now.isoformat()), EventKind.TEST, now, "Bursar reaches you", text, {})


def _why(ask: Approval) -> tuple[str, str]:
    if ask.is_about_loop:
        cost = f", {format_usd(ask.spent_nano_usd)}" if ask.spent_nano_usd else ""
        return "loop", f"{ask.cap_name}{cost}."
    if ask.is_about_clock:
        return "clock", f"{ask.cap_name}. Calls wait until you say that the clock is right."
    if ask.worst_nano_usd is None:
        return "cap", f"{ask.cap_name} cannot be kept: no price is known for {ask.model}."
    left = max(0, ask.limit_nano_usd - ask.spent_nano_usd)
    used = f"has {format_usd(left)} left" if left else "is used up"
    return "cap", f"{ask.cap_name} {used}. Next call: up to {format_usd(ask.worst_nano_usd)}."


def _place(tags: Tags) -> str:
    where = ", ".join(part for part in (tags.project, tags.task) if part)
    return f" In {where}." if where else ""


def _payer(tags: Tags) -> Facts:
    names = ("project", "agent", "user", "team", "task", "session")
    return {name: getattr(tags, name) or None for name in names}


def _amount(name: str, nano_usd: int | None) -> Facts:
    exact = None if nano_usd is None else format_exact_usd(nano_usd)
    return {f"{name}_nano_usd": nano_usd, f"{name}_usd": exact}
