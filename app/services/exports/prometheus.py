"""The ledger's sums for Prometheus, on loopback only, where somebody has asked for it.

Counters are read out of the ledger when they are asked for, so they survive restarts and agree with it at any time.
Amounts are whole nano-dollars: Prometheus keeps numbers as 64-bit floats, which hold those exactly up to nine million
dollars.
"""

import socketserver
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.core.caps import cap_name
from app.core.errors import InvalidInput
from app.ledger.approval_store import waiting
from app.ledger.cap_store import cap_statuses
from app.ledger.engine import Ledger
from app.ledger.exported_sums import LABELS, TOKEN_CLASSES, labelled_sums, tool_call_counts
from app.ledger.meter_state import is_paused, running_meter

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK = "127.0.0.1"
_LABEL_NAMES = tuple("user" if name == "user_name" else name for name in LABELS)
_CAP_LABELS = ("cap_id", "cap", "scope", "window")


class LedgerCollector(Collector):
    """The metrics of one ledger, read anew for each scrape."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[Metric]:
        """All metrics. Raises LedgerError."""
        now = datetime.now(UTC)
        yield from self._calls(now)
        yield self._tools()
        yield from self._caps(now)
        yield GaugeMetricFamily(
            "bursar_waiting_calls", "Calls that wait for a person.", value=len(waiting(self._ledger))
        )
        is_up = running_meter(self._ledger) is not None
        yield GaugeMetricFamily("bursar_meter_up", "Whether a meter runs.", value=int(is_up))
        yield GaugeMetricFamily("bursar_paused", "Whether everything is paused.", value=int(is_paused(self._ledger)))

    def _calls(self, now: datetime) -> Iterator[Metric]:
        calls = CounterMetricFamily("bursar_calls", "Calls, by how they ended.", labels=_LABEL_NAMES)
        unpriced = CounterMetricFamily("bursar_unpriced_calls", "Calls without a known price.", labels=_LABEL_NAMES)
        about_cost = "What calls cost, in nano-dollars; a subscription's are list prices that nobody pays."
        cost = CounterMetricFamily("bursar_cost_nano_usd", about_cost, labels=_LABEL_NAMES)
        about_tokens = "Tokens. Cache reads and writes are parts of the input, reasoning of the output."
        tokens = CounterMetricFamily("bursar_tokens", about_tokens, labels=(*_LABEL_NAMES, "class"))
        for one in labelled_sums(self._ledger, now):
            calls.add_metric(one.labels, one.calls)
            unpriced.add_metric(one.labels, one.unpriced_calls)
            cost.add_metric(one.labels, one.cost_nano_usd)
            for name, count in zip(TOKEN_CLASSES, one.tokens, strict=True):
                tokens.add_metric((*one.labels, name.removesuffix("_tokens")), count)
        yield from (calls, unpriced, cost, tokens)

    def _tools(self) -> Metric:
        tools = CounterMetricFamily(
            "bursar_tool_calls", "Tool calls, by what became of them.", labels=("tool", "server", "outcome")
        )
        for tool, server, outcome, count in tool_call_counts(self._ledger):
            tools.add_metric((tool, server, outcome), count)
        return tools

    def _caps(self, now: datetime) -> Iterable[Metric]:
        limit = GaugeMetricFamily("bursar_cap_limit_nano_usd", "A cap's limit, raises in it.", labels=_CAP_LABELS)
        spent = GaugeMetricFamily("bursar_cap_spent_nano_usd", "Spent in its running window.", labels=_CAP_LABELS)
        held = GaugeMetricFamily("bursar_cap_held_nano_usd", "Held for calls on their way.", labels=_CAP_LABELS)
        for status in cap_statuses(self._ledger, now):
            labels = (status.cap.cap_id, cap_name(status.cap), status.cap.scope, status.cap.window)
            limit.add_metric(labels, status.limit_nano_usd)
            spent.add_metric(labels, status.spent_nano_usd)
            held.add_metric(labels, status.held_nano_usd)
        return limit, spent, held


class MetricsServer(socketserver.ThreadingMixIn, WSGIServer):
    """Answers scrapes, each in a thread of its own."""

    daemon_threads = True


def metrics_server(ledger: Ledger, port: int) -> MetricsServer:
    """A server of `/metrics` on that port of loopback, 0 for any free one, not yet started. Raises InvalidInput."""
    registry = CollectorRegistry()
    registry.register(LedgerCollector(ledger))
    try:
        return make_server(LOOPBACK, port, _guarded(make_wsgi_app(registry)), MetricsServer, _Quiet)
    except OSError as error:
        message = f"{LOOPBACK}:{port}: {error.strerror}. Choose another with --port."
        raise InvalidInput("The port cannot be had", message) from None


def _guarded(metrics: "WSGIApplication") -> "WSGIApplication":
    """Keeps out web pages, which may reach a port of this machine by a name that was bound anew to it."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        name = environ.get("HTTP_HOST", "").rpartition(":")[0]
        is_page = any(f"HTTP_{header}" in environ for header in ("ORIGIN", "REFERER"))
        if name not in (LOOPBACK, "localhost") or is_page:
            start_response("403 Forbidden", [("content-length", "0")])
            return []
        if environ.get("PATH_INFO") != "/metrics":
            start_response("404 Not Found", [("content-length", "0")])
            return []
        return metrics(environ, start_response)

    return answer


class _Quiet(WSGIRequestHandler):
    """No line for each scrape."""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""
