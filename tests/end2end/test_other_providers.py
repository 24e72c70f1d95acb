"""Providers beside the four: each key in the header its provider wants, binary streams and JSON lines metered."""

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from app.core.call import ApiShape
from tests.end2end.bare_http import post
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Answer, Provider, in_pieces
from tests.proxy_addon.test_eventstream import frame

pytestmark = pytest.mark.end2end

PROVIDERS = ("aws", "azure", "cohere", "ollama")
KEYS = {"aws": "aws-real", "azure": "azure-real", "cohere": "cohere-real"}
CONVERSE = "/model/us.amazon.nova-micro-v1%3A0/converse-stream"
SIGNATURE = "AWS4-HMAC-SHA256 Credential=AKIA/20261122/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=ab"
FRAMES = b"".join(
    frame(json.dumps(payload).encode(), message_type="event", event_type=kind)
    for kind, payload in (
        ("contentBlockDelta", {"delta": {"text": "hello"}, "contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": {"inputTokens": 12, "outputTokens": 3, "totalTokens": 15}}),
    )
)


@pytest.fixture
def running(home: Path, provider: Provider) -> Iterator[RunningMeter]:
    with meter(home, dict.fromkeys(PROVIDERS, provider.url), keys=KEYS) as started:
        yield started


def event_stream() -> Answer:
    return Answer(in_pieces(FRAMES), headers={"content-type": "application/vnd.amazon.eventstream"})


def test_a_binary_stream_of_bedrock_is_passed_on_and_metered(running: RunningMeter, provider: Provider) -> None:
    provider.answer = lambda _seen: event_stream()
    bearer = {"authorization": f"Bearer {running.token}", "x-api-key": ""}
    status, _headers, body = post(running, f"/bedrock{CONVERSE}", b'{"messages": []}', headers=bearer)
    assert (status, body) == (200, FRAMES)
    assert (provider.seen[0].path, provider.seen[0].headers["authorization"]) == (CONVERSE, "Bearer aws-real")
    (call,) = running.calls(1)
    assert (call.provider, call.api_shape) == ("aws", ApiShape.BEDROCK_CONVERSE)
    assert (call.usage.input_tokens, call.usage.output_tokens, call.is_stream) == (12, 3, True)
    assert (call.request_model, call.error_type) == ("us.amazon.nova-micro-v1:0", "")


def test_a_request_signed_with_aws_credentials_keeps_its_signature(running: RunningMeter, provider: Provider) -> None:
    provider.answer = lambda _seen: event_stream()
    address = running.forward.replace("http://", f"http://{running.token}:x@")
    context = ssl.create_default_context(cafile=str(running.home / "meter" / "mitmproxy-ca-cert.pem"))
    host = "https://bedrock-runtime.us-east-1.amazonaws.com"
    with httpx2.Client(proxy=address, verify=context, trust_env=False) as client:
        answer = client.post(host + CONVERSE, json={"messages": []}, headers={"authorization": SIGNATURE})
    assert answer.content == FRAMES
    assert provider.seen[0].headers["authorization"] == SIGNATURE
    assert running.calls(1)[0].usage.input_tokens == 12


def test_azures_key_goes_into_its_own_header(running: RunningMeter, provider: Provider) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    body = {"object": "chat.completion", "model": "gpt-4o-2024-08-06", "choices": [], "usage": usage}
    provider.answer = lambda _seen: Answer([json.dumps(body).encode()])
    path = "/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21"
    key = {"api-key": running.token, "x-api-key": ""}
    status, _headers, _body = post(running, f"/azure{path}", b'{"messages": []}', headers=key)
    assert (status, provider.seen[0].path) == (200, path)
    assert provider.seen[0].headers["api-key"] == "azure-real"
    assert running.token not in provider.seen[0].headers.values()
    (call,) = running.calls(1)
    assert (call.provider, call.request_model, call.response_model) == ("azure", "my-deployment", "gpt-4o-2024-08-06")
    assert call.usage.input_tokens == 9


def test_json_lines_of_ollama_are_metered(running: RunningMeter, provider: Provider) -> None:
    lines = [{"model": "llama3", "message": {"content": "hi"}, "done": False}]
    lines += [{"model": "llama3", "done": True, "prompt_eval_count": 7, "eval_count": 2}]
    stream = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    provider.answer = lambda _seen: Answer(in_pieces(stream), headers={"content-type": "application/x-ndjson"})
    status, _headers, body = post(running, "/ollama/api/chat", b'{"model": "llama3", "messages": []}')
    assert (status, body) == (200, stream)
    assert running.token not in provider.seen[0].headers.values()
    (call,) = running.calls(1)
    assert (call.provider, call.usage.input_tokens, call.usage.output_tokens) == ("ollama", 7, 2)


def test_coheres_error_is_in_coheres_form(running: RunningMeter, provider: Provider) -> None:
    status, _headers, body = post(running, "/cohere/v2/chat", b'{"model": "command-a", "model": "x"}')
    assert (status, "Nothing was sent." in json.loads(body)["message"]) == (400, True)
    assert provider.seen == []
