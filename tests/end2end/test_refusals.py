"""The real SDKs meet our refusals: a final one is asked for once and its words are seen, a passing one once more."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import anthropic
import openai
import pytest
from google.genai import errors as gemini_errors

from app.core.call import ApiShape
from app.core.caps import Action
from app.core.money import NANO_PER_CENT
from app.core.tags import Scope
from app.core.windows import Window
from app.ledger.cap_store import add_cap
from proxy_addon.refusals import Reason, refusal
from tests.end2end.bare_http import CHAT, post
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Answer, Provider, chat_completion
from tests.end2end.sdks import anthropic_client, gemini_client, openai_client

pytestmark = pytest.mark.end2end


@dataclass(frozen=True)
class Sdk:
    """A call by a real SDK with its own retries, at a gateway or, `directly`, at a provider."""

    shape: ApiShape
    error: type[Exception]
    call: Callable[[str, str], object]
    tries: int


def _anthropic(gateway: str, token: str) -> object:
    client = anthropic_client(gateway, token)
    return client.messages.create(
        model="claude-haiku-4-5", max_tokens=9_000, messages=[{"role": "user", "content": "hello"}]
    )


def _chat(gateway: str, token: str) -> object:
    client = openai_client(gateway, token)
    return client.chat.completions.create(
        model="gpt-5-mini", max_completion_tokens=9_000, messages=[{"role": "user", "content": "hello"}]
    )


def _responses(gateway: str, token: str) -> object:
    client = openai_client(gateway, token)
    return client.responses.create(model="gpt-5-mini", max_output_tokens=9_000, input="hello")


def _gemini(gateway: str, token: str) -> object:
    return gemini_client(gateway, token).models.generate_content(model="gemini-2.5-flash", contents="hello")


SDKS = {
    "anthropic": Sdk(ApiShape.ANTHROPIC_MESSAGES, anthropic.APIStatusError, _anthropic, tries=3),
    "openai chat": Sdk(ApiShape.OPENAI_CHAT, openai.APIStatusError, _chat, tries=3),
    "openai responses": Sdk(ApiShape.OPENAI_RESPONSES, openai.APIStatusError, _responses, tries=3),
    "google-genai": Sdk(ApiShape.GEMINI, gemini_errors.APIError, _gemini, tries=1),
}


@pytest.fixture
def used_up(home: Path, provider: Provider) -> Iterator[RunningMeter]:
    """A meter whose cap of a cent is nearly used up, and stops."""
    provider.answer = lambda _seen: chat_completion(1_000, 4_000)
    with meter(home, dict.fromkeys(("openai", "anthropic", "google"), provider.url)) as running:
        add_cap(
            running.ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.DAY, limit_nano_usd=NANO_PER_CENT,
            action=Action.BLOCK, time_zone="UTC",
        )  # fmt: skip
        body = {"model": "gpt-5-mini", "max_completion_tokens": 4_500, "messages": []}
        assert post(running, CHAT, json.dumps(body).encode())[0] == 200
        running.calls(1)
        yield running


def test_each_sdk_asks_once_at_a_used_up_cap_and_shows_our_words(used_up: RunningMeter, provider: Provider) -> None:
    for count, sdk in enumerate(SDKS.values(), start=2):
        with pytest.raises(sdk.error, match="is reached"):
            sdk.call(used_up.gateway, used_up.token)
        assert len(used_up.calls(count)) == count
        assert used_up.count() == count
    assert len(provider.seen) == 1


@pytest.mark.parametrize("name", SDKS)
def test_sdk_tries_a_passing_refusal_again(provider: Provider, name: str) -> None:
    sdk = SDKS[name]
    said = refusal(sdk.shape, "", Reason.LATER, "Waiting for an answer in Bursar.")
    provider.answer = lambda _seen: Answer([said.body], status=said.status, headers=said.headers)
    with pytest.raises(sdk.error, match="Waiting for an answer"):
        sdk.call(provider.url, "token")
    assert len(provider.seen) == sdk.tries
