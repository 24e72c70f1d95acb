"""The dialects a call is spoken in: facts of a request before it is sent, facts of its answer as it arrives.

One file a shape; they know nothing of one another, of mitmproxy or of I/O. Reading an answer never raises: what is not
understood is ignored, and what was not said stays None.
"""

from app.core.call import ApiShape
from proxy_addon.shapes.anthropic_messages import AnthropicMessages
from proxy_addon.shapes.fields import UnreadableRequest
from proxy_addon.shapes.gemini import Gemini
from proxy_addon.shapes.gemini_live import GeminiLive
from proxy_addon.shapes.openai_chat import OpenAIChat
from proxy_addon.shapes.openai_realtime import OpenAIRealtime
from proxy_addon.shapes.openai_responses import OpenAIResponses
from proxy_addon.shapes.reading import ResponseReader, Shape, SocketReader, Turn

__all__ = ["ResponseReader", "Shape", "SocketReader", "Turn", "UnreadableRequest", "shape_for"]

_SHAPES: dict[ApiShape, Shape] = {
    ApiShape.ANTHROPIC_MESSAGES: AnthropicMessages(),
    ApiShape.OPENAI_CHAT: OpenAIChat(),
    ApiShape.OPENAI_RESPONSES: OpenAIResponses(),
    ApiShape.OPENAI_REALTIME: OpenAIRealtime(),
    ApiShape.GEMINI: Gemini(),
    ApiShape.GEMINI_LIVE: GeminiLive(),
}


def shape_for(api_shape: ApiShape) -> Shape:
    """The reader and writer of a dialect."""
    return _SHAPES[api_shape]
