"""What a captured answer cost: by the meter's rules, at the prices of the capture's own time.

Where a capture has no time (a recording, unless it kept a Date header), prices are today's.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from app.core.call import Basis
from app.core.exchange import RequestFacts, ResponseFacts
from app.pricing.table import Priced, price_call, price_estimate
from proxy_addon.audit.captures import Capture
from proxy_addon.audit.places import Place

NOTHING_TO_PAY = Priced(0, Basis.TABLE, "")
"""A path that is free, or an answer that failed: providers bill neither."""


def cost_of(capture: Capture, place: Place, facts: RequestFacts, answer: ResponseFacts, *, is_certain: bool) -> Priced:
    """By the price table where it is certain that the usage is the last one, else an estimate."""
    at, host = _time_of(capture), place.host
    if is_certain:
        return price_call(provider=place.provider, request_model=facts.model, response=answer, started_at=at, host=host)
    return price_estimate(provider=place.provider, facts=facts, response=answer, started_at=at, host=host)


def _time_of(capture: Capture) -> datetime:
    """When the exchange was, else now."""
    if capture.started_at is not None:
        return capture.started_at
    try:
        at = parsedate_to_datetime(capture.answer.headers.get("date", ""))
    except ValueError:
        return datetime.now(UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
