"""Simulated agents: they hold a virtual key, speak through the gateway in their provider's format, and obey a refusal.

Only the standard library's HTTP client is used, as an agent of somebody else would: nothing here knows the ledger.
"""

import http.client
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CALL_LIMIT_S = 900.0
REST_S = 20.0
"""How long an endless agent leaves it at that after a refusal."""

_FILLER = "The quick brown fox jumps over the lazy dog while the build runs. "


@dataclass(frozen=True, slots=True)
class Role:
    """What one simulated agent plays.

    `shape` is the API it speaks, `context_bytes` how much text its first request holds, `output_limit` the tokens it
    allows an answer, `turns` how many calls it makes, `pause_s` how long it works between two.
    """

    agent: str
    project: str
    task: str
    shape: str
    model: str
    is_stream: bool
    context_bytes: int
    output_limit: int
    turns: int
    pause_s: float
    steps: tuple[str, ...]


@dataclass(slots=True)
class Played:
    """What one agent has met so far: answered calls, and the text of the refusal that ended it, if one did."""

    answers: int = 0
    refusal: str = ""
    history: list[str] = field(default_factory=list)


def read_roles(file: Path) -> list[Role]:
    """The roles in a JSON file, a list of objects with `Role`'s fields."""
    values = json.loads(file.read_text(encoding="utf-8"))
    return [Role(**(role | {"steps": tuple(role["steps"])})) for role in values]


class SimulatedAgent:
    """One agent in a thread of its own.

    `is_endless` plays its steps over and over until it is stopped; `pace` stretches its pauses.
    """

    def __init__(
        self, role: Role, gateway_url: str, token: str, *, is_endless: bool = False, pace: float = 1.0
    ) -> None:
        self.role = role
        self.played = Played()
        self._gateway = urlsplit(gateway_url)
        self._token = token
        self._is_endless = is_endless
        self._pause_s = role.pause_s * pace
        self._session = f"demo-{secrets.token_hex(4)}"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._play, name=f"demo-{role.agent}", daemon=True)

    def start(self) -> None:
        """Begin to play."""
        self._thread.start()

    def stop(self) -> None:
        """Make no further call. The one that runs or waits is left to itself."""
        self._stopping.set()

    @property
    def is_playing(self) -> bool:
        """Whether it still works or waits."""
        return self._thread.is_alive()

    def _play(self) -> None:
        turn = 0
        while not self._stopping.is_set() and (self._is_endless or turn < self.role.turns):
            if turn % self.role.turns == 0:
                self.played.history = []  # a new task: the conversation begins anew
                if turn:
                    self._session = f"demo-{secrets.token_hex(4)}"
            self.played.history.append(self.role.steps[turn % len(self.role.steps)])
            self._call()
            if self.played.refusal and not self._is_endless:
                return
            turn += 1
            self._stopping.wait(REST_S if self.played.refusal else self._pause_s)

    def _call(self) -> None:
        path, headers, request = _REQUESTS[self.role.shape](self.role, self._token, self.played.history)
        connection = http.client.HTTPConnection(self._gateway.hostname or "", self._gateway.port, timeout=CALL_LIMIT_S)
        headers |= {"content-type": "application/json", "x-bursar-session": self._session}
        try:
            connection.request("POST", path, json.dumps(request), headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.played.refusal = f"the meter could not be reached ({type(error).__name__})"
            return
        finally:
            connection.close()
        if response.status == http.HTTPStatus.OK:
            self.played.answers += 1
            self.played.refusal = ""
            self.played.history.append(f"Done: {len(body)} bytes read.")
        else:
            self.played.refusal = _error_message(body)


def _error_message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return "an error without a message"


def _context(role: Role) -> str:
    """A system prompt of the role's size, its own from the first word on, as a provider's cache needs it."""
    head = f"You are {role.agent} in {role.project}. "
    return (head + _FILLER * (role.context_bytes // len(_FILLER) + 1))[: role.context_bytes]


Request = tuple[str, dict[str, str], Mapping[str, Any]]


def _anthropic_messages(role: Role, token: str, history: list[str]) -> Request:
    system = [{"type": "text", "text": _context(role), "cache_control": {"type": "ephemeral"}}]
    messages = [{"role": "assistant" if number % 2 else "user", "content": text} for number, text in enumerate(history)]
    headers = {"x-api-key": token, "anthropic-version": "2023-06-01"}
    return "/anthropic/v1/messages", headers, {
        "model": role.model, "max_tokens": role.output_limit, "stream": role.is_stream,
        "system": system, "messages": messages,
    }  # fmt: skip


def _openai_chat(role: Role, token: str, history: list[str]) -> Request:
    spoken = [{"role": "assistant" if number % 2 else "user", "content": text} for number, text in enumerate(history)]
    messages = [{"role": "system", "content": _context(role)}, *spoken]
    request = {
        "model": role.model, "max_completion_tokens": role.output_limit, "stream": role.is_stream,
        "messages": messages,
    }  # fmt: skip
    if role.is_stream:
        request["stream_options"] = {"include_usage": True}
    return "/openai/v1/chat/completions", {"authorization": f"Bearer {token}"}, request


def _openai_responses(role: Role, token: str, history: list[str]) -> Request:
    spoken = [{"role": "assistant" if number % 2 else "user", "content": text} for number, text in enumerate(history)]
    return "/openai/v1/responses", {"authorization": f"Bearer {token}"}, {
        "model": role.model, "max_output_tokens": role.output_limit, "stream": role.is_stream,
        "instructions": _context(role), "input": spoken,
    }  # fmt: skip


def _gemini(role: Role, token: str, history: list[str]) -> Request:
    contents = [
        {"role": "model" if number % 2 else "user", "parts": [{"text": text}]} for number, text in enumerate(history)
    ]
    method = "streamGenerateContent?alt=sse" if role.is_stream else "generateContent"
    return f"/gemini/v1beta/models/{role.model}:{method}", {"x-goog-api-key": token}, {
        "systemInstruction": {"parts": [{"text": _context(role)}]}, "contents": contents,
        "generationConfig": {"maxOutputTokens": role.output_limit},
    }  # fmt: skip


_REQUESTS = {
    "anthropic.messages": _anthropic_messages,
    "openai.chat": _openai_chat,
    "openai.responses": _openai_responses,
    "gemini.generate_content": _gemini,
}
