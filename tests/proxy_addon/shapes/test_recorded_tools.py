"""Tool calls in the recordings, read by the meter's tap and by a reader that shares nothing with it."""

from collections import Counter

import pytest

from app.core.call import ApiShape
from app.core.exchange import RequestFacts, ResponseFacts
from app.core.tool_call import ToolOutcome, ToolUse
from proxy_addon.shapes import UnreadableRequest, shape_for
from proxy_addon.shapes.tool_watch import digest_of
from proxy_addon.tap import Tap
from tests.proxy_addon.shapes.plain_tools import result_ids, tools_in
from tests.recordings import Recording, needs_recordings, recorded_sockets, recordings

pytestmark = needs_recordings

SHAPES = (
    *(ApiShape.ANTHROPIC_MESSAGES, ApiShape.OPENAI_CHAT, ApiShape.OPENAI_RESPONSES, ApiShape.GEMINI),
    *(ApiShape.BEDROCK_CONVERSE, ApiShape.BEDROCK_INVOKE, ApiShape.COHERE, ApiShape.OLLAMA),
)
ASKED = RequestFacts(model="m", is_stream=True, body_bytes=1)


def answered(one: Recording, chunk: int = 4_096) -> ResponseFacts:
    reader = shape_for(one.shape).reader(ASKED, one.response_headers)
    tap = Tap(reader, content_type=one.content_type, content_encoding="")
    for start in range(0, len(one.response_body), chunk):
        tap.tap(one.response_body[start : start + chunk])
    return tap.finish()


def asked_of_agent(facts: ResponseFacts) -> list[tuple[str, str, bytes]]:
    return sorted((use.name, use.provider_id, use.digest) for use in facts.tool_uses if not use.is_hosted)


def of_shape(shape: ApiShape) -> list[Recording]:
    return [one for one in recordings() if one.shape is shape and one.status == 200]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_tool_call_is_found_and_no_other(shape: ApiShape) -> None:
    counted = 0
    for one in of_shape(shape):
        expected = [(name, mark, digest_of(arguments)[0]) for name, mark, arguments in tools_in(one)]
        assert asked_of_agent(answered(one)) == sorted(expected), one.name
        counted += len(expected)
    assert counted >= {ApiShape.COHERE: 10, ApiShape.OLLAMA: 2, ApiShape.BEDROCK_INVOKE: 4}.get(shape, 40)


@pytest.mark.parametrize("chunk", [1, 7, 1_000_000])
def test_tool_calls_are_the_same_however_the_answer_is_cut(chunk: int) -> None:
    for shape in SHAPES:
        rich = sorted((one for one in of_shape(shape) if tools_in(one)), key=lambda one: len(one.response_body))
        for one in rich[:3]:
            assert answered(one, chunk).tool_uses == answered(one).tool_uses


@pytest.mark.parametrize(
    "shape", [shape for shape in SHAPES if shape not in (ApiShape.COHERE, ApiShape.OLLAMA, ApiShape.OPENAI_RESPONSES)]
)
def test_the_results_of_the_last_turn_are_found_and_no_earlier_ones(shape: ApiShape) -> None:
    counted = 0
    for one in of_shape(shape):
        if one.is_trimmed or not one.request_body:
            continue
        try:
            facts = shape_for(shape).read_request(one.path, one.request_headers, one.request_body)
        except UnreadableRequest:
            continue
        found = [result.provider_id or result.name for result in facts.tool_results]
        expected = result_ids(one)
        if shape is ApiShape.GEMINI:
            found = [result.name for result in facts.tool_results]
        assert found == expected, one.name
        counted += len(expected)
    assert counted >= (0 if shape is ApiShape.BEDROCK_INVOKE else 15)


def test_what_the_providers_ran_themselves() -> None:
    ended: Counter[tuple[str, str]] = Counter()
    servers: set[str] = set()
    for one in recordings():
        if one.status == 200:
            facts = answered(one)
            results = {result.provider_id: result.outcome for result in facts.tool_results}
            hosted = [use for use in facts.tool_uses if use.is_hosted]
            servers.update(use.server for use in hosted if use.server)
            ended.update((use.name, results.get(use.provider_id, "no result")) for use in hosted)
    names = {name for name, _ in ended}
    assert names >= {"web_search", "web_fetch", "code_execution", "code_interpreter", "image_generation", "file_search"}
    assert names >= {"nova_code_interpreter", "google_search_web", "search", "visit", "bash_code_execution"}
    assert servers == {"deepwiki", "google_calendar"}
    by_end = Counter(end for name, end in ended.elements())
    assert by_end["succeeded"] > 150
    assert by_end["no result"] <= 5


def test_tools_on_sockets_and_their_results() -> None:
    uses: list[ToolUse] = []
    results = []
    for socket in recorded_sockets():
        reader = shape_for(socket.shape).socket_reader(ASKED)
        assert reader is not None
        for is_sent, message in socket.messages:
            if is_sent:
                facts = reader.sent(message)
                results += list(facts.tool_results) if facts else []
            else:
                for turn in reader.received(message):
                    uses += turn.answer.tool_uses
                    results += turn.answer.tool_results
    known = {use.provider_id for use in uses}
    assert len(uses) >= 5
    assert len(known & {result.provider_id for result in results}) >= 3


def test_outcomes_told_in_the_recorded_requests() -> None:
    told: Counter[tuple[ApiShape, ToolOutcome]] = Counter()
    for one in recordings():
        if one.shape in SHAPES and not one.is_trimmed and one.request_body:
            try:
                facts = shape_for(one.shape).read_request(one.path, one.request_headers, one.request_body)
            except UnreadableRequest:
                continue
            told.update((one.shape, result.outcome) for result in facts.tool_results)
    assert told[ApiShape.ANTHROPIC_MESSAGES, ToolOutcome.FAILED] >= 1
    assert told[ApiShape.BEDROCK_CONVERSE, ToolOutcome.SUCCEEDED] >= 20
    assert told[ApiShape.OPENAI_CHAT, ToolOutcome.UNKNOWN] >= 50
