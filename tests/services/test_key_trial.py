import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import InvalidInput
from app.core.provider_keys import Trial
from app.core.providers import PROVIDERS
from app.services.key_trial import try_key
from tests.end2end.certificates import self_signed
from tests.services.key_provider import KeyProvider, key_provider

KEY = "sk-real-0123456789"


@pytest.fixture
def provider() -> Iterator[KeyProvider]:
    with key_provider({KEY: 200}) as played:
        yield played


@pytest.mark.parametrize(
    ("name", "path", "header"),
    [
        ("anthropic", "/v1/models", "x-api-key"),
        ("openai", "/v1/models", "authorization"),
        ("google", "/v1beta/models", "x-goog-api-key"),
        ("openrouter", "/api/v1/key", "authorization"),
        ("x-ai", "/v1/models", "authorization"),
    ],
)
def test_a_provider_is_asked_in_its_own_way(provider: KeyProvider, name: str, path: str, header: str) -> None:
    assert try_key(name, KEY, {name: provider.url}) is Trial.WORKS
    assert try_key(name, "sk-wrong", {name: provider.url}) is Trial.REFUSED
    assert [(asked, where) for asked, where, _ in provider.asked] == [(path, header)] * 2


def test_a_base_path_and_the_gateways_name_of_a_service_are_followed(provider: KeyProvider) -> None:
    assert try_key("google", KEY, {"gemini": f"{provider.url}/google/"}) is Trial.WORKS
    assert provider.asked[0][0] == "/google/v1beta/models"


@pytest.mark.parametrize(
    ("status", "trial"),
    [
        (400, Trial.REFUSED),
        (401, Trial.REFUSED),
        (403, Trial.REFUSED),
        (404, Trial.UNTESTABLE),
        (429, Trial.UNREACHABLE),
        (500, Trial.UNREACHABLE),
        (529, Trial.UNREACHABLE),
    ],
)
def test_an_answer_says_whether_the_key_is_taken(status: int, trial: Trial) -> None:
    with key_provider({KEY: status}) as played:
        assert try_key("openai", KEY, {"openai": played.url}) is trial


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_key_follows_no_redirect(provider: KeyProvider, status: int) -> None:
    with key_provider({KEY: status}, location=f"{provider.url}/v1/models") as away:
        assert try_key("openai", KEY, {"openai": away.url}) is Trial.UNREACHABLE
        assert len(away.asked) == 1
    assert provider.asked == []


def test_a_key_goes_past_every_proxy_of_the_environment(provider: KeyProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    with key_provider({}) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert try_key("openai", KEY, {"openai": provider.url}) is Trial.WORKS
        assert proxy.asked == []


@pytest.mark.parametrize("url", ["http://llm.example.com", "ftp://127.0.0.1", "https://", "llm.example.com"])
def test_a_key_is_sent_to_no_upstream_in_the_clear(url: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        try_key("openai", KEY, {"openai": url})
    assert KEY not in str(raised.value)


def test_a_key_is_not_sent_to_who_cannot_prove_a_name(tmp_path: Path) -> None:
    with key_provider({KEY: 200}, certificate=self_signed(tmp_path, "localhost")) as impostor:
        assert try_key("openai", KEY, {"openai": impostor.url}) is Trial.UNREACHABLE
        assert impostor.asked == []


def test_nobody_there_and_one_that_does_not_answer_are_told_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        nobody = {"openai": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        assert try_key("openai", KEY, nobody) is Trial.UNREACHABLE
        silent.listen()
        assert try_key("openai", KEY, nobody, time_limit_s=0.1) is Trial.UNREACHABLE


def test_a_provider_without_a_free_place_is_not_asked(provider: KeyProvider) -> None:
    for name in ("perplexity", "azure", "no-such-provider"):
        assert try_key(name, KEY, {name: provider.url}) is Trial.UNTESTABLE
    assert provider.asked == []


def test_free_places_are_read_and_name_no_model() -> None:
    for known in PROVIDERS:
        assert known.free_path == "" or known.free_path.endswith(("/models", "/key", "/credits"))
        assert not known.free_path or known.host
