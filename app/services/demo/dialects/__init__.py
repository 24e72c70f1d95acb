"""The wire formats the scripted provider speaks: how each asks, answers whole, and answers as a stream."""

from app.services.demo.dialects.anthropic import AnthropicMessages
from app.services.demo.dialects.gemini import Gemini
from app.services.demo.dialects.openai import OpenAIChat, OpenAIResponses
from app.services.demo.dialects.wire import Dialect


def dialect_for(path: str) -> Dialect | None:
    """The dialect that is spoken at a path, None where there is none."""
    plain = path.partition("?")[0]
    if plain.startswith("/v1beta/models/") and plain.endswith((":generateContent", ":streamGenerateContent")):
        return Gemini()
    return _BY_PATH.get(plain)


_BY_PATH: dict[str, Dialect] = {
    "/v1/messages": AnthropicMessages(),
    "/v1/chat/completions": OpenAIChat(),
    "/v1/responses": OpenAIResponses(),
}
