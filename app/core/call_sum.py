"""Sums over the calls that one task made to one model: what review and explanation look at."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction


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


@dataclass(frozen=True, slots=True)
class CallSum:
    """Calls of one task to one model.

    Tokens and `cost_nano_usd` are those of `calls`, which completed and have a price; tokens that no provider told
    count as nothing. `paid_failures` are calls that failed and cost something.
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

    @property
    def all_calls(self) -> int:
        """Every call that was sent, each once."""
        return self.calls + self.failed_calls + self.interrupted_calls + self.unpriced_calls

    @property
    def whole_nano_usd(self) -> int:
        """What all of them cost, as far as it is known."""
        return self.cost_nano_usd + self.failed_nano_usd + self.interrupted_nano_usd


@dataclass(frozen=True, slots=True)
class ClassRates:
    """A model's list price of each class of tokens, in nano-dollars a token, exactly."""

    fresh: Fraction
    cache_read: Fraction
    cache_write: Fraction
    cache_write_1h: Fraction
    output: Fraction


type RateCard = dict[tuple[str, str], ClassRates]
"""By provider and model; what is not in it has no list price."""
