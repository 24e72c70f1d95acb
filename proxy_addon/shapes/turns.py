"""The turns of a request's input, each in its pieces."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from app.core.exchange import Block
from app.core.sent_input import DIGEST_BYTES, InputPart, PartKind
from app.core.tool_call import clean_tool_name
from proxy_addon.shapes.beginnings import memory
from proxy_addon.shapes.fields import items, mapping, text
from proxy_addon.shapes.pieces import IMAGE_WEIGHT, MARKS, digest_of, life_of, measured, said_by
from proxy_addon.shapes.tool_definitions import given_tools
from proxy_addon.shapes.turn_list import TurnList

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


class TurnPieces(NamedTuple):
    """What turns came to: `blocks` and `parts` of them, how long their cache marks ask for, and what the next one
    finds."""

    blocks: tuple[Block, ...]
    parts: tuple[InputPart, ...]
    lives: frozenset[str]
    after: Before


class Member(NamedTuple):
    """Where turns stand in a request: at which place, whether they are instructions, and what `is_bounded` tells of one
    part, its images taken out: whether bytes bound its tokens."""

    place: int
    is_system: bool
    is_bounded: Callable[[Any], bool]


def taken_apart(member: Member, before: Before, turns: Any) -> TurnPieces:
    """What all turns of a member come to. Those of an earlier request are recalled if the same stood before them then.
    Raises RecursionError."""
    found = _Found(before)
    if isinstance(turns, TurnList):
        question = member, before
        known = turns.recalled(question)
        if known is not None:
            found.add(known)
        for turn, beginning in turns.since(is_recalled=known is not None):
            found.add(_taken_apart(member, found.after, turn))
            if beginning is not None:
                memory.tell(beginning, question, found.pieces(), found.size)
        return found.pieces()
    for turn in turns if isinstance(turns, list) else [] if turns is None else [turns]:
        found.add(_taken_apart(member, found.after, turn))
    return found.pieces()


class _Found:
    """What a walk through turns has come to so far."""

    def __init__(self, before: Before) -> None:
        self.blocks, self.parts, self.lives = list[Block](), list[InputPart](), set[str]()
        self.after = before

    def add(self, more: TurnPieces) -> None:
        """And the next ones."""
        self.blocks += more.blocks
        self.parts += more.parts
        self.lives |= more.lives
        self.after = more.after

    @property
    def size(self) -> int:
        """How many pieces that are."""
        return len(self.blocks) + len(self.parts)

    def pieces(self) -> TurnPieces:
        """As it stands."""
        return TurnPieces(tuple(self.blocks), tuple(self.parts), frozenset(self.lives), self.after)


def extended(prefix: bytes, said: bytes) -> bytes:
    """The hash of all input up to the end of something more."""
    return hashlib.blake2b(prefix + said, digest_size=16).digest()


def is_mark(piece: Any, lives: set[str]) -> bool:
    """Whether a piece is a cache mark alone, as Converse's are, and so no input. Its time is put into `lives`."""
    if not isinstance(piece, dict) or not piece or not piece.keys() <= MARKS:
        return False
    lives.update(map(life_of, piece.values()))
    return True


def named_part(kind: PartKind, name: str, value: Any, lives: set[str], turn: int = 0) -> tuple[InputPart, bytes]:
    """A part with a name, and the whole of its hash."""
    said = said_by(value, lives)
    digest = digest_of(said)
    return InputPart(kind, digest[:DIGEST_BYTES], len(said), turn, clean_tool_name(name)), digest


def _taken_apart(member: Member, before: Before, turn: Any) -> TurnPieces:
    """The frame of a turn counts with the first of its parts, unless it says something."""
    prefix, number, carried, leads = before.prefix, before.number, before.carried, before.leads
    kind = PartKind.SYSTEM
    blocks, parts, lives = list[Block](), list[InputPart](), set[str]()
    for piece, is_start in _pieces(turn):
        if is_mark(piece, lives):
            continue
        found = measured(piece, member.is_bounded, lives)
        digest, size, images = found[:3]
        prefix = extended(prefix, b"%d %d:" % (member.place, is_start) + digest)
        blocks.append(Block(prefix, *found[1:]))
        weight, carried = carried + size + images * IMAGE_WEIGHT, 0
        if is_start:
            number += 1
            leads = leads and (member.is_system or text(mapping(piece).get("role")) in _SYSTEM_ROLES)
            kind = PartKind.SYSTEM if leads else PartKind.MESSAGE
        if is_start and isinstance(piece, dict) and piece.keys() <= _BARE:
            carried = weight
        elif is_start and (given := given_tools(piece)):
            parts += [named_part(PartKind.TOOL, name, tool, lives, number)[0] for name, tool in given]
        else:
            parts.append(InputPart(kind, digest[:DIGEST_BYTES], weight, number))
    return TurnPieces(tuple(blocks), tuple(parts), frozenset(lives), Before(prefix, number, carried, leads))


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
