"""Request facts of the dialects beside the four that most agents speak."""

import json
from typing import Any

import pytest

from app.core.call import ApiShape
from app.core.exchange import RequestFacts
from proxy_addon.shapes import UnreadableRequest, shape_for

CONVERSE = "/model/us.amazon.nova-pro-v1%3A0/converse"
INVOKE = "/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke"
FORM = {"content-type": 'multipart/form-data; boundary="b o"'}


def read(shape: ApiShape, path: str, body: bytes | dict[str, Any], **headers: str) -> RequestFacts:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return shape_for(shape).read_request(path, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def test_azures_deployment_is_the_model_where_the_body_names_none() -> None:
    path = "/openai/deployments/my%20gpt/chat/completions?api-version=1"
    assert read(ApiShape.OPENAI_CHAT, path, {}).model == "my gpt"
    assert read(ApiShape.OPENAI_CHAT, path, {"model": "m"}).model == "m"
    assert read(ApiShape.OPENAI_EMBEDDINGS, "/openai/deployments/e/embeddings", {"input": "x"}).model == "e"


@pytest.mark.parametrize(
    ("path", "is_stream"),
    [
        ("/v1/projects/p/locations/l/publishers/anthropic/models/claude-x@1:rawPredict", False),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/claude-x@1:streamRawPredict", True),
    ],
)
def test_vertex_names_claude_in_the_path_and_looks_at_no_other_model(path: str, is_stream: bool) -> None:
    facts = read(ApiShape.ANTHROPIC_MESSAGES, path, {"model": "cheap", "max_tokens": 9})
    assert (facts.model, facts.is_stream, facts.output_limit) == ("claude-x@1", is_stream, 9)


def test_converse_tells_model_and_stream_in_the_path_and_limits_in_its_config() -> None:
    body = {"inferenceConfig": {"maxTokens": 7}, "additionalModelRequestFields": {"max_tokens": 9}}
    facts = read(ApiShape.BEDROCK_CONVERSE, f"{CONVERSE}-stream", body | {"serviceTier": {"type": "flex"}})
    assert (facts.model, facts.is_stream) == ("us.amazon.nova-pro-v1:0", True)
    assert (facts.output_limit, facts.service_tier, facts.cache_write) == (9, "flex", "")


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


@pytest.mark.parametrize(
    ("body", "is_bounded"),
    [
        (user({"text": "hi"}, {"toolResult": {"content": [{"text": "x"}]}}, {"cachePoint": {}}), True),
        (user({"image": {}}), False),
        (user({"toolResult": {"content": [{"document": {}}]}}), False),
        ({"promptVariables": {"a": {"text": "x"}}}, False),
    ],
)
def test_converse_input_is_bounded_where_it_is_text(body: dict[str, Any], is_bounded: bool) -> None:
    assert read(ApiShape.BEDROCK_CONVERSE, CONVERSE, body).is_input_bounded is is_bounded


def test_converse_tells_the_dearest_cache_write() -> None:
    assert read(ApiShape.BEDROCK_CONVERSE, CONVERSE, user({"cachePoint": {"type": "default"}})).cache_write == "5m"
    assert read(ApiShape.BEDROCK_CONVERSE, CONVERSE, user({"cachePoint": {"ttl": "1h"}})).cache_write == "1h"


def test_claude_at_bedrock_is_read_as_claude() -> None:
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 5,
        "messages": user({"cache_control": {}})["messages"],
    }
    facts = read(ApiShape.BEDROCK_INVOKE, f"{INVOKE}-with-response-stream", body)
    assert facts.model == "anthropic.claude-3-haiku-20240307-v1:0"
    assert (facts.is_stream, facts.output_limit, facts.cache_write) == (True, 5, "5m")


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        ({"max_gen_len": 5}, 5),
        ({"textGenerationConfig": {"maxTokenCount": 6}}, 6),
        ({"inferenceConfig": {"max_new_tokens": 7, "maxTokens": 3}}, 7),
        ({"prompt": "x"}, None),
    ],
)
def test_other_models_at_bedrock_have_limits_of_other_names(body: dict[str, Any], limit: int | None) -> None:
    assert read(ApiShape.BEDROCK_INVOKE, "/model/meta.llama3/invoke", body).output_limit == limit


def test_embeddings_generate_nothing() -> None:
    assert read(ApiShape.BEDROCK_INVOKE, "/model/amazon.titan-embed-text-v2%3A0/invoke", {}).output_limit == 0
    assert read(ApiShape.OPENAI_EMBEDDINGS, "/v1/embeddings", {"model": "m", "input": ["a"]}).output_limit == 0
    assert read(ApiShape.COHERE, "/v2/embed", {"model": "m"}).output_limit == 0
    assert read(ApiShape.OLLAMA, "/api/embed", {"model": "m"}).output_limit == 0
    path = "/v1beta/models/gemini-embedding-2:batchEmbedContents"
    assert read(ApiShape.GEMINI_EMBEDDINGS, path, {"requests": []}).output_limit == 0


