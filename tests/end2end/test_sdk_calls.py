"""Real SDKs make real calls through a real meter; the provider replays what providers really answered."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.core.call import ApiShape, Outcome
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Answer, Provider, Seen, in_pieces, zipped
from tests.end2end.sdks import Ear, anthropic_client, gemini_client, openai_client
from tests.recordings import Recording, needs_recordings, recordings

pytestmark = [pytest.mark.end2end, needs_recordings]

HOSTS = {
    ApiShape.ANTHROPIC_MESSAGES: "api.anthropic.com",
    ApiShape.OPENAI_CHAT: "api.openai.com",
    ApiShape.OPENAI_RESPONSES: "api.openai.com",
    ApiShape.GEMINI: "generativelanguage.googleapis.com",
}
OF_EACH = 4
PLAIN = {"model", "max_tokens", "messages", "stream", "stream_options", "system", "input", "tools"}
"""What every version of the SDKs takes as it was recorded."""


def chosen() -> list[Recording]:
    """Four exchanges of each shape an SDK is here for, whole and streamed, that tell the most kinds of tokens."""
    groups: dict[tuple[ApiShape, bool], list[Recording]] = {}
    for recording in recordings():
        is_told = recording.status == 200 and recording.expected is not None
        if is_told and recording.host == HOSTS.get(recording.shape) and _is_plain(recording):
            groups.setdefault((recording.shape, recording.is_stream), []).append(recording)
    picked = []
    for group in groups.values():
        group.sort(key=lambda one: (-_richness(one), one.name))
        picked += group[:OF_EACH]
    return picked


def _is_plain(recording: Recording) -> bool:
    if recording.shape is ApiShape.GEMINI:
        return True
    is_create = recording.path.partition("?")[0] in ("/v1/messages", "/v1/chat/completions", "/v1/responses")
    return is_create and bool(recording.request_body) and set(json.loads(recording.request_body)) <= PLAIN


def _richness(recording: Recording) -> int:
    """How many kinds of counts its usage tells."""
    return len([count for count in (recording.expected or {}).values() if count])


@pytest.fixture(scope="module")
def replay() -> Iterator[Provider]:
    with Provider(lambda _seen: Answer([b"{}"], status=500)).running() as running:
        yield running


@pytest.fixture(scope="module")
def running_meter(replay: Provider, module_home: Path) -> Iterator[RunningMeter]:
    with meter(module_home, dict.fromkeys(("anthropic", "openai", "google"), replay.url)) as running:
        yield running


@pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")  # recorded models grow old
@pytest.mark.parametrize("recording", chosen(), ids=lambda recording: recording.name)
def test_client_gets_every_byte_and_the_ledger_every_token(
    recording: Recording, replay: Provider, running_meter: RunningMeter
) -> None:
    start = datetime.now(UTC)
    sent = _sent_body(recording)
    replay.answer = lambda _seen: Answer(in_pieces(sent), headers=_headers(recording))
    ear = Ear()
    _call(recording, running_meter, ear)
    assert ear.heard == sent
    [call] = running_meter.calls_since(start, 1)
    assert call.outcome is Outcome.COMPLETED
    assert call.is_stream == recording.is_stream
    assert _counts(call.usage, recording.expected or {}) == _expected(recording.expected or {})
    assert call.cost_nano_usd is None or call.cost_nano_usd > 0


def test_at_least_twelve_exchanges_over_the_four_shapes() -> None:
    shapes = {(recording.shape, recording.is_stream) for recording in chosen()}
    assert len(shapes) == 8
    assert len(chosen()) >= 12


def test_provider_gets_the_real_key_and_never_the_virtual_one(replay: Provider, running_meter: RunningMeter) -> None:
    def check(seen: Seen) -> Answer:
        keys.append(
            (seen.headers.get("x-api-key"), seen.headers.get("authorization"), seen.headers.get("x-goog-api-key"))
        )
        assert running_meter.token not in str(seen.headers) + seen.path
        assert not [name for name in seen.headers if name.startswith("x-bursar")]
        return Answer([b'{"error": {"message": "no"}}'], status=400)

    keys: list[tuple[str | None, ...]] = []
    replay.answer = check
    for call in (_anthropic_hello, _openai_hello, _gemini_hello):
        with pytest.raises(Exception, match="no"):
            call(running_meter)
    assert keys == [("sk-ant-real", None, None), (None, "Bearer sk-real", None), (None, None, "AIza-real")]


def _sent_body(recording: Recording) -> bytes:
    return zipped(recording.response_body) if recording.wire_encoding == "gzip" else recording.response_body


def _headers(recording: Recording) -> dict[str, str]:
    headers = {"content-type": recording.content_type}
    return headers | {"content-encoding": "gzip"} if recording.wire_encoding == "gzip" else headers


def _call(recording: Recording, running: RunningMeter, ear: Ear) -> None:
    """Make the recorded call with the provider's SDK and read the answer to its end."""
    if recording.shape is ApiShape.GEMINI:
        models = gemini_client(running.gateway, running.token, ear).models
        model = recording.path.split("/models/")[1].split(":")[0]
        if recording.is_stream:
            list(models.generate_content_stream(model=model, contents="hello"))
        else:
            models.generate_content(model=model, contents="hello")
        return
    create: Any
    if recording.shape is ApiShape.ANTHROPIC_MESSAGES:
        create = anthropic_client(running.gateway, running.token, ear).messages.create
    elif recording.shape is ApiShape.OPENAI_CHAT:
        create = openai_client(running.gateway, running.token, ear).chat.completions.create
    else:
        create = openai_client(running.gateway, running.token, ear).responses.create
    answer = create(**json.loads(recording.request_body))
    if recording.is_stream:
        list(answer)


def _counts(usage: Any, expected: dict[str, Any]) -> dict[str, Any]:
    found = {
        "input": usage.input_tokens,
        "cached": usage.cache_read_tokens,
        "cache_write": usage.cache_write_tokens,
        "output": usage.output_tokens,
        "reasoning": usage.reasoning_tokens,
    }
    return {name: found[name] or 0 for name in _expected(expected)}


def _expected(expected: dict[str, Any]) -> dict[str, Any]:
    names = ("input", "cached", "cache_write", "output", "reasoning")
    return {name: expected[name] for name in names if expected.get(name) is not None}


def _anthropic_hello(running: RunningMeter) -> None:
    anthropic_client(running.gateway, running.token).messages.create(
        model="claude-haiku-4-5", max_tokens=10, messages=[{"role": "user", "content": "hello"}]
    )


def _openai_hello(running: RunningMeter) -> None:
    openai_client(running.gateway, running.token).responses.create(model="gpt-5-mini", input="hello")


def _gemini_hello(running: RunningMeter) -> None:
    gemini_client(running.gateway, running.token).models.generate_content(model="gemini-2.5-flash", contents="hello")
