import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.core.errors import InvalidInput
from app.core.tags import Billing, Scope, Tags
from app.core.tool_call import ToolOutcome
from app.core.windows import Window
from app.ledger.call_store import recent_calls
from app.ledger.cap_store import add_cap
from app.ledger.engine import Ledger
from app.ledger.rollup import roll_up
from app.services.exports.prometheus import MetricsServer, metrics_server
from tests.cli.samples import book_call
from tests.ledger import tooling

type Samples = dict[str, list[tuple[dict[str, str], float]]]

CLAUDE = Tags(project='bill"ing\\\n-api', agent="Claude Code", user="ada", team="core", session="s", task="fix")


@pytest.fixture
def server(ledger: Ledger) -> Iterator[MetricsServer]:
    with metrics_server(ledger, 0) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def asked(server: MetricsServer, path: str = "/metrics", **headers: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}{path}", headers=headers)
    with urllib.request.urlopen(request) as answer:
        text: str = answer.read().decode()
    return text


def scraped(server: MetricsServer) -> Samples:
    samples: Samples = {}
    for family in text_string_to_metric_families(asked(server)):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def test_a_scrape_agrees_with_the_ledger_before_and_after_it_is_rolled_up(
    ledger: Ledger, server: MetricsServer
) -> None:
    book_call(ledger, CLAUDE, 1_500_000_001)
    book_call(ledger, CLAUDE, 2)
    book_call(ledger, CLAUDE, None, model="no-such-model")
    book_call(ledger, CLAUDE, 7, billing=Billing.SUBSCRIPTION)
    first = scraped(server)
    calls = recent_calls(ledger)
    assert sum(value for _, value in first["bursar_calls_total"]) == len(calls)
    paid = {labels["billing"]: value for labels, value in first["bursar_cost_nano_usd_total"] if value}
    assert paid == {"api": 1_500_000_003, "subscription": 7}
    assert sum(value for _, value in first["bursar_unpriced_calls_total"]) == 1
    tokens = {(labels["class"]) for labels, _ in first["bursar_tokens_total"]}
    assert tokens == {"input", "output", "cache_read", "cache_write", "reasoning"}
    given = sum(value for labels, value in first["bursar_tokens_total"] if labels["class"] == "input")
    assert given == sum(call.usage.input_tokens or 0 for call in calls)
    assert {labels["project"] for labels, _ in first["bursar_calls_total"]} == {CLAUDE.project}
    assert not any("session" in labels or "task" in labels for labels, _ in first["bursar_calls_total"])
    with ledger.write() as connection:
        roll_up(connection, 1_000)
    assert scraped(server)["bursar_cost_nano_usd_total"] == first["bursar_cost_nano_usd_total"]


def test_caps_are_told_with_what_they_have_spent(ledger: Ledger, server: MetricsServer) -> None:
    for window in (Window.DAY, Window.MONTH):
        add_cap(
            ledger, scope=Scope.EVERYTHING, scope_key="", window=window, limit_nano_usd=5_000_000_000, time_zone="UTC"
        )
    book_call(ledger, CLAUDE, 1_500_000_001)
    told = scraped(server)
    assert [value for _, value in told["bursar_cap_limit_nano_usd"]] == [5_000_000_000] * 2
    assert [(labels["cap"], value) for labels, value in told["bursar_cap_spent_nano_usd"]] == [
        ("Everything, today", 1_500_000_001),
        ("Everything, this month", 1_500_000_001),
    ]
    assert told["bursar_meter_up"] == [({}, 0)]
    assert told["bursar_waiting_calls"] == [({}, 0)]


def test_tool_calls_are_told_by_what_became_of_them(ledger: Ledger, server: MetricsServer) -> None:
    tooling.book_call(ledger, tooling.use("Bash", provider_id="1"))
    tooling.book_call(ledger, results=[tooling.result("1", ToolOutcome.FAILED)])
    [(labels, value)] = scraped(server)["bursar_tool_calls_total"]
    assert (labels, value) == ({"tool": "Bash", "server": "", "outcome": "failed"}, 1)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/metrics", {"Host": "evil.example:9464"}, 403),
        ("/metrics", {"Origin": "http://localhost:3000"}, 403),
        ("/metrics", {"Referer": "http://localhost:3000/"}, 403),
        ("/", {}, 404),
    ],
)
def test_a_web_page_gets_nothing(server: MetricsServer, path: str, headers: dict[str, str], status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked(server, path, **headers)
    with refused.value as answer:
        assert (answer.code, answer.read()) == (status, b"")


def test_a_port_that_is_taken_is_told(ledger: Ledger, server: MetricsServer) -> None:
    with pytest.raises(InvalidInput, match="--port"):
        metrics_server(ledger, server.server_port)


def test_an_empty_ledger_has_metrics_too(server: MetricsServer) -> None:
    assert "bursar_calls_total" not in scraped(server)
    assert "# HELP bursar_calls_total" in asked(server)
