"""Calls with a provider key or a login of the caller's own: passed on as they came, metered, and told apart."""

import base64
import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from app.core.call import Call
from app.core.caps import Action, Cap
from app.core.tags import Billing, Scope
from app.core.windows import Window
from app.ledger.cap_store import add_cap, cap_statuses, list_caps, remove_cap
from app.ledger.spend import spend_between
from tests.end2end.bare_http import CHAT, MESSAGES, post
from tests.end2end.dialects import message_of
from tests.end2end.meter_process import NewCalls, RunningMeter, meter
from tests.end2end.provider import Answer, Provider, Seen, chat_completion

pytestmark = pytest.mark.end2end

CLAUDE_LOGIN = "sk-ant-oat01-canary-login-of-a-subscription"
CHATGPT_LOGIN = "eyJhbGciOiJSUzI1NiJ9.canary-login-of-chatgpt.c2ln"
GOOGLE_LOGIN = "ya29.canary-login-of-google"
OWN_KEY = "sk-ant-api03-canary-key-of-ones-own"
USAGE = {"input_tokens": 1_000, "output_tokens": 100}
MESSAGE = {"id": "m", "type": "message", "model": "claude-haiku-4-5", "content": [], "usage": USAGE}
RESPONSE = {"id": "r", "object": "response", "status": "completed", "model": "gpt-5-mini", "output": [], "usage": USAGE}
GENERATED = {
    "response": {"modelVersion": "gemini-2.5-flash",
                 "usageMetadata": {"promptTokenCount": 1_000, "candidatesTokenCount": 100, "totalTokenCount": 1_100}}
}  # fmt: skip
CLAUDE_BODY = json.dumps({"model": "claude-haiku-4-5", "max_tokens": 10, "messages": []}).encode()


def answered(seen: Seen) -> Answer:
    by_path = {"/v1/messages": MESSAGE, "/backend-api/codex/responses": RESPONSE}
    if seen.path.startswith("/v1internal"):
        return Answer([json.dumps(GENERATED).encode()])
    return Answer([json.dumps(by_path[seen.path]).encode()]) if seen.path in by_path else chat_completion(1_000, 100)


@pytest.fixture(scope="module")
def played() -> Iterator[Provider]:
    with Provider(answered).running() as started:
        yield started


@pytest.fixture(scope="module")
def running(played: Provider, module_home: Path) -> Iterator[RunningMeter]:
    services = ("anthropic", "openai", "chatgpt", "codeassist")
    with meter(module_home, dict.fromkeys(services, played.url)) as started:
        yield started


@pytest.fixture
def provider(played: Provider) -> Provider:
    played.seen.clear()
    return played


CODEX = ("/chatgpt/backend-api/codex/responses", b'{"model": "gpt-5-mini", "input": "hi"}')
CODE_ASSIST = ("/codeassist/v1internal:generateContent", b'{"model": "gemini-2.5-flash", "request": {"contents": []}}')
CLAUDE = (MESSAGES, CLAUDE_BODY)
OPENAI = (CHAT, b'{"model": "gpt-5-mini", "messages": []}')


def own(credential: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {credential}", "x-api-key": ""} | {
        name.replace("_", "-"): text for name, text in more.items()
    }


@pytest.mark.parametrize(
    ("asked", "headers", "billing"),
    [
        (CLAUDE, own(CLAUDE_LOGIN), Billing.SUBSCRIPTION),
        (CODEX, own(CHATGPT_LOGIN, chatgpt_account_id="a"), Billing.SUBSCRIPTION),
        (CODE_ASSIST, own(GOOGLE_LOGIN), Billing.SUBSCRIPTION),
        (CLAUDE, {"x-api-key": OWN_KEY}, Billing.API),
        (CLAUDE, own(CLAUDE_LOGIN) | {"x-api-key": OWN_KEY}, Billing.API),
        (OPENAI, own("sk-proj-canary-of-ones-own"), Billing.API),
        (OPENAI, own(CHATGPT_LOGIN), Billing.API),
        (OPENAI, own(CLAUDE_LOGIN), Billing.API),
    ],
)
def test_a_login_or_key_of_ones_own_goes_through_and_who_is_paid_is_known(
    running: RunningMeter,
    provider: Provider,
    new_calls: NewCalls,
    asked: tuple[str, bytes],
    headers: dict[str, str],
    billing: Billing,
) -> None:
    path, body = asked
    status, _headers, _answer = post(running, path, body, headers=headers | {"x-bursar-key": running.token})
    assert status == 200
    [seen] = provider.seen
    assert {name: seen.headers.get(name, "") for name in headers} == headers
    assert running.token not in str(seen.headers)
    [call] = new_calls(1)
    assert (call.billing, call.tags.project, call.usage.output_tokens) == (billing, "billing-api", 100)
    assert call.cost_nano_usd, "its list price is known either way"


