"""What the meter does with one request, free of mitmproxy: who calls, may it go, with which key.

`Meter.decide` is asked once for each request on a metered host. It answers with a `Refused`, or with a `Cleared` whose
headers are put on the wire as the last thing before it; a `Cleared` with an exchange is metered and must be ended.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import NoReturn

from app.core.errors import AppError, KeyMissing, KeyRejected, VaultAbsent
from app.core.exchange import RequestFacts, ResponseFacts
from app.core.tags import Tags, clean_label
from app.ledger.key_store import KeyHolder
from proxy_addon.attribution import origin_of
from proxy_addon.budget import Budget, cost_labels
from proxy_addon.ending import dropped_call, refused_call
from proxy_addon.exchange import Exchange
from proxy_addon.gate import Gate
from proxy_addon.growing_hold import GrowingHold
from proxy_addon.holders import HolderChanged, Holders, KeyCheck
from proxy_addon.identify import Caller, account_mark, key_header
from proxy_addon.include_usage import RefusingServers, hides_usage, with_usage_asked
from proxy_addon.judging import Judged, Turned, judge, judged_by_memory, not_allowed
from proxy_addon.keyring_cache import ProviderKeys
from proxy_addon.output_limit import with_output_limit
from proxy_addon.passage import Passage
from proxy_addon.permission import forbidden_model, forbidden_place
from proxy_addon.prefixes import PrefixMemory
from proxy_addon.recorder import Recorder
from proxy_addon.refusals import Cause, Reason, Refusal, cause_headers, refusal
from proxy_addon.request import Request, draft_of, mark_of, patience_of, quote_of
from proxy_addon.routes import KeyUse, Kind, Route

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cleared:
    """The request may go. `key_header` replaces the credentials it came with, `body` the body (without any encoding);
    None leaves them. `holder` is who sent it, by the virtual key."""

    key_header: tuple[str, str] | None
    holder: KeyHolder
    exchange: Exchange | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The request is answered here. None as answer: the client has left."""

    answer: Refusal | None


@dataclass(frozen=True, slots=True)
class Denied:
    """A turn of a socket is not sent. `message` is a whole sentence for the person at the agent."""

    reason: Reason
    message: str


class _Left(Exception):
    """The client did not wait for its answer."""


