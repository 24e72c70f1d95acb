"""The tools that a model asked an agent, or its own provider, to run, and what became of each.

Counts, names and marks only: neither arguments nor results are ever part of these values.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.core.tags import clean_label

MAX_NAME_LENGTH = 120
UNREADABLE_NAME = "(unreadable)"
_NAME = re.compile(r"[\w.:/\-]+")
_IDENTIFIER = re.compile(r"[\w.:\-|]{1,100}", re.ASCII)


class ToolOutcome(StrEnum):
    """What became of a tool call. `unknown`: its result never came, or said nothing of whether it went well."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call as an answer makes it. `digest` is an unkeyed hash of its arguments, and so must not be stored.

    `provider_id` is what the result will name it by, empty where the dialect has none. `argument_bytes` is the length
    of the arguments as JSON text. `server` is the MCP server where the answer itself names it. A call that the provider
    runs itself `is_hosted`; then its result, if it has come, stands in the same answer.
    """

    name: str
    provider_id: str
    digest: bytes
    argument_bytes: int
    server: str = ""
    is_hosted: bool = False


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A result as a request, or an answer with hosted tools, carries it: for the call of that id, else of that name.

    `digest` is an unkeyed hash of the result, and so must not be stored; empty where none was taken.
    """

    provider_id: str
    name: str
    outcome: ToolOutcome
    result_bytes: int
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call as it stands in the ledger.

    `call_id` is the call whose answer asked for it, as the `position`th of that answer, from 0. `name` is the name on
    the wire and `server` the MCP server it belongs to, empty where nothing tells. `fingerprint` is a keyed hash of the
    arguments: equal for equal arguments, and of no use without the key, which is not in the ledger. `argument_bytes`
    and `result_bytes` are the sizes of both as they were sent. `asked_at` (UTC) is when the answer had ended.
    `result_call_id` is the call that carried the result to the model, empty while none has; for a hosted tool it is
    `call_id` itself. `latency_ms` lies between `asked_at` and the start of that call: the tool's own time and the
    agent's, None for hosted tools. `is_retry`: the same session made the same call before, and that time it failed.
    """

    call_id: str
    position: int
    name: str
    server: str
    provider_id: str
    fingerprint: str
    argument_bytes: int
    asked_at: datetime
    is_hosted: bool = False
    is_retry: bool = False
    outcome: ToolOutcome = ToolOutcome.UNKNOWN
    result_call_id: str = ""
    result_bytes: int | None = None
    latency_ms: int | None = None

    @property
    def has_result(self) -> bool:
        """Whether its result has come."""
        return self.result_call_id != ""


@dataclass(frozen=True, slots=True)
class ToolSum:
    """What the calls of one tool came to.

    `unknown` are those of whose end nothing is known, `unanswered` among them those without a result. `retries` are
    calls that repeat one which failed. `followed_nano_usd` is what the calls cost that carried a failure of this tool
    back to the model, each once; `followed_unpriced` of them have no price.
    """

    name: str
    server: str
    calls: int
    failed: int
    unknown: int
    unanswered: int
    retries: int
    followed_nano_usd: int
    followed_unpriced: int = 0

    @property
    def failed_percent(self) -> int | None:
        """How many of the calls with a known end failed, in whole percent, rounded down; None where none has one."""
        known = self.calls - self.unknown
        return self.failed * 100 // known if known else None


_NOTHING = ToolSum("", "", 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ToolSums:
    """Sums by tool, those that failed most first, and of all of them together: a call that carried the failures of two
    tools to the model counts with each of them, and once in `total`."""

    tools: tuple[ToolSum, ...] = ()
    total: ToolSum = _NOTHING


NO_TOOLS = ToolSums()


def clean_tool_name(name: str) -> str:
    """A tool's or server's name off the wire, made safe to store. Models make names up: what is no name could be any
    text, and is not kept."""
    return name if len(name) <= MAX_NAME_LENGTH and _NAME.fullmatch(name) else UNREADABLE_NAME if name else ""


def is_plain_identifier(text: str) -> bool:
    """Whether an id from the wire is one, and so may be stored as it came; else it could be any text."""
    return _IDENTIFIER.fullmatch(text) is not None


def shown_tool_name(name: str, server: str) -> str:
    """A tool's name for people, without the server's that stands beside it."""
    rest = name.rpartition("__")[2] if server and "__" in name else name
    return clean_label(rest or name)