def test_a_virtual_key_alone_is_the_apis_whatever_the_place(
    running: RunningMeter, provider: Provider, new_calls: NewCalls
) -> None:
    assert post(running, MESSAGES, CLAUDE_BODY)[0] == 200
    assert new_calls(1)[0].billing is Billing.API
    assert provider.seen[0].headers["x-api-key"] == "sk-ant-real"


@pytest.mark.parametrize("credential", [CLAUDE_LOGIN, OWN_KEY])
def test_a_login_without_a_virtual_key_is_refused_and_told_where_one_goes(
    running: RunningMeter, provider: Provider, credential: str
) -> None:
    status, _headers, answer = post(running, MESSAGES, CLAUDE_BODY, headers=own(credential))
    assert (status, "x-bursar-key" in message_of(answer)) == (401, True)
    assert credential not in answer.decode()
    assert provider.seen == []


def test_a_revoked_or_mistyped_key_beside_a_login_is_refused_all_the_same(
    running: RunningMeter, provider: Provider
) -> None:
    for wrong in (running.token[:-1], "sk-something"):
        headers = own(CLAUDE_LOGIN, x_bursar_key=wrong)
        assert post(running, MESSAGES, CLAUDE_BODY, headers=headers)[0] == 401
    assert provider.seen == []


def test_a_login_through_the_proxy_is_a_subscriptions_too(
    running: RunningMeter, provider: Provider, new_calls: NewCalls
) -> None:
    user = base64.b64encode(f"{running.token}:x".encode()).decode()
    context = ssl.create_default_context(cafile=str(running.home / "meter" / "mitmproxy-ca-cert.pem"))
    proxy = httpx2.Proxy(running.forward, headers={"proxy-authorization": f"Basic {user}"})
    with httpx2.Client(proxy=proxy, verify=context, trust_env=False) as client:
        url = "https://chatgpt.com/backend-api/codex/responses"
        answer = client.post(url, content=CODEX[1], headers=own(CHATGPT_LOGIN))
    assert answer.status_code == 200
    assert new_calls(1)[0].billing is Billing.SUBSCRIPTION


@pytest.mark.parametrize("counts", [False, True])
def test_a_used_up_cap_stops_what_a_subscription_pays_for_only_where_it_counts_that(
    running: RunningMeter, provider: Provider, new_calls: NewCalls, counts: bool
) -> None:
    before = _spent(running)
    cap = add_cap(
        running.ledger, scope=Scope.PROJECT, scope_key="billing-api", window=Window.TOTAL, limit_nano_usd=1,
        action=Action.BLOCK, time_zone="UTC", counts_subscriptions=counts,
    )  # fmt: skip
    try:
        status, headers, _answer = post(
            running, MESSAGES, CLAUDE_BODY, headers=own(CLAUDE_LOGIN, x_bursar_key=running.token)
        )
        assert (status, headers.get("x-bursar-refusal")) == ((400, "exhausted") if counts else (200, None))
        assert post(running, MESSAGES, CLAUDE_BODY)[1]["x-bursar-refusal"] == "exhausted"
        new_calls(2)
        assert _status(running, cap) == (_charged(running, counts), 0)
    finally:
        remove_cap(running.ledger, cap.cap_id)
    assert _spent(running) == before, "neither of them has cost money"
    assert list_caps(running.ledger) == []


def test_no_part_of_a_login_is_kept(running: RunningMeter, provider: Provider, new_calls: NewCalls) -> None:
    for path, body, credential in ((*CLAUDE, CLAUDE_LOGIN), (*CODEX, CHATGPT_LOGIN), (*CODE_ASSIST, GOOGLE_LOGIN)):
        post(running, path, body, headers=own(credential, x_bursar_key=running.token))
    new_calls(3)
    kept = b"".join(path.read_bytes() for path in running.home.rglob("*") if path.is_file())
    assert b"canary" not in kept
    assert running.token.encode() not in kept


def _spent(running: RunningMeter) -> int:
    return spend_between(running.ledger, datetime(2000, 1, 1, tzinfo=UTC), datetime.now(UTC)).cost_nano_usd


def _status(running: RunningMeter, cap: Cap) -> tuple[int, int]:
    [status] = [one for one in cap_statuses(running.ledger, datetime.now(UTC)) if one.cap.cap_id == cap.cap_id]
    return status.spent_nano_usd, status.held_nano_usd


def _charged(running: RunningMeter, counts: bool) -> int:
    """What the cap carries: what all calls of the project cost, with or without those of subscriptions."""
    calls: list[Call] = running.calls(running.count())
    return sum(call.cost_nano_usd or 0 for call in calls if counts or call.billing is Billing.API)