class Meter:
    """Decides over requests on behalf of one meter process."""

    def __init__(self, recorder: Recorder, gate: Gate, keys: ProviderKeys, budget: Budget) -> None:
        self.recorder, self.clock = recorder, gate.clock
        self._budget = budget
        self._gate = gate
        self._keys = keys
        self.refusing = RefusingServers()
        self._prefixes = PrefixMemory()
        self._holders = Holders(recorder)

    async def decide(self, request: Request) -> Cleared | Refused:
        """Clear or refuse one request, waiting as long as a person may need."""
        try:
            return await self._decide(request)
        except _Left:
            return Refused(None)
        except (Turned, AppError) as error:
            answer = _answer(request, *_told(error))
            more = error.headers if isinstance(error, Turned) else {}
            return Refused(replace(answer, headers=answer.headers | more))

    async def check(self, caller: Caller) -> None:
        """Raises KeyRejected for a caller without a virtual key that is in force."""
        await self._holders.ask(caller)

    async def admit_turn(self, request: Request, facts: RequestFacts, message: bytes = b"") -> Exchange | Denied:
        """Hold the money of one turn, which `message` asks for, on a socket that `request` opened, waiting as long as a
        person may need."""
        try:
            holder = await self._holders.ask(request.caller)
            request = replace(request, origin=origin_of(request.headers, request.route.path, message))
            self._check(request, facts, holder, forbidden_model(holder.limits, facts.model))
            return await self._admit(request, facts, holder.tags, message)
        except _Left:
            return Denied(Reason.UNAVAILABLE, "The agent has left.")
        except (Turned, AppError) as error:
            return Denied(*_told(error))

    async def check_key(self, request: Request) -> Denied | None:
        """Whether the key that opened a socket has ended since; None while it is good."""
        try:
            await self._holders.ask(request.caller)
        except AppError as error:
            return Denied(*_told(error))
        return None

    def book_unasked(
        self, request: Request, payer: Tags, answer: ResponseFacts, *, is_whole: bool, error_type: str = ""
    ) -> None:
        """Write down a turn that the provider began by itself, such as an answer to speech. Nothing is asked of it."""
        facts = RequestFacts(model=answer.response_model, is_stream=True, body_bytes=0)
        draft = replace(draft_of(request, facts, payer), worst_nano_usd=0)
        self._gate.count_unasked(draft)
        agent = request.caller.user_agent
        exchange = Exchange(request.route, facts, draft, time.monotonic(), self._prefixes, user_agent=agent)
        exchange.end_turn(self.recorder, answer, is_whole=is_whole, error_type=error_type)

    async def _decide(self, request: Request) -> Cleared | Refused:
        """Judge by who is remembered to hold the key, whom the gate makes sure of; else ask first."""
        is_spent = request.route.kind is not Kind.FREE and not request.is_socket
        holder = self._holders.known(request.caller) if is_spent else None
        judged = None if holder is None else judged_by_memory(request, holder)
        if holder is None or judged is None or judged.words:
            holder = await self._holders.ask(request.caller)
            if words := forbidden_place(holder.limits, request.route):
                raise not_allowed(words)
            if not is_spent:
                return Cleared(await self._real_key(request, holder.tags), holder)
            judged = judge(request, holder)
        try:
            return await self._clear(judged, holder)
        except HolderChanged:
            self._holders.forget(request.caller)
            return await self._decide(request)

    async def _clear(self, judged: Judged, holder: KeyHolder) -> Cleared:
        request, facts, body = judged.request, judged.facts, judged.body
        self._check(request, facts, holder, judged.words)
        real_key = await self._real_key(request, holder.tags)
        check = self._holders.check(request.caller, holder)
        exchange = await self._admit(request, facts, holder.tags, request.body, body, check)
        exchange.account = account_mark(real_key)
        limited = _limited(request.route, body, exchange.output_limit)
        asking = self._ask_for_usage(exchange, body if limited is None else limited)
        return Cleared(real_key, holder, exchange, limited if asking is None else asking)

    async def _admit(
        self,
        request: Request,
        facts: RequestFacts,
        tags: Tags,
        said: bytes,
        body: bytes | None = None,
        check: KeyCheck | None = None,
    ) -> Exchange:
        """Hold the money of one call, or of a turn, which has no `body`. `said` is what the client sent, by which it is
        known when it sends it again. Raises Turned, or _Left when the client did not wait; what `check` raises."""
        route, known = request.route, self._prefixes.known_input(request.route.provider, facts)
        quote = quote_of(route, facts, known)
        draft = draft_of(request, facts, tags, quote)
        try:
            passage = await self._gate.pass_through(
                draft,
                patience_s=patience_of(request),
                mark=lambda: mark_of(request, draft.tags, said),
                is_client_gone=request.is_client_gone,
                quote=None if body is None else quote,
                can_fit=lambda: body is not None and _limited(route, body, 1) is not None,
                check=check,
            )
        except asyncio.CancelledError:  # the money may be held by now, or be held in a moment
            self.recorder.post(dropped_call(draft, "meter_stopped"))
            raise
        if not passage.is_open:
            self._turn_away(request, passage)
        has_costs = not request.is_socket and cost_labels(passage.draft)
        told = asyncio.ensure_future(self._budget.cost_headers(passage.draft)) if has_costs else None
        is_less = passage.draft.hold < (passage.draft.worst_nano_usd or 0)
        growing = GrowingHold(self.recorder, passage.draft, quote) if is_less else None
        limit, agent, now, prefixes = passage.output_limit, request.caller.user_agent, time.monotonic(), self._prefixes
        exchange = Exchange(route, facts, passage.draft, now, prefixes, growing=growing, output_limit=limit)
        exchange.told, exchange.user_agent, exchange.is_looked_at = told, agent, True
        exchange.remaining_nano_usd = passage.remaining_nano_usd
        return exchange

    def _ask_for_usage(self, exchange: Exchange, body: bytes) -> bytes | None:
        """The body with a question for its usage, where the answer would hide it; None leaves it as it is."""
        route, facts = exchange.route, exchange.facts
        is_asked = hides_usage(route.provider, route.api_shape, facts) and not self.refusing.has(route, facts.model)
        edited = with_usage_asked(body) if is_asked else None
        if edited is not None:
            exchange.plain_body = body
        return edited

    def _check(self, request: Request, facts: RequestFacts, holder: KeyHolder, words: str) -> None:
        """Write down a call that its key does not allow, where `words` say so. Raises Turned."""
        if words:
            self.recorder.post(refused_call(draft_of(request, facts, holder.tags), Cause.NOT_ALLOWED.value))
            raise not_allowed(words)

    async def _real_key(self, request: Request, payer: Tags) -> tuple[str, str] | None:
        """The credentials to send. A login of the caller's own goes through as it is."""
        route = request.route
        if request.caller.holds_own_key:
            return None
        if route.key_use is KeyUse.WITHHELD:
            raise KeyRejected(
                "Not the place of this key",
                f"Bursar sends the key of {route.provider} with model calls only, and to {route.upstream.host} only if "
                "upstreams in its settings names it.",
            )
        if route.key_use is KeyUse.UNNEEDED:
            return key_header(route.provider, "none")  # the virtual key is no business of this server's
        return key_header(route.provider, await self._keys.key_of(route.provider, payer.project))

    def _turn_away(self, request: Request, passage: Passage) -> NoReturn:
        """Write down that a call is not sent. Raises Turned or _Left."""
        if passage.is_gone:
            self.recorder.post(refused_call(passage.draft, "client_left"))
            raise _Left
        cause = passage.cause or Cause.EXHAUSTED
        self.recorder.post(refused_call(passage.draft, _ERROR_TYPES.get(cause, "cap")))
        if request.route.kind is Kind.UNKNOWN and cause is not Cause.PAUSED:
            path = clean_label(request.route.path, 100)
            raise Turned(Reason.UNKNOWN_PATH, f"Bursar cannot meter {path} yet and a cap applies, so it was not sent.")
        left = passage.obstacle
        remaining = None if left is None else left.remaining_nano_usd
        headers = cause_headers(cause, passage.draft.worst_nano_usd, remaining)
        raise Turned(cause.reason, passage.refusal, headers)


_ERROR_TYPES = {
    Cause.PAUSED: "paused",
    Cause.CONTENDED: "contended",
    Cause.UNANSWERED: "unanswered",
    Cause.STOPPED: "stopped",
    Cause.LOOP: "loop",
    Cause.TEAM_AWAY: "team_away",
}


_LASTING = (KeyRejected, KeyMissing, VaultAbsent)
"""What trying again does not mend. A locked keyring is unlocked in a moment."""


def _limited(route: Route, body: bytes, limit: int | None) -> bytes | None:
    """The body with a lower output limit, None where there is none or it cannot be put in."""
    return None if limit is None else with_output_limit(route.provider, route.api_shape, body, limit)


def _told(error: Turned | AppError) -> tuple[Reason, str]:
    """The kind of a refusal and its sentence."""
    if isinstance(error, Turned):
        return error.reason, error.message
    reason = Reason.KEY if isinstance(error, _LASTING) else Reason.UNAVAILABLE
    return reason, f"{error.title}. {error.message}"


def _answer(request: Request, reason: Reason, message: str) -> Refusal:
    return refusal(request.route.api_shape, request.caller.user_agent, reason, message)
