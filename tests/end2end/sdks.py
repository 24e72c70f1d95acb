"""The real SDKs, pointed at a meter, with an ear on the bytes they receive."""

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import openai
from google import genai
from google.genai import types

SDK_TIMEOUT_S = 30.0

_open: list[httpx2.Client] = []


def close_all() -> None:
    """Close the connections of all clients made so far: the SDKs leave that to the garbage collector."""
    while _open:
        _open.pop().close()


class Ear(httpx2.HTTPTransport):
    """A transport that keeps the body bytes of the last answer as they came, before any decoding."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = b""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send, and listen to what comes back."""
        self.heard = b""
        response = super().handle_request(request)
        response.stream = _Tee(response.stream, self)
        return response


class _Tee(httpx2.SyncByteStream):
    def __init__(self, stream: Any, ear: Ear) -> None:
        self._stream = stream
        self._ear = ear

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._ear.heard += chunk
            yield chunk

    def close(self) -> None:
        self._stream.close()


def anthropic_client(gateway: str, token: str, ear: Ear | None = None) -> anthropic.Anthropic:
    """Anthropic's SDK."""
    _open.append(anthropic.DefaultHttpxClient(transport=ear or Ear()))
    base_url = f"{gateway}/anthropic"
    return anthropic.Anthropic(base_url=base_url, api_key=token, timeout=SDK_TIMEOUT_S, http_client=_open[-1])


def openai_client(gateway: str, token: str, ear: Ear | None = None) -> openai.OpenAI:
    """OpenAI's SDK."""
    _open.append(openai.DefaultHttpxClient(transport=ear or Ear()))
    base_url = f"{gateway}/openai/v1"
    return openai.OpenAI(base_url=base_url, api_key=token, timeout=SDK_TIMEOUT_S, http_client=_open[-1])


def gemini_client(gateway: str, token: str, ear: Ear | None = None) -> genai.Client:
    """Google's SDK."""
    _open.append(httpx2.Client(transport=ear or Ear()))
    options = types.HttpOptions(base_url=f"{gateway}/gemini", api_version="v1beta", httpx_client=_open[-1])
    return genai.Client(api_key=token, http_options=options)
