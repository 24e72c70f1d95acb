"""Sums over the calls that one task made to one model: what review and explanation look at."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from app.core.call_input import MissCause
from app.core.origin import RequestClass


@dataclass(frozen=True, slots=True)
class TaskId:
    """A task by its label, or a session that stands for one where calls have no task. Both empty: neither was told."""

    task: str
    session: str
    agent: str
    project: str

    @property
    def name(self) -> str:
        """What people call it."""
        return self.task or self.session

    @property
    def is_told(self) -> bool:
        """Whether these calls are one task's; else they are all that nobody labelled."""
        return bool(self.name)


type Kin = tuple[TaskId, str, str, RequestClass]
"""What the calls of one sum have in common: task, provider, model and purpose."""


@dataclass(frozen=True, slots=True)
class CallSum:
    """Calls of one task to one model for one purpose.

    Tokens, searches and `cost_nano_usd` are those of `calls`, which completed and have a price; what no provider told
    counts as nothing. `paid_failures` are calls that failed and cost something.
    """

    task: TaskId
    provider: str
    model: str
    calls: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    cost_nano_usd: int = 0
    failed_calls: int = 0
    paid_failures: int = 0
    failed_nano_usd: int = 0
    interrupted_calls: int = 0
    interrupted_nano_usd: int = 0
    unpriced_calls: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    request_class: RequestClass = RequestClass.MAIN
    web_searches: int = 0

    @property
    def kin(self) -> Kin:
        """What calls of one sum have in common."""
        return self.task, self.provider, self.model, self.request_class

    def without(self, some: "CallSum") -> "CallSum":
        """What is left when the completed calls of `some`, which are among these, are taken out."""
        return replace(self, **{name: getattr(self, name) - getattr(some, name) for name in COMPLETED})

    def had_it_been_read(self, missed: "MissSum") -> "CallSum":
        """The same calls, had what they missed been read from the cache."""
        return replace(
            self,
            cache_read_tokens=self.cache_read_tokens + missed.missed_tokens,
            cache_write_tokens=self.cache_write_tokens - missed.written_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens - missed.written_1h_tokens,
            cost_nano_usd=self.cost_nano_usd - missed.lost_nano_usd,
        )

    @property
    def all_calls(self) -> int:
        """Every call that was sent, each once."""
        return self.calls + self.failed_calls + self.interrupted_calls + self.unpriced_calls

    @property
    def whole_nano_usd(self) -> int:
        """What all of them cost, as far as it is known."""
        return self.cost_nano_usd + self.failed_nano_usd + self.interrupted_nano_usd


@dataclass(frozen=True, slots=True)
class MissSum:
    """What `calls` of one sum paid in full, or to be cached again, though it had been sent before, for one cause.

    Of `missed_tokens`, `written_tokens` were written to the cache, `written_1h_tokens` of these for an hour.
    `lost_nano_usd` is what all of it cost beyond reading it from the cache.
    """

    kin: Kin
    cause: MissCause
    calls: int
    missed_tokens: int
    written_tokens: int
    written_1h_tokens: int
    lost_nano_usd: int


@dataclass(frozen=True, slots=True)
class Account:
    """Sums of some calls. `after_failures` are of those among them that carried a failed tool's result to the model,
    `misses` of the others, as far as they completed and have a price."""

    sums: tuple[CallSum, ...] = ()
    after_failures: tuple[CallSum, ...] = ()
    misses: tuple[MissSum, ...] = ()

    def __add__(self, other: "Account") -> "Account":
        return Account(self.sums + other.sums, self.after_failures + other.after_failures, self.misses + other.misses)

    def where(self, keeps: Callable[[TaskId], bool]) -> "Account":
        """The part of it whose task is wanted."""
        return Account(
            tuple(one for one in self.sums if keeps(one.task)),
            tuple(one for one in self.after_failures if keeps(one.task)),
            tuple(one for one in self.misses if keeps(one.kin[0])),
        )


_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens")
COMPLETED = ("calls", *_TOKENS, "web_searches", "cost_nano_usd")
"""What a sum tells of calls that completed and have a price."""


@dataclass(frozen=True, slots=True)
class ClassRates:
    """A model's list price of each class of tokens, in nano-dollars a token, exactly, and of a web search."""

    fresh: Fraction
    cache_read: Fraction
    cache_write: Fraction
    cache_write_1h: Fraction
    output: Fraction
    web_search: Fraction = Fraction(0)


type RateCard = dict[tuple[str, str], ClassRates]
"""By provider and model; what is not in it has no list price."""


def by_task(sums: Iterable[CallSum]) -> dict[TaskId, list[CallSum]]:
    """The sums of each task."""
    tasks: dict[TaskId, list[CallSum]] = {}
    for one in sums:
        tasks.setdefault(one.task, []).append(one)
    return tasks
