"""A request's input piece by piece, so that one which extends an earlier one can be told and what is new be measured.

Content is hashed and forgotten. What changes from turn to turn without changing the input is left out of the hash:
cache marks, limits, ids of users. The same text given as a string or as a list of one part is the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.core.exchange import Block
from app.core.sent_input import InputPart, PartKind
from proxy_addon.shapes.fields import mapping, text
from proxy_addon.shapes.pieces import LIFE, MARKS, life_of
from proxy_addon.shapes.tool_definitions import without_tools
from proxy_addon.shapes.turns import Before, Member, extended, is_mark, named_part, taken_apart

_NO_INPUT = frozenset(
    {"model", "stream", "stream_options", "user", "metadata", "client_metadata", "safety_identifier", "store", "n"}
    | {"max_tokens", "max_completion_tokens", "max_output_tokens", "temperature", "top_p", "top_k", "seed", "stop"}
    | {"stop_sequences", "service_tier", "serviceTier", "speed", "inference_geo", "include", "background", "betas"}
    | {"cache_control", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "previous_response_id"}
    | {"inferenceConfig"}
)
"""Settings that are no part of the input. Any other setting stays in the frame, where a change makes all of it new."""
_REWRITES_INPUT = ("context_management", "context_edits", "compaction")
"""With these the provider itself drops or rewrites parts of the input, so that a longer one may count less."""
_SYSTEM = frozenset({"system", "systemInstruction", "system_instruction", "instructions"})
_OF_A_SOCKET = frozenset({"type", "stream_id", "event_id", "generate"})
"""What a message on a socket says of itself: no setting of the input."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A request's input in pieces: `blocks` measure it, `parts` are what a later request is held against. `cache_asked`
    is how long the request asks for it to be cached, the shortest where marks differ; empty where it does not."""

    blocks: tuple[Block, ...] = ()
    parts: tuple[InputPart, ...] = ()
    cache_asked: str = ""


def input_pieces(members: Mapping[str, Any], keys: tuple[str, ...], is_bounded: Callable[[Any], bool]) -> Pieces:
    """The pieces of a request whose turns stand under `keys`; without blocks where the provider may rewrite what it is
    sent, and empty where it is nested too deep to be looked at.

    `is_bounded` tells of one part, its images taken out, whether bytes bound its tokens.
    """
    walk = _Walk()
    try:
        walk.take_frame({key: one for key, one in members.items() if key not in _NO_INPUT and key not in keys})
        for place, key in enumerate(keys):
            walk.take_turns(Member(place, key in _SYSTEM, is_bounded), members.get(key))
    except RecursionError:
        return Pieces()
    is_rewritten = any(members.get(key) for key in _REWRITES_INPUT) or members.get("truncation") == "auto"
    return Pieces(() if is_rewritten else tuple(walk.blocks), tuple(walk.parts), _asked_life(members, walk.lives))


class _Walk:
    """One way through a request, piece by piece. `blocks` carry a hash of all before, made of the hashes of pieces."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.parts: list[InputPart] = []
        self.lives: set[str] = set()
        self._prefix = b""

    def take_frame(self, frame: Mapping[str, Any]) -> None:
        """Tools and settings: one block, since a change of any makes all of it new; a part for each."""
        tools, rest = without_tools(frame)
        size = sum(
            self._take_framed(PartKind.TOOL, name, tool) for name, tool in tools if not is_mark(tool, self.lives)
        )
        for name, one in sorted(rest.items()):
            size += self._take_framed(PartKind.SYSTEM if name in _SYSTEM else PartKind.SETTING, name, {name: one})
        self._prefix = extended(self._prefix, b"")
        self.blocks.append(Block(self._prefix, size))

    def take_turns(self, member: Member, turns: Any) -> None:
        """The turns of one member."""
        taken = taken_apart(member, Before(self._prefix), turns)
        self.blocks += taken.blocks
        self.parts += taken.parts
        self.lives |= taken.lives
        self._prefix = taken.after.prefix

    def _take_framed(self, kind: PartKind, name: str, value: Any) -> int:
        part, digest = named_part(kind, name, value, self.lives)
        self._prefix = extended(self._prefix, b"frame %d:" % kind + digest)
        if kind is not PartKind.SETTING or name not in _OF_A_SOCKET:
            self.parts.append(part)
        return part.size


def _asked_life(members: Mapping[str, Any], lives: set[str]) -> str:
    """How long the input is asked to be cached: by marks in it, by one for all of it, or by OpenAI's settings."""
    asked = [*lives, *(life_of(members[key]) for key in MARKS if members.get(key))]
    asked += [
        text(mapping(members.get("prompt_cache_options")).get("ttl")),
        text(members.get("prompt_cache_retention")),
    ]
    known = [found for found in map(LIFE.fullmatch, asked) if found]
    return min(known, key=lambda one: (int(one[1]) * (60 if one[2] == "h" else 1), one[0]))[0] if known else ""
