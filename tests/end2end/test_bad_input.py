"""Whatever comes in, the answer is clear and in the provider's shape, and nothing is sent that should not be."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import openai
import pytest
import zstandard

from app.core.call import ApiShape, Basis
from app.core.caps import Action
from app.core.tags import Scope, Tags
from app.core.usage import Usage
from app.core.windows import Window
from app.keys.issue import issue_key, rotate_key
from app.keys.virtual_keys import mint
from app.ledger.cap_store import add_cap, remove_cap
from app.ledger.key_store import revoke_key
from tests.end2end.bare_http import CHAT, GEMINI, MESSAGES, RESPONSES, post
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Answer, Provider, chat_completion
from tests.end2end.sdks import openai_client

pytestmark = pytest.mark.end2end


@pytest.fixture(scope="module")
def one_provider() -> Iterator[Provider]:
    with Provider(lambda _seen: chat_completion(10, 5)).running() as started:
        yield started


@pytest.fixture(scope="module")
def running(one_provider: Provider, module_home: Path) -> Iterator[RunningMeter]:
    """One meter for all of these: bad input must leave it as it was."""
    with meter(module_home, dict.fromkeys(("anthropic", "openai", "google"), one_provider.url)) as started:
        yield started


@pytest.fixture
def provider(one_provider: Provider) -> Provider:
    """The provider, having seen nothing yet."""
    one_provider.seen.clear()
    one_provider.answer = lambda _seen: chat_completion(10, 5)
    return one_provider


@pytest.mark.parametrize("path", [MESSAGES, CHAT, RESPONSES, GEMINI])
@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b'"text"', b'{"model": 7, "contents": 1, "messages": 2}'])
def test_unreadable_body_is_refused_in_the_providers_shape(
    running: RunningMeter, provider: Provider, path: str, body: bytes
) -> None:
    status, headers, answer = post(running, path, body)
    if status == 200:  # Gemini names its model in the path, so odd contents are the provider's to judge
        assert path == GEMINI
        return
    assert (status, headers["content-type"]) == (400, "application/json")
    error = json.loads(answer)["error"]
    assert "Nothing was sent." in error["message"]
    assert provider.seen == []
    assert ("type" in error) == (path != GEMINI)


@contextmanager
def cap_on_everything(running: RunningMeter, action: Action) -> Iterator[None]:
    cap = add_cap(
        running.ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.DAY, limit_nano_usd=10**12, action=action,
        time_zone="UTC",
    )  # fmt: skip
    yield
    remove_cap(running.ledger, cap.cap_id)


UNMETERED = ("/openai/v1/batches", "/anthropic/v1/messages/batches", "/gemini/v1beta/models/x:batchGenerateContent")


@pytest.mark.parametrize("path", UNMETERED)
@pytest.mark.parametrize("action", [Action.BLOCK, Action.PAUSE])
def test_path_that_cannot_be_metered_is_not_sent_under_a_hard_cap(
    running: RunningMeter, provider: Provider, path: str, action: Action
) -> None:
    with cap_on_everything(running, action):
        status, _headers, answer = post(running, path, b"{}")
    assert status == 404
    assert "cannot meter" in json.loads(answer)["error"]["message"]
    assert provider.seen == []


@pytest.mark.parametrize("path", UNMETERED)
def test_path_that_cannot_be_metered_is_sent_and_flagged_where_no_hard_cap_is(
    running: RunningMeter, provider: Provider, path: str
) -> None:
    start = datetime.now(UTC)
    with cap_on_everything(running, Action.ALERT):
        assert post(running, path, b'{"a": 1}')[0] == 200
    [seen] = provider.seen
    assert seen.body == b'{"a": 1}'
    [call] = running.calls_since(start, 1)
    assert (call.operation, call.api_shape, call.cost_basis) == ("unmetered", ApiShape.UNMETERED, Basis.UNPRICED)
    assert (call.cost_nano_usd, call.usage) == (None, Usage())


def test_a_key_does_not_go_to_a_host_that_anybody_can_rent(running: RunningMeter, provider: Provider) -> None:
    status, _headers, answer = post(running, "/azure/evil/openai/v1/responses", b'{"model": "m"}')
    assert status == 401
    assert "evil.openai.azure.com" in json.loads(answer)["error"]["message"]
    assert provider.seen == []


@pytest.mark.parametrize(("encoding", "status"), [("gzip", 200), ("zstd", 200), ("compress", 400), ("br", 400)])
def test_compressed_request_is_read_and_passed_on_as_it_came(
    running: RunningMeter, provider: Provider, encoding: str, status: int
) -> None:
    plain = b'{"model": "gpt-5-mini", "messages": []}'
    body = {"gzip": gzip.compress(plain), "zstd": zstandard.compress(plain)}.get(encoding, plain)
    assert post(running, CHAT, body, headers={"content-encoding": encoding})[0] == status
    assert [seen.body for seen in provider.seen] == ([body] if status == 200 else [])


def test_half_a_character_in_an_id_is_the_providers_business(running: RunningMeter) -> None:
    body = b'{"model": "gpt-5-mini", "input": "x", "previous_response_id": "\\ud800"}'
    assert post(running, RESPONSES, body)[0] == 200


def test_paths_that_cost_nothing_pass_with_the_real_key(running: RunningMeter, provider: Provider) -> None:
    provider.answer = lambda _seen: Answer([b'{"data": []}'])
    assert post(running, "/openai/v1/models?limit=5", b"", method="GET")[0] == 200
    assert post(running, "/anthropic/v1/messages/count_tokens", b"{}")[0] == 200
    assert [seen.path for seen in provider.seen] == ["/v1/models?limit=5", "/v1/messages/count_tokens"]
    assert [seen.headers.get("authorization", seen.headers.get("x-api-key")) for seen in provider.seen] == [
        "Bearer sk-real",
        "sk-ant-real",
    ]


@pytest.mark.parametrize(
    ("token", "words"),
    [("", "no Bursar key"), ("sk-own-key", "no Bursar key"), ("bsr_short", "cut short"), ("revoked", "was revoked"),
     ("expired", "has expired"), ("replaced", "was given a new token"), ("unknown", "does not know")],
)  # fmt: skip
def test_key_that_does_not_hold_is_refused(running: RunningMeter, provider: Provider, token: str, words: str) -> None:
    if token in ("revoked", "expired"):
        expires_at = datetime.now(UTC) if token == "expired" else None
        key, token = issue_key(running.ledger, name=token, tags=Tags(), expires_at=expires_at)
        if expires_at is None:
            revoke_key(running.ledger, key.key_id)
    elif token == "replaced":
        key, token = issue_key(running.ledger, name=token, tags=Tags())
        rotate_key(running.ledger, key.key_id)
    elif token == "unknown":
        token = mint()
    status, headers, answer = post(
        running, CHAT, b'{"model": "gpt-5-mini", "messages": []}', headers={"x-api-key": token}
    )
    assert status == 401
    assert headers["x-should-retry"] == "false"
    assert words in json.loads(answer)["error"]["message"]
    assert provider.seen == []


def test_revoked_key_is_refused_on_its_next_call(running: RunningMeter, provider: Provider) -> None:
    key, token = issue_key(running.ledger, name="runaway", tags=Tags(agent="runaway"))
    client = openai_client(running.gateway, token)
    client.chat.completions.create(model="gpt-5-mini", messages=[])
    revoke_key(running.ledger, key.key_id)
    with pytest.raises(openai.AuthenticationError, match="was revoked"):
        client.chat.completions.create(model="gpt-5-mini", messages=[])
    assert len(provider.seen) == 1


@pytest.mark.parametrize(
    "header", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Referer": "https://evil.example/"},
               {"Host": "evil.example"}, {"Host": "127.0.0.1"}],
)  # fmt: skip
def test_web_page_learns_nothing(running: RunningMeter, provider: Provider, header: dict[str, str]) -> None:
    for path in (CHAT, "/bursar/health", "/nothing/here"):
        status, _headers, answer = post(running, path, b"{}", headers=header)
        assert (status, answer) == (403, b"")
    assert provider.seen == []
