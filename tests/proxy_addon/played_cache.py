"""A conversation in any dialect with a provider whose cache is played by other means than the meter's: by texts.

Each text is a token for four letters. The provider caches what requests begin with, by model and account, for a time.
What a call lost is planted: the tokens of texts that the request before had too and that were not read, and of those in
the place of its system prompt or of a tool, at the price of a line of the price list.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from app.core.call import ApiShape
from app.core.call_input import CallInput
from app.core.exchange import RequestFacts, ResponseFacts
from app.core.origin import MAIN_ORIGIN, Origin
from app.core.tags import Tags
from app.core.usage import Usage
from app.ledger.call_input_store import input_of_call
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger
from app.ledger.group_writer import Desk
from app.ledger.settlement import settle
from app.pricing.table import price_call
from proxy_addon.rereads import book_input
from proxy_addon.shapes import shape_for
from tests.ledger.bookkeeping import make_call, make_draft, reserve

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
TAGS = Tags(session="s", agent="a", project="p", virtual_key_id="k")
MODELS = {
    ApiShape.ANTHROPIC_MESSAGES: ("anthropic", "claude-opus-4-8", "claude-haiku-4-5"),
    ApiShape.OPENAI_CHAT: ("openai", "gpt-5-mini", "gpt-5"),
    ApiShape.OPENAI_RESPONSES: ("openai", "gpt-5-mini", "gpt-5"),
    ApiShape.GEMINI: ("google", "gemini-2.5-flash", "gemini-2.5-pro"),
}
"""Provider, model, and another model."""


def words(name: str, letters: int = 16_000) -> str:
    """A text that begins like no other."""
    return f"{name} " + "x" * (letters - len(name) - 1)


@dataclass(frozen=True)
class Said:
    """What one request holds: tools by name, the system prompt, and messages in turn from user and model."""

    tools: tuple[tuple[str, str], ...]
    system: str
    messages: tuple[str, ...]
    settings: tuple[tuple[str, Any], ...] = ()
    is_marked: bool = True

    def and_then(self, *messages: str) -> "Said":
        """The next request of the conversation."""
        return replace(self, messages=(*self.messages, *messages))

    @property
    def texts(self) -> list[str]:
        """All texts in the order in which a provider reads them."""
        return [text for _, text in self.tools] + [self.system, *self.messages]


def body_of(shape: ApiShape, model: str, said: Said) -> tuple[str, bytes]:
    """Path and body of a request."""
    roles = ["user" if place % 2 == 0 else "assistant" for place in range(len(said.messages))]
    turns = list(zip(roles, said.messages, strict=True))
    body: dict[str, Any]
    match shape:
        case ApiShape.ANTHROPIC_MESSAGES:
            content = [(role, [{"type": "text", "text": text}]) for role, text in turns]
            if said.is_marked:
                content[-1][1][-1]["cache_control"] = {"type": "ephemeral"}  # type: ignore[assignment]
            body = {
                "tools": [{"name": name, "description": text, "input_schema": {}} for name, text in said.tools],
                "system": [{"type": "text", "text": said.system}],
                "messages": [{"role": role, "content": parts} for role, parts in content],
            }
        case ApiShape.OPENAI_CHAT:
            function = [{"name": name, "description": text, "parameters": {}} for name, text in said.tools]
            messages = [{"role": role, "content": text} for role, text in turns]
            body = {"tools": [{"type": "function", "function": one} for one in function]}
            body["messages"] = [{"role": "developer", "content": said.system}, *messages]
        case ApiShape.OPENAI_RESPONSES:
            tools = [{"type": "function", "name": name, "description": text} for name, text in said.tools]
            body = {"tools": tools, "instructions": said.system}
            body["input"] = [{"type": "message", "role": role, "content": text} for role, text in turns]
        case _:
            declared = [{"name": name, "description": text} for name, text in said.tools]
            body = {"tools": [{"functionDeclarations": declared}]}
            body["systemInstruction"] = {"parts": [{"text": said.system}]}
            body["contents"] = [{"role": role, "parts": [{"text": text}]} for role, text in turns]
    path = f"/v1beta/models/{model}:generateContent" if shape is ApiShape.GEMINI else ""
    return path, json.dumps({"model": model, **dict(said.settings), **body}).encode()


@dataclass
class Conversation:
    """Calls made one after the other; `at` is the clock."""

    ledger: Ledger
    shape: ApiShape
    at: datetime = START
    tags: Tags = TAGS
    life: timedelta = timedelta(minutes=5)
    account: bytes = b"account1"
    _cached: dict[tuple[str, bytes, tuple[str, ...]], datetime] = field(default_factory=dict)
    _before: list[str] = field(default_factory=list)
    _said: Said | None = None

    @property
    def provider(self) -> str:
        """The provider of the dialect."""
        return MODELS[self.shape][0]

    def call(
        self, said: Said, *, model: str = "", after: timedelta = timedelta(seconds=20), origin: Origin = MAIN_ORIGIN
    ) -> tuple[CallInput, int]:
        """One call: what was written of its input, and the planted loss in nano-dollars."""
        self.at += after
        model = model or MODELS[self.shape][1]
        usage, missed = self._served(said, model)
        if self._said is not None and origin == MAIN_ORIGIN:
            missed += _reworded(self._said, said)
        self._said = said if origin == MAIN_ORIGIN else self._said
        path, body = body_of(self.shape, model, said)
        written = self.book(shape_for(self.shape).read_request(path, {}, body), usage, model, origin=origin)
        assert written is not None
        return written, self._price(missed, model, usage)

    def book(
        self, facts: RequestFacts, usage: Usage, model: str, response_id: str = "r", *, origin: Origin = MAIN_ORIGIN
    ) -> CallInput | None:
        """Settle a call as the meter does; what was written of its input."""
        answer = ResponseFacts(usage=usage, response_model=model, response_id=response_id, is_final=True)
        told = {"provider": self.provider, "request_model": model, "response": answer, "started_at": self.at}
        cost = price_call(**told).cost_nano_usd  # type: ignore[arg-type]
        draft = replace(
            make_draft(cost, at=self.at, model=model, tags=self.tags, origin=origin), provider=self.provider
        )
        call = replace(make_call(draft, cost), usage=usage, response_id=response_id)
        assert reserve(self.ledger, draft).is_admitted
        with self.ledger.write() as connection:
            assert settle(connection, read_caps(connection), call, self.at)
            desk = Desk(connection, [], self.ledger)
            book_input(desk, call, facts, answer, host="", account=self.account)
        return input_of_call(self.ledger, call.call_id)

    def _served(self, said: Said, model: str) -> tuple[Usage, int]:
        """The usage of a request, and how many tokens of what was sent before were not read."""
        texts = said.texts
        kept = [
            length
            for length in range(len(texts), 0, -1)
            if self._cached.get((model, self.account, tuple(texts[:length])), START - timedelta(days=9))
            >= self.at - self.life
        ]
        length = kept[0] if kept and said.is_marked else 0
        whole, read = _tokens(texts), _tokens(texts[:length])
        writes = self.shape is ApiShape.ANTHROPIC_MESSAGES and said.is_marked
        if said.is_marked or self.shape is not ApiShape.ANTHROPIC_MESSAGES:
            for end in range(1, len(texts) + 1):
                self._cached[model, self.account, tuple(texts[:end])] = self.at
        missed = _tokens([text for text in texts[length:] if text in self._before])
        self._before = texts
        return Usage(whole, 100, cache_read_tokens=read, cache_write_tokens=whole - read if writes else None), missed

    def _price(self, missed: int, model: str, usage: Usage) -> int:
        paid = Usage(missed, 0, cache_write_tokens=missed if usage.cache_write_tokens else None)
        spared = Usage(missed, 0, cache_read_tokens=missed)
        costs = []
        for one in (paid, spared):
            answer = ResponseFacts(usage=one, response_model=model)
            asked = {"provider": self.provider, "request_model": model, "started_at": self.at}
            costs.append(price_call(response=answer, **asked).cost_nano_usd or 0)  # type: ignore[arg-type]
        return costs[0] - costs[1]


def _reworded(before: Said, now: Said) -> int:
    """Tokens that take the place of a system prompt or a tool of the same name: they would have been read."""
    old, new = dict(before.tools), dict(now.tools)
    pairs = [(old[name], new[name]) for name in old.keys() & new.keys()] + [(before.system, now.system)]
    return sum(min(_tokens([was]), _tokens([becomes])) for was, becomes in pairs if was != becomes)


def is_near(found: int | None, planted: int) -> bool:
    """Whether an amount is within 1 % of the planted one."""
    return found is not None and abs(Fraction(found) - planted) <= Fraction(planted, 100)


def _tokens(texts: list[str]) -> int:
    return sum(len(text) // 4 for text in texts)
