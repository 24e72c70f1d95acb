import http.client
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from app import paths
from app.services.demo.provider import Script, ScriptedProvider, read_script

KEY = "sk-demo-key"
TEXT = "One sentence that is cut into eight pieces when it is streamed."


@pytest.fixture(scope="module")
def script() -> Script:
    shipped = read_script(paths.resources_folder() / "demo" / "provider.json")
    return replace(shipped, answers=((TEXT, 500),))


@pytest.fixture
def provider(script: Script) -> Iterator[ScriptedProvider]:
    serving = ScriptedProvider(script, KEY, delay_s=0.0)
    serving.start()
    yield serving
    serving.stop()


def test_the_anthropic_sdk_understands_it_and_the_second_call_is_cached(provider: ScriptedProvider) -> None:
    with anthropic.Anthropic(api_key=KEY, base_url=provider.url, max_retries=0) as client:
        asked: dict[str, Any] = {"model": "claude-opus-4-8", "max_tokens": 300, "system": "x" * 4000}
        whole = client.messages.create(messages=[{"role": "user", "content": "hi"}], **asked)
        with client.messages.stream(messages=[{"role": "user", "content": "hi"}], **asked) as stream:
            streamed = stream.get_final_message()
    assert whole.content[0].text == TEXT
    assert streamed.content[0].text == TEXT  # type: ignore[union-attr]
    assert whole.usage.output_tokens == streamed.usage.output_tokens == 300
    written, read = whole.usage.cache_creation_input_tokens, streamed.usage.cache_read_input_tokens
    assert written > 1000
    assert read == written
    rest = streamed.usage.cache_creation_input_tokens or 0
    assert provider.bill_nano_usd == (written + rest) * 6250 + written * 500 + 2 * 300 * 25000
    assert provider.calls == 2


def test_the_openai_sdk_understands_chat_and_usage_comes_when_asked(provider: ScriptedProvider) -> None:
    with openai.OpenAI(api_key=KEY, base_url=f"{provider.url}/v1", max_retries=0) as client:
        asked: dict[str, Any] = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "hi"}]}
        whole = client.chat.completions.create(**asked)
        plain = list(client.chat.completions.create(stream=True, **asked))
        told = list(client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **asked))
    assert whole.choices[0].message.content == TEXT
    assert "".join(chunk.choices[0].delta.content or "" for chunk in plain) == TEXT
    assert all(chunk.usage is None for chunk in plain)
    assert told[-1].usage.completion_tokens == 500


def test_the_openai_sdk_understands_responses(provider: ScriptedProvider) -> None:
    with openai.OpenAI(api_key=KEY, base_url=f"{provider.url}/v1", max_retries=0) as client:
        whole = client.responses.create(model="gpt-5.4", input="hi", instructions="be brief")
        events = list(client.responses.create(model="gpt-5.4", input="hi", instructions="be brief", stream=True))
    assert whole.output_text == TEXT
    assert whole.usage is not None
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT
    assert events[-1].type == "response.completed"
    assert events[-1].response.usage is not None
    assert events[-1].response.usage.output_tokens == 500


def test_the_gemini_sdk_understands_it(provider: ScriptedProvider) -> None:
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=provider.url, api_version="v1beta"))
    with client:
        whole = client.models.generate_content(model="gemini-2.5-pro", contents="hi")
        chunks = list(client.models.generate_content_stream(model="gemini-2.5-pro", contents="hi"))
    assert whole.text == TEXT
    assert "".join(chunk.text or "" for chunk in chunks) == TEXT
    assert chunks[-1].usage_metadata is not None
    assert chunks[-1].usage_metadata.candidates_token_count == 500


@pytest.mark.parametrize(
    ("path", "key", "body", "status"),
    [
        ("/v1/messages", "bsr_a_virtual_key", "{}", 401),
        ("/v1/messages", KEY, "{", 400),
        ("/v1/messages", KEY, "[]", 400),
        ("/v1/messages", KEY, json.dumps({"model": "unsold", "max_tokens": 1, "messages": []}), 400),
        ("/v1/elsewhere", KEY, "{}", 404),
    ],
)
def test_what_it_refuses_is_not_on_the_bill(
    provider: ScriptedProvider, path: str, key: str, body: str, status: int
) -> None:
    connection = http.client.HTTPConnection(urlsplit(provider.url).netloc, timeout=10)
    connection.request("POST", path, body, {"x-api-key": key})
    response = connection.getresponse()
    assert "error" in json.loads(response.read())
    connection.close()
    assert response.status == status
    assert (provider.calls, provider.bill_nano_usd) == (0, 0)
