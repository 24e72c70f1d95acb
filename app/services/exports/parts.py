"""What the settings can have exported, each part with what runs it in a thread."""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from app.core.errors import ExportError, InvalidInput, VaultAbsent, told_of
from app.core.webhooks import OTLP_HEADERS_ENTRY, Webhook
from app.keys.vault import Vault
from app.ledger.engine import Ledger
from app.ledger.export_places import Ended
from app.services.exports.following import begin_at, follow
from app.services.exports.webhook_following import follow_webhook
from app.services.exports.webhook_sending import is_this_machine
from app.services.settings import Settings

LOOPBACK = "127.0.0.1"
PROMETHEUS, OPENTELEMETRY = "Prometheus", "OpenTelemetry"
_LOOK_S = 0.25

type Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Part:
    """One of them, under the name that a person sees: what it needs of the settings."""

    name: str
    port: int = 0
    endpoint: str = ""
    webhook: Webhook | None = None

    def run(self, ledger: Ledger, vault: Vault, stop: threading.Event, tell: Tell) -> None:
        """Until `stop` is set. Raises AppError for what keeps it from running."""
        if self.webhook is not None:
            follow_webhook(ledger, self.webhook, vault, stop, tell)
        elif self.endpoint:
            send_telemetry(ledger, self.endpoint, vault, stop, tell)
        else:
            serve_metrics(ledger, self.port, stop, tell)


def parts_of(settings: Settings) -> dict[str, Part]:
    """What is to run, by name."""
    found = [Part(f"Webhook {webhook.name}", webhook=webhook) for webhook in settings.webhooks]
    if settings.otlp_endpoint:
        found.insert(0, Part(OPENTELEMETRY, endpoint=settings.otlp_endpoint))
    if settings.prometheus_port:
        found.insert(0, Part(PROMETHEUS, port=settings.prometheus_port))
    return {part.name: part for part in found}


def serve_metrics(ledger: Ledger, port: int, stop: threading.Event, tell: Tell) -> None:
    """Answer scrapes. Raises InvalidInput where the port cannot be had."""
    from app.services.exports.prometheus import metrics_server

    with metrics_server(ledger, port) as server:
        server.timeout = _LOOK_S
        tell("")
        while not stop.is_set():
            server.handle_request()


def send_telemetry(ledger: Ledger, endpoint: str, vault: Vault, stop: threading.Event, tell: Tell) -> None:
    """Send each call as it ends. Raises InvalidInput, VaultError, LedgerError."""
    begin_at(ledger, receiver_name(endpoint), with_past=False)
    with closing(_Collector(endpoint, vault)) as collector:

        def send(ended: Sequence[Ended]) -> None:
            collector.send(ended)
            tell("")

        tell("")
        follow(ledger, receiver_name(endpoint), send, stop, on_trouble=lambda error: tell(told_of(error)))


class _Collector:
    """Where telemetry goes, with the headers that the vault has; after a failure it is asked again."""

    def __init__(self, endpoint: str, vault: Vault) -> None:
        self._endpoint = endpoint
        self._vault = vault
        self._open()

    def send(self, ended: Sequence[Ended]) -> None:
        """Raises ExportError, and what opening raises."""
        try:
            self._telemetry.send(ended)
        except ExportError:
            if otlp_headers(self._vault) != self._headers:
                self.close()
                self._open()
            raise

    def close(self) -> None:
        """End the connections."""
        self._telemetry.close()

    def _open(self) -> None:
        from app.services.exports.opentelemetry import telemetry_to

        self._headers = otlp_headers(self._vault)
        check_headers(self._endpoint, self._headers)
        self._telemetry = telemetry_to(self._endpoint, self._headers)


def receiver_name(endpoint: str) -> str:
    """What a collector is called among the places of exporters."""
    return f"otlp {endpoint.rstrip('/')}"


def otlp_headers(vault: Vault) -> dict[str, str]:
    """The headers that a person gave for the collector; none where there is no keyring to keep them. Raises
    VaultError."""
    try:
        vault.look()
    except VaultAbsent:
        return {}
    return parse_headers(vault.get(OTLP_HEADERS_ENTRY) or "")


def keep_headers(vault: Vault, endpoint: str, text: str) -> None:
    """Keep the headers for a collector; an empty text takes out what is there. Raises InvalidInput, VaultError."""
    headers = parse_headers(text)
    check_headers(endpoint, headers)
    if headers:
        vault.set(OTLP_HEADERS_ENTRY, text.strip())
    else:
        vault.delete(OTLP_HEADERS_ENTRY)


def parse_headers(text: str) -> dict[str, str]:
    """Headers, of `name=value,name=value` as OTEL_EXPORTER_OTLP_HEADERS has them. Raises InvalidInput."""
    found = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, is_pair, value = pair.partition("=")
        if not is_pair or not name.strip() or not name.strip().isascii():
            raise InvalidInput("Not headers", "Write them as name=value, with commas between them.")
        found[name.strip().lower()] = unquote(value.strip())
    return found


def check_headers(endpoint: str, headers: dict[str, str]) -> None:
    """Raises InvalidInput where headers would go over the network in the clear."""
    place = urlsplit(endpoint)
    if headers and place.scheme != "https" and not is_this_machine(place.hostname or ""):
        raise InvalidInput("Not a safe address", "Headers are sent by https only, but to this machine itself.")