@pytest.mark.parametrize(
    ("shape", "path", "body"),
    [
        (ApiShape.OPENAI_EMBEDDINGS, "/v1/embeddings", {"model": "m", "input": [{"image": "x"}]}),
        (ApiShape.OPENAI_EMBEDDINGS, "/v1/rerank", {"model": "m", "query": "q", "documents": ["a"]}),
        (ApiShape.GEMINI_EMBEDDINGS, "/v1/models/g:embedContent", {"content": {"parts": [{"inlineData": {}}]}}),
        (ApiShape.GEMINI_INTERACTIONS, "/v1beta/interactions", {"model": "m", "previous_interaction_id": "i"}),
        (ApiShape.GEMINI_INTERACTIONS, "/v1beta/interactions", {"model": "m", "input": [{"type": "image"}]}),
        (ApiShape.COHERE, "/v2/chat", {"model": "m", "messages": [{"content": [{"type": "image_url"}]}]}),
        (ApiShape.BEDROCK_INVOKE, "/model/m/invoke", {"messages": [{"content": [{"image": {}}]}]}),
        (ApiShape.OLLAMA, "/api/chat", {"model": "m", "messages": [{"images": ["x"]}]}),
    ],
)
def test_input_that_bytes_do_not_bound_is_told(shape: ApiShape, path: str, body: dict[str, Any]) -> None:
    assert not read(shape, path, body).is_input_bounded


def test_each_prompt_of_a_list_is_answered() -> None:
    facts = read(ApiShape.OPENAI_COMPLETIONS, "/v1/completions", {"model": "m", "prompt": ["a", "b"], "best_of": 3})
    assert facts.choices == 6
    assert read(ApiShape.OPENAI_COMPLETIONS, "/v1/completions", {"model": "m", "prompt": [1, 2]}).choices == 1


def test_ollama_streams_unless_told_not_to() -> None:
    assert read(ApiShape.OLLAMA, "/api/chat", {"model": "m"}).is_stream
    assert not read(ApiShape.OLLAMA, "/api/chat", {"model": "m", "stream": False}).is_stream
    assert read(ApiShape.OLLAMA, "/api/chat", {"model": "m", "options": {"num_predict": -1}}).output_limit is None


def test_code_assist_names_its_model_in_the_body() -> None:
    body = {"model": "gemini-4-argon", "request": {"generationConfig": {"maxOutputTokens": 5}, "contents": []}}
    facts = read(ApiShape.GEMINI, "/v1internal:streamGenerateContent?alt=sse", body)
    assert (facts.model, facts.is_stream, facts.output_limit) == ("gemini-4-argon", True, 5)


def test_a_limit_given_twice_inside_a_wrapped_request_is_rejected() -> None:
    body = b'{"model":"m","request":{"generationConfig":{"maxOutputTokens":1,"maxOutputTokens":9}}}'
    with pytest.raises(UnreadableRequest, match="twice"):
        read(ApiShape.GEMINI, "/v1internal:generateContent", body)


def form(*parts: str, end: str = "--") -> bytes:
    return ("".join(f"--b o\r\n{part}\r\n" for part in parts) + f"--b o{end}\r\n").encode()


MODEL_PART = 'Content-Disposition: form-data; name="model"\r\n\r\ngpt-4o-transcribe'
FILE_PART = 'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF'


def test_an_upload_names_its_model_in_a_field_of_its_form() -> None:
    stream = 'Content-Disposition: form-data; name="stream"\r\n\r\ntrue'
    facts = shape_for(ApiShape.OPENAI_MEDIA).read_request(
        "/v1/audio/transcriptions", FORM, form(MODEL_PART, FILE_PART, stream)
    )
    assert (facts.model, facts.is_stream, facts.is_input_bounded) == ("gpt-4o-transcribe", True, False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        form(FILE_PART),
        form(MODEL_PART, end=""),
        form(MODEL_PART, MODEL_PART),
        form("Content-Disposition: form-data\r\n\r\nx"),
    ],
)
def test_a_form_of_two_readings_is_rejected(body: bytes) -> None:
    with pytest.raises(UnreadableRequest):
        shape_for(ApiShape.OPENAI_MEDIA).read_request("/v1/audio/transcriptions", FORM, body)


def test_pictures_have_a_default_model() -> None:
    facts = read(ApiShape.OPENAI_MEDIA, "/v1/images/generations", {"prompt": "a cat", "n": 3})
    assert (facts.model, facts.choices) == ("dall-e-2", 3)


@pytest.mark.parametrize("shape", [ApiShape.BEDROCK_CONVERSE, ApiShape.BEDROCK_INVOKE, ApiShape.GEMINI_EMBEDDINGS])
def test_a_path_without_a_model_is_rejected(shape: ApiShape) -> None:
    with pytest.raises(UnreadableRequest, match="model"):
        read(shape, "/v1/x", {})
