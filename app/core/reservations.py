"""Money held before a call is sent: what is asked for, and what the ledger answers.

A reservation is `held` until the call's cost is known (`posted`), the call turned out to cost nothing (`voided`), or
nobody can tell any more (`uncertain`: the caps carry the worst case).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.core.call import ApiShape
from app.core.caps import Answer, Payer
from app.core.money import MAX_CALL_NANO_USD
from app.core.origin import MAIN_ORIGIN, Origin
from app.core.tags import Billing, Tags, clean_name

CapWindow = tuple[str, str]
"""A cap's id and the key of one of its windows."""

type Quote = Callable[[int], int | None]
"""The most a call costs with so many tokens of output, in nano-dollars; None where it has no price."""

type CanFit = Callable[[], bool]
"""Whether a request's output limit can be lowered. Asked only where a cap wants it, since it reads the body."""


_MOST_TOKENS = 2**24


def affordable_tokens(quote: Quote, nano_usd: int) -> int | None:
    """Most tokens of output that this much money pays for; None when not even an empty answer."""
    low, high = 0, _MOST_TOKENS
    if not _is_paid_by(quote, low, nano_usd):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        if _is_paid_by(quote, middle, nano_usd):
            low = middle
        else:
            high = middle - 1
    return low


def _is_paid_by(quote: Quote, tokens: int, nano_usd: int) -> bool:
    price = quote(tokens)
    return price is not None and price <= nano_usd


class ReservationState(StrEnum):
    """Where a reservation stands. Only `held` can change."""

    HELD = "held"
    POSTED = "posted"
    VOIDED = "voided"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Draft:
    """A call about to be sent. `worst_nano_usd` is the most it can cost, None when its model has no price.
    `held_nano_usd` is what is held of it; None means all of that.

    `at` is the instant it is charged to; windows are chosen by it. As in `Call`, the amount is 0 to a million dollars
    and the model's name is cleaned. `carries_results`: it brings the results of tools, and so goes on with what its
    conversation was doing. `input_mark` is equal for the same input, as long as the meter runs; empty where it was not
    taken. `is_of_team`: the caps of the team that this laptop has joined count it too.
    """

    call_id: str
    at: datetime
    provider: str
    api_shape: ApiShape
    operation: str
    request_model: str
    is_stream: bool
    tags: Tags
    worst_nano_usd: int | None
    held_nano_usd: int | None = None
    billing: Billing = Billing.API
    origin: Origin = MAIN_ORIGIN
    carries_results: bool = False
    input_mark: str = ""
    is_of_team: bool = False

    def __post_init__(self) -> None:
        if self.worst_nano_usd is not None:
            if self.worst_nano_usd < 0:
                raise ValueError("a call cannot cost less than nothing")
            object.__setattr__(self, "worst_nano_usd", min(self.worst_nano_usd, MAX_CALL_NANO_USD))
        object.__setattr__(self, "request_model", clean_name(self.request_model))

    @property
    def payer(self) -> Payer:
        """What caps are matched against."""
        return Payer(self.tags, self.provider, self.request_model, self.billing)

    @property
    def hold(self) -> int:
        """What is held of every cap, in nano-dollars: 0 for a call without a price."""
        return (self.worst_nano_usd or 0) if self.held_nano_usd is None else self.held_nano_usd

    @property
    def share_key(self) -> str:
        """Whose turn it is when calls wait for the same money: the session's, or the key's where it has none."""
        return self.tags.session or self.tags.virtual_key_id


class Refusal(StrEnum):
    """Why a call may not go now. Contended passes by itself; the others need a person or a new window.

    `cut`: an answer of the same session was cut because its money ran out, and what is left does not pay for this
    call; it is refused for good, or the agent would send it again and again. `loop`: its agent goes round in circles.
    `clock`: which window is running cannot be told, since the machine's clock is in doubt.
    """

    EXHAUSTED = "exhausted"
    CONTENDED = "contended"
    UNPRICED = "unpriced"
    CUT = "cut"
    LOOP = "loop"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One cap that stands in the way, as it was at that moment. Amounts in nano-dollars.

    For a loop `cap_id` is `LOOP_CAP_ID`, `window_key` the loop's id, `cap_name` what repeats in few words and `words`
    in a sentence, and what was spent is what the repetitions cost. For a clock in doubt it is `CLOCK_CAP_ID`.
    `is_team`: the cap is the team's, and a lead answers for it.
    """

    refusal: Refusal
    cap_id: str
    cap_name: str
    window_key: str
    asks_person: bool
    spent_nano_usd: int
    held_nano_usd: int
    limit_nano_usd: int
    resets_at: datetime | None
    default_answer: Answer | None = None
    answer_after_s: int | None = None
    words: str = ""
    is_team: bool = False

    @property
    def window(self) -> CapWindow:
        """The window that stands in the way."""
        return self.cap_id, self.window_key

    @property
    def remaining_nano_usd(self) -> int | None:
        """What is left to spend, never below 0; None for a loop or a clock, which are no matter of money."""
        return (
            None if self.refusal in (Refusal.LOOP, Refusal.CLOCK) else max(0, self.limit_nano_usd - self.spent_nano_usd)
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The ledger's answer: admitted and held, or what stands in the way (never both).

    `is_paused`: a person paused everything, or with `is_of_session` this session; `is_stopped`: stopped it.
    `held_nano_usd` is what is held of an admitted call, or was to be;
    `output_limit` is what its request's output limit must be lowered to, None to leave it.
    `remaining_nano_usd` is what is left to spend in the tightest cap that can stop an admitted call, None where none
    can.
    """

    obstacles: tuple[Obstacle, ...] = ()
    is_paused: bool = False
    is_stopped: bool = False
    is_of_session: bool = False
    held_nano_usd: int = 0
    output_limit: int | None = None
    remaining_nano_usd: int | None = None

    @property
    def is_admitted(self) -> bool:
        """The money is held; the call may go."""
        return not self.obstacles and not self.is_paused and not self.is_stopped
