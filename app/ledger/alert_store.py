"""Alert levels that were passed, for whoever tells a person."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from app.ledger.engine import Ledger
from app.ledger.tables import alerts, totals


@dataclass(frozen=True, slots=True)
class Alert:
    """Spend reached `percent` of a cap's limit. Amounts in nano-dollars, as they were then."""

    alert_id: int
    cap_id: str
    cap_name: str
    window_key: str
    percent: int
    spent_nano_usd: int
    limit_nano_usd: int
    told_at: datetime


def alerts_after(ledger: Ledger, alert_id: int) -> list[Alert]:
    """Alerts newer than that id, oldest first."""
    newer = select(alerts).where(alerts.c.alert_id > alert_id).order_by(alerts.c.alert_id)
    with ledger.read() as connection:
        return [Alert(**row) for row in connection.execute(newer).mappings()]


def last_alert_id(ledger: Ledger) -> int:
    """The newest alert's id, 0 before the first: where somebody who starts to listen begins."""
    with ledger.read() as connection:
        return int(connection.execute(select(func.coalesce(func.max(alerts.c.alert_id), 0))).scalar_one())


FULL = 100


def reached_limits(ledger: Ledger, now: datetime) -> list[Alert]:
    """The windows of caps, of those that told an alert, whose limit is spent now, as alerts at 100 %. They have no
    id: only the levels that a person chose are written down."""
    same = (totals.c.cap_id == alerts.c.cap_id) & (totals.c.window_key == alerts.c.window_key)
    spent = totals.c.posted_nano_usd
    asked = (
        select(alerts.c.cap_id, alerts.c.cap_name, alerts.c.window_key, spent, totals.c.limit_nano_usd)
        .join(totals, same)
        .where(spent >= totals.c.limit_nano_usd)
        .group_by(alerts.c.cap_id, alerts.c.window_key)
    )
    with ledger.read() as connection:
        return [Alert(0, row[0], row[1], row[2], FULL, row[3], row[4], now) for row in connection.execute(asked)]
