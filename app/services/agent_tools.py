"""What an agent may ask about its own money: what is left, what it has spent, what a call would cost, why it was
refused; and a person for more.

It is known by the virtual key in its environment and learns of nothing else: no other key's calls, no cap that its own
calls do not count in. What is left is told by the meter, so that there is one way to reckon it.
"""

import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from app.core.call import Outcome
from app.core.caps import Payer
from app.core.errors import AppError, InvalidInput, KeyRejected, MeterError
from app.core.exchange import ResponseFacts
from app.core.money import decimal_from_nano, format_exact_usd, format_usd, parse_usd
from app.core.tags import Tags
from app.core.usage import Usage
from app.keys.virtual_keys import PREFIX, fingerprint
from app.ledger.approval_store import ApprovalState
from app.ledger.budget import budget_of
from app.ledger.budget_request import ask_for_budget, look_again
from app.ledger.call_store import calls_of_key
from app.ledger.cap_store import CapStatus
from app.ledger.engine import Ledger
from app.ledger.key_store import holder_of
from app.ledger.meter_state import running_meter
from app.ledger.raise_store import raise_by
from app.pricing.table import price_call
from app.services.receipt import receipt_of, receipt_values

KEY_VARIABLES = (
    *("BURSAR_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "CODEX_API_KEY"),
    *("GEMINI_API_KEY", "GOOGLE_API_KEY"),
)
PROVIDERS = ("anthropic", "openai", "google")
SHOWN_REFUSALS = 5
_TIME_LIMIT_S = 10.0
_LOOK_S = 0.2

_WHY = {
    "cap": "A cap is reached, or cannot be kept for a model without a price, or the person was asked and refused.",
    "contended": "Other calls on their way had taken what was left; this one could be sent again.",
    "paused": "The person has paused this session, or everything.",
    "stopped": "The person has stopped this session.",
    "loop": "It repeated the same steps again and again; do something else, or ask the person.",
    "unanswered": "The person was asked and had not answered yet.",
    "not_allowed": "Your virtual key is not for this provider or model; the refusal has said what it is for.",
    "client_left": "The connection was closed while the call waited.",
}
_STILL_OPEN = "Not answered yet; the question stays open for two minutes. Ask again to wait on."
_ANSWERS = {
    ApprovalState.REFUSED: "The person has refused. Do not ask again; finish with what is left.",
    ApprovalState.EXPIRED: "Nobody has answered.",
    ApprovalState.GONE: "The question was closed unanswered.",
    ApprovalState.MOOT: "Room was made.",
}


def key_in(environment: Mapping[str, str]) -> str:
    """The virtual key that an agent was given; empty without one."""
    values = (environment.get(name, "") for name in KEY_VARIABLES)
    return next((value for value in values if value.startswith(PREFIX)), "")


class AgentTools:
    """Questions of the holder of one virtual key. Each method blocks and may raise AppError."""

    def __init__(self, ledger: Ledger, token: str) -> None:
        self.ledger = ledger
        self.token = token
        self._asking = threading.Lock()
        self._question: str | None = None

    def remaining_budget(self, provider: str = "", model: str = "") -> dict[str, Any]:
        """The caps that this agent's calls count in, tightest first, with what is left of each."""
        return self._budget({"provider": provider, "model": model})

    def spend(self) -> dict[str, Any]:
        """What calls with this key have cost so far."""
        tags = self._tags()
        values = receipt_values(receipt_of(calls_of_key(self.ledger, tags.virtual_key_id)), ())
        del values["caps"]
        return {"project": tags.project, "agent": tags.agent, "task": tags.task} | values

    def estimate(
        self, model: str, input_tokens: int, output_tokens: int, cached_input_tokens: int = 0, provider: str = ""
    ) -> dict[str, Any]:
        """What a planned call would cost, and whether the caps would let it go now."""
        self._tags()
        try:
            usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens, cache_read_tokens=cached_input_tokens)
        except ValueError:
            raise InvalidInput("Not a count", "Give tokens as whole numbers of 0 or more.") from None
        for name in (provider,) if provider else PROVIDERS:
            priced = price_call(
                provider=name,
                request_model=model,
                response=ResponseFacts(usage=usage),
                started_at=datetime.now(UTC),
            )
            if priced.cost_nano_usd is not None:
                told = {"provider": name, "model": model, "cost_usd": format_exact_usd(priced.cost_nano_usd)}
                return told | {"basis": priced.basis.value} | self._admission(priced.cost_nano_usd, name, model)
        raise InvalidInput("This model has no known price", "Name it as the provider does, and its provider.")

    def refusals(self) -> list[dict[str, Any]]:
        """The last calls of this agent that were not sent, newest first, and why."""
        calls = calls_of_key(self.ledger, self._tags().virtual_key_id)
        refused = [call for call in reversed(calls) if call.outcome is Outcome.REFUSED]
        return [
            {
                "at": call.started_at.isoformat(),
                "model": call.request_model,
                "cause": call.error_type,
                "meaning": _WHY.get(call.error_type, "The meter did not send it."),
            }
            for call in refused[:SHOWN_REFUSALS]
        ]

    def ask_for_more(
        self, amount_usd: str, wait_s: float, is_given_up: Callable[[], bool] = lambda: False
    ) -> dict[str, Any]:
        """Ask the person to raise the tightest cap by an amount, and wait for the answer.

        After `wait_s` seconds, or when the caller has given up, the question is left open; the next time it is waited
        for again, not asked twice.
        """
        tags, amount = self._tags(), parse_usd(amount_usd)
        with self._asking:  # one at a time, or two would each carry out the same answer
            if self._question is None:
                cap, now = self._tightest(tags), datetime.now(UTC)
                self._question = ask_for_budget(self.ledger, tags, cap, amount, now)
            deadline = time.monotonic() + wait_s
            while (found := look_again(self.ledger, self._question, datetime.now(UTC))).state is ApprovalState.WAITING:
                if time.monotonic() >= deadline or is_given_up():
                    return {"granted": False, "answer": _STILL_OPEN}
                time.sleep(_LOOK_S)
            self._question = None
        if found.state is not ApprovalState.APPROVED:
            return {"granted": False, "answer": _ANSWERS[found.state]}
        granted = found.worst_nano_usd or 0
        raise_by(self.ledger, found.cap_id, found.window_key, granted, by=found.answered_by)
        return {"granted": True, "answer": f"{format_usd(granted)} more for {found.cap_name}."}

    def _tags(self) -> Tags:
        if not self.token:
            raise KeyRejected(
                "No virtual key", "Start the agent with bursar run, or set BURSAR_KEY to a key of bursar keys issue."
            )
        with self.ledger.read() as connection:
            return holder_of(connection, fingerprint(self.token), datetime.now(UTC)).tags

    def _tightest(self, tags: Tags) -> CapStatus:
        """The cap that will stop this agent first. Raises InvalidInput without one."""
        with self.ledger.read() as connection:
            caps = budget_of(connection, Payer(tags, provider="", model=""), datetime.now(UTC))
        hard = [cap for cap in caps if cap.cap.is_hard]
        if not hard:
            raise InvalidInput("No cap stops you", "There is nothing to ask for.")
        return min(hard, key=lambda cap: cap.remaining_nano_usd)

    def _admission(self, cost_nano_usd: int, provider: str, model: str) -> dict[str, Any]:
        """Whether the caps would let such a call go; nothing is said where no meter can be asked."""
        asked = {"provider": provider, "model": model, "estimate_usd": f"{decimal_from_nano(cost_nano_usd):f}"}
        try:
            budget = self._budget(asked) if cost_nano_usd else {}
        except MeterError:
            budget = {}
        return {name: budget[name] for name in ("would_be_admitted", "caps") if name in budget}

    def _budget(self, query: Mapping[str, str]) -> dict[str, Any]:
        """The meter's own answer to `GET /bursar/budget`."""
        self._tags()
        running = running_meter(self.ledger)
        if running is None:
            raise MeterError("The meter is not running", "Start it with: bursar, or bursar proxy")
        told = {name: value for name, value in query.items() if value}
        connection = http.client.HTTPConnection(urlsplit(running.gateway_url).netloc, timeout=_TIME_LIMIT_S)
        try:
            connection.request("GET", f"/bursar/budget?{urlencode(told)}", headers={"x-api-key": self.token})
            answer = connection.getresponse()
            values: dict[str, Any] = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise MeterError("The meter does not answer", f"It failed with {type(error).__name__}.") from None
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise AppError("The meter has refused to tell", str(values.get("error", {}).get("message", "")))
        return values
