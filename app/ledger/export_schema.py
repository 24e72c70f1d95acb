"""The schema of what is told to programs elsewhere."""

from sqlalchemy import Connection

_WEBHOOKS = (
    """CREATE TABLE webhook_deliveries (
        webhook TEXT NOT NULL, event_id TEXT NOT NULL, kind TEXT NOT NULL, happened_at BIGINT NOT NULL,
        told TEXT NOT NULL, tries INTEGER NOT NULL, first_tried_at BIGINT, next_try_at BIGINT NOT NULL,
        ended_at BIGINT, outcome TEXT NOT NULL, trouble TEXT NOT NULL, PRIMARY KEY (webhook, event_id))""",
    "CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, next_try_at) WHERE ended_at IS NULL",
)


def m014_export_places(connection: Connection) -> None:
    """How far each exporter has come."""
    connection.exec_driver_sql(
        "CREATE TABLE export_places (receiver TEXT NOT NULL PRIMARY KEY, row_id BIGINT NOT NULL)"
    )


def m016_webhooks(connection: Connection) -> None:
    """What webhooks are still to be told, and what became of the rest."""
    for statement in _WEBHOOKS:
        connection.exec_driver_sql(statement)
