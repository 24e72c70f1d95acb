"""What a running meter remembers of its conversations, so that each call can be asked whether it goes round.

A conversation is a chain: a call that carries the result of a tool goes on with the call whose answer asked for that
tool. So sub-agents that work side by side are kept apart even where nothing else tells them apart, and a request
without results (a person spoke, or the history was compacted) begins another chain. No I/O: what it has forgotten is
handed to it out of the ledger.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.core.loops import Finding, Turn
from app.insight.loops import TURNS_KEPT, loops_in, same_requests, without_notes

CALLS_KEPT = 4_000
"""Calls whose answers may still be gone on with, and conversations whose last request is remembered."""

type Who = tuple[str, str, str]
"""Virtual key, session and sub-agent."""


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A call that was answered. `turns` are the turns whose results it carried, as far as the ledger knew them;
    `carries_results` that it had results at all. `input_mark` is equal for the same input, empty where it is not
    known."""

    call_id: str
    who: Who
    started_at: datetime
    ended_at: datetime
    cost_nano_usd: int | None = None
    carries_results: bool = False
    turns: tuple[Turn, ...] = ()
    input_mark: str = ""


class _Chain:
    """The turns of one conversation, all of them and those that did something."""

    __slots__ = ("_doing", "_turns")

    def __init__(self, turns: Iterable[Turn] = ()) -> None:
        self._turns: list[Turn] = []  # thousands are kept, and most stay empty: a deque would take ten times the room
        self._doing: list[Turn] = []
        self.add(turns)

    def add(self, turns: Iterable[Turn]) -> None:
        """Take in the next turns, but those that were the last already."""
        for turn in turns:
            if turn.steps and (not self._turns or self._turns[-1].call_id != turn.call_id):
                self._turns.append(turn)
                doing = without_notes(turn)
                self._doing.extend([doing] if doing.steps else ())
        del self._turns[:-TURNS_KEPT], self._doing[:-TURNS_KEPT]

    def loops(self) -> tuple[Finding, ...]:
        """The loops that its newest turn is in. A tool for notes can be in one itself, and hides none."""
        return loops_in(self._turns) or loops_in(self._doing)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The last request of somebody, and how often it was sent in a row."""

    mark: str
    count: int
    ended_at: datetime
    repeated_nano_usd: int | None


class LoopMemory:
    """Takes in calls in the order in which they were answered. To be used by one thread."""

    def __init__(self, calls_kept: int = CALLS_KEPT) -> None:
        self._kept = calls_kept
        self._chains: OrderedDict[str, _Chain] = OrderedDict()
        self._latest: OrderedDict[Who, _Chain] = OrderedDict()
        self._asked: OrderedDict[Who, _Asked] = OrderedDict()

    def knows(self, call_id: str) -> bool:
        """Whether the conversation that this call belongs to is remembered."""
        return call_id in self._chains

    def restore(self, call_id: str, who: Who, turns: Iterable[Turn]) -> None:
        """Take in what came before a call that is not remembered: the turns up to that call, oldest first."""
        self._keep(call_id, who, _Chain(turns))

    def take(self, call: SeenCall) -> tuple[Finding, ...]:
        """The loops that this call is in. A call that was taken in before is taken for the same one."""
        chain = self._chain_of(call)
        chain.add(call.turns)
        self._keep(call.call_id, call.who, chain)
        asked_again = self._count_request(call)
        return (*(chain.loops() if call.turns else ()), *([asked_again] if asked_again else []))

    def _chain_of(self, call: SeenCall) -> _Chain:
        known = next((self._chains[turn.call_id] for turn in call.turns if turn.call_id in self._chains), None)
        if known is None and call.carries_results:
            known = self._latest.get(call.who)  # its results were known before: it was sent again
        return known or _Chain()

    def _count_request(self, call: SeenCall) -> Finding | None:
        if not call.input_mark:
            return None
        last = self._asked.get(call.who)
        if last is None or last.mark != call.input_mark:
            self._remember(call, _Asked(call.input_mark, 1, call.ended_at, None))
            return None
        if call.started_at < last.ended_at:  # side by side: samples of the same question, not a loop
            return None
        costs = [cost for cost in (last.repeated_nano_usd, call.cost_nano_usd) if cost is not None]
        asked = _Asked(last.mark, last.count + 1, call.ended_at, sum(costs) if costs else None)
        self._remember(call, asked)
        return same_requests(asked.count, asked.mark, asked.repeated_nano_usd)

    def _remember(self, call: SeenCall, asked: _Asked) -> None:
        self._asked[call.who] = asked
        self._asked.move_to_end(call.who)
        _shorten(self._asked, self._kept)

    def _keep(self, call_id: str, who: Who, chain: _Chain) -> None:
        self._chains[call_id] = chain
        self._chains.move_to_end(call_id)
        self._latest[who] = chain
        self._latest.move_to_end(who)
        _shorten(self._chains, self._kept)
        _shorten(self._latest, self._kept)


def _shorten[Key, Value](kept: OrderedDict[Key, Value], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
