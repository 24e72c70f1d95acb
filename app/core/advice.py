"""What could be saved, and what a person said when it was suggested."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Saving(StrEnum):
    """What could have been saved. The first two are told of all projects together, the others of one."""

    PAID_FAILURES = "paid failures"
    UNREAD_CACHE = "unread cache"
    SYSTEM = "changing system prompt"
    TOOLS = "changing tools"
    HISTORY = "edited history"
    EXPIRED = "expired cache"


class AdviceAnswer(StrEnum):
    """Done: what it saves is told from then on. Declined: it is not suggested again in its project."""

    DONE = "done"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Advice:
    """A suggestion that was answered. `weekly_nano_usd` is what it could have saved in the week it was told of."""

    kind: Saving
    project: str
    answer: AdviceAnswer
    weekly_nano_usd: int
    answered_at: datetime
