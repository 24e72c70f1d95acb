"""The tray's tooltip and the lines of its menu, in words."""

from app.core.money import format_usd
from app.core.tags import clean_label
from app.desktop.formats import plural, sum_text
from app.desktop.models.approval_view import WaitingGroup, shown_groups, up_to, waiting_groups
from app.desktop.models.cap_view import cap_views
from app.desktop.models.snapshot import Snapshot, agent_word
from app.ledger.spend import SessionSpend

_MOST_OF_A_NAME, _MOST_OF_A_LOOP = 40, 72


def tooltip_words(snapshot: Snapshot) -> str:
    """What matters most now, in a sentence or two."""
    if snapshot.meter is None:
        return "Bursar: the meter is not running."
    waiting = len(waiting_groups(snapshot))
    if waiting:
        return f"Bursar: {plural(waiting, 'agent')} {'waits' if waiting == 1 else 'wait'} for your answer."
    if snapshot.is_paused:
        return "Bursar: everything is paused."
    for_leads = len(shown_groups(snapshot))
    if for_leads:
        verb = "waits" if for_leads == 1 else "wait"
        return f"Bursar: {plural(for_leads, 'agent')} {verb} for a lead of {snapshot.team.name}."
    today = f"Bursar: {_today(snapshot)} today."
    views = cap_views(snapshot)
    if not views:
        return today
    name, _, window = views[0].name.rpartition(", ")
    return f"{today} {name} has {format_usd(views[0].status.remaining_nano_usd)} left {window}."


def spend_line(snapshot: Snapshot) -> str:
    """`$12.48 today, $214.60 this month`."""
    return (
        f"{_today(snapshot)} today, {sum_text(snapshot.month.cost_nano_usd, snapshot.month.unpriced_calls)} this month"
    )


def waiting_line(group: WaitingGroup) -> str:
    """`Claude Code waits: needs up to $0.38`; `Claude Code repeats itself: Bash with the same arguments, 12 times`."""
    if group.lead_of:
        return f"{_short(group.agent)} waits for a lead of {_short(group.lead_of)}"
    if group.oldest.is_about_loop:
        return f"{_short(group.agent)} repeats itself: {clean_label(group.oldest.cap_name, _MOST_OF_A_LOOP)}"
    if group.oldest.is_about_clock:
        return f"{_short(group.agent)} waits: {group.oldest.cap_name}"
    return f"{_short(group.agent)} waits: needs {up_to(group.oldest.worst_nano_usd)}"


def session_line(session: SessionSpend) -> str:
    """`Claude Code, migrate invoices: $4.12`."""
    names = (agent_word(session.agent), session.task or session.project)
    who = ", ".join(_short(part) for part in names if part)
    return f"{who}: {sum_text(session.cost_nano_usd, session.unpriced_calls)}"


def _short(name: str) -> str:
    """A menu is as wide as its longest line."""
    return clean_label(name, _MOST_OF_A_NAME)


def _today(snapshot: Snapshot) -> str:
    return sum_text(snapshot.today.cost_nano_usd, snapshot.today.unpriced_calls)
