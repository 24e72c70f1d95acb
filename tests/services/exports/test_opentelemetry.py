import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

from app.core.call import Outcome
from app.core.errors import AppError, InvalidInput
from app.core.tags import Tags
from app.core.tool_call import ToolOutcome
from app.core.usage import Usage
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger
from app.ledger.export_places import Ended, ended_after, note_place, place_of
from app.services.exports.following import begin_at, follow
from app.services.exports.opentelemetry import call_attributes, telemetry_to
from tests.cli.samples import book_call
from tests.end2end.meter_process import wait_until
from tests.ledger import tooling
from tests.services.exports.collector import Collector, played_collector

CLAUDE = Tags(project="billing-api", agent="Claude Code", user="ada", team="core", session="s", task="fix")
RECEIVER = "otlp"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with played_collector() as playing:
        yield playing


def values(span: Any) -> dict[str, Any]:
    told = {}
    for attribute in span.attributes:
        kind = attribute.value.WhichOneof("value")
        told[attribute.key] = getattr(attribute.value, kind)
    return told


def total(metric: Any) -> int:
    points = metric.sum.data_points or metric.histogram.data_points
    return sum(point.as_int if metric.HasField("sum") else int(point.sum) for point in points)


def sent(ledger: Ledger, collector: Collector) -> None:
    with closing(telemetry_to(collector.url)) as telemetry:
        telemetry.send(ended_after(ledger, 0, 100))


def test_what_a_collector_reads_agrees_with_the_ledger(ledger: Ledger, collector: Collector) -> None:
    book_call(ledger, CLAUDE, 1_500_000_001)
    book_call(ledger, CLAUDE, 2)
    book_call(ledger, replace(CLAUDE, session=""), None, model="no-such-model")
    sent(ledger, collector)
    calls = recent_calls(ledger)[::-1]
    told = [values(span) for span in collector.spans]
    assert [span["bursar.call_id"] for span in told] == [call.call_id for call in calls]
    assert [span.get("bursar.cost_nano_usd") for span in told] == [1_500_000_001, 2, None]
    assert [span["gen_ai.usage.input_tokens"] for span in told] == [call.usage.input_tokens for call in calls]
    assert told[0]["gen_ai.provider.name"] == "anthropic"
    assert (told[0]["bursar.project"], told[0]["gen_ai.agent.name"], told[0]["gen_ai.conversation.id"]) == (
        "billing-api",
        "Claude Code",
        "s",
    )
    assert [span.name for span in collector.spans] == [f"{call.operation} {call.request_model}" for call in calls]
    assert total(collector.metrics["bursar.cost"]) == 1_500_000_003
    assert total(collector.metrics["bursar.calls"]) == 3
    assert total(collector.metrics["gen_ai.client.token.usage"]) == 3 * 1_200


def test_a_session_is_one_trace_and_a_tool_call_hangs_below_the_call_that_asked_for_it(
    ledger: Ledger, collector: Collector
) -> None:
    tooling.book_call(ledger, tooling.use("Bash", provider_id="1"), tags=CLAUDE)
    later = tooling.START + timedelta(seconds=3)
    tooling.book_call(ledger, results=[tooling.result("1", ToolOutcome.FAILED)], tags=CLAUDE, at=later)
    book_call(ledger, replace(CLAUDE, session="another"), 1)
    sent(ledger, collector)
    asked, carried, tool, other = collector.spans
    assert (tool.name, tool.parent_span_id, tool.trace_id) == ("execute_tool Bash", asked.span_id, asked.trace_id)
    assert (asked.trace_id, asked.parent_span_id) == (carried.trace_id, b"")
    assert other.trace_id != asked.trace_id
    assert tool.status.code == tool.status.STATUS_CODE_ERROR
    assert asked.start_time_unix_nano <= tool.start_time_unix_nano <= tool.end_time_unix_nano


def test_a_call_that_failed_or_was_refused_is_an_error(ledger: Ledger, collector: Collector) -> None:
    book_call(ledger, CLAUDE, 1)
    [ended] = ended_after(ledger, 0, 1)
    failed = replace(ended.call, outcome=Outcome.FAILED, status_code=529, error_type="overloaded_error")
    refused = replace(ended.call, outcome=Outcome.REFUSED, status_code=403, cost_nano_usd=0)
    with closing(telemetry_to(collector.url)) as telemetry:
        telemetry.send([replace(ended, call=failed), Ended(2, refused, ())])
    assert [values(span)["error.type"] for span in collector.spans] == ["overloaded_error", "refused"]
    assert all(span.status.code == span.status.STATUS_CODE_ERROR for span in collector.spans)
    assert total(collector.metrics["gen_ai.client.token.usage"]) == 1_200


