"""Notifications in words: what each says, what can be done from it, and when it is held back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.core.loops import loop_title, loop_words
from app.core.money import format_usd
from app.core.windows import Window, WindowSpan, span_at
from app.desktop.formats import day, plural, sum_text
from app.desktop.models.approval_view import CLOCK_WORDS, loop_body, up_to, waiting_groups
from app.desktop.models.cap_view import all_cap_views
from app.desktop.models.snapshot import Snapshot, agent_word
from app.ledger.alert_store import Alert
from app.ledger.approval_store import Approval
from app.ledger.loop_store import Loop
from app.ledger.spend_sums import Spend

WAITING_SLOT = "waiting"
METER_SLOT = "meter"


class NoticeKind(StrEnum):
    """What a person can switch off by itself."""

    CAP = "cap"
    WAITING = "waiting"
    METER = "meter"
    WEEK = "week"
    LOOP = "loop"
    TROUBLE = "trouble"


class Act(StrEnum):
    """What can be done from a notification. `default` is a click on it; `stop` and `let-go` are about a loop that no
    call waits for."""

    OPEN = "default"
    APPROVE = "approve"
    REFUSE = "refuse"
    SHOW = "open"
    STOP = "stop"
    LET_GO = "let-go"


@dataclass(frozen=True, slots=True)
class Action:
    """A button: its key on the bus and its word."""

    key: Act
    label: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification. One of the same `slot` takes the place of the one before. `page` is what Open leads to;
    `approval`, or `loop`, what an answer is for."""

    kind: NoticeKind
    slot: str
    title: str
    body: str
    page: str = ""
    answers: tuple[Action, ...] = ()
    open_label: str = "Open"
    approval: Approval | None = None
    loop: Loop | None = None

    @property
    def actions(self) -> tuple[Action, ...]:
        """All that can be done: the answers, then Open, by a button and by a click."""
        if not self.page:
            return ()
        return (*self.answers, Action(Act.SHOW, self.open_label), Action(Act.OPEN, self.open_label))


def alert_notices(alerts: Iterable[Alert], snapshot: Snapshot | None, *, team: str = "") -> list[Notice]:
    """A notice for each window of a cap, about the highest level that it reached. `team` is whose caps they are, empty
    for the own ones."""
    highest: dict[tuple[str, str], Alert] = {}
    for alert in alerts:
        key = (alert.cap_id, alert.window_key)
        if key not in highest or alert.percent >= highest[key].percent:
            highest[key] = alert
    paces = {} if snapshot is None else {view.cap_id: view.pace for view in all_cap_views(snapshot)}
    return [_alert_notice(alert, paces.get(alert.cap_id, ""), team) for alert in highest.values()]


def waiting_notice(snapshot: Snapshot) -> Notice:
    """About the calls that wait; with its answers where it is one session that waits for one call."""
    groups = waiting_groups(snapshot)
    ask = snapshot.waiting[0]
    if len(snapshot.waiting) > 1:
        title = f"{plural(len(snapshot.waiting), 'call')} wait in {plural(len(groups), 'session')}"
        return Notice(NoticeKind.WAITING, WAITING_SLOT, title, "Open Bursar to answer.", "Approvals")
    if ask.is_about_loop:
        refuse = "Stop" if ask.tags.session else "Refuse"
        answers = (Action(Act.REFUSE, refuse), Action(Act.APPROVE, "Let it go on"))
        title = f"{groups[0].agent} repeats itself"
        return Notice(NoticeKind.WAITING, WAITING_SLOT, title, loop_body(ask), "Approvals", answers, approval=ask)
    if ask.is_about_clock:
        answers = (Action(Act.APPROVE, "It is right"), Action(Act.REFUSE, "Refuse"))
        return Notice(
            NoticeKind.WAITING, WAITING_SLOT, ask.cap_name, CLOCK_WORDS, "Approvals", answers, approval=ask
        )  # fmt: skip
    left = max(0, ask.limit_nano_usd - ask.spent_nano_usd)
    used = f"has {format_usd(left)} left" if left else "is used up"
    body = f"{ask.cap_name} {used}. Next call: {up_to(ask.worst_nano_usd)}."
    if ask.worst_nano_usd is None:
        body = f"{ask.cap_name} cannot be kept: no price is known for {ask.model}."
    answers = (Action(Act.APPROVE, "Approve once"), Action(Act.REFUSE, "Refuse"))
    title = f"{groups[0].agent} waits for you"
    return Notice(NoticeKind.WAITING, WAITING_SLOT, title, body, "Approvals", answers, approval=ask)


def loop_notice(loop: Loop) -> Notice:
    """About an agent in a loop that stops nothing by itself."""
    cost = loop.finding.cost_nano_usd
    body = f"{loop_words(loop.finding)}{'' if cost is None else f', {format_usd(cost)}'}."
    stop = (Action(Act.STOP, "Stop"),) if loop.tags.session else ()
    answers = (*stop, Action(Act.LET_GO, "Let it go on"))
    title = f"{agent_word(loop.tags.agent)} {loop_title(loop.finding.kind)}"
    return Notice(NoticeKind.LOOP, loop_slot(loop), title, body, "Sessions", answers, loop=loop)


def loop_slot(loop: Loop) -> str:
    """Where the notice about a loop stands."""
    return f"loop {loop.loop_id}"


def meter_notice(trouble: str) -> Notice:
    """The meter does not run; `trouble` says why."""
    return Notice(
        NoticeKind.METER, METER_SLOT, "The meter stopped", trouble, page="Doctor", open_label="Open Doctor"
    )  # fmt: skip


def meter_back_notice() -> Notice:
    """It runs again."""
    return Notice(NoticeKind.METER, METER_SLOT, "It runs again", "Calls are metered as before.")


def week_of(instant: datetime, zone: ZoneInfo) -> WindowSpan:
    """The week that a moment lies in, from Monday on."""
    return span_at(Window.WEEK, instant, zone)


def week_notice(spend: Spend, first: datetime, last: datetime) -> Notice:
    """What a week came to; the days are its first and its last, in the person's zone."""
    title = f"Your week: {sum_text(spend.cost_nano_usd, spend.unpriced_calls)}"
    body = f"{plural(spend.calls, 'call')}, {day(first)} to {day(last)}."
    return Notice(NoticeKind.WEEK, "week", title, body, "Review")


def trouble_notice(title: str, message: str) -> Notice:
    """An answer from a notification that did not work."""
    return Notice(NoticeKind.TROUBLE, "answer", title, message, "Approvals")


def is_quiet(now: datetime, start: str, end: str) -> bool:
    """Whether this moment, in the person's zone, lies in the quiet hours; `22:00` to `07:00` goes over midnight. Empty
    or equal texts mean none."""
    if not start or not end or start == end:
        return False
    begins, ends, clock = time.fromisoformat(start), time.fromisoformat(end), now.time()
    if begins < ends:
        return begins <= clock < ends
    return clock >= begins or clock < ends


def _alert_notice(alert: Alert, pace: str, team: str) -> Notice:
    whose = f"Team {team}: " if team else ""
    name, comma, window = f"{whose}{alert.cap_name}".rpartition(", ")
    title = f"{name} is at {alert.percent}% {window}" if comma else f"{window} is at {alert.percent}%"
    spent = f"{format_usd(alert.spent_nano_usd)} of {format_usd(alert.limit_nano_usd)}."
    body = f"{spent} {pace}." if pace else spent
    return Notice(NoticeKind.CAP, f"{alert.cap_id} {alert.window_key}", title, body, "Caps")
