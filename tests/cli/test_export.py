import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from sqlalchemy import insert, select

from app.core.call import Outcome
from app.core.history import LoggedCall, LogSource
from app.core.money import format_exact_usd
from app.core.tags import Billing, Tags
from app.core.usage import Usage
from app.keys.vault import FixedVault
from app.ledger.engine import Ledger
from app.ledger.exported_sums import labelled_sums
from app.ledger.imported_calls import store_calls
from app.ledger.rollup import roll_up
from app.ledger.rows import call_columns
from app.ledger.tables import calls
from app.services.exports.running import Exports, running_exports
from app.services.settings import change_settings
from tests.cli.conftest import Bursar
from tests.end2end.meter_process import wait_until
from tests.ledger.bookkeeping import make_call, make_draft
from tests.services.exports.collector import played_collector

EVENING = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
"""Already November in Berlin."""
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
TAGS = Tags(project="billing-api", agent="Claude Code", user="ada", team="core", task="fix", session="s1")


def put(
    ledger: Ledger, at: datetime, cost: int | None, *, billing: Billing = Billing.API, is_refused: bool = False
) -> None:
    outcome, usage = (Outcome.REFUSED, Usage()) if is_refused else (Outcome.COMPLETED, Usage(1_000, 200))
    call = make_call(make_draft(at=at, tags=TAGS, billing=billing), cost, usage=usage, outcome=outcome)
    with ledger.write() as connection:
        connection.execute(insert(calls).values(call_columns(call, cost or 0)))


@pytest.fixture
def _work(ledger: Ledger) -> None:
    """Five calls of the meter, and one out of a log."""
    put(ledger, EVENING, 7)
    put(ledger, NOON, 1_500_000_000)
    put(ledger, NOON, None)
    put(ledger, NOON, 0, is_refused=True)
    put(ledger, NOON, 300, billing=Billing.SUBSCRIPTION)
    logged = make_call(make_draft(at=NOON, call_id="log-1", tags=TAGS), 40, usage=Usage(10, 5), response_id="r")
    store_calls(ledger, [LoggedCall(LogSource.CODEX, logged)])


@pytest.fixture
def _berlin(bursar: Bursar, home: Path) -> None:
    (home / "settings.json").write_text(json.dumps({"time_zone": "Europe/Berlin"}))


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.usefixtures("_work")
def test_every_call_is_a_row_whoever_told_of_it(bursar: Bursar) -> None:
    told = rows_of(bursar("export", "calls", "--since", "all").out)
    assert [(row["source"], row["cost_nano_usd"], row["outcome"], row["billing"]) for row in told[:1]] == [
        ("meter", "7", "completed", "api")
    ]
    assert sorted(row["source"] for row in told) == ["codex", *["meter"] * 5]
    assert sorted(row["outcome"] for row in told).count("refused") == 1
    assert sum(int(row["cost_nano_usd"] or 0) for row in told) == 7 + 1_500_000_000 + 300 + 40
    assert {(row["project"], row["user"], row["team"], row["task"]) for row in told} == {
        ("billing-api", "ada", "core", "fix")
    }


@pytest.mark.usefixtures("_work", "_berlin")
def test_days_are_those_of_the_person_and_sum_to_the_calls(bursar: Bursar, ledger: Ledger) -> None:
    first = bursar("export", "days", "--since", "all", "--format", "json").out
    with ledger.write() as connection:
        assert roll_up(connection, 1_000) == 5
    assert bursar("export", "days", "--since", "all", "--format", "json").out == first
    november, noon = map(json.loads, first.splitlines())
    assert (november["day"], november["calls"], november["cost_nano_usd"]) == ("2026-11-01", 1, 7)
    assert (noon["day"], noon["calls"], noon["refused_calls"], noon["unpriced_calls"]) == ("2026-11-02", 4, 1, 1)
    assert (noon["cost_usd"], noon["subscription_nano_usd"]) == ("1.50000004", 300)
    assert (noon["input_tokens"], noon["project"], noon["model"]) == (3_010, "billing-api", "opus")


@pytest.mark.usefixtures("_work", "_berlin")
def test_a_span_of_days_holds_both_its_ends(bursar: Bursar) -> None:
    def calls_in(first: str, last: str) -> int:
        return len(rows_of(bursar("export", "calls", "--from", first, "--to", last).out))

    assert [calls_in("2026-11-01", "2026-11-01"), calls_in("2026-11-01", "2026-11-02")] == [1, 6]
    assert calls_in("2026-10-31", "2026-10-31") == 0
    ran = bursar("export", "calls", "--from", "2026-11-02", "--to", "2026-11-01")
    assert (ran.status, ran.err.splitlines()[0]) == (1, "No day lies between")


@pytest.mark.usefixtures("_work")
def test_a_file_is_written_whole_and_only_for_its_owner(bursar: Bursar, tmp_path: Path) -> None:
    file = tmp_path / "calls.parquet"
    ran = bursar("export", "calls", "--since", "all", "--output", str(file))
    assert ran.out == f"{file}: 6 calls.\n"
    assert pyarrow.parquet.read_table(file).num_rows == 6
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob(".calls*")) == []


