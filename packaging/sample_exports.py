"""Sample webhooks and how they stand, for the pictures: one that is well, one in trouble, one with long names."""

from collections.abc import Callable

from app.core.errors import AppError
from app.core.webhooks import EventGroup, Webhook, WebhookFormat
from app.desktop.export_commands import ExportCommands
from app.services.exports.running import Running
from app.services.exports.status import ExportState, ExportStates
from app.services.settings import Settings

SLACK = Webhook("team-slack", WebhookFormat.SLACK, "hooks.slack.com")
ON_CALL = Webhook("on-call", WebhookFormat.JSON, "alerts.corp.test:8443", (EventGroup.WAITING, EventGroup.METER))
LONG = Webhook(
    "the-longest-name-that-a-webhook-may-have",
    WebhookFormat.JSON,
    "a-very-long-host-name-indeed.of-some-department.of-some-company.example.test",
    (EventGroup.CAPS, EventGroup.WAITING, EventGroup.LOOPS),
)
SETTINGS = Settings(prometheus_port=9464, otlp_endpoint="http://localhost:4318", webhooks=(SLACK, ON_CALL, LONG))
_GONE = "It cannot be reached. Name or service not known. It is tried again."
STATES = ExportStates(
    Running(4_242, "the tray", {}),
    (
        ExportState("Prometheus", "", "Running", "", None, 0),
        ExportState("Webhook team-slack", SLACK.host, "Running: 1,204 events told", "", SLACK, 0),
        ExportState("Webhook on-call", ON_CALL.host, "Running: 17 events told, 3 to go", _GONE, ON_CALL, 0),
        ExportState("Webhook long", LONG.host, "Running: 0 events told, 99,999 never arrived", _GONE, LONG, 9),
    ),
)


class SampleExports(ExportCommands):
    """Tells the samples at once."""

    states: ExportStates = ExportStates(None, ())

    def read(self, done: Callable[[ExportStates], None], failed: Callable[[AppError], None]) -> None:
        """The sample states."""
        done(self.states)
