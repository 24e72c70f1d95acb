"""What the soak's agents ask for: good calls in several dialects, and each way in which a provider misbehaves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults.wire.answers import ANSWERS
from tests.faults.wire.cells import GOOD, STREAM, TRUTH, kept, sized, sse, stream, then
from tests.faults.wire.conftest import ASKED, ASKED_STREAM, CHAT
from tests.faults.wire.contents import CONTENTS
from tests.faults.wire.misbehaving import Line, Play
from tests.faults.wire.streams import STREAMS

HAIKU, FLASH = 10 * 1_000 + 5 * 5_000, 10 * 300 + 5 * 2_500
"""10 tokens in and 5 out, in nano-dollars, by the price lists of Anthropic and Google."""


@dataclass(frozen=True, slots=True)
class Order:
    """One kind of call: what is asked, how the provider plays it, and what it bills, in nano-dollars: exactly that
    where `is_known`, and else at most. `leaves`: the client goes away in the middle of it."""

    name: str
    path: str
    body: bytes
    play: Play
    bill: int
    is_known: bool = True
    leaves: bool = False


_USAGE = {"input_tokens": 10, "output_tokens": 5}
_MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5"}
_CLAUDE = json.dumps(_MESSAGE | {"content": [{"type": "text", "text": "one two"}], "stop_reason": "end_turn",
                                 "usage": _USAGE}).encode()  # fmt: skip
_CLAUDE_STREAM = sse(
    json.dumps(
        {"type": "message_start", "message": _MESSAGE | {"content": [], "usage": _USAGE | {"output_tokens": 1}}}
    ).encode(),
    b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"one two"}}',
    b'{"type":"content_block_stop","index":0}',
    b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}',
    b'{"type":"message_stop"}',
)
_GEMINI = json.dumps({
    "candidates": [{"content": {"role": "model", "parts": [{"text": "one two"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
    "modelVersion": "gemini-2.5-flash",
}).encode()  # fmt: skip
_ASK_CLAUDE = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": "two words"}]}
_ASK_GEMINI = (
    b'{"contents":[{"role":"user","parts":[{"text":"two words"}]}],"generationConfig":{"maxOutputTokens":100}}'
)
_FLASH = "/gemini/v1beta/models/gemini-2.5-flash:"


def _long(line: Line) -> None:
    """A stream whose end the client does not wait for."""
    line.say(stream(STREAM)[:300])
    line.hang()


GOOD_ORDERS = (
    Order("chat", CHAT, ASKED, kept(sized(GOOD)), TRUTH),
    Order("chat, streamed", CHAT, ASKED_STREAM, kept(stream(STREAM)), TRUTH),
    Order("messages", "/anthropic/v1/messages", json.dumps(_ASK_CLAUDE).encode(), kept(sized(_CLAUDE)), HAIKU),
    Order("messages, streamed", "/anthropic/v1/messages", json.dumps(_ASK_CLAUDE | {"stream": True}).encode(),
          kept(stream(_CLAUDE_STREAM)), HAIKU),
    Order("gemini", _FLASH + "generateContent", _ASK_GEMINI, kept(sized(_GEMINI)), FLASH),
    Order("gemini, streamed", _FLASH + "streamGenerateContent?alt=sse", _ASK_GEMINI, kept(stream(sse(_GEMINI))), FLASH),
)  # fmt: skip
BAD_ORDERS = (
    Order("client leaves", CHAT, ASKED_STREAM, _long, TRUTH, is_known=False, leaves=True),
    Order("connection closed unanswered", CHAT, ASKED, then(Line.close), TRUTH, is_known=False),
    *(
        Order(cell.name, CHAT, ASKED_STREAM if cell.is_stream else ASKED, cell.play, cell.truth, cell.is_known)
        for cell in (*ANSWERS, *STREAMS, *CONTENTS)
    ),
)
ORDERS: Mapping[str, Order] = {one.name: one for one in (*GOOD_ORDERS, *BAD_ORDERS)}
"""All of them by name."""
