"""What a cost can be due to."""

from enum import StrEnum

from app.core.call_input import MissCause
from app.core.origin import RequestClass


class Cause(StrEnum):
    """What a part of a difference is due to, in the order they are listed.

    The first five are factors of the main conversation's cost; each of the others is the cost of calls of its own, or
    of a share of theirs.
    """

    CALLS = "number of calls"
    INPUT = "input length"
    CACHE = "cache share"
    OUTPUT = "output length"
    PRICE = "model and price"
    SEARCHES = "web searches"
    AFTER_FAILURES = "calls after failed tools"
    SUB_AGENTS = "sub-agents"
    COMPACTION = "compaction"
    ASIDE = "titles and side questions"
    EXPIRED = "expired cache"
    TOOLS = "changed tools"
    SYSTEM = "changed system prompt"
    HISTORY = "edited history"
    SETTINGS = "changed settings"
    MODEL_SWITCH = "switched model"
    ACCOUNT = "another account"
    NOT_CACHED = "input not cached"
    MISSED = "other cache misses"
    FAILED = "failed calls"
    INTERRUPTED = "interrupted calls"


FACTORS = (Cause.CALLS, Cause.INPUT, Cause.CACHE, Cause.OUTPUT, Cause.PRICE)
STRANDS = tuple(cause for cause in Cause if cause not in FACTORS)
BY_CLASS = {
    RequestClass.SUB_AGENT: Cause.SUB_AGENTS,
    RequestClass.COMPACTION: Cause.COMPACTION,
    RequestClass.TITLE: Cause.ASIDE,
    RequestClass.SUMMARY: Cause.ASIDE,
    RequestClass.SIDE: Cause.ASIDE,
}
"""What calls beside the main conversation count as."""
BY_MISS = {
    MissCause.EXPIRED: Cause.EXPIRED,
    MissCause.TOOLS: Cause.TOOLS,
    MissCause.SYSTEM: Cause.SYSTEM,
    MissCause.HISTORY: Cause.HISTORY,
    MissCause.COMPACTED: Cause.COMPACTION,
    MissCause.SETTINGS: Cause.SETTINGS,
    MissCause.MODEL: Cause.MODEL_SWITCH,
    MissCause.ACCOUNT: Cause.ACCOUNT,
    MissCause.TOO_SHORT: Cause.NOT_CACHED,
    MissCause.NOT_ASKED: Cause.NOT_CACHED,
}
"""What input that was paid for again counts as; any other cause, and none that is known, as `MISSED`."""
