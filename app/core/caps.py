"""Caps: whom they apply to, and what happens when they are reached."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.core.tags import Scope, Tags
from app.core.windows import Window, WindowSpan, span_at, zone


class Action(StrEnum):
    """What the next call meets at the limit. `alert` stops nothing."""

    PAUSE = "pause"
    BLOCK = "block"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Payer:
    """All that a cap can be matched against: the tags of a call, its provider and the model asked for."""

    tags: Tags
    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit on spend.

    `scope_key` names the project, agent … the cap applies to; empty for `everything`; `*` for each one of that scope
    on its own. `limit_nano_usd` is above 0. `alert_percents` are whole percentages of the limit.
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

    @property
    def is_hard(self) -> bool:
        """Whether reaching it stops a call."""
        return self.action is not Action.ALERT

    @property
    def asks_person(self) -> bool:
        """Whether a call that meets it waits for an answer."""
        return self.action is Action.PAUSE

    def applies_to(self, payer: Payer) -> bool:
        """Whether a call of this payer counts in this cap. A session cap says nothing of calls without a session."""
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
    else:
        who = cap.scope_key
    return f"{who}, {_WINDOW_WORDS[cap.window]}"
