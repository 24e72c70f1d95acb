"""A session as a person looks at it: one agent at work on one task, with the parts it was made of."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from app.core.origin import IS_WORK, Origin, OriginSum, RequestClass
from app.core.tags import Scope


class SessionOrder(StrEnum):
    """What a person wants of one session: its calls are refused, wait, or go on."""

    STOP = "stop"
    PAUSE = "pause"
    GO_ON = "go on"


@dataclass(frozen=True, slots=True)
class SessionId:
    """What tells one session from another. Calls that name no session are one by their agent, project and task.
    `is_imported`: they were read from an agent's log, and no meter saw them."""

    session: str
    agent: str = ""
    project: str = ""
    task: str = ""
    is_imported: bool = False

    @property
    def name(self) -> str:
        """What people call it; empty where nothing was told."""
        return self.task or self.session


@dataclass(frozen=True, slots=True)
class PartSum:
    """What the calls of one origin in one session came to.

    `calls` were sent, `refused_calls` were not. `tokens` are input and output together, the unknown taken as nothing.
    `cost_nano_usd` is the sum of the known costs that are money; `subscription_nano_usd` is the list price of what a
    subscription paid for.
    """

    origin: Origin
    last_at: datetime
    calls: int
    refused_calls: int = 0
    tokens: int = 0
    cost_nano_usd: int = 0
    subscription_nano_usd: int = 0
    unpriced_calls: int = 0

    @property
    def whole_nano_usd(self) -> int:
        """All of it at list price, whoever paid."""
        return self.cost_nano_usd + self.subscription_nano_usd


@dataclass(frozen=True, slots=True)
class Part:
    """Which calls of a session are meant: those of one sub-agent (empty: the main conversation), or those of one class
    beside the work."""

    agent_id: str = ""
    request_class: RequestClass = RequestClass.MAIN

    def holds(self, origin: Origin) -> bool:
        """Whether calls of this origin are of this part."""
        if self.request_class not in IS_WORK:
            return origin.request_class is self.request_class
        return origin.request_class in IS_WORK and origin.agent_id == self.agent_id


@dataclass(frozen=True, slots=True)
class Session:
    """One session with its parts, the dearest first. `last_at` is when its newest call began."""

    id: SessionId
    parts: tuple[PartSum, ...]
    last_at: datetime

    @property
    def whole(self) -> PartSum:
        """All parts together."""
        return added_up(self.parts, self.last_at)

    def plus(self, added: Iterable[PartSum]) -> "Session":
        """This session with more calls."""
        parts = {part.origin: part for part in self.parts}
        for one in added:
            known = parts.get(one.origin)
            both = [one] if known is None else [known, one]
            parts[one.origin] = replace(added_up(both, one.last_at), origin=one.origin)
        dearest_first = sorted(parts.values(), key=lambda part: -part.whole_nano_usd)
        return Session(self.id, tuple(dearest_first), max(part.last_at for part in dearest_first))

    @property
    def origin_sums(self) -> list[OriginSum]:
        """The parts as `insight.family` takes them: at list price."""
        return [
            OriginSum(self.id.session, one.origin, one.calls, one.whole_nano_usd, one.unpriced_calls)
            for one in self.parts
        ]


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions are wanted: those with a call that has all these labels, all words of `text` in its names, and
    that is of one of `sessions` where those are given, begun at `since` or later; only imported ones, or none of
    them, where `is_imported` says so."""

    text: str = ""
    labels: tuple[tuple[Scope, str], ...] = field(default=())
    sessions: frozenset[str] | None = None
    since: datetime | None = None
    is_imported: bool | None = None


def added_up(parts: Iterable[PartSum], last_at: datetime) -> PartSum:
    """Some parts as one; without any, nothing since `last_at`."""
    some = list(parts)
    return PartSum(
        origin=Origin(),
        last_at=max((one.last_at for one in some), default=last_at),
        calls=sum(one.calls for one in some),
        refused_calls=sum(one.refused_calls for one in some),
        tokens=sum(one.tokens for one in some),
        cost_nano_usd=sum(one.cost_nano_usd for one in some),
        subscription_nano_usd=sum(one.subscription_nano_usd for one in some),
        unpriced_calls=sum(one.unpriced_calls for one in some),
    )
