"""Recorded streams of every shape, cut and re-chunked: the bytes go on as they came, the tap never fails, and what a
cut call is charged is never below what the whole one cost."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.call import ApiShape
from app.core.exchange import RequestFacts, ResponseFacts
from app.pricing.bound import worst_case
from app.pricing.table import price_call, price_estimate
from proxy_addon.ending import is_certain
from proxy_addon.include_usage import UsageHider
from proxy_addon.shapes import shape_for
from proxy_addon.tap import Tap
from tests.recordings import Recording, needs_recordings, recordings

pytestmark = needs_recordings

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OF_EACH = 2
MAX_BYTES = 9_000
SAMPLED_CUTS = 24
NAMES = {"xai": "x-ai", "zai": "z-ai", "vertex": "google", "bedrock": "aws"}
"""Names of the recordings that the price table knows by another."""


@cache
def streams() -> tuple[Recording, ...]:
    """Two short streams of each shape and provider: the one that tells most, and the shortest."""
    groups: dict[tuple[ApiShape, str], list[Recording]] = {}
    for one in recordings():
        if one.is_stream and one.status == 200 and one.expected and len(one.response_body) <= MAX_BYTES:
            groups.setdefault((one.shape, one.provider), []).append(one)
    chosen = []
    for group in groups.values():
        group.sort(key=lambda one: (len(one.response_body), one.name))
        richest = max(group, key=lambda one: sum(1 for value in (one.expected or {}).values() if value))
        chosen += list(dict.fromkeys([richest.name, *(one.name for one in group)]))[:OF_EACH]
    return tuple(one for one in recordings() if one.name in chosen)


def test_at_least_thirty_streams_over_all_shapes_that_stream() -> None:
    assert len(streams()) >= 30
    assert {one.shape for one in streams()} >= {
        ApiShape.ANTHROPIC_MESSAGES,
        ApiShape.OPENAI_CHAT,
        ApiShape.OPENAI_RESPONSES,
        ApiShape.GEMINI,
        ApiShape.GEMINI_INTERACTIONS,
        ApiShape.BEDROCK_CONVERSE,
        ApiShape.BEDROCK_INVOKE,
        ApiShape.COHERE,
        ApiShape.OLLAMA,
    }


@pytest.mark.parametrize("recording", streams(), ids=lambda one: one.name)
def test_stream_cut_at_sampled_bytes(recording: Recording) -> None:
    size = len(recording.response_body)
    check_cuts(recording, sorted({*range(0, size, max(1, size // SAMPLED_CUTS)), size - 1}))


@pytest.mark.slow
@pytest.mark.parametrize("recording", streams(), ids=lambda one: one.name)
def test_stream_cut_at_every_byte(recording: Recording) -> None:
    check_cuts(recording, range(len(recording.response_body)))


def test_most_of_them_have_a_price() -> None:
    """Without one nothing is compared: such a call is unpriced from the start, and so are its caps told."""
    priced = [one for one in streams() if true_cost(one) is not None and charged(one, ResponseFacts()) is not None]
    assert len(priced) >= 30
    assert len({one.shape for one in priced}) >= 7


def check_cuts(recording: Recording, cuts: Iterable[int]) -> None:
    """Each cut once as a seam within the answer, and once as its end."""
    body = recording.response_body
    whole, truth = answer_to(recording, [body]), true_cost(recording)
    charged_for: dict[ResponseFacts, int | None] = {}
    for cut in cuts:
        assert answer_to(recording, [body[:cut], body[cut:]]) == whole
        seen = answer_to(recording, [body[:cut]])
        if seen not in charged_for:
            charged_for[seen] = charged(recording, seen)
        cost = charged_for[seen]
        assert cost is None or truth is None or cost >= truth, f"cut at {cut}"


@pytest.mark.parametrize("recording", streams()[::2], ids=lambda one: one.name)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_stream_in_random_pieces(recording: Recording, data: st.DataObject) -> None:
    body = recording.response_body
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(body) - 1)), max_size=40)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert answer_to(recording, pieces) == answer_to(recording, [body])
    hider = UsageHider("")
    hidden = b"".join(part for piece in [*pieces, b""] for part in hider.pass_on(piece))
    assert hidden == whole_without_usage(body)


def whole_without_usage(body: bytes) -> bytes:
    """What the hider leaves of a body that comes in one piece."""
    hider = UsageHider("")
    return b"".join([*hider.pass_on(body), *hider.pass_on(b"")])


def answer_to(recording: Recording, pieces: list[bytes]) -> ResponseFacts:
    """What the tap tells at the end; each piece must go on as it is."""
    reader = shape_for(recording.shape).reader(facts_of(recording), recording.response_headers)
    tap = Tap(reader, content_type=recording.content_type, content_encoding="")
    for piece in pieces:
        assert tap.tap(piece) is piece
    assert not tap.is_blind
    return tap.finish()


@cache
def _facts(name: str) -> RequestFacts:
    recording = next(one for one in streams() if one.name == name)
    body = recording.request_body
    return shape_for(recording.shape).read_request(recording.path, recording.request_headers, body)


def facts_of(recording: Recording) -> RequestFacts:
    """Facts of its request, read once."""
    return _facts(recording.name)


def charged(recording: Recording, seen: ResponseFacts) -> int | None:
    """What the caps carry of a call whose answer ended there, as `settle` reckons it."""
    provider, facts = NAMES.get(recording.provider, recording.provider), facts_of(recording)
    about: dict[str, Any] = {"provider": provider, "started_at": NOW, "host": recording.host}
    if is_certain(seen, is_whole=False):
        return price_call(request_model=facts.model, response=seen, **about).cost_nano_usd
    worst = worst_case(facts=facts, **about)
    estimate = price_estimate(facts=facts, response=seen, **about).cost_nano_usd
    return None if worst is None and estimate is None else max(worst or 0, estimate or 0)


def true_cost(recording: Recording) -> int | None:
    """The expected usage, priced."""
    whole, told = answer_to(recording, [recording.response_body]), recording.expected or {}
    usage = replace(
        whole.usage,
        input_tokens=told.get("input"),
        output_tokens=told.get("output"),
        cache_read_tokens=told.get("cached"),
        cache_write_tokens=told.get("cache_write"),
        cache_write_1h_tokens=told.get("cache_write_1h"),
        web_searches=told.get("web_searches"),
    )
    provider, model = NAMES.get(recording.provider, recording.provider), facts_of(recording).model
    return price_call(
        provider=provider,
        request_model=model,
        response=replace(whole, usage=usage),
        started_at=NOW,
        host=recording.host,
    ).cost_nano_usd
