"""Calls as OpenTelemetry's traces and metrics, by its conventions for generative AI; never what was said in them.

A session is one trace, a call a span in it, and a tool call a span below the call that asked for it. All ids are
derived from the ledger's own, so what is sent twice is the same span twice. The names follow
https://github.com/open-telemetry/semantic-conventions-genai (in development when this was written); what those have no
name for begins with `bursar.`, and amounts are whole nano-dollars.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.metrics import Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExporter, MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from app.core.call import Call, Outcome
from app.core.errors import ExportError, InvalidInput
from app.core.tool_call import ToolCall, ToolOutcome
from app.ledger.export_places import Ended

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

_MICROSECOND_NS = 1_000
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime.fromtimestamp(0, UTC)
# The conventions' well-known providers, where ours are called otherwise.
_PROVIDERS = {
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "x-ai": "x_ai",
}
_TOKENS = {
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "cache_read_tokens",
    "gen_ai.usage.cache_creation.input_tokens": "cache_write_tokens",
    "gen_ai.usage.reasoning.output_tokens": "reasoning_tokens",
}
# Bounds that the conventions advise.
_TOKEN_BOUNDS = tuple(4**power for power in range(14))
_SECOND_BOUNDS = tuple(0.01 * 2**power for power in range(14))


class Telemetry:
    """Sends calls as spans and metrics. Metrics add up from the first call that this process sent."""

    def __init__(self, spans: SpanExporter, metrics: MetricExporter) -> None:
        self._span_exporter = spans
        self._metric_exporter = metrics
        resource = Resource.create({"service.name": "bursar"})
        self._ids = _DerivedIds()
        self._made = InMemorySpanExporter()
        self._traces = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._traces.add_span_processor(SimpleSpanProcessor(self._made))
        self._tracer = self._traces.get_tracer("bursar")
        self._reader = InMemoryMetricReader()
        self._meters = MeterProvider([self._reader], resource=resource, shutdown_on_exit=False)
        self._meter = _Instruments(self._meters)
        self._recorded_through = 0

    def send(self, ended: Sequence[Ended]) -> None:
        """Send calls and the results of tools that they carried. Raises ExportError when they did not arrive: then the
        same calls are to be sent again."""
        for one in ended:
            self._call_span(one.call)
            for tool in one.results:
                self._tool_span(tool, one.call)
        spans = self._made.get_finished_spans()
        self._made.clear()
        if self._span_exporter.export(spans) is not SpanExportResult.SUCCESS:
            raise _not_taken("traces")
        for one in ended:
            if one.row_id > self._recorded_through:
                self._meter.record(one.call)
                self._recorded_through = one.row_id
        told = self._reader.get_metrics_data()
        if told is not None and self._metric_exporter.export(told) is not MetricExportResult.SUCCESS:
            raise _not_taken("metrics")

    def close(self) -> None:
        """End both connections."""
        self._traces.shutdown()
        self._meters.shutdown()
        self._span_exporter.shutdown()
        self._metric_exporter.shutdown()

    def _call_span(self, call: Call) -> None:
        self._ids.take(trace_id_of(call), span_id_of(call.call_id))
        end = call.started_at + timedelta(milliseconds=call.duration_ms or 0)
        span = self._tracer.start_span(
            f"{call.operation} {call.request_model}".strip(),
            context=Context(),
            kind=SpanKind.CLIENT,
            attributes=call_attributes(call),
            start_time=_nanoseconds(call.started_at),
        )
        if call.outcome is not Outcome.COMPLETED:
            span.set_status(Status(StatusCode.ERROR, call.error_type or call.outcome))
        span.end(_nanoseconds(end))

    def _tool_span(self, tool: ToolCall, carrier: Call) -> None:
        self._ids.take(trace_id_of(carrier), span_id_of(f"{tool.call_id}/{tool.position}"))
        end = tool.asked_at + timedelta(milliseconds=tool.latency_ms or 0)
        span = self._tracer.start_span(
            f"execute_tool {tool.name}",
            context=_parent(trace_id_of(carrier), span_id_of(tool.call_id)),
            attributes=tool_attributes(tool),
            start_time=_nanoseconds(tool.asked_at),
        )
        if tool.outcome is ToolOutcome.FAILED:
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanoseconds(end))


def telemetry_to(endpoint: str, headers: Mapping[str, str] | None = None) -> Telemetry:
    """Sends to a collector's base URL by OTLP over HTTP; without `headers` with those that the environment names.
    Raises InvalidInput for what is no such URL."""
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    base = urlsplit(endpoint)
    if base.scheme not in ("http", "https") or not base.hostname or base.query:
        raise InvalidInput("No collector's address", f"“{endpoint[:80]}” must look like http://localhost:4318.")
    root = endpoint.rstrip("/")
    told = None if headers is None else dict(headers)
    return Telemetry(
        OTLPSpanExporter(f"{root}/v1/traces", headers=told, compression=Compression.Gzip),
        OTLPMetricExporter(f"{root}/v1/metrics", headers=told, compression=Compression.Gzip),
    )


def call_attributes(call: Call) -> "dict[str, AttributeValue]":
    """What a call's span says. What is not known is left out, never 0."""
    tags = call.tags
    told: dict[str, AttributeValue | None] = {
        "gen_ai.operation.name": call.operation,
        "gen_ai.provider.name": _PROVIDERS.get(call.provider, call.provider),
        "gen_ai.request.model": call.request_model,
        "gen_ai.request.stream": call.is_stream,
        "gen_ai.response.model": call.response_model,
        "gen_ai.response.id": call.response_id,
        "gen_ai.conversation.id": tags.session,
        "gen_ai.agent.name": tags.agent,
        "gen_ai.agent.id": call.origin.agent_id,
        **{name: getattr(call.usage, field) for name, field in _TOKENS.items()},
        "gen_ai.response.time_to_first_chunk": _seconds(call.time_to_first_chunk_ms),
        "http.response.status_code": call.status_code,
        "error.type": call.error_type or (call.outcome if call.outcome is not Outcome.COMPLETED else ""),
        "bursar.call_id": call.call_id,
        "bursar.outcome": call.outcome,
        "bursar.cost_nano_usd": call.cost_nano_usd,
        "bursar.cost_basis": call.cost_basis,
        "bursar.billing": call.billing,
        "bursar.request_class": call.origin.request_class,
        "bursar.project": tags.project,
        "bursar.user": tags.user,
        "bursar.team": tags.team,
        "bursar.task": tags.task,
    }
    return {name: value for name, value in told.items() if value is not None and value != ""}


