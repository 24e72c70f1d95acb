"""`bursar export`: calls, and what days came to, as files for other programs."""

import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from app import paths
from app.cli import console, places, running_exports
from app.cli.spend import Since, start_of
from app.core.errors import InvalidInput
from app.core.windows import Window, span_at, zone
from app.core.wording import counted
from app.services.exports.row_files import CALL_COLUMNS, DAY_COLUMNS, FileFormat, Row, Table, format_of, write_rows
from app.services.settings import settings_zone

if TYPE_CHECKING:
    from app.ledger.engine import Ledger

app = typer.Typer(help="Write calls, or what days came to, for other programs. Never a prompt, an answer or a key.")

METRICS_PORT = 9464
"""OpenTelemetry's own port for Prometheus."""
type Reading = Callable[["Ledger", datetime, datetime, ZoneInfo], Iterable[Row]]


def _add_table(name: str, columns: Table, noun: str, meaning: str, read: Reading) -> None:
    """The command that writes one kind of row."""

    def export(
        since: Since = typer.Option(Since.MONTH, help="From when."),
        first: datetime | None = typer.Option(
            None, "--from", formats=["%Y-%m-%d"], help="From this day on, in place of --since."
        ),
        last: datetime | None = typer.Option(None, "--to", formats=["%Y-%m-%d"], help="Through this day; else to now."),
        file_format: FileFormat | None = typer.Option(
            None, "--format", "-f", help="Else by the file's ending, else csv. json: one object a line."
        ),
        output: Path | None = typer.Option(
            None, "--output", "-o", help="A file, written whole or not at all; else standard output."
        ),
    ) -> None:
        time_zone = zone(settings_zone(places.read_settings()))
        with places.opened_history() as ledger:
            rows = read(ledger, *_span(since, first, last, time_zone), time_zone)
            _export(rows, columns, format_of(output, file_format), output, noun)

    app.command(name, help=meaning)(export)


def _calls(ledger: "Ledger", start: datetime, end: datetime, time_zone: ZoneInfo) -> Iterable[Row]:
    from app.ledger.exported_calls import exported_calls

    return exported_calls(ledger, start, end)


def _days(ledger: "Ledger", start: datetime, end: datetime, time_zone: ZoneInfo) -> Iterable[Row]:
    from app.ledger.exported_calls import exported_days

    return exported_days(ledger, start, end, time_zone)


_CALLS = "One row a call, refused ones and those of imported logs too, in the order of time."
_DAYS = "One row for each day, project, agent, user, team, provider and model. Days are those of your time zone."
_add_table("calls", CALL_COLUMNS, "call", _CALLS, _calls)
_add_table("days", DAY_COLUMNS, "row", _DAYS, _days)


@app.command("prometheus")
def serve_prometheus(
    port: int = typer.Option(METRICS_PORT, help="On this machine alone; 0 takes any free one."),
) -> None:
    """Answer Prometheus at /metrics with what the ledger holds, until it is stopped. Every user of this machine can
    read it."""
    from app.services.exports.prometheus import metrics_server

    with places.opened_ledger() as ledger, metrics_server(ledger, port) as server:
        console.say(f"Serving http://127.0.0.1:{server.server_port}/metrics. Stop with Ctrl+C.")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


@app.command("otlp")
def send_telemetry(
    endpoint: str = typer.Option("http://localhost:4318", envvar="OTEL_EXPORTER_OTLP_ENDPOINT", help="OTLP over HTTP."),
    with_past: bool = typer.Option(False, "--with-past", help="The first time, begin with the oldest call."),
) -> None:
    """Send each call as it ends to OpenTelemetry, as traces and metrics, until it is stopped. What does not arrive is
    sent again. Headers come from OTEL_EXPORTER_OTLP_HEADERS."""
    from app.services.exports.following import begin_at, follow
    from app.services.exports.opentelemetry import telemetry_to
    from app.services.exports.parts import OPENTELEMETRY, receiver_name
    from app.services.exports.running import running_exports as running

    receiver = receiver_name(endpoint)
    telemetry = telemetry_to(endpoint)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with places.opened_ledger() as ledger, contextlib.closing(telemetry):
        begin_at(ledger, receiver, with_past=with_past)
        same = running(ledger.path)
        if same is not None and OPENTELEMETRY in same.troubles and receiver_name(_set_endpoint()) == receiver:
            raise InvalidInput("It is sent already", f"By {same.holder} (process {same.pid}).")
        console.say(f"Sending to {endpoint}. Stop with Ctrl+C.")
        follow(ledger, receiver, telemetry.send, stop, on_trouble=console.show_error)


app.registered_commands += running_exports.app.registered_commands


def _set_endpoint() -> str:
    return places.read_settings().otlp_endpoint


def _span(
    since: Since, first: datetime | None, last: datetime | None, time_zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """From the begin of the first day to the end of the last, in UTC. Raises InvalidInput where it ends before."""
    now = datetime.now(UTC)
    start = start_of(since, now, time_zone.key) if first is None else _midnight(first, time_zone)
    end = now if last is None else _midnight(last + timedelta(days=1), time_zone)
    if end <= start:
        raise InvalidInput("No day lies between", "The day of --to must not be before that of --from.")
    return start, end


def _midnight(day: datetime, time_zone: ZoneInfo) -> datetime:
    noon = day.replace(hour=12, tzinfo=time_zone)
    return span_at(Window.DAY, noon, time_zone).starts_at or noon


def _export(rows: Iterable[Row], columns: Table, to: FileFormat, output: Path | None, noun: str) -> None:
    if output is None:
        if to is FileFormat.PARQUET and sys.stdout.isatty():
            raise InvalidInput("Parquet is not for a terminal", "Name a file: --output calls.parquet")
        write_rows(rows, columns, to, sys.stdout.buffer)
        sys.stdout.flush()
        return
    number = _write_whole(rows, columns, to, output)
    console.say(f"{output}: {counted(number, noun)}.")


def _write_whole(rows: Iterable[Row], columns: Table, to: FileFormat, output: Path) -> int:
    """Write beside the file and move it over, so that an earlier export stays until this one is whole."""
    try:
        descriptor, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    except OSError as error:
        raise _unwritable(output, error) from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            number = write_rows(rows, columns, to, stream)
        Path(name).chmod(paths.PRIVATE_FILE_MODE)
        Path(name).replace(output)
    except OSError as error:
        raise _unwritable(output, error) from None
    finally:
        Path(name).unlink(missing_ok=True)
    return number


def _unwritable(output: Path, error: OSError) -> InvalidInput:
    return InvalidInput("The file cannot be written", f"{output}: {error.strerror or type(error).__name__}.")
