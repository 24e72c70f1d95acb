"""Which of a provider's keys a call goes out with, and what an agent is told when there is none to be had."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import anthropic
import openai
import pytest

from app.core.provider_keys import KeyName
from app.core.tags import Tags
from app.keys.issue import issue_key
from app.keys.vault import KeyringVault
from app.ledger.engine import Ledger
from app.ledger.provider_key_store import list_provider_keys, note_provider_key, set_default_key, set_project_key
from app.services.provider_keys import KeyRing, keep_key, replace_key
from tests.end2end.meter_process import RunningMeter, meter, wait_until
from tests.end2end.provider import Answer, Provider, Seen, chat_completion
from tests.end2end.sdks import anthropic_client, openai_client
from tests.secret_service import lock_keyring, running_secret_service, unlock_keyring

pytestmark = pytest.mark.end2end

OWN, TEAM = KeyName("openai"), KeyName("openai", "team")
LOCKED = "The keyring is locked"


def answered(seen: Seen) -> Answer:
    """Any key is taken, and any question answered."""
    return Answer([b"{}"]) if seen.path == "/v1/models" else chat_completion(10, 5)


def say(running: RunningMeter, token: str = "") -> None:
    """One call by OpenAI's SDK, which does not try again."""
    client = openai_client(running.gateway, token or running.token).with_options(max_retries=0)
    client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": "Hello"}])


def key_of_last_call(provider: Provider) -> str:
    return provider.seen[-1].headers["authorization"].removeprefix("Bearer ")


def key_after(running: RunningMeter, provider: Provider, expected: str, token: str = "") -> None:
    """Calls go out with this key as soon as the meter has seen the change."""

    def arrived() -> bool:
        say(running, token)
        return key_of_last_call(provider) == expected

    wait_until(arrived, f"a call with {expected}")


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real, unlocked Secret Service."""
    with running_secret_service(tmp_path, monkeypatch):
        yield


def ring_on(ledger: Ledger, provider: Provider) -> KeyRing:
    return KeyRing(ledger, KeyringVault(), {"openai": provider.url})


def test_each_project_calls_with_the_key_it_was_told(home: Path, provider: Provider) -> None:
    provider.answer = answered
    keys = {"openai": "sk-own", "openai/team": "sk-team"}
    with meter(home, {"openai": provider.url}, keys=keys, tags=Tags(project="billing-api")) as running:
        _, other = issue_key(running.ledger, name="other", tags=Tags(project="web-shop"))
        for name in (OWN, TEAM):
            note_provider_key(running.ledger, name, datetime.now(UTC))
        say(running)
        assert key_of_last_call(provider) == "sk-own"
        set_project_key(running.ledger, "billing-api", TEAM)
        key_after(running, provider, "sk-team")
        say(running, other)
        assert key_of_last_call(provider) == "sk-own"
        set_default_key(running.ledger, TEAM)
        key_after(running, provider, "sk-team", other)
        assert all(key.last_used_at is not None for key in list_provider_keys(running.ledger))
        assert all(call.tags.project in ("billing-api", "web-shop") for call in running.calls(4))


@pytest.mark.keyring
def test_a_replaced_key_is_used_by_the_next_call_while_those_on_their_way_go_on(
    home: Path, provider: Provider, keyring: None
) -> None:
    may_end = threading.Event()

    def slowly(seen: Seen) -> Answer:
        if seen.headers.get("authorization") == "Bearer sk-old" and seen.path != "/v1/models":
            may_end.wait(20)
        return answered(seen)

    provider.answer = slowly
    with meter(home, {"openai": provider.url}, keys=None) as running:
        keep_key(ring_on(running.ledger, provider), OWN, "sk-old")
        early = threading.Thread(target=say, args=(running,))
        early.start()
        wait_until(lambda: provider.seen, "the first call at the provider")
        replace_key(ring_on(running.ledger, provider), OWN, "sk-new")
        provider.answer = answered
        key_after(running, provider, "sk-new")
        assert early.is_alive()
        may_end.set()
        early.join()
        assert {call.status_code for call in running.calls(2)} == {200}


@pytest.mark.keyring
def test_a_call_at_a_locked_keyring_is_to_be_tried_again_and_goes_once_it_is_open(
    home: Path, provider: Provider, keyring: None
) -> None:
    provider.answer = answered
    with meter(home, {"openai": provider.url}, keys=None) as running:
        keep_key(ring_on(running.ledger, provider), OWN, "sk-own")
        lock_keyring()
        for _ in range(2):  # whoever was asked once is not asked again by every call
            with pytest.raises(openai.InternalServerError, match=LOCKED) as refused:
                say(running)
            assert refused.value.status_code == 503
            assert refused.value.response.headers["x-should-retry"] == "true"
            assert refused.value.response.headers["retry-after"] == "5"
        assert provider.seen == []
        unlock_keyring()
        say(running)
        assert key_of_last_call(provider) == "sk-own"


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("keyring.backends.fail.Keyring", "No keyring on this desktop"),
        ("keyring.backends.null.Keyring", "The keyring in use is not safe"),
    ],
)
def test_without_a_safe_keyring_a_call_is_refused_for_good(
    home: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch, backend: str, words: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    with meter(home, {"anthropic": provider.url}, keys=None) as running:
        client = anthropic_client(running.gateway, running.token)
        with pytest.raises(anthropic.AuthenticationError, match=words) as refused:
            client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
        assert refused.value.response.headers["x-should-retry"] == "false"
    assert provider.seen == []


def test_a_missing_key_is_told_with_the_command_that_adds_it(home: Path, provider: Provider) -> None:
    with meter(home, {"openai": provider.url}, keys={}) as running:
        with pytest.raises(openai.AuthenticationError, match="bursar keys provider set openai"):
            say(running)
        assert provider.seen == []