def tool_attributes(tool: ToolCall) -> "dict[str, AttributeValue]":
    """What a tool call's span says. Its arguments and result are not in the ledger."""
    told: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool.name,
        "gen_ai.tool.call.id": tool.provider_id,
        "error.type": "tool_failed" if tool.outcome is ToolOutcome.FAILED else "",
        "bursar.tool.server": tool.server,
        "bursar.tool.outcome": tool.outcome,
    }
    return {name: value for name, value in told.items() if value != ""} | {"bursar.tool.is_retry": tool.is_retry}


class _Instruments:
    """The conventions' two histograms, and what was spent."""

    def __init__(self, provider: MeterProvider) -> None:
        meter = provider.get_meter("bursar")
        self._tokens: Histogram = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens used", explicit_bucket_boundaries_advisory=_TOKEN_BOUNDS
        )
        self._duration: Histogram = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "Duration", explicit_bucket_boundaries_advisory=_SECOND_BOUNDS
        )
        self._cost = meter.create_counter("bursar.cost", "{nano_usd}", "What calls cost, where it is known")
        self._calls = meter.create_counter("bursar.calls", "{call}", "Calls, by how they ended")

    def record(self, call: Call) -> None:
        """Add one call."""
        told = call_attributes(call)
        names = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model")
        labels = {name: told[name] for name in (*names, "error.type") if name in told}
        payer = {name: told[name] for name in ("bursar.project", "bursar.team", "gen_ai.agent.name") if name in told}
        ours = labels | payer | {"bursar.billing": call.billing, "bursar.outcome": call.outcome}
        self._calls.add(1, ours)
        if call.outcome is Outcome.REFUSED:
            return
        if call.cost_nano_usd is not None:
            self._cost.add(call.cost_nano_usd, ours)
        if call.duration_ms is not None:
            self._duration.record(call.duration_ms / 1_000, labels)
        for kind, count in (("input", call.usage.input_tokens), ("output", call.usage.output_tokens)):
            if count is not None:
                self._tokens.record(count, labels | {"gen_ai.token.type": kind})


class _DerivedIds(IdGenerator):
    """Gives the ids that were set for the next span."""

    def __init__(self) -> None:
        self._trace_id = self._span_id = 1

    def take(self, trace_id: int, span_id: int) -> None:
        """Use these for the next span."""
        self._trace_id, self._span_id = trace_id, span_id

    def generate_trace_id(self) -> int:
        """The trace's."""
        return self._trace_id

    def generate_span_id(self) -> int:
        """The span's."""
        return self._span_id


def trace_id_of(call: Call) -> int:
    """The trace of a call: its session's, or its own where it names none."""
    session = call.tags.session
    return _derived(f"session {call.tags.virtual_key_id} {session}" if session else f"call {call.call_id}", 16)


def span_id_of(name: str) -> int:
    """The span of a call, or of a tool call."""
    return _derived(name, 8)


def _derived(name: str, length: int) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=length).digest()) or 1


def _parent(trace_id: int, span_id: int) -> Context:
    told = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(told), Context())


def _nanoseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND * _MICROSECOND_NS


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1_000


def _not_taken(what: str) -> ExportError:
    return ExportError(f"The {what} were not taken", "See the receiver's log. They are sent again in a while.")
