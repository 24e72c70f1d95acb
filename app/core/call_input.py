"""How much of a call's input had been sent before, what of that the provider's cache spared, and why not the rest."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class MissCause(StrEnum):
    """Why input that had been sent before was paid in full. `none`: it was not; `first call`: nothing had been sent.

    `below the minimum`: the provider caches no input as short. `not asked for`: it caches only what a request marks,
    and this one marked nothing. `unknown`: the same input, in time, and it was missed all the same.
    """

    NONE = "none"
    FIRST = "first call"
    EXPIRED = "expired"
    TOOLS = "tools changed"
    SYSTEM = "system changed"
    HISTORY = "history edited"
    COMPACTED = "compacted"
    SETTINGS = "settings changed"
    MODEL = "model switched"
    ACCOUNT = "other account"
    TOO_SHORT = "below the minimum"
    NOT_ASKED = "not asked for"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool that a request defines: its name on the wire and the bytes of its definition's JSON text."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class CallInput:
    """The input of one call that was answered.

    Of `input_tokens`, `resent_tokens` had been sent before in its conversation, or stand in the place of a tool or
    system prompt that had; of these, `read_tokens` were read from
    the provider's cache and `missed_tokens` were paid in full, or to be cached again. `lost_nano_usd` is what that cost
    beyond reading them, never more than the call; None where the call has no price. Amounts are at list price, whoever
    paid. `changed_block` names what differs from the request before: `tools: +web_search`, `system`, `message 4`.
    `tool_tokens` is the part of the input that defines tools, and `tool_nano_usd` what it cost.
    """

    call_id: str
    input_tokens: int
    resent_tokens: int = 0
    read_tokens: int = 0
    missed_tokens: int = 0
    lost_nano_usd: int | None = 0
    cause: MissCause = MissCause.FIRST
    changed_block: str = ""
    tool_tokens: int = 0
    tool_nano_usd: int | None = 0
    tools: tuple[ToolDefinition, ...] = ()

    def __post_init__(self) -> None:
        is_whole = 0 <= self.read_tokens + self.missed_tokens <= self.resent_tokens <= self.input_tokens
        if not is_whole or not 0 <= self.tool_tokens <= self.input_tokens:
            raise ValueError("a part of the input cannot be larger than the whole")

    @property
    def tools_defined(self) -> int:
        """How many tools the request defined."""
        return len(self.tools)


@dataclass(frozen=True, slots=True)
class ChosenCalls:
    """Which calls a question is about: those that started in [start, end) and carry the labels that are not empty."""

    start: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    end: datetime = datetime(9999, 1, 1, tzinfo=UTC)
    project: str = ""
    agent: str = ""
    task: str = ""
    session: str = ""
    virtual_key_id: str = ""


@dataclass(frozen=True, slots=True)
class CauseSum:
    """What the calls with one cause missed. Costs are those that are known."""

    cause: MissCause
    calls: int
    missed_tokens: int
    lost_nano_usd: int


@dataclass(frozen=True, slots=True)
class InputSums:
    """Sums over calls whose input is known. `unpriced_calls` among them lost an amount that nobody knows. `causes` are
    those that missed something, the dearest first."""

    calls: int = 0
    input_tokens: int = 0
    resent_tokens: int = 0
    read_tokens: int = 0
    missed_tokens: int = 0
    lost_nano_usd: int = 0
    tool_tokens: int = 0
    tool_nano_usd: int = 0
    unpriced_calls: int = 0
    causes: tuple[CauseSum, ...] = ()


NO_INPUTS = InputSums()


@dataclass(frozen=True, slots=True)
class SessionLoss:
    """What one session lost to its caches, and to what above all. `changed_block` is the one that changed most often
    where that was the cause."""

    session: str
    agent: str
    project: str
    task: str
    calls: int
    missed_tokens: int
    lost_nano_usd: int
    cause: MissCause
    changed_block: str


@dataclass(frozen=True, slots=True)
class DefinedTool:
    """What defining one tool came to: in how many calls, about how many tokens of input and nano-dollars, and how often
    it was used meanwhile; an MCP server that is defined as a whole counts as used with each of its tools."""

    name: str
    calls: int
    tokens: int
    nano_usd: int
    uses: int