def test_what_is_not_known_is_left_out(ledger: Ledger) -> None:
    book_call(ledger, Tags(), None, model="no-such-model")
    [call] = recent_calls(ledger)
    told = call_attributes(call)
    assert "bursar.cost_nano_usd" not in told
    assert "gen_ai.usage.cache_read.input_tokens" not in told
    assert None not in told.values()
    assert "" not in told.values()


def followed(
    ledger: Ledger, collector: Collector, until: Callable[[], bool], stumbles: list[AppError] | None = None
) -> None:
    """Follow until the condition holds, as one run of the command does."""
    stop = threading.Event()
    telemetry = telemetry_to(collector.url)
    told = [] if stumbles is None else stumbles

    def run() -> None:
        follow(ledger, RECEIVER, telemetry.send, stop, on_trouble=told.append, first_pause_s=0.01)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_until(until, "calls at the collector")
    finally:
        stop.set()
        thread.join()
        telemetry.close()


def call_ids(collector: Collector) -> list[str]:
    return [values(span)["bursar.call_id"] for span in collector.spans]


def ledger_ids(ledger: Ledger) -> list[str]:
    return [call.call_id for call in recent_calls(ledger)][::-1]


def test_calls_arrive_as_they_end_and_none_is_lost_or_doubled_over_a_restart(
    ledger: Ledger, collector: Collector
) -> None:
    book_call(ledger, CLAUDE, 1)
    begin_at(ledger, RECEIVER, with_past=True)
    followed(ledger, collector, lambda: place_of(ledger, RECEIVER) == 1)
    book_call(ledger, CLAUDE, 2)
    book_call(ledger, CLAUDE, 3)
    followed(ledger, collector, lambda: place_of(ledger, RECEIVER) == 3)
    assert call_ids(collector) == ledger_ids(ledger)


def test_what_did_not_arrive_is_sent_again(ledger: Ledger, collector: Collector) -> None:
    begin_at(ledger, RECEIVER, with_past=False)
    for cost in range(3):
        book_call(ledger, CLAUDE, cost)
    collector.statuses = [400, 401, 200, 400]  # traces twice, then metrics alone
    stumbles: list[AppError] = []
    followed(ledger, collector, lambda: place_of(ledger, RECEIVER) == 3, stumbles)
    assert [error.title for error in stumbles] == ["The traces were not taken"] * 2 + ["The metrics were not taken"]
    assert sorted(set(call_ids(collector))) == sorted(ledger_ids(ledger))
    assert len({span.span_id for span in collector.spans}) == 3
    assert total(collector.metrics["bursar.calls"]) == 3


def test_a_new_receiver_is_told_of_what_comes_from_now_on(ledger: Ledger, collector: Collector) -> None:
    book_call(ledger, CLAUDE, 1)
    assert begin_at(ledger, RECEIVER, with_past=False) == 1
    assert begin_at(ledger, RECEIVER, with_past=True) == 1
    assert begin_at(ledger, "another", with_past=True) == 0


def test_a_ledger_that_ends_earlier_than_it_did_is_gone_on_from_its_end(ledger: Ledger) -> None:
    book_call(ledger, CLAUDE, 1)
    note_place(ledger, RECEIVER, 1_000)
    assert begin_at(ledger, RECEIVER, with_past=False) == 1


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://collector", "", "http://", "http://c/?x=1"])
def test_an_address_that_is_none_is_told(endpoint: str) -> None:
    with pytest.raises(InvalidInput, match="http://localhost:4318"):
        telemetry_to(endpoint)


def test_the_names_are_those_of_the_conventions(ledger: Ledger) -> None:
    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    book_call(ledger, CLAUDE, 1)
    [call] = recent_calls(ledger)
    usage = Usage(5, 4, cache_read_tokens=1, cache_write_tokens=1, reasoning_tokens=1)
    told = call_attributes(replace(call, usage=usage, time_to_first_chunk_ms=1, is_stream=True))
    ours = {name for name in told if name.startswith("gen_ai.")}
    assert len(ours) > 10
    assert ours <= known
