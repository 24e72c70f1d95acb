import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import VaultAbsent
from app.core.tags import Tags
from app.core.webhooks import OTLP_HEADERS_ENTRY, Webhook
from app.keys.vault import FixedVault
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger, await_ledger
from app.ledger.export_places import place_of
from app.ledger.webhook_outbox import places_of, webhook_counts
from app.services.exports import running, webhook_following
from app.services.exports.parts import check_headers, otlp_headers, parse_headers, receiver_name
from app.services.exports.running import Exports, running_exports
from app.services.exports.status import export_states
from app.services.settings import Settings, change_settings, load_settings
from tests.cli.samples import book_call
from tests.end2end.meter_process import wait_until
from tests.services.exports.collector import played_collector
from tests.services.exports.happenings import SECRET, TEAM, go_round, put_question, reach_80_percent, vault_for
from tests.services.exports.receiver import Posted, Receiver, played_receiver

SECOND = replace(TEAM, name="second")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with played_receiver() as playing:
        yield playing


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_following, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(webhook_following, "VAULT_EVERY_S", 0.05)
    monkeypatch.setattr(running, "AGAIN_AFTER_S", 0.1)


@contextmanager
def exporting(ledger: Ledger, settings_file: Path, vault: FixedVault, holder: str = "a test") -> Iterator[Exports]:
    exports = Exports(ledger, settings_file, vault, holder, look_every_s=0.05)
    exports.start()
    try:
        yield exports
    finally:
        exports.stop()


def is_followed(ledger: Ledger, webhook: Webhook = TEAM) -> bool:
    return bool(places_of(ledger, webhook.name))


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_what_the_settings_name_runs_and_ends_with_them(
    ledger: Ledger, settings_file: Path, receiver: Receiver
) -> None:
    port = free_port()
    with played_collector() as collector, exporting(ledger, settings_file, vault_for(receiver.url)):
        wait_until(lambda: running_exports(ledger.path) is not None, "the lock")
        change_settings(settings_file, webhooks=(TEAM,), otlp_endpoint=collector.url, prometheus_port=port)
        wait_until(lambda: is_followed(ledger), "the webhook's first look")
        wait_until(lambda: place_of(ledger, receiver_name(collector.url)) is not None, "the collector's place")
        go_round(ledger)
        book_call(ledger, Tags(project="p"), 7)
        wait_until(lambda: len(receiver.posted) == 1 and len(collector.spans) == 1, "a loop and a call")

        def scraped() -> bytes:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                    return bytes(answer.read())
            except OSError:
                return b""

        wait_until(lambda: b"bursar_cost_nano_usd_total" in scraped(), "a scrape")
        told = export_states(ledger, load_settings(settings_file), datetime.now(UTC))
        assert [(one.name, one.state, one.trouble) for one in told.parts] == [
            ("Prometheus", "Running", ""),
            ("OpenTelemetry", "Running", ""),
            ("Webhook team", "Running: 1 event told", ""),
        ]
        change_settings(settings_file, webhooks=(), otlp_endpoint="", prometheus_port=0)
        wait_until(lambda: not scraped(), "the end of the port")
        go_round(ledger, datetime(2027, 1, 1, tzinfo=UTC))
    assert len(receiver.posted) == 1
    assert running_exports(ledger.path) is None


def test_two_never_run_at_once_and_the_other_takes_over(
    ledger: Ledger, settings_file: Path, receiver: Receiver
) -> None:
    change_settings(settings_file, webhooks=(TEAM,))
    vault = vault_for(receiver.url)
    with exporting(ledger, settings_file, vault, "the first") as first:
        wait_until(lambda: is_followed(ledger), "the first look")
        with exporting(ledger, settings_file, vault, "the second"):
            put_loops(ledger, 3)
            wait_until(lambda: len(receiver.posted) == 3, "three loops")
            told = running_exports(ledger.path)
            assert told is not None
            assert told.holder == "the first"
            first.stop()
            wait_until(lambda: (now := running_exports(ledger.path)) and now.holder == "the second", "the other")
            reach_80_percent(ledger)
            wait_until(lambda: len(receiver.posted) == 4, "an alert")
    assert len(set(receiver.ids)) == 4


def put_loops(ledger: Ledger, number: int) -> None:
    for second in range(number):
        go_round(ledger, datetime.now(UTC).replace(microsecond=second))
        with ledger.write() as connection:
            connection.exec_driver_sql("UPDATE loops SET mark = mark || '+'")


@contextmanager
def other_process(ledger: Ledger, settings_file: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.services.exports.runner", str(ledger.path), str(settings_file)]
    root = Path(__file__).parents[3]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, cwd=root)
    assert process.stdin is not None
    entries = {TEAM.address_entry: url, TEAM.secret_entry: SECRET}
    process.stdin.write(json.dumps(entries) + "\n")
    process.stdin.close()
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_an_exporter_killed_between_sending_and_marking_tells_it_again_by_the_same_id(
    ledger: Ledger, settings_file: Path, receiver: Receiver
) -> None:
    change_settings(settings_file, webhooks=(TEAM,))
    with other_process(ledger, settings_file, receiver.url) as process:
        wait_until(lambda: is_followed(ledger), "the first look", 60)
        killed = threading.Event()

        def kill(posted: Posted) -> None:
            if not killed.is_set():
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                killed.set()

        receiver.on_post = kill
        go_round(ledger)
        wait_until(killed.is_set, "the kill", 60)
    reach_80_percent(ledger)
    put_question(ledger)
    with exporting(ledger, settings_file, vault_for(receiver.url)):
        wait_until(lambda: webhook_counts(ledger)["team"].delivered == 3, "the rest", 60)
    assert len(receiver.posted) == 4
    assert receiver.ids[0] in receiver.ids[1:]
    assert len(set(receiver.ids)) == 3
    assert receiver.posted[0].headers["webhook-id"] == receiver.ids[0]


