"""What a shape reads out of one exchange: facts of the request before it is sent, facts of the answer as it arrives.

These values cross from the wire (`proxy_addon/shapes`) to pricing and the ledger. They hold counts, names and limits,
never content.
"""

from dataclasses import dataclass
from typing import NamedTuple

from app.core.sent_input import InputPart
from app.core.tool_call import ToolResult, ToolUse
from app.core.usage import Usage


class Block(NamedTuple):
    """One piece of a request's input, in the order of reading: the frame of settings and tools, then part by part.

    `prefix` is a hash of all input up to its end, by which a request that extends an earlier one is known; never the
    content. `size` is the bytes of its JSON text without its images, of which there are `images`. `is_bounded` is False
    where neither bounds its tokens: a document, a file by id. `is_answer_part` is True for a piece of an earlier answer
    that is only named, such as stored reasoning: it is not bounded by itself, but by what that answer counted.
    """

    prefix: bytes
    size: int
    images: int = 0
    is_bounded: bool = True
    is_answer_part: bool = False


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What decides the most a call can cost.

    `model` as asked for. `body_bytes` is the length of the decoded body: with a byte-level tokenizer a text has no more
    tokens than bytes. `is_input_bounded` is False when the input holds things whose tokens the body's bytes do not
    bound (a file by URL or id, a stored conversation, cached content, server tools): then only the context window
    does. `output_limit` in tokens, None when the request sets none. `choices` is how many answers are asked for.
    `cache_write` is "", "5m" or "1h": the dearest cache write the request allows. `service_tier` and `speed` as asked.
    `session` is the agent's own session id where the body or headers tell it. `region` is where the model may run, as
    asked for. `is_self_contained` is True when nothing but what is in the body is input, even if its bytes alone do not
    bound it. `blocks` are that input in pieces, none where it cannot be told. `continues` is the id of the stored
    answer that the input is appended to, where that alone is not in the body. `has_rounds` is True when the provider
    may read the input several times within the call and bill the sum: it runs tools itself, or answers several times.
    `tool_results` are the results of tool calls that its last turn carries. `parts` are what the next request of the
    conversation is held against, and `cache_asked` is how long the input is asked to be cached, such as "5m".
    """

    model: str
    is_stream: bool
    body_bytes: int
    is_input_bounded: bool = True
    output_limit: int | None = None
    choices: int = 1
    cache_write: str = ""
    service_tier: str = ""
    speed: str = ""
    max_web_searches: int = 0
    session: str = ""
    region: str = ""
    blocks: tuple[Block, ...] = ()
    is_self_contained: bool = False
    continues: str = ""
    has_rounds: bool = False
    tool_results: tuple[ToolResult, ...] = ()
    parts: tuple[InputPart, ...] = ()
    cache_asked: str = ""


@dataclass(frozen=True, slots=True)
class SideInference:
    """An inference billed on top of an answer's totals, such as an advisor. An empty `model` is the answer's own."""

    model: str
    usage: Usage


_UNTOLD = Usage()


@dataclass(frozen=True, slots=True)
class ResponseFacts:
    """What is known of an answer so far. `is_final` turns True when the usage cannot change any more.

    `output_bytes` counts the bytes of generated text, thinking and tool arguments seen: an upper bound of the output
    tokens where a cut stream never told them. `error_type` is the provider's own word for a failure in the answer.
    `billed` is set where the provider bills other counts than it processed (Cohere); the price is that of these.
    `search_units` is what rerankings are billed by. `tool_uses` are the tool calls that are whole so far,
    `tool_results` the results of those whose tool ran within the same answer.
    """

    usage: Usage = _UNTOLD
    response_model: str = ""
    response_id: str = ""
    service_tier: str = ""
    speed: str = ""
    error_type: str = ""
    output_bytes: int = 0
    is_final: bool = False
    region: str = ""
    side_inferences: tuple[SideInference, ...] = ()
    billed: Usage | None = None
    search_units: int | None = None
    tool_uses: tuple[ToolUse, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
