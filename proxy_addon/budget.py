"""What an agent is told of its own money: headers on every metered answer, and `GET /bursar/budget` when it asks.

    GET /bursar/budget?estimate_usd=0.25[&provider=openai][&model=gpt-5-mini][&session=S][&task=T]

with the agent's virtual key where it always stands. It is told of the caps its own calls count in and of nothing else.
The ledger is read in threads of its own, never on the event loop.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from app.core.caps import Payer, cap_name
from app.core.errors import AppError, InvalidInput, KeyRejected, LedgerError
from app.core.money import format_exact_usd, parse_usd
from app.core.reservations import Draft
from app.core.tags import Scope, Tags
from app.keys.virtual_keys import fingerprint
from app.ledger.budget import budget_of, cost_of_label
from app.ledger.cap_store import CapStatus
from app.ledger.engine import Ledger
from app.ledger.key_store import holder_of
from app.ledger.meter_state import paused
from app.ledger.session_store import waits_by_order
from proxy_addon.identify import Caller
from proxy_addon.refusals import REMAINING_HEADER, Cause, unreachable_body

PATH = "/bursar/budget"
COST_HEADERS = {Scope.SESSION: "x-bursar-session-cost-usd", Scope.TASK: "x-bursar-task-cost-usd"}
_SLOW_S = 0.05
_GOOD_FOR = 50
"""A sum that was slow to make is good for so many times as long: however long a session is, summing for the headers
takes a fiftieth of a core at most."""
_MOST_SUMS = 500

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sum:
    """A cost in nano-dollars, and until when it is told again, on the monotonic clock."""

    nano_usd: int
    good_until: float


class Budget:
    """Reads the ledger on behalf of agents."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._sums: OrderedDict[tuple[Scope, str, str], _Sum] = OrderedDict()

    async def answer(self, caller: Caller, query: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and JSON body for one question. 401 without a valid virtual key, 400 for an estimate that is none."""
        try:
            return 200, msgspec.json.encode(await asyncio.to_thread(self._read, caller, query))
        except KeyRejected as error:
            return 401, unreachable_body(f"{error.title}. {error.message}", 401)
        except InvalidInput as error:
            return 400, unreachable_body(f"{error.title}. {error.message}", 400)
        except AppError as error:
            return 503, unreachable_body(f"{error.title}. {error.message}", 503)

    async def cost_headers(self, draft: Draft) -> dict[str, str]:
        """What a call's answer says of its session and task: their cost so far. Empty when the ledger cannot be
        read."""
        try:
            return await asyncio.to_thread(self._cost_headers, draft)
        except LedgerError as error:
            logger.warning("the ledger cannot be read: %s", error)
            return {}

    def _cost_headers(self, draft: Draft) -> dict[str, str]:
        with self._ledger.read() as connection:
            return {
                COST_HEADERS[scope]: format_exact_usd(self._cost(connection, scope, label, draft.tags))
                for scope, label in cost_labels(draft)
            }

    def _cost(self, connection: Any, scope: Scope, label: str, tags: Tags) -> int:
        """A sum for the headers: made anew, or the last one where making it is slow."""
        key = (scope, label, tags.virtual_key_id)
        started = time.monotonic()
        known = self._sums.get(key)
        if known is not None and started < known.good_until:
            return known.nano_usd
        nano_usd = cost_of_label(connection, scope, tags)
        took_s = time.monotonic() - started
        if took_s > _SLOW_S:
            self._sums[key] = _Sum(nano_usd, started + took_s * _GOOD_FOR)
        while len(self._sums) > _MOST_SUMS:
            self._sums.popitem(last=False)
        return nano_usd

    def _read(self, caller: Caller, query: Mapping[str, str]) -> dict[str, object]:
        estimate = parse_usd(query["estimate_usd"]) if query.get("estimate_usd") else None
        now = datetime.now(UTC)
        with self._ledger.read() as connection:
            if not caller.token:
                raise KeyRejected("No virtual key", "Ask with the key that the agent was given.")
            tags = holder_of(connection, fingerprint(caller.token), now).tags
            tags = tags.labelled(query.get("task") or caller.task, query.get("session") or caller.session)
            payer = Payer(tags, query.get("provider", ""), query.get("model", ""))
            caps = [_cap_values(status, estimate) for status in budget_of(connection, payer, now)]
            costs = {
                f"{scope.value}_cost_usd": format_exact_usd(cost_of_label(connection, scope, tags))
                for scope in COST_HEADERS
                if getattr(tags, scope.value)
            }
            is_open = not paused(connection) and waits_by_order(connection, tags) is None
        told: dict[str, object] = {"currency": "USD", "as_of": now.isoformat(), "is_paused": not is_open}
        if estimate is not None:
            told["estimate_usd"] = format_exact_usd(estimate)
            told["would_be_admitted"] = is_open and all(cap["estimate"] == "admitted" for cap in caps)
        return told | costs | {"caps": caps}


def cost_labels(draft: Draft) -> list[tuple[Scope, str]]:
    """The session and the task of a call, as far as it has them."""
    return [(scope, label) for scope in COST_HEADERS if (label := getattr(draft.tags, scope.value))]


def left_header(remaining_nano_usd: int | None) -> dict[str, str]:
    """What a call's answer says is left in its tightest cap, as of its admission."""
    return {} if remaining_nano_usd is None else {REMAINING_HEADER: format_exact_usd(remaining_nano_usd)}


def _cap_values(status: CapStatus, estimate: int | None) -> dict[str, object]:
    """One cap in words and exact amounts. `estimate`: `contended` passes when other calls on their way have ended."""
    cap = status.cap
    values: dict[str, object] = {
        "name": cap_name(cap),
        "scope": cap.scope.value,
        "window": cap.window.value,
        "action": cap.action.value,
        "limit_usd": format_exact_usd(status.limit_nano_usd),
        "spent_usd": format_exact_usd(status.spent_nano_usd),
        "held_usd": format_exact_usd(status.held_nano_usd),
        "remaining_usd": format_exact_usd(status.remaining_nano_usd),
        "resets_at": status.ends_at.isoformat() if status.ends_at else None,
    }
    if estimate is not None:
        values["estimate"] = _would_be(status, estimate)
    return values


def _would_be(status: CapStatus, estimate: int) -> str:
    if not status.cap.is_hard or status.spent_nano_usd + status.held_nano_usd + estimate <= status.limit_nano_usd:
        return "admitted"
    is_used_up = status.spent_nano_usd + estimate > status.limit_nano_usd
    return (Cause.EXHAUSTED if is_used_up else Cause.CONTENDED).value