@pytest.mark.usefixtures("_work")
def test_a_place_that_cannot_be_written_is_told_and_an_earlier_export_stays(bursar: Bursar, tmp_path: Path) -> None:
    ran = bursar("export", "calls", "--output", str(tmp_path / "nowhere" / "calls.csv"))
    assert (ran.status, ran.err.splitlines()[0]) == (1, "The file cannot be written")
    kept = tmp_path / "calls.csv"
    kept.write_text("earlier")
    kept.with_suffix(".lock").mkdir()
    ran = bursar("export", "calls", "--output", str(kept.with_suffix(".lock")), "--format", "csv")
    assert (ran.status, ran.err.splitlines()[0]) == (1, "The file cannot be written")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == ["calls.csv", "calls.lock"]


@pytest.mark.usefixtures("_work")
def test_prometheus_is_answered_until_somebody_stops_it() -> None:
    command = [sys.executable, "-m", "app", "export", "prometheus", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[1].rstrip(".")
        with urllib.request.urlopen(address) as answer:
            assert b'bursar_calls_total{agent="Claude Code"' in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


@pytest.mark.usefixtures("_work")
def test_a_collector_is_told_of_the_past_and_of_each_call_as_it_ends(ledger: Ledger) -> None:
    with played_collector() as collector:
        command = [sys.executable, "-m", "app", "export", "otlp", "--with-past"]
        surroundings = os.environ | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=k",
        }
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings) as process:
            wait_until(lambda: len(collector.spans) == 5, "the past")
            put(ledger, NOON, 9)
            wait_until(lambda: len(collector.spans) == 6, "what is new")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    assert collector.headers["x-api-key"] == "k"


def test_what_is_sent_by_itself_already_is_not_sent_twice(bursar: Bursar, ledger: Ledger, home: Path) -> None:
    with played_collector() as collector:
        change_settings(home / "settings.json", otlp_endpoint=collector.url)
        exports = Exports(ledger, home / "settings.json", FixedVault({}), "the tray", look_every_s=0.05)
        exports.start()
        try:
            wait_until(lambda: (now := running_exports(ledger.path)) and "OpenTelemetry" in now.troubles, "the tray")
            ran = bursar("export", "otlp", "--endpoint", f"{collector.url}/")
        finally:
            exports.stop()
    assert (ran.status, ran.err.splitlines()[0]) == (1, "It is sent already")


def values_in(file: Path) -> list[dict[str, Any]]:
    """The rows of a file, whichever kind it is; numbers as numbers."""
    if file.suffix == ".parquet":
        return list(pyarrow.parquet.read_table(file).to_pylist())
    if file.suffix == ".json":
        return [json.loads(line) for line in file.read_text().splitlines()]
    numbers = {"cost_nano_usd", "input_tokens", "output_tokens", "calls", "refused_calls", "unpriced_calls"}
    return [
        {name: int(value) if name in numbers and value else value or None for name, value in row.items()}
        for row in rows_of(file.read_text())
    ]


@pytest.mark.parametrize("is_rolled_up", [False, True])
def test_every_format_agrees_with_the_ledger_by_call_and_by_day(
    bursar: Bursar, ledger: Ledger, tmp_path: Path, is_rolled_up: bool
) -> None:
    chance = random.Random(11)
    for _ in range(120):
        at = EVENING - timedelta(minutes=chance.randrange(60 * 24 * 40))
        cost = chance.choice([None, 0, chance.randrange(10**6), chance.randrange(10**12)])
        put(ledger, at, cost, is_refused=chance.random() < 0.2)
    if is_rolled_up:
        with ledger.write() as connection:
            roll_up(connection, 60)
    with ledger.read() as connection:
        known = connection.execute(select(calls.c.cost_nano_usd, calls.c.input_tokens, calls.c.outcome)).all()
    cost, tokens = (sum(row[place] or 0 for row in known) for place in (0, 1))
    refused = sum(row.outcome == Outcome.REFUSED for row in known)
    unpriced = sum(row.cost_nano_usd is None and row.outcome != Outcome.REFUSED for row in known)
    for ending in ("csv", "json", "parquet"):
        by_call, by_day = tmp_path / f"calls.{ending}", tmp_path / f"days.{ending}"
        assert bursar("export", "calls", "--since", "all", "-o", str(by_call)).out.endswith(": 120 calls.\n")
        assert bursar("export", "days", "--since", "all", "-o", str(by_day)).status == 0
        rows, days = values_in(by_call), values_in(by_day)
        assert [sum(row[name] or 0 for row in rows) for name in ("cost_nano_usd", "input_tokens")] == [cost, tokens]
        assert sorted(row["cost_usd"] or "" for row in rows) == sorted(
            "" if row.cost_nano_usd is None else format_exact_usd(row.cost_nano_usd) for row in known
        )
        assert sum(day["calls"] for day in days) + sum(day["refused_calls"] for day in days) == 120
        assert [sum(day[name] or 0 for day in days) for name in ("cost_nano_usd", "input_tokens")] == [cost, tokens]
        assert [sum(day[name] for day in days) for name in ("refused_calls", "unpriced_calls")] == [refused, unpriced]
    prometheus = labelled_sums(ledger, datetime.now(UTC))
    assert sum(one.cost_nano_usd for one in prometheus) == cost
    assert sum(one.calls for one in prometheus) == 120
