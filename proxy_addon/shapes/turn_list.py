"""The turns of a long conversation, of which only those are read that are new.

An agent sends its whole conversation with every call, hundreds of turns of which two are new. To read 400 KB of it
takes some three milliseconds, to hash it a quarter of one (measured), so its beginning is known again by a hash.
"""

import re
from collections.abc import Callable, Hashable, Iterator
from itertools import pairwise
from typing import Any

import msgspec

from proxy_addon.shapes.beginnings import EACH_LASTS, Beginning, memory

LEAST_BYTES = 4_096
"""A shorter list is read whole."""
_LAST_KEPT = 8
"""All but one of so many turns at the end may come otherwise the next time, and what is before them is known: agents
take back the cache marks of the last few."""
_LASTING_KEPT = 16
"""At most so many of what is new are kept for long."""
_ENDS_TOLD = 50
_SPACES = b" \t\r\n"
_BETWEEN = re.compile(rb"[ \t\r\n,]*")
_TEXTS = msgspec.json.Decoder(list[msgspec.Raw])


class TurnList:
    """A list of turns. Raises what msgspec raises, and RecursionError, for a text that is none."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._known, hashed = memory.longest_known(text)
        rest = self._rest()
        self._new: list[Any] = msgspec.json.decode(rest, type=list)
        is_one = self._known is None and len(self._new) == 1  # of which many go on nowhere
        self._beginnings = {} if is_one else dict(self._new_beginnings(_TEXTS.decode(rest)))
        memory.keep(text, hashed, self._known, self._beginnings.values())

    def recalled(self, question: Hashable) -> Any:
        """What was told of the turns that are known; None where nothing was."""
        return None if self._known is None else self._known.recalled(question)

    def since(self, *, is_recalled: bool) -> Iterator[tuple[Any, Beginning | None]]:
        """The turns after those that are known, or all where nothing was recalled; with the beginning that each is the
        last of, where that is kept."""
        if self._known is not None and not is_recalled:
            *others, last = self._turns_until(self._known.end)
            yield from ((turn, None) for turn in others)
            yield last, self._known
        for number, turn in enumerate(self._new):
            beginning = self._beginnings.get(number)
            yield turn, beginning if beginning is not None and memory.is_kept(beginning) else None

    def backwards(self) -> Iterator[Any]:
        """All turns, the last first."""
        yield from reversed(self._new)
        if self._known is not None:
            ends = self._known.ends
            for start, end in reversed(list(pairwise(ends))):
                yield msgspec.json.decode(_without_comma(self._text[start:end]))
            yield from reversed(self._turns_until(ends[0]))

    def seen(self, look: Callable[[bytes], frozenset[str]]) -> frozenset[str]:
        """What is seen in the text of the turns; of each turn by itself, so nothing that goes beyond one."""
        known, at, seen = self._known, 0, frozenset[str]()
        if known is not None:
            at, recalled = known.end, self.recalled(look)
            seen = look(self._text[:at]) if recalled is None else recalled
            memory.tell(known, look, seen)
        for beginning in self._beginnings.values():
            seen |= look(self._text[at : beginning.end])
            at = beginning.end
            memory.tell(beginning, look, seen)
        return seen | look(self._text[at:])

    def around(self, body: bytes) -> bytes:
        """The body whose turns these are, without them."""
        at = body.find(self._text[:LEAST_BYTES])
        is_here = at >= 0 and body.startswith(self._text, at)
        return body[:at] + b" " + body[at + len(self._text) :] if is_here else body

    def _rest(self) -> bytes:
        """The turns that are not known, as a list."""
        return self._text if self._known is None else b"[" + _without_comma(self._text[self._known.end :])

    def _turns_until(self, end: int) -> list[Any]:
        return msgspec.json.decode(self._text[:end] + b"]", type=list)

    def _new_beginnings(self, texts: list[msgspec.Raw]) -> Iterator[tuple[int, Beginning]]:
        """Those that are kept of what is new, by the number of their last turn in it."""
        known, before = (0, ()) if self._known is None else (self._known.turns, self._known.ends)
        ends = (*before, *self._ends_of(texts))
        step = EACH_LASTS * max(1, -(-len(texts) // (EACH_LASTS * _LASTING_KEPT)))
        for number in range(len(texts)):
            if number >= len(texts) - _LAST_KEPT or (known + number + 1) % step == 0:
                last = len(before) + number + 1
                yield number, Beginning(known + number + 1, ends[max(0, last - _ENDS_TOLD) : last])

    def _ends_of(self, texts: list[msgspec.Raw]) -> Iterator[int]:
        """Where in the list the new turns end."""
        end = 1 if self._known is None else self._known.end
        for one in texts:
            between = _BETWEEN.match(self._text, end)
            assert between is not None  # nothing between them matches too
            end = between.end() + len(memoryview(one))
            yield end


def read_turns(text: bytes) -> Any:
    """The JSON value of the member that holds a request's turns. Raises as `TurnList`."""
    return TurnList(text) if len(text) >= LEAST_BYTES and text.startswith(b"[") else msgspec.json.decode(text)


def all_turns(turns: object, holds: Callable[[Any], bool]) -> bool:
    """Whether something holds of each of the turns that a member of a request has; what is no list is one."""
    if not isinstance(turns, TurnList):
        return all(map(holds, turns if isinstance(turns, list) else [turns]))
    recalled = turns.recalled(holds)
    is_so = recalled is not False
    for turn, beginning in turns.since(is_recalled=recalled is not None):
        is_so = is_so and holds(turn)
        if beginning is not None:
            memory.tell(beginning, holds, is_so)
    return is_so


def backwards(turns: object) -> Iterator[Any]:
    """The turns that a member of a request has, the last first."""
    if isinstance(turns, TurnList):
        return turns.backwards()
    return reversed(turns if isinstance(turns, list) else [turns])


def seen_in(body: bytes, turns: object, look: Callable[[bytes], frozenset[str]]) -> frozenset[str]:
    """What is seen in the text of a body that has these turns: in each of them, and in what stands around them."""
    return turns.seen(look) | look(turns.around(body)) if isinstance(turns, TurnList) else look(body)


def _without_comma(text: bytes) -> bytes:
    """What follows a turn, from the next one on."""
    return text.lstrip(_SPACES).removeprefix(b",")
