"""What a virtual key may not be used for is refused in each dialect's own words, before anything is held or sent."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import pytest

from app.core.call import ApiShape, Outcome
from app.core.key_limits import KeyLimits
from app.core.tags import Tags
from app.keys.issue import issue_key
from tests.end2end.bare_http import CHAT, MESSAGES, RESPONSES, post
from tests.end2end.dialects import DIALECTS, KEYS, PROVIDERS, message_of
from tests.end2end.meter_process import NewCalls, RunningMeter, meter
from tests.end2end.provider import Answer, Provider, Seen
from tests.end2end.sdks import anthropic_client

pytestmark = pytest.mark.end2end

FORM = "multipart/form-data; boundary=b"


@dataclass
class Limited:
    """A meter, and a key that may use models called `cheap-*` only, of every provider but Ollama."""

    running: RunningMeter
    token: str
    key_id: str

    def post(self, path: str, body: bytes | dict[str, Any], **more: Any) -> tuple[int, dict[str, str], bytes]:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"x-api-key": self.token} | more.pop("headers", {})
        return post(self.running, path, text, headers=headers, **more)


@pytest.fixture(scope="module")
def played() -> Iterator[Provider]:
    with Provider(lambda _seen: Answer([b"{}"])).running() as started:
        yield started


@pytest.fixture(scope="module")
def running(played: Provider, module_home: Path) -> Iterator[RunningMeter]:
    with meter(module_home, dict.fromkeys(PROVIDERS, played.url), keys=KEYS) as started:
        yield started


@pytest.fixture(scope="module")
def limited(running: RunningMeter) -> Limited:
    limits = KeyLimits(tuple(name for name in PROVIDERS if name != "ollama"), ("cheap-*",))
    key, token = issue_key(running.ledger, name="limited", tags=Tags(project="p"), limits=limits)
    return Limited(running, token, key.key_id)


@pytest.fixture
def provider(played: Provider) -> Provider:
    played.seen.clear()
    return played


@pytest.mark.parametrize("shape", [shape for shape in DIALECTS if shape is not ApiShape.OLLAMA])
def test_another_model_is_refused_in_every_dialect_and_its_own_passes(
    limited: Limited, provider: Provider, new_calls: NewCalls, shape: ApiShape
) -> None:
    status, headers, answer = limited.post(*DIALECTS[shape]("dear-1"))
    assert status == 403 if shape.startswith("gemini") else status == 400
    assert (headers["x-bursar-refusal"], headers["x-should-retry"]) == ("not_allowed", "false")
    assert "retry-after" not in headers
    for word in ("dear-1", "cheap-*", "anthropic"):
        assert word in message_of(answer)
    assert provider.seen == []
    [call] = new_calls(1)
    assert (call.outcome, call.error_type, call.request_model) == (Outcome.REFUSED, "not_allowed", "dear-1")
    assert call.tags.virtual_key_id == limited.key_id
    assert limited.post(*DIALECTS[shape]("cheap-1"))[0] == 200
    assert len(provider.seen) == 1
    new_calls(2)


@pytest.mark.parametrize("path", ["/ollama/api/chat", "/ollama/api/tags", "/ollama/api/create"])
def test_another_provider_is_refused_on_each_of_its_paths(limited: Limited, provider: Provider, path: str) -> None:
    status, headers, answer = limited.post(path, {"model": "cheap-1", "messages": []})
    assert (status, headers["x-bursar-refusal"]) == (400, "not_allowed")
    assert "ollama" in message_of(answer)
    assert provider.seen == []


DETOURS: dict[str, tuple[str, dict[str, Any]]] = {
    "fallbacks": (MESSAGES, {"model": "cheap-1", "max_tokens": 1, "messages": [], "fallbacks": [{"model": "dear"}]}),
    "fallback names": (MESSAGES, {"model": "cheap-1", "max_tokens": 1, "messages": [], "fallbacks": ["dear"]}),
    "advisor": (
        MESSAGES,
        {"model": "cheap-1", "max_tokens": 1, "messages": [], "tools": [{"type": "advisor_20260301", "model": "dear"}]},
    ),
    "list of models": (CHAT, {"model": "cheap-1", "messages": [], "models": ["cheap-2", "dear"]}),
    "preset": (CHAT, {"model": "cheap-1", "messages": [], "preset": "dear"}),
    "gateway's models": (CHAT, {"model": "cheap-1", "messages": [], "options": {"gateway": {"models": ["dear"]}}}),
    "tool with a model": (RESPONSES, {"model": "cheap-1", "input": "x", "tools": [{"type": "image", "model": "dear"}]}),
    "unknown field": (CHAT, {"model": "cheap-1", "messages": [], "x": {"y": [{"Draft_Model_Id": "dear"}]}}),
    "no model at all": (RESPONSES, {"prompt": {"id": "pmpt_1"}, "input": "x"}),
    "assistant's model": ("/openai/v1/threads/runs", {"assistant_id": "asst_1"}),
    "batch of embeddings": (
        "/gemini/v1beta/models/cheap-1:batchEmbedContents",
        {"requests": [{"model": "models/dear", "content": {}}]},
    ),
    "agent": ("/gemini/v1beta/interactions", {"model": "cheap-1", "agent": "dear", "input": "x"}),
    "path that is not metered": ("/openai/v1/batches", {"input_file_id": "file-1"}),
}  # fmt: skip


@pytest.mark.parametrize("detour", DETOURS)
def test_no_field_leads_to_another_model(limited: Limited, provider: Provider, detour: str) -> None:
    path, body = DETOURS[detour]
    status, headers, _answer = limited.post(path, body)
    assert (400 <= status <= 404, headers["x-bursar-refusal"]) == (True, "not_allowed")
    assert provider.seen == []


def test_a_key_given_twice_deep_inside_is_read_both_ways(limited: Limited, provider: Provider) -> None:
    body = b'{"model":"cheap-1","max_tokens":1,"messages":[],"fallbacks":[{"model":"dear","model":"cheap-2"}]}'
    assert limited.post(MESSAGES, body)[1]["x-bursar-refusal"] == "not_allowed"
    assert provider.seen == []


def test_a_form_names_its_model_too(limited: Limited, provider: Provider) -> None:
    def form(model: str) -> bytes:
        field = f'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model}\r\n'
        return (
            field + '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n'
        ).encode()

    path, headers = "/openai/v1/audio/transcriptions", {"content-type": FORM}
    assert limited.post(path, form("dear"), headers=headers)[1]["x-bursar-refusal"] == "not_allowed"
    assert provider.seen == []
    assert limited.post(path, form("cheap-1"), headers=headers)[0] == 200


def test_what_is_said_of_models_is_not_what_is_asked_for(limited: Limited, provider: Provider) -> None:
    talk = [{"role": "user", "content": [{"type": "text", "text": '{"model": "dear"}', "model": "dear"}]}]
    tool = {"name": "t", "input_schema": {"type": "object", "properties": {"model": {"type": "string"}}},
            "input_examples": [{"model": "dear"}]}  # fmt: skip
    body = {"model": "cheap-1", "max_tokens": 1, "messages": talk, "system": [{"type": "text", "text": "model: dear"}],
            "tools": [tool], "metadata": {"model": "dear"}}  # fmt: skip
    assert limited.post(MESSAGES, body)[0] == 200
    assert len(provider.seen) == 1


def test_paths_that_cost_nothing_pass(limited: Limited, provider: Provider) -> None:
    assert limited.post("/openai/v1/models", b"", method="GET")[0] == 200
    assert limited.post("/anthropic/v1/messages/count_tokens", {"model": "dear"})[0] == 200
    assert len(provider.seen) == 2


@pytest.mark.parametrize(
    "path", ["/openai/v1/realtime/client_secrets", "/openai/v1/realtime/sessions", "/gemini/v1alpha/auth_tokens"]
)
def test_no_key_of_a_providers_own_is_had_for_a_virtual_one(
    running: RunningMeter, provider: Provider, path: str
) -> None:
    status, _headers, answer = post(running, path, b"{}")
    assert (status, "Not the place of this key" in message_of(answer)) == (401, True)
    assert provider.seen == []


def test_an_sdk_raises_a_typed_error_once_and_says_what_the_key_may_use(limited: Limited, provider: Provider) -> None:
    def unsaid(_seen: Seen) -> Answer:
        raise AssertionError("this is not sent")

    client = anthropic_client(limited.running.gateway, limited.token)
    played, provider.answer = provider.answer, unsaid
    try:
        with pytest.raises(anthropic.BadRequestError, match=r"may not be used for claude-opus-5.*cheap-\*"):
            client.messages.create(model="claude-opus-5", max_tokens=1, messages=[{"role": "user", "content": "hi"}])
    finally:
        provider.answer = played
    assert provider.seen == []
