"""What one request sent as input, part by part, without its content: what the next request of the conversation is held
against, to tell what was sent again and what changed.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from app.core.origin import MAIN_ORIGIN, Origin
from app.core.tags import Tags


class PartKind(IntEnum):
    """What a part of the input is, in the order in which providers read it. A setting is no text of its own, but a
    change of one may make a cache useless."""

    SETTING = 0
    TOOL = 1
    SYSTEM = 2
    MESSAGE = 3


DIGEST_BYTES = 8
"""Enough to tell the parts of one conversation apart, and too few to prove what a part was."""


class InputPart(NamedTuple):
    """A piece of a request's input. A tuple, since a long conversation has thousands of them, kept as they are.

    `digest` is a hash of it alone, of 8 bytes. `size` stands for its tokens: the bytes of its JSON text, and some
    thousands for each image. `turn` is the number of its message, from 1, and 0 for what stands beside the messages.
    `name` is the tool's or the setting's.
    """

    kind: PartKind
    digest: bytes
    size: int
    turn: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class SentInput:
    """The input of one call. The digests of `parts` are keyed with the ledger's key before they are kept.

    `input_tokens` is what the provider counted, cache included, and `cached_tokens` are those of them that it read from
    its cache or wrote to it. `account` is a keyed hash of the credentials that went
    to the provider, empty where they are not known. `asked` is how long the request asked its input to be cached: "5m",
    "1h", "24h" and the like, empty where it did not. `response_id` names the answer, for requests that go on from it;
    `is_chained`: this one did, so that `parts` lack the answers in between.
    """

    call_id: str
    at: datetime
    provider: str
    model: str
    input_tokens: int
    parts: tuple[InputPart, ...]
    tags: Tags
    origin: Origin = MAIN_ORIGIN
    cached_tokens: int = 0
    account: bytes = b""
    asked: str = ""
    response_id: str = ""
    is_chained: bool = False


@dataclass(frozen=True, slots=True)
class ColdSoon:
    """A conversation whose cache ends at `cold_at`. `warm_nano_usd` is about what the same input costs when it is sent
    after that and cached again."""

    session: str
    task: str
    agent: str
    project: str
    cold_at: datetime
    warm_nano_usd: int
