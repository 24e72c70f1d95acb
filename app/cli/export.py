"""`bursar export`: calls, and what days came to, as files for other programs."""

import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import typer

from app import paths
from app.cli import console, places
from app.cli.spend import Since, start_of
from app.core.errors import InvalidInput
from app.core.windows import Window, span_at, zone
from app.core.wording import counted
from app.services.exports.row_files import CALL_COLUMNS, DAY_COLUMNS, FileFormat, Row, Table, format_of, write_rows
from app.services.settings import settings_zone

app = typer.Typer(help="Write calls, or what days came to, for other programs. Never a prompt, an answer or a key.")

LOOPBACK = "127.0.0.1"
METRICS_PORT = 9464
"""OpenTelemetry's own port for Prometheus."""
_SINCE = typer.Option(Since.MONTH, help="From when.")
_FROM = typer.Option(None, "--from", formats=["%Y-%m-%d"], help="From this day on, in place of --since.")
_TO = typer.Option(None, "--to", formats=["%Y-%m-%d"], help="Through this day; else up to now.")
_FORMAT = typer.Option(None, "--format", "-f", help="Else by the file's ending, else csv. json: one object a line.")
_OUTPUT = typer.Option(None, "--output", "-o", help="A file, written whole or not at all; else standard output.")


@app.command("calls")
def export_calls(
    since: Since = _SINCE,
    first: datetime | None = _FROM,
    last: datetime | None = _TO,
    file_format: FileFormat | None = _FORMAT,
    output: Path | None = _OUTPUT,
) -> None:
    """One row a call, refused ones and those of imported logs too, in the order of time."""
    from app.ledger.exported_calls import exported_calls

    time_zone = zone(settings_zone(places.read_settings()))
    with places.opened_history() as ledger:
        calls = exported_calls(ledger, *_span(since, first, last, time_zone))
        _export(calls, CALL_COLUMNS, format_of(output, file_format), output, "call")


@app.command("days")
def export_days(
    since: Since = _SINCE,
    first: datetime | None = _FROM,
    last: datetime | None = _TO,
    file_format: FileFormat | None = _FORMAT,
    output: Path | None = _OUTPUT,
) -> None:
    """One row for each day, project, agent, user, team, provider and model. Days are those of your time zone."""
    from app.ledger.exported_calls import exported_days

    time_zone = zone(settings_zone(places.read_settings()))
    with places.opened_history() as ledger:
        days = exported_days(ledger, *_span(since, first, last, time_zone), time_zone)
        _export(days, DAY_COLUMNS, format_of(output, file_format), output, "row")


@app.command("prometheus")
def serve_prometheus(
    port: int = typer.Option(METRICS_PORT, help="On this machine alone; 0 takes any free one."),
) -> None:
    """Answer Prometheus at /metrics with what the ledger holds, until it is stopped. Every user of this machine can
    read it."""
    from app.services.exports.prometheus import metrics_server

    with places.opened_ledger() as ledger, metrics_server(ledger, port) as server:
        console.say(f"Serving http://{LOOPBACK}:{server.server_port}/metrics. Stop with Ctrl+C.")
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

    receiver = f"otlp {endpoint.rstrip('/')}"
    telemetry = telemetry_to(endpoint)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with places.opened_ledger() as ledger, contextlib.closing(telemetry):
        begin_at(ledger, receiver, with_past=with_past)
        console.say(f"Sending to {endpoint}. Stop with Ctrl+C.")
        follow(ledger, receiver, telemetry.send, stop, on_trouble=console.show_error)


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
