"""The dialects a call is spoken in: facts of a request before it is sent, facts of its answer as it arrives.

One file a shape; they know nothing of one another, of mitmproxy or of I/O. Reading an answer never raises: what is not
understood is ignored, and what was not said stays None.
"""

from app.core.call import ApiShape
from proxy_addon.shapes.anthropic_complete import AnthropicComplete
from proxy_addon.shapes.anthropic_messages import AnthropicMessages
from proxy_addon.shapes.bedrock_converse import BedrockConverse
from proxy_addon.shapes.bedrock_invoke import BedrockInvoke
from proxy_addon.shapes.cohere import Cohere
from proxy_addon.shapes.fields import UnreadableRequest
from proxy_addon.shapes.gemini import Gemini
from proxy_addon.shapes.gemini_embeddings import GeminiEmbeddings
from proxy_addon.shapes.gemini_interactions import GeminiInteractions
from proxy_addon.shapes.gemini_live import GeminiLive
from proxy_addon.shapes.ollama import Ollama
from proxy_addon.shapes.openai_assistants import OpenAIAssistants
from proxy_addon.shapes.openai_chat import OpenAIChat
from proxy_addon.shapes.openai_completions import OpenAICompletions
from proxy_addon.shapes.openai_embeddings import OpenAIEmbeddings
from proxy_addon.shapes.openai_media import OpenAIMedia
from proxy_addon.shapes.openai_realtime import OpenAIRealtime
from proxy_addon.shapes.openai_responses import OpenAIResponses
from proxy_addon.shapes.reading import ResponseReader, Shape, SocketReader, Turn
from proxy_addon.shapes.unread import Unmetered

__all__ = ["ResponseReader", "Shape", "SocketReader", "Turn", "UnreadableRequest", "shape_for"]

_MESSAGES = AnthropicMessages()
_SHAPES: dict[ApiShape, Shape] = {
    ApiShape.ANTHROPIC_MESSAGES: _MESSAGES,
    ApiShape.ANTHROPIC_COMPLETE: AnthropicComplete(),
    ApiShape.OPENAI_CHAT: OpenAIChat(),
    ApiShape.OPENAI_COMPLETIONS: OpenAICompletions(),
    ApiShape.OPENAI_RESPONSES: OpenAIResponses(),
    ApiShape.OPENAI_EMBEDDINGS: OpenAIEmbeddings(),
    ApiShape.OPENAI_MEDIA: OpenAIMedia(),
    ApiShape.OPENAI_ASSISTANTS: OpenAIAssistants(),
    ApiShape.OPENAI_REALTIME: OpenAIRealtime(),
    ApiShape.GEMINI: Gemini(),
    ApiShape.GEMINI_EMBEDDINGS: GeminiEmbeddings(),
    ApiShape.GEMINI_INTERACTIONS: GeminiInteractions(),
    ApiShape.GEMINI_LIVE: GeminiLive(),
    ApiShape.BEDROCK_CONVERSE: BedrockConverse(),
    ApiShape.BEDROCK_INVOKE: BedrockInvoke(_MESSAGES),
    ApiShape.COHERE: Cohere(),
    ApiShape.OLLAMA: Ollama(),
    ApiShape.UNMETERED: Unmetered(),
}


def shape_for(api_shape: ApiShape) -> Shape:
    """The reader and writer of a dialect."""
    return _SHAPES[api_shape]
