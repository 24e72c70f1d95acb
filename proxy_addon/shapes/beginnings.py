"""What is remembered of long lists of turns: hashes of their beginnings, each up to the end of a turn, and what was
found out of the turns in it. Numbers and hashes, nothing of what was said.
"""

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any

BEGINNINGS_KEPT = 512
PIECES_KEPT = 200_000
"""Of all that was found out. Some 3 MB (measured) where the beginnings of a conversation share most of theirs, as they
do; 30 MB where none were shared."""
_SHARE = 4
"""What takes more than one of so many parts of that is not kept: others would have to go for it."""
_ANSWERS_KEPT = 8
EACH_LASTS = 64
"""Beginnings of so many turns, or twice as many, and so on, are kept as long as the list: one may go back, or fork."""
_LASTING_KEPT = 32
_START_BYTES = 512
"""Lists that begin with the same so many bytes are looked for at the same lengths."""
_DIGEST_BYTES = 16
_AFTER_A_TURN = b" \t\r\n,]"


class Beginning:
    """A list of `turns` turns, up to the end of one of them. `ends` are where its last ones end, `earlier` are hashes
    of those of its beginnings that are kept as long as it is."""

    __slots__ = ("digest", "earlier", "ends", "pieces", "start", "told", "turns")

    def __init__(self, turns: int, ends: tuple[int, ...]) -> None:
        self.turns, self.ends = turns, ends
        self.start, self.digest, self.pieces = 0, b"", 1
        self.earlier: tuple[bytes, ...] = ()
        self.told: dict[Hashable, tuple[Any, int]] = {}

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.ends[-1]

    @property
    def lasting(self) -> tuple[bytes, ...]:
        """Which beginnings are kept as long as a list that goes on from it."""
        return (*self.earlier, self.digest)[-_LASTING_KEPT:] if self.turns % EACH_LASTS == 0 else self.earlier

    def recalled(self, question: Hashable) -> Any:
        """What was told of its turns; None where nothing was."""
        return self.told.get(question, (None, 0))[0]


class Memory:
    """Beginnings by their hashes, and where such end as begin alike. The one used last stands last."""

    def __init__(self) -> None:
        self._beginnings: dict[bytes, Beginning] = {}
        self._ends: dict[int, Counter[int]] = {}
        self._pieces = 0

    def longest_known(self, text: bytes) -> tuple[Beginning | None, Any]:
        """The longest beginning of a list that is known, and a hash that has taken it in."""
        known, hashed, taken = None, hashlib.sha256(), 0
        after_known = hashed.copy()
        for end in sorted(self._ends.get(_start_of(text), ())):
            if end >= len(text):
                break
            if text[end] in _AFTER_A_TURN:  # else a number goes on
                hashed.update(memoryview(text)[taken:end])
                taken = end
                if (found := self._beginnings.get(_digest_of(hashed))) is not None:
                    known, after_known = found, hashed.copy()
        return known, after_known

    def keep(self, text: bytes, hashed: Any, known: Beginning | None, beginnings: Iterable[Beginning]) -> None:
        """Know these again, and longer what of the list was known, which `hashed` has taken in."""
        taken, earlier = (0, ()) if known is None else (known.end, known.lasting)
        for digest in () if known is None else (*earlier, known.digest):
            if digest in self._beginnings:
                self._beginnings[digest] = self._beginnings.pop(digest)
        start = _start_of(text)
        for one in beginnings:
            hashed.update(memoryview(text)[taken : one.end])
            taken = one.end
            one.start, one.digest, one.earlier = start, _digest_of(hashed), earlier
            earlier = one.lasting
            self._drop(one.digest)
            self._beginnings[one.digest] = one
            self._ends.setdefault(start, Counter())[one.end] += 1
            self._pieces += one.pieces
        self._forget()

    def is_kept(self, one: Beginning) -> bool:
        """Whether it has not been forgotten."""
        return self._beginnings.get(one.digest) is one

    def tell(self, one: Beginning, question: Hashable, found: Any, pieces: int = 1) -> None:
        """Keep what was found out of a beginning's turns, which holds so many pieces; of late questions only."""
        if not self.is_kept(one) or pieces > PIECES_KEPT // _SHARE:
            return
        self._take_back(one, question)
        if len(one.told) >= _ANSWERS_KEPT:
            self._take_back(one, next(iter(one.told)))
        one.told[question] = found, pieces
        self._weigh(one, pieces)
        self._forget()

    def _take_back(self, one: Beginning, question: Hashable) -> None:
        _, pieces = one.told.pop(question, (None, 0))
        self._weigh(one, -pieces)

    def _weigh(self, one: Beginning, pieces: int) -> None:
        one.pieces += pieces
        self._pieces += pieces

    def _forget(self) -> None:
        while self._beginnings and (len(self._beginnings) > BEGINNINGS_KEPT or self._pieces > PIECES_KEPT):
            self._drop(next(iter(self._beginnings)))

    def _drop(self, digest: bytes) -> None:
        if (one := self._beginnings.pop(digest, None)) is None:
            return
        self._pieces -= one.pieces
        ends = self._ends[one.start]
        ends[one.end] -= 1
        if not ends[one.end]:
            del ends[one.end]
        if not ends:
            del self._ends[one.start]


def _start_of(text: bytes) -> int:
    return hash(text[:_START_BYTES])


def _digest_of(hashed: Any) -> bytes:
    digest: bytes = hashed.digest()
    return digest[:_DIGEST_BYTES]


memory = Memory()
