"""Caps: whom they apply to, and what happens when they are reached."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.core.tags import Billing, Scope, Tags
from app.core.windows import Window, WindowSpan, span_at, zone


class Action(StrEnum):
    """What the next call meets at the limit. `alert` stops nothing."""

    PAUSE = "pause"
    BLOCK = "block"
    ALERT = "alert"


class Hold(StrEnum):
    """How much of a call is held before it is sent.

    `strict`: the most it can cost. `learned`: what most calls of that agent and model came to, and more while the
    answer grows; the limit can then be passed by what a provider bills beyond what was seen of a cut answer. `fit`:
    the most it can cost, after its output limit was lowered to what is left.
    """

    STRICT = "strict"
    LEARNED = "learned"
    FIT = "fit"


class Mode(StrEnum):
    """`observe` is a dry run: what the cap would have stopped is written down, and nothing is stopped."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class Answer(StrEnum):
    """What a person says to a call that waits, or what is done when nobody says anything."""

    APPROVE = "approve"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Payer:
    """All that a cap can be matched against: the tags of a call, its provider, the model asked for, and who is paid."""

    tags: Tags
    provider: str
    model: str
    billing: Billing = Billing.API


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit on spend.

    `scope_key` names the project, agent … the cap applies to; empty for `everything`; `*` for each one of that scope
    on its own. `limit_nano_usd` is above 0. `alert_percents` are whole percentages of the limit. `default_answer` is
    given to a call that waited `answer_after_s` seconds for a person; None leaves it waiting. Calls that a subscription
    pays for count in it, at list price, only where `counts_subscriptions` says so: a cap is a limit on money.
    """

    cap_id: str
    scope: Scope
    scope_key: str
    window: Window
    limit_nano_usd: int
    action: Action = Action.PAUSE
    alert_percents: tuple[int, ...] = field(default=(80,))
    time_zone: str = "UTC"
    week_start: int = 0
    hold: Hold = Hold.STRICT
    mode: Mode = Mode.ENFORCE
    default_answer: Answer | None = None
    answer_after_s: int | None = None
    counts_subscriptions: bool = False

    @property
    def is_hard(self) -> bool:
        """Whether reaching it stops a call."""
        return self.action is not Action.ALERT and self.mode is Mode.ENFORCE

    @property
    def is_dry_run(self) -> bool:
        """Whether reaching it would stop a call, were it in force."""
        return self.action is not Action.ALERT and self.mode is Mode.OBSERVE

    @property
    def asks_person(self) -> bool:
        """Whether a call that meets it waits for an answer."""
        return self.action is Action.PAUSE

    def applies_to(self, payer: Payer) -> bool:
        """Whether a call of this payer counts in this cap. A session cap says nothing of calls without a session."""
        if payer.billing is Billing.SUBSCRIPTION and not self.counts_subscriptions:
            return False
        if self.window is Window.SESSION and not payer.tags.session:
            return False
        if self.scope is Scope.EVERYTHING:
            return True
        value = scope_value(self.scope, payer)
        return value != "" and self.scope_key in ("*", value)

    def span(self, instant: datetime, payer: Payer) -> WindowSpan:
        """The window of this cap that a call of this payer at this instant counts in.

        A cap for each one of a scope (`*`) has one window for each value, so the value stands in the key.
        """
        span = span_at(
            self.window, instant, zone(self.time_zone), week_start=self.week_start, session=payer.tags.session
        )
        if self.scope_key != "*":
            return span
        # A session's name may hold the bar that parts the two, and no two windows may share a key.
        window = span.key.replace("\\", r"\\").replace("|", r"\|")
        return WindowSpan(f"{window}|{scope_value(self.scope, payer)}", span.starts_at, span.ends_at)


def scope_value(scope: Scope, payer: Payer) -> str:
    """The payer's value in one scope; empty where it has none."""
    if scope is Scope.PROVIDER:
        return payer.provider
    if scope is Scope.MODEL:
        return payer.model
    if scope is Scope.VIRTUAL_KEY:
        return payer.tags.virtual_key_id
    return "" if scope is Scope.EVERYTHING else str(getattr(payer.tags, scope.value))


_WINDOW_WORDS = {
    Window.DAY: "today",
    Window.WEEK: "this week",
    Window.MONTH: "this month",
    Window.SESSION: "each session",
    Window.TOTAL: "in total",
}


def cap_name(cap: Cap) -> str:
    """What people call it: `Everything, this month`, `billing-api, today`, `Each agent, this week`."""
    if cap.scope is Scope.EVERYTHING:
        who = "Everything"
    elif cap.scope_key == "*":
        who = f"Each {cap.scope.value.replace('_', ' ')}"
    elif cap.scope is Scope.VIRTUAL_KEY:
        who = f"Key {cap.scope_key[-6:]}"  # as it is listed
    else:
        who = cap.scope_key
    return f"{who}, {_WINDOW_WORDS[cap.window]}"
