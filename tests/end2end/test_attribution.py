"""Who pays is told by the key alone (threat T10): whatever a request says of itself, only a task and a session are
taken from it, as labels."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.call import ApiShape
from app.core.key_limits import KeyLimits
from app.core.origin import Origin, RequestClass
from app.core.tags import Tags
from app.keys.issue import issue_key
from tests.end2end.bare_http import post
from tests.end2end.dialects import DIALECTS, KEYS, PROVIDERS
from tests.end2end.meter_process import NewCalls, RunningMeter, meter
from tests.end2end.provider import Answer, Provider

pytestmark = pytest.mark.end2end

PAYER = Tags(project="mine", agent="my-agent", user="me", team="my-team")
VICTIM = "victim"
OURS = (
    "project",
    "agent",
    "user",
    "team",
    "virtual-key",
    "virtual-key-id",
    "key-id",
    "payer",
    "tags",
    "cap",
    "billing",
)
OTHERS = (
    *("x-project", "x-team", "x-user", "x-user-id", "x-agent", "x-tags", "x-forwarded-user", "x-remote-user"),
    *("x-litellm-tags", "x-litellm-end-user-id", "x-litellm-customer-id", "x-litellm-spend-logs-metadata"),
    *("helicone-user-id", "helicone-session-id", "helicone-property-project", "x-portkey-metadata", "x-bf-vk"),
    *("x-portkey-virtual-key", "openai-organization", "openai-project", "x-goog-user-project", "x-openrouter-title"),
    *("x-title", "http-referer", "baggage", "traceparent", "x-app", "x-claude-code-agent-id", "originator", "from"),
    *("x-claude-code-parent-agent-id", "x-claude-code-request-class", "x-claude-code-agent-type", "x-openai-subagent"),
    *("x-codex-parent-thread-id", "thread-id", "session-id", "x-parent-session-id", "x-interaction-type"),
    *("x-codex-turn-metadata", "x-amzn-bedrock-trace", "cf-aig-metadata", "x-vercel-ai-project", "user-agent", "via"),
)
"""Headers by which gateways, agents and providers are told who calls."""
BODY = {
    "user": VICTIM, "project": VICTIM, "team": VICTIM, "agent_name": VICTIM, "tags": [VICTIM],
    "labels": {"project": VICTIM}, "safety_identifier": VICTIM, "client_metadata": {"project": VICTIM},
    "metadata": {"project": VICTIM, "user_id": VICTIM, "tags": [VICTIM]}, "virtual_key_id": VICTIM,
}  # fmt: skip


@pytest.fixture(scope="module")
def played() -> Iterator[Provider]:
    with Provider(lambda _seen: Answer([b"{}"])).running() as started:
        yield started


@pytest.fixture(scope="module")
def running(played: Provider, module_home: Path) -> Iterator[RunningMeter]:
    with meter(module_home, dict.fromkeys(PROVIDERS, played.url), keys=KEYS, tags=PAYER) as started:
        yield started


@pytest.fixture(scope="module")
def victim(running: RunningMeter) -> str:
    """The id of a key that somebody else pays for."""
    return issue_key(running.ledger, name=VICTIM, tags=Tags(*[VICTIM] * 6))[0].key_id


def claims(victim: str) -> dict[str, str]:
    told = {f"x-bursar-{name}": VICTIM for name in OURS} | dict.fromkeys(OTHERS, VICTIM)
    return told | {"x-bursar-virtual-key-id": victim, "cookie": f"project={VICTIM}; key={victim}"}


@pytest.mark.parametrize("shape", DIALECTS)
def test_no_header_and_no_field_charges_somebody_else(
    running: RunningMeter, new_calls: NewCalls, victim: str, shape: ApiShape
) -> None:
    path, body = DIALECTS[shape]("some-model")
    text = json.dumps(BODY | body).encode()
    query = f"?project={VICTIM}&user={VICTIM}&team={VICTIM}&agent={VICTIM}&virtual_key_id={victim}"
    proxy = base64.b64encode(f"{VICTIM}:{victim}".encode()).decode()
    post(running, path + query, text, headers=claims(victim) | {"proxy-authorization": f"Basic {proxy}"})
    [call] = new_calls(1)
    assert replace(call.tags, virtual_key_id="", session="") == PAYER
    assert call.tags.virtual_key_id not in ("", victim)
    assert call.api_shape is shape


@pytest.mark.parametrize("shape", DIALECTS)
def test_headers_add_a_task_and_a_session(running: RunningMeter, new_calls: NewCalls, shape: ApiShape) -> None:
    path, body = DIALECTS[shape]("some-model")
    labels = {"x-bursar-task": "fix retry", "x-bursar-session": "s-1"}
    post(running, path, json.dumps(body).encode(), headers=labels)
    [call] = new_calls(1)
    assert replace(call.tags, virtual_key_id="") == replace(PAYER, task="fix retry", session="s-1")


def test_a_keys_own_task_goes_before_the_headers(running: RunningMeter, new_calls: NewCalls) -> None:
    _, token = issue_key(running.ledger, name="with a task", tags=replace(PAYER, task="given"))
    path, body = DIALECTS[ApiShape.OPENAI_CHAT]("some-model")
    post(running, path, json.dumps(body).encode(), headers={"x-api-key": token, "x-bursar-task": "another"})
    assert new_calls(1)[0].tags.task == "given"


def test_another_keys_token_in_a_second_place_is_not_mixed_with_the_first(
    running: RunningMeter, new_calls: NewCalls
) -> None:
    """Whoever shows two keys holds both; one of them pays, as a whole."""
    key, token = issue_key(running.ledger, name="second", tags=Tags(project="second", user="else"))
    path, body = DIALECTS[ApiShape.OPENAI_CHAT]("some-model")
    both = {"x-api-key": running.token, "authorization": f"Bearer {running.token}", "x-bursar-key": token}
    post(running, path, json.dumps(body).encode(), headers=both)
    assert new_calls(1)[0].tags == key.tags


def test_a_sub_agent_and_a_title_are_told_apart_in_one_session(running: RunningMeter, new_calls: NewCalls) -> None:
    path, body = DIALECTS[ApiShape.ANTHROPIC_MESSAGES]("some-model")
    opencode = {"user-agent": "opencode/1.18.33", "x-session-id": "ses_a"}
    title = body | {"system": "You are a title generator. You output ONLY a thread title."}
    child = {"x-session-id": "ses_b", "x-parent-session-id": "ses_a"}
    for sent, more in ((title, {}), (body, {}), (body, child)):
        post(running, path, json.dumps(sent).encode(), headers=opencode | more)
    calls = new_calls(3)
    assert {call.tags.session for call in calls} == {"ses_a"}
    found = {(call.origin.request_class, call.origin.agent_id) for call in calls}
    assert found == {(RequestClass.TITLE, ""), (RequestClass.MAIN, ""), (RequestClass.SUB_AGENT, "ses_b")}


def test_a_refused_call_is_known_as_its_sub_agents(running: RunningMeter, new_calls: NewCalls) -> None:
    key, token = issue_key(running.ledger, name="nothing but x", tags=PAYER, limits=KeyLimits(models=("x",)))
    path, body = DIALECTS[ApiShape.ANTHROPIC_MESSAGES]("some-model")
    named = {"x-api-key": token, "x-claude-code-agent-id": "b", "x-claude-code-parent-agent-id": "a"}
    post(running, path, json.dumps(body).encode(), headers=named)
    [call] = new_calls(1)
    assert (call.tags, call.error_type) == (key.tags, "not_allowed")
    assert call.origin == Origin(RequestClass.SUB_AGENT, "b", "a")
