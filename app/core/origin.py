"""Which part of an agent a call comes from: the main conversation, a sub-agent, or a request made on the side.

An agent says this itself, so it is a label like a task or a session: it sorts calls and decides nothing about who pays.
"""

from dataclasses import dataclass
from enum import StrEnum

from app.core.tags import clean_label


class RequestClass(StrEnum):
    """What a call was for. What no agent told and no rule knows is the main conversation.

    `side` is what agents ask beside the work and is none of the others: which model to take, whether to go on, a commit
    message, whether the key is good.
    """

    MAIN = "main"
    SUB_AGENT = "sub-agent"
    TITLE = "title"
    SUMMARY = "summary"
    COMPACTION = "compaction"
    SIDE = "side"


IS_WORK = frozenset({RequestClass.MAIN, RequestClass.SUB_AGENT})
"""The classes that do what was asked for. The others are told on lines of their own."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where within its session a call comes from.

    `agent_id` names the sub-agent and is empty for the main one; `parent_id` names the sub-agent that started it, empty
    where the main one did. `kind` is the agent's own word for such a sub-agent, such as `Explore`. The texts come off
    the wire and are cleaned here.
    """

    request_class: RequestClass = RequestClass.MAIN
    agent_id: str = ""
    parent_id: str = ""
    kind: str = ""

    def __post_init__(self) -> None:
        for name in ("agent_id", "parent_id", "kind"):
            object.__setattr__(self, name, clean_label(getattr(self, name)))

    @property
    def word(self) -> str:
        """What to call it beside the agent's name, in a word; empty for the main conversation."""
        if self.request_class is RequestClass.MAIN:
            return RequestClass.SUB_AGENT if self.agent_id else ""
        return self.request_class


MAIN_ORIGIN = Origin()


@dataclass(frozen=True, slots=True)
class OriginSum:
    """What the calls of one origin in one session came to. Costs are those that are known."""

    session: str
    origin: Origin
    calls: int
    cost_nano_usd: int
    unpriced_calls: int = 0
