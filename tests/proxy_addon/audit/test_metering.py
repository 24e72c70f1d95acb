"""One captured exchange into its rows: which provider, which counts, what it cost, and what is said of the rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.call import ApiShape, Basis
from app.core.usage import Usage
from proxy_addon.audit.rows import Row, as_json
from tests.proxy_addon.audit.samples import ANSWER, COST_NANO_USD, REQUEST, STREAM, STREAM_REQUEST, line, rows, written

FIELDS = [
    *("file", "line", "turn", "source", "provider", "api_shape", "request_model", "response_model"),
    *("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
    *("cost_usd", "cost_basis", "error_type"),
]


def row_of(tmp_path: Path, **changes: Any) -> Row:
    (row,) = rows(written(tmp_path / "one.jsonl", line(**changes)))
    return row


def test_an_exchange_is_counted_and_priced_as_by_the_meter(tmp_path: Path) -> None:
    row = row_of(tmp_path)
    assert (row.provider, row.api_shape, row.source) == ("openai", ApiShape.OPENAI_CHAT, "somebody/tests:one.yaml")
    assert (row.request_model, row.response_model) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    usage = row.usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (2_000, 1_000, 500)
    assert (row.cost_nano_usd, row.cost_basis, row.error_type) == (COST_NANO_USD, Basis.TABLE, "")


def test_the_json_has_just_the_fields_that_scripts_rely_on(tmp_path: Path) -> None:
    told = json.loads(as_json(row_of(tmp_path), with_reason=False))
    assert list(told) == FIELDS
    assert told == {
        **{"file": "one.jsonl", "line": 1, "turn": None, "source": "somebody/tests:one.yaml", "provider": "openai"},
        **{"api_shape": "openai.chat", "request_model": "gpt-4o-mini", "response_model": "gpt-4o-mini-2024-07-18"},
        **{"input_tokens": 2_000, "cache_read_tokens": 1_000, "cache_write_tokens": None, "output_tokens": 500},
        **{"reasoning_tokens": 40, "cost_usd": "0.000525", "cost_basis": "table", "error_type": None},
    }


def test_what_is_not_known_is_null_and_never_nought_or_an_empty_text() -> None:
    told = json.loads(as_json(Row("a", 3), with_reason=True))
    known = {"file": "a", "line": 3, "cost_basis": "unpriced"}
    assert told == dict.fromkeys([*FIELDS, "reason"]) | known


def test_a_stream_is_read_event_by_event(tmp_path: Path) -> None:
    headers = {"Content-Type": "text/event-stream"}
    row = row_of(tmp_path, request_body=STREAM_REQUEST, response_body=STREAM, response_headers=headers)
    assert (row.usage.input_tokens, row.usage.output_tokens, row.cost_basis) == (12, 3, Basis.TABLE)


def test_a_stream_without_its_last_usage_is_an_estimate(tmp_path: Path) -> None:
    row = row_of(tmp_path, request_body=STREAM_REQUEST, response_body=STREAM[:90], response_headers={})
    assert (row.usage.is_known, row.cost_basis) == (False, Basis.ESTIMATED)
    assert row.reason == "The answer tells no usage."


def test_a_stream_cut_after_its_first_usage_is_an_estimate_above_it(tmp_path: Path) -> None:
    usage = {"input_tokens": 900, "output_tokens": 1}
    start = {"type": "message_start", "message": {"model": "claude-haiku-4-5", "usage": usage}}
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "word " * 100}}
    events = "".join(f"data: {json.dumps(event)}\n\n" for event in (start, delta))
    row = row_of(
        tmp_path,
        host="api.anthropic.com",
        path="/v1/messages",
        request_body='{"model": "claude-haiku-4-5", "stream": true, "max_tokens": 900, "messages": []}',
        response_body=events,
        response_headers={},
    )
    assert (row.cost_basis, row.reason) == (Basis.ESTIMATED, "The stream ends before its last usage.")
    assert row.cost_nano_usd == 900 * 1_000 + 125 * 5_000  # Haiku 4.5's prices, four bytes a token


def test_a_failed_call_costs_nothing_and_says_why(tmp_path: Path) -> None:
    answer = '{"error": {"message": "secret", "type": "rate_limit"}}'
    row = row_of(tmp_path, status=429, response_body=answer)
    assert (row.error_type, row.cost_nano_usd, row.cost_basis) == ("rate_limit", 0, Basis.TABLE)
    assert row_of(tmp_path, status=503, response_body="<html>").error_type == "http_503"


def test_a_failure_within_an_answer_that_was_sent_is_not_free(tmp_path: Path) -> None:
    broken = STREAM.replace("data: [DONE]", 'data: {"error": {"type": "overloaded"}}')
    row = row_of(tmp_path, request_body=STREAM_REQUEST, response_body=broken, response_headers={})
    assert row.error_type == "overloaded"
    assert row.cost_nano_usd


def test_a_model_without_a_price_is_unpriced_with_its_counts(tmp_path: Path) -> None:
    answer = ANSWER.replace("gpt-4o-mini-2024-07-18", "own-model")
    row = row_of(tmp_path, request_body=REQUEST.replace("gpt-4o-mini", "own-model"), response_body=answer)
    assert (row.usage.input_tokens, row.cost_nano_usd, row.cost_basis) == (2_000, None, Basis.UNPRICED)
    assert row.reason == "Bursar knows no price for it."


def test_a_path_that_is_free_costs_nothing(tmp_path: Path) -> None:
    row = row_of(tmp_path, path="/v1/moderations", response_body="{}")
    assert (row.provider, row.cost_nano_usd, row.usage) == ("openai", 0, Usage())
    assert row.reason == "This path costs nothing."


@pytest.mark.parametrize(
    ("changes", "provider", "error_type"),
    [
        ({"host": "shop.example"}, "", "unknown_host"),
        ({"host": "", "path": ""}, "", "unknown_host"),
        ({"host": "api.openai.com.shop.example"}, "", "unknown_host"),
        ({"path": "/v1/nobody/knows"}, "openai", "unknown_path"),
    ],
)
def test_what_cannot_be_metered_is_a_row_that_says_why(
    tmp_path: Path, changes: dict[str, str], provider: str, error_type: str
) -> None:
    row = row_of(tmp_path, **changes)
    assert (row.provider, row.error_type, row.cost_nano_usd) == (provider, error_type, None)
    assert row.reason


def test_a_failed_call_on_a_path_that_nobody_reads_costs_nothing(tmp_path: Path) -> None:
    row = row_of(tmp_path, path="/v1/nobody/knows", status=404)
    assert (row.error_type, row.cost_nano_usd) == ("http_404", 0)


def test_the_recordings_own_words_count_only_where_host_and_path_do_not_tell(tmp_path: Path) -> None:
    told = {"provider": "acme", "api": "openai.chat"}
    assert row_of(tmp_path, **told).provider == "openai"
    assert row_of(tmp_path, host="", path="", provider="xai", api="openai.chat").provider == "x-ai"
    row = row_of(tmp_path, host="llm.acme.example", path="/chat", **told)
    assert (row.provider, row.usage.output_tokens, row.cost_basis) == ("acme", 500, Basis.UNPRICED)


def test_a_poll_without_a_body_is_read_by_what_the_recording_says(tmp_path: Path) -> None:
    answer = json.dumps(
        {
            "object": "response",
            "model": "gpt-4o-mini",
            "status": "completed",
            "usage": {"input_tokens": 7, "output_tokens": 2},
        }
    )
    row = row_of(
        tmp_path, method="GET", path="/v1/responses/r1", request_body="", response_body=answer, api="openai.responses"
    )
    assert (row.usage.input_tokens, row.cost_basis, row.reason) == (7, Basis.TABLE, "")


def test_the_gateway_of_a_meter_on_this_machine_is_known_by_its_prefix(tmp_path: Path) -> None:
    row = row_of(tmp_path, host="127.0.0.1:8787", path="/openai/v1/chat/completions")
    assert (row.provider, row.cost_nano_usd) == ("openai", COST_NANO_USD)


def test_a_request_that_cannot_be_read_does_not_hide_the_answer(tmp_path: Path) -> None:
    row = row_of(tmp_path, request_body='{"model": "cut off')
    assert (row.request_model, row.cost_nano_usd) == ("", COST_NANO_USD)
    assert row.reason == "The request body is not a JSON object."


def test_the_capture_without_an_answer_is_unpriced(tmp_path: Path) -> None:
    assert row_of(tmp_path, status=None, response_body=None).error_type == "no_answer"
    row = row_of(tmp_path, response_body=None)
    assert (row.error_type, row.cost_nano_usd) == ("no_body", None)


def test_prices_are_those_of_the_captures_own_time(tmp_path: Path) -> None:
    model = {
        "request_body": REQUEST.replace("gpt-4o-mini", "o3"),
        "response_body": ANSWER.replace("gpt-4o-mini-2024-07-18", "o3"),
    }
    before = row_of(tmp_path, response_headers={"Date": "Sun, 01 Jun 2025 12:00:00 GMT"}, **model)
    after = row_of(tmp_path, response_headers={"Date": "Thu, 12 Jun 2025 12:00:00 GMT"}, **model)
    today = row_of(tmp_path, response_headers={"Date": "no date"}, **model)
    assert before.cost_nano_usd is not None
    assert after.cost_nano_usd is not None
    assert before.cost_nano_usd > 4 * after.cost_nano_usd  # OpenAI cut the price by 80 % on 10 June 2025
    assert today.cost_nano_usd == after.cost_nano_usd


def test_a_socket_has_a_row_for_each_turn(tmp_path: Path) -> None:
    def done(number: int) -> dict[str, Any]:
        usage = {"input_tokens": number, "output_tokens": 1}
        response = {
            "object": "response",
            "id": f"r{number}",
            "model": "gpt-4o-mini",
            "status": "completed",
            "usage": usage,
        }
        return {"dir": "received", "data": {"type": "response.completed", "response": response}}

    asked = {"dir": "sent", "data": '{"type": "response.create", "model": "gpt-4o-mini", "input": "hi"}'}
    messages = [asked, done(10), asked, done(20)]
    path = written(
        tmp_path / "a", line(method="GET", status=101, path="/v1/responses", request_body="", ws_messages=messages)
    )
    found = rows(path)
    assert [(row.line, row.turn, row.usage.input_tokens) for row in found] == [(1, 1, 10), (1, 2, 20)]
    assert {row.cost_basis for row in found} == {Basis.TABLE}


def test_a_turn_that_failed_costs_nothing_and_one_that_was_cut_is_an_estimate(tmp_path: Path) -> None:
    asked = {"dir": "sent", "data": '{"type": "response.create", "model": "gpt-4o-mini", "input": "hi"}'}
    failed = {"dir": "received", "data": {"type": "error", "error": {"code": "rate_limit"}}}
    begun = {"dir": "received", "data": {"type": "response.created", "response": {"id": "r", "model": "gpt-4o-mini"}}}
    messages = [asked, failed, asked, begun]
    found = rows(
        written(tmp_path / "a", line(method="GET", path="/v1/responses", request_body="", ws_messages=messages))
    )
    assert [(row.turn, row.error_type, row.cost_basis) for row in found] == [
        (1, "rate_limit", Basis.TABLE),
        (2, "interrupted", Basis.ESTIMATED),
    ]
    assert found[0].cost_nano_usd == 0


def test_a_socket_without_a_turn_is_one_row(tmp_path: Path) -> None:
    (row,) = rows(written(tmp_path / "a", line(method="GET", path="/v1/responses", request_body="", ws_messages=[])))
    assert (row.turn, row.cost_nano_usd, row.reason) == (None, None, "No turn of the socket tells usage.")
    (row,) = rows(written(tmp_path / "a", line(ws_messages=[])))
    assert row.error_type == "unmetered_socket"
