"""The turns of a request's input, each in its pieces; and those of earlier requests, remembered.

An agent sends its whole conversation with every call, hundreds of turns of which two are new. Taking one apart costs
some twenty microseconds, knowing it again four (measured), so what a turn came to is kept by a hash of the turn and of
all before it: numbers and hashes, nothing of its content.
"""

import hashlib
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.core.exchange import Block
from app.core.sent_input import DIGEST_BYTES, InputPart, PartKind
from app.core.tool_call import clean_tool_name
from proxy_addon.shapes.fields import items, mapping, text
from proxy_addon.shapes.pieces import IMAGE_WEIGHT, MARKS, digest_of, encoded, is_billing_line, measured, said_by
from proxy_addon.shapes.tool_definitions import given_tools

TURNS_KEPT = 5_000
"""Some 5 MB (measured): a dozen long conversations."""
_SYSTEM_ROLES = frozenset({"system", "developer"})
_BARE = frozenset({"role", "type", "id", "status"})
"""A turn's frame with no more than these says nothing by itself."""


class Before(NamedTuple):
    """What a turn finds. `prefix` is a hash of all input before it, `number` how many turns its member had, `carried`
    the bytes of a bare frame that count with the next piece. While it `leads`, only instructions have been given."""

    prefix: bytes
    number: int = 0
    carried: int = 0
    leads: bool = True


@dataclass(frozen=True, slots=True)
class TurnPieces:
    """What a turn came to: `blocks` and `parts` of it, the cache `marks` in it, and what the next one finds."""

    blocks: tuple[Block, ...]
    parts: tuple[InputPart, ...]
    marks: tuple[Any, ...]
    after: Before


class Member(NamedTuple):
    """Where turns stand in a request: at which place, whether they are instructions, and what `is_bounded` tells of one
    part, its images taken out: whether bytes bound its tokens."""

    place: int
    is_system: bool
    is_bounded: Callable[[Any], bool]


_kept: dict[Hashable, TurnPieces] = {}
"""The one used last stands last."""


def taken_apart(member: Member, before: Before, turns: Any) -> Iterator[TurnPieces]:
    """Each turn. The last is not looked for among those that are known: it is what is new. Raises RecursionError."""
    listed = turns if isinstance(turns, list) else [] if turns is None else [turns]
    for turn in listed[:-1]:
        key = member, before, digest_of(encoded(turn))
        found = _kept.pop(key, None)
        if found is None:
            found = _taken_apart(member, before, turn)
            if len(_kept) >= TURNS_KEPT:
                _kept.pop(next(iter(_kept)), None)
        _kept[key] = found
        before = found.after
        yield found
    for turn in listed[-1:]:
        yield _taken_apart(member, before, turn)


def extended(prefix: bytes, said: bytes) -> bytes:
    """The hash of all input up to the end of something more."""
    return hashlib.blake2b(prefix + said, digest_size=16).digest()


def is_mark(piece: Any, marks: list[Any]) -> bool:
    """Whether a piece is a cache mark alone, as Converse's are, and so no input. It is put into `marks`."""
    if not isinstance(piece, dict) or not piece or not piece.keys() <= MARKS:
        return False
    marks.extend(piece.values())
    return True


def named_part(kind: PartKind, name: str, value: Any, marks: list[Any], turn: int = 0) -> tuple[InputPart, bytes]:
    """A part with a name, and the whole of its hash."""
    said = said_by(value, marks)
    digest = digest_of(said)
    return InputPart(kind, digest[:DIGEST_BYTES], len(said), turn, clean_tool_name(name)), digest


def _taken_apart(member: Member, before: Before, turn: Any) -> TurnPieces:
    """The frame of a turn counts with the first of its parts, unless it says something."""
    prefix, number, carried, leads = before.prefix, before.number, before.carried, before.leads
    kind = PartKind.SYSTEM
    blocks, parts, marks = list[Block](), list[InputPart](), list[Any]()
    for piece, is_start in _pieces(turn):
        if is_mark(piece, marks):
            continue
        said = said_by(piece, marks)
        digest = digest_of(b"" if is_billing_line(piece) else said)
        prefix = extended(prefix, b"%d %d:" % (member.place, is_start) + digest)
        block = measured(prefix, piece, len(said), member.is_bounded)
        blocks.append(block)
        weight, carried = carried + block.size + block.images * IMAGE_WEIGHT, 0
        if is_start:
            number += 1
            leads = leads and (member.is_system or text(mapping(piece).get("role")) in _SYSTEM_ROLES)
            kind = PartKind.SYSTEM if leads else PartKind.MESSAGE
        if is_start and isinstance(piece, dict) and piece.keys() <= _BARE:
            carried = weight
        elif is_start and (given := given_tools(piece)):
            parts += [named_part(PartKind.TOOL, name, tool, marks, number)[0] for name, tool in given]
        else:
            parts.append(InputPart(kind, digest[:DIGEST_BYTES], weight, number))
    return TurnPieces(tuple(blocks), tuple(parts), tuple(marks), Before(prefix, number, carried, leads))


def _pieces(turn: Any) -> Iterator[tuple[Any, bool]]:
    """A turn without its content, then its content part by part; True where it begins."""
    members = mapping(turn)
    key = "content" if "content" in members else "parts"
    if key not in members:
        yield turn, True
        return
    content = members[key]
    yield {name: one for name, one in turn.items() if name != key}, True
    for part in [{"type": "text", "text": content}] if isinstance(content, str) else items(content):
        yield part, False
    if isinstance(content, dict):
        yield content, False
