"""The dialects a call is spoken in: facts of a request before it is sent, facts of its answer as it arrives.

One file a shape; they know nothing of one another, of mitmproxy or of I/O. Reading an answer never raises: what is not
understood is ignored, and what was not said stays None.
"""

from collections.abc import Mapping
from typing import Protocol

from app.core.call import ApiShape
from app.core.exchange import RequestFacts, ResponseFacts
from proxy_addon.shapes.anthropic_messages import AnthropicMessages
from proxy_addon.shapes.fields import UnreadableRequest
from proxy_addon.shapes.gemini import Gemini
from proxy_addon.shapes.openai_chat import OpenAIChat
from proxy_addon.shapes.openai_responses import OpenAIResponses

__all__ = ["ResponseReader", "Shape", "UnreadableRequest", "shape_for"]


class ResponseReader(Protocol):
    """Reads one answer. Numbers in a stream are cumulative: they are replaced, never added up."""

    def feed(self, payload: bytes) -> None:
        """Take the data of one event, or a whole JSON body. Any bytes are allowed; none raise."""

    def facts(self) -> ResponseFacts:
        """What is known so far."""


class Shape(Protocol):
    """One dialect."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a request. `path` may carry a query, header names are lower-case, `body` is decoded.

        Raises UnreadableRequest, with a message for the agent, where the body cannot be priced as it stands.
        """

    def reader(self, facts: RequestFacts) -> ResponseReader:
        """A reader for the answer to that request."""


_SHAPES: dict[ApiShape, Shape] = {
    ApiShape.ANTHROPIC_MESSAGES: AnthropicMessages(),
    ApiShape.OPENAI_CHAT: OpenAIChat(),
    ApiShape.OPENAI_RESPONSES: OpenAIResponses(),
    ApiShape.GEMINI: Gemini(),
}


def shape_for(api_shape: ApiShape) -> Shape:
    """The reader and writer of a dialect."""
    return _SHAPES[api_shape]