def test_what_happened_while_nobody_ran_is_told_later(ledger: Ledger, settings_file: Path, receiver: Receiver) -> None:
    change_settings(settings_file, webhooks=(TEAM, SECOND))
    vault = vault_for(receiver.url, TEAM, SECOND)
    with exporting(ledger, settings_file, vault):
        wait_until(lambda: is_followed(ledger) and is_followed(ledger, SECOND), "the first looks")
    go_round(ledger)
    with exporting(ledger, settings_file, vault):
        wait_until(lambda: len(receiver.posted) == 2, "the loop, to both")
    assert len(set(receiver.ids)) == 1


def test_a_ledger_that_fails_is_told_of_once(
    ledger: Ledger, settings_file: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_settings(settings_file, webhooks=(TEAM,))
    with exporting(ledger, settings_file, vault_for(receiver.url)):
        wait_until(lambda: is_followed(ledger), "the first look")
        kept = ledger.path.with_suffix(".away")
        receiver.answers = [(503, {})]
        ledger.path.rename(kept)
        wait_until(lambda: len(receiver.posted) >= 2, "the alarm, twice", 30)
        kept.rename(ledger.path)
        go_round(ledger)
        wait_until(lambda: len(receiver.posted) == 3, "the loop")
    assert [one.told["type"] for one in receiver.posted] == ["ledger.trouble", "ledger.trouble", "loop.found"]
    assert receiver.ids[0] == receiver.ids[1]


def test_a_damaged_ledger_is_told_of(ledger: Ledger, settings_file: Path, receiver: Receiver) -> None:
    change_settings(settings_file, webhooks=(TEAM,))
    ledger.close()
    for beside in ("-wal", "-shm"):
        ledger.path.with_name(ledger.path.name + beside).unlink(missing_ok=True)
    ledger.path.write_bytes(b"no ledger " * 10_000)
    broken = await_ledger(ledger.path)
    with exporting(broken, settings_file, vault_for(receiver.url)):
        wait_until(lambda: receiver.posted, "the alarm", 30)
        wait_until(lambda: (now := running_exports(ledger.path)) and now.troubles.get("Webhook team"), "the trouble")
    assert [one.told["type"] for one in receiver.posted] == ["ledger.trouble"]
    assert receiver.titles == ["This file is not a ledger"]


def test_a_port_that_is_taken_and_a_key_that_is_missing_are_said(ledger: Ledger, settings_file: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        change_settings(settings_file, webhooks=(TEAM,), prometheus_port=port)
        with exporting(ledger, settings_file, FixedVault({})):
            wait_until(lambda: is_followed(ledger), "the first look")
            go_round(ledger)

            def troubles() -> dict[str, str]:
                states = export_states(ledger, load_settings(settings_file), datetime.now(UTC))
                return {one.name: one.trouble for one in states.parts if one.trouble}

            wait_until(lambda: len(troubles()) == 2, "both troubles")
            assert "The port cannot be had" in troubles()["Prometheus"]
            assert "gone from the keyring" in troubles()["Webhook team"]


def test_settings_that_cannot_be_read_change_nothing(ledger: Ledger, settings_file: Path, receiver: Receiver) -> None:
    change_settings(settings_file, webhooks=(TEAM,))
    with exporting(ledger, settings_file, vault_for(receiver.url)):
        wait_until(lambda: is_followed(ledger), "the first look")
        settings_file.write_text("{")
        go_round(ledger)
        wait_until(lambda: receiver.posted, "the loop")


def test_a_collectors_headers_come_from_the_vault_and_are_asked_for_again(ledger: Ledger, settings_file: Path) -> None:
    vault = FixedVault({OTLP_HEADERS_ENTRY: "x-api-key=old"})
    with played_collector() as collector:
        change_settings(settings_file, otlp_endpoint=collector.url)
        with exporting(ledger, settings_file, vault):
            wait_until(lambda: place_of(ledger, receiver_name(collector.url)) is not None, "the place")
            book_call(ledger, Tags(), 1)
            wait_until(lambda: collector.spans, "the first call")
            assert collector.headers["x-api-key"] == "old"
            vault.set(OTLP_HEADERS_ENTRY, "x-api-key=new%20one, other=2")
            collector.statuses = [401]
            book_call(ledger, Tags(), 2)
            wait_until(lambda: len(collector.spans) >= 2, "the second call", 30)
            wait_until(lambda: collector.headers.get("x-api-key") == "new one", "the new header")
            assert collector.headers["other"] == "2"
    assert len(recent_calls(ledger)) == 2


def test_a_collector_without_headers_needs_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: Any) -> None:
        raise VaultAbsent("No keyring on this desktop", "Install one.")

    monkeypatch.setattr(FixedVault, "look", absent)
    assert otlp_headers(FixedVault({})) == {}


def test_headers_do_not_go_over_the_network_in_the_clear() -> None:
    check_headers("http://localhost:4318", {"a": "b"})
    check_headers("https://collector.example", {"a": "b"})
    check_headers("http://collector.example:4318", {})
    with pytest.raises(Exception, match="https only"):
        check_headers("http://collector.example:4318", {"a": "b"})
    with pytest.raises(Exception, match="name=value"):
        parse_headers("SECRET")


def test_nothing_is_said_where_nothing_is_wanted(ledger: Ledger) -> None:
    assert export_states(ledger, Settings(), datetime.now(UTC)).parts == ()
