"""Requests made by hand, where an SDK would not make such ones."""

import urllib.error
import urllib.request
from email.message import Message

from tests.end2end.meter_process import RunningMeter

MESSAGES = "/anthropic/v1/messages"
CHAT = "/openai/v1/chat/completions"
RESPONSES = "/openai/v1/responses"
GEMINI = "/gemini/v1beta/models/gemini-2.5-flash:generateContent"


def post(
    running: RunningMeter, path: str, body: bytes, *, headers: dict[str, str] | None = None, method: str = "POST"
) -> tuple[int, dict[str, str], bytes]:
    """One request with the virtual key. Returns status, lower-case headers and body, of errors too."""
    sent = {"x-api-key": running.token, "content-type": "application/json"} | (headers or {})
    request = urllib.request.Request(running.gateway + path, body or None, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, _lower(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _lower(error.headers), error.read()


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
