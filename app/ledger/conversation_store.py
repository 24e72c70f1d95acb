"""The last request of each conversation, kept for a day, so that a meter that was started again still knows what the
next request is to be held against.

A conversation is what one part of an agent says under one virtual key in one session. Where no session is told, or a
session's parts are not told apart, several may go on side by side; the caller chooses which of them a request goes on.
"""

import hashlib
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from app.core.origin import Origin, RequestClass
from app.core.sent_input import DIGEST_BYTES, ColdSoon, InputPart, SentInput
from app.core.tags import Tags
from app.ledger.engine import Ledger
from app.ledger.input_tables import conversations
from app.ledger.rows import origin_columns, origin_of, payer_columns, tags_of
from app.ledger.statement import Statement, insertion

KEPT_FOR = timedelta(days=1)
SIDE_BY_SIDE = 16
"""Conversations of one payer and session that are kept beside one another."""

_C = conversations.c
_SAME_PAYER = (
    _C.virtual_key_id == bindparam("of_key"),
    _C.session == bindparam("of_session"),
    _C.agent_id == bindparam("of_agent"),
    _C.request_class == bindparam("of_class"),
)
_LAST = Statement(
    select(_C.conversation_id, _C.parts).where(*_SAME_PAYER).order_by(_C.sent_at.desc()).limit(SIDE_BY_SIDE)
)
_ONE = Statement(select(conversations).where(_C.conversation_id == bindparam("of_conversation")))
_ANSWERED = Statement(select(conversations).where(*_SAME_PAYER[:2], _C.response_id == bindparam("of_answer")).limit(1))
_TOO_MANY = Statement(
    delete(conversations).where(
        _C.conversation_id.in_(
            select(_C.conversation_id).where(*_SAME_PAYER).order_by(_C.sent_at.desc()).offset(SIDE_BY_SIDE).limit(1_000)
        )
    )
)
_OLD = Statement(delete(conversations).where(_C.sent_at < bindparam("before", type_=_C.sent_at.type)))
_INSERT = upsert(conversations)
_KEEP = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=["conversation_id"],
        set_={column.name: _INSERT.excluded[column.name] for column in _C if column.name != "conversation_id"},
    ),
    insertion(conversations),
)
_READ_PARTS = msgspec.msgpack.Decoder(tuple[InputPart, ...]).decode


_PARTS_REMEMBERED = 10_000
"""Some 5 MB. A request has most of its parts from the one before it, and each takes a microsecond and a half to key."""


def keyed_parts(key: bytes, parts: tuple[InputPart, ...]) -> tuple[InputPart, ...]:
    """Parts whose digests can be kept: equal for equal content, and of no use without the key."""
    return tuple([_keyed_part(key, part) for part in parts])


@lru_cache(maxsize=_PARTS_REMEMBERED)
def _keyed_part(key: bytes, part: InputPart) -> InputPart:
    return part._replace(digest=keyed_mark(key, part.digest))


def keyed_mark(key: bytes, digest: bytes) -> bytes:
    """A hash that can be kept; empty where there is none."""
    return hashlib.blake2b(digest, key=key, digest_size=DIGEST_BYTES).digest() if digest else b""


def last_requests(
    connection: Connection, tags: Tags, origin: Origin, request_class: RequestClass, among: Collection[bytes]
) -> Iterator[tuple[str, SentInput]]:
    """The last request of each conversation of this payer, session and part of the agent, the newest first, with the
    conversation's id; those that have a part among these digests."""
    asked = _of_payer(tags, origin, request_class)
    for conversation_id, packed in _LAST.each(connection, asked):
        parts = _READ_PARTS(packed)
        if any(part.digest in among for part in parts):
            yield conversation_id, _sent_of(_ONE.mapping(connection, {"of_conversation": conversation_id}), parts)


def answered_request(connection: Connection, tags: Tags, response_id: str) -> tuple[str, SentInput] | None:
    """The last request of the conversation that this answer ended so far, whatever part of the agent had asked, with
    the conversation's id; None where there is none."""
    asked = {"of_key": tags.virtual_key_id, "of_session": tags.session, "of_answer": response_id}
    row = _ANSWERED.mapping(connection, asked)
    return None if row is None else (row["conversation_id"], _sent_of(row, _READ_PARTS(row["parts"])))


def keep_request(
    connection: Connection, conversation_id: str, sent: SentInput, cold_at: datetime | None, warm_nano_usd: int | None
) -> None:
    """Put a request in the place of the last one of its conversation; where it begins one, forget those of a day ago.
    `cold_at` is when its cache ends, None where nobody says; `warm_nano_usd` is what sending it costs after that."""
    values = {
        "conversation_id": conversation_id,
        "call_id": sent.call_id,
        "sent_at": sent.at,
        "provider": sent.provider,
        "model": sent.model,
        "input_tokens": sent.input_tokens,
        "cached_tokens": sent.cached_tokens,
        "parts": msgspec.msgpack.encode(sent.parts),
        "account": sent.account,
        "asked": sent.asked,
        "response_id": sent.response_id,
        "is_chained": sent.is_chained,
        "cold_at": cold_at,
        "warm_nano_usd": warm_nano_usd,
        **payer_columns(sent.tags),
        **origin_columns(sent.origin),
    }
    _KEEP.run(connection, values)
    if conversation_id == sent.call_id:
        _OLD.run(connection, {"before": sent.at - KEPT_FOR})
        _TOO_MANY.run(connection, _of_payer(sent.tags, sent.origin, sent.origin.request_class))


def cold_soon(ledger: Ledger, now: datetime, within: timedelta = timedelta(seconds=60)) -> tuple[ColdSoon, ...]:
    """The sessions whose main conversation loses its cache within this time, the first first."""
    ending = (
        select(_C.session, _C.task, _C.agent, _C.project, _C.cold_at, _C.warm_nano_usd)
        .where(_C.cold_at > now, _C.cold_at <= now + within, _C.warm_nano_usd.is_not(None))
        .order_by(_C.cold_at)
    )
    with ledger.read() as connection:
        return tuple(ColdSoon(**row) for row in connection.execute(ending).mappings())


def _of_payer(tags: Tags, origin: Origin, request_class: RequestClass) -> dict[str, str]:
    payer = {"of_key": tags.virtual_key_id, "of_session": tags.session}
    return payer | {"of_agent": origin.agent_id, "of_class": request_class}


def _sent_of(row: Any, parts: tuple[InputPart, ...]) -> SentInput:
    return SentInput(
        call_id=row["call_id"],
        at=row["sent_at"],
        provider=row["provider"],
        model=row["model"],
        input_tokens=row["input_tokens"],
        parts=parts,
        tags=tags_of(row),
        origin=origin_of(row),
        cached_tokens=row["cached_tokens"],
        account=row["account"],
        asked=row["asked"],
        response_id=row["response_id"],
        is_chained=row["is_chained"],
    )
