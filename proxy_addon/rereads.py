"""What each answered call sent again: found and written down where the ledger is written.

A request is held against the last one of its conversation, which stands in the ledger. A compaction reads the main
conversation once more, so it is held against that.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from app.core.call import Call, Outcome
from app.core.call_input import CallInput, ToolDefinition
from app.core.exchange import RequestFacts, ResponseFacts
from app.core.origin import RequestClass
from app.core.sent_input import PartKind, SentInput
from app.core.usage import Usage
from app.insight.cache_rules import cache_rule
from app.insight.rereads import Overlap, as_continued, goes_on, is_kin, overlap_of, reread, tool_share
from app.ledger.beside import beside_the_call
from app.ledger.call_input_store import write_call_input
from app.ledger.conversation_store import answered_request, keep_request, keyed_mark, keyed_parts, last_requests
from app.ledger.fingerprint_key import fingerprint_key
from app.ledger.group_writer import Desk
from app.pricing.input_rates import InputRates, cost_of_first, cost_of_warming, input_rates, lost_to_misses


@dataclass(frozen=True, slots=True)
class _Conversation:
    """What a request goes on: its last request, None where it begins one. `is_known` is False where it goes on from
    an answer that is not known here, so that most of its input is not. `overlap` is what both have in common, where
    it was looked at."""

    conversation_id: str
    before: SentInput | None
    overlap: Overlap | None = None
    is_known: bool = True


def book_input(
    desk: Desk, call: Call, facts: RequestFacts, answer: ResponseFacts, *, host: str, account: bytes
) -> None:
    """Write down what a call sent again, in the transaction that writes the call. `account` is a hash of the
    credentials that went to the provider, empty where they may differ without being another account's."""
    tokens = answer.usage.input_tokens
    if not facts.parts or tokens is None or call.outcome is Outcome.FAILED:
        return
    with beside_the_call(desk.connection, "what a call sent again"):
        now = _sent(desk, call, facts, answer.usage, account)
        found = _conversation_of(desk, now, facts.continues)
        if found.before is not None and facts.continues:
            now = as_continued(found.before, now)
        rates = input_rates(
            provider=call.provider, request_model=facts.model, response=answer, started_at=call.started_at, host=host
        )
        if tokens and found.is_known:
            write_call_input(desk.connection, call, _told(call, found, now, answer.usage, rates))
        if now.origin.request_class is not RequestClass.COMPACTION:
            warm = None if rates is None else cost_of_warming(answer.usage, rates)
            keep_request(desk.connection, found.conversation_id, now, _cold_at(now), warm)


def _sent(desk: Desk, call: Call, facts: RequestFacts, usage: Usage, account: bytes) -> SentInput:
    key = fingerprint_key(desk.ledger)
    return SentInput(
        call_id=call.call_id,
        at=call.started_at,
        provider=call.provider,
        model=call.request_model,
        input_tokens=usage.input_tokens or 0,
        parts=keyed_parts(key, facts.parts),
        tags=call.tags,
        origin=call.origin,
        cached_tokens=(usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0),
        account=keyed_mark(key, account),
        asked=facts.cache_asked,
        response_id=call.response_id,
    )


def _conversation_of(desk: Desk, now: SentInput, continues: str) -> _Conversation:
    """Of several that go on side by side, the one of which a request repeats most; where it goes on none, it begins one
    that is held against what begins alike."""
    if continues:
        found = answered_request(desk.connection, now.tags, continues)
        return _Conversation(now.call_id, None, is_known=False) if found is None else _Conversation(*found)
    is_compaction = now.origin.request_class is RequestClass.COMPACTION
    request_class = RequestClass.MAIN if is_compaction else now.origin.request_class
    best, most = _Conversation(now.call_id, None), (False, 0)
    said = {part.digest for part in now.parts if part.kind is not PartKind.SETTING}
    for conversation_id, before in last_requests(desk.connection, now.tags, now.origin, request_class, said):
        overlap = overlap_of(before.parts, now.parts, is_chained=before.is_chained)
        if overlap.changed is None and overlap.intact:
            return _Conversation(conversation_id, before, overlap)
        is_on = goes_on(before, now)
        likeness = (is_on, overlap.intact + overlap.moved)
        if likeness > most and (is_on or is_kin(before, now)):
            best, most = _Conversation(conversation_id if is_on else now.call_id, before, overlap), likeness
    return best


def _told(call: Call, gone_on: _Conversation, now: SentInput, usage: Usage, rates: InputRates | None) -> CallInput:
    found = reread(gone_on.before, now, usage.cache_read_tokens or 0, gone_on.overlap)
    tools = tuple(
        ToolDefinition(part.name, part.size) for part in now.parts if part.kind is PartKind.TOOL and part.name
    )
    told = CallInput(
        call_id=call.call_id,
        input_tokens=now.input_tokens,
        resent_tokens=found.resent,
        read_tokens=found.read,
        missed_tokens=found.missed,
        cause=found.cause,
        changed_block=found.changed_block,
        tool_tokens=tool_share(now),
        tools=tools,
    )
    if rates is None or call.cost_nano_usd is None:
        return replace(told, lost_nano_usd=None, tool_nano_usd=None)
    lost, defining = lost_to_misses(usage, rates, told.missed_tokens), cost_of_first(usage, rates, told.tool_tokens)
    most = call.cost_nano_usd
    return replace(told, lost_nano_usd=min(lost, most), tool_nano_usd=min(defining, most))


def _cold_at(now: SentInput) -> datetime | None:
    """When the cache of a main conversation ends, where its provider promises until when it does not."""
    rule = cache_rule(now.model, now.asked)
    is_main = now.origin.request_class is RequestClass.MAIN and not now.origin.agent_id
    is_cached = bool(now.cached_tokens) and now.input_tokens >= rule.minimum_tokens
    return now.at + rule.life if rule.is_promised and is_main and is_cached and now.tags.session else None
