"""The protocol by which money is held, as a small machine: every step that a ledger, its meters, a provider, a person
and the clock can take from one state, and what must be true in all of them.

Two caps match every call: one by the day, one in total. A state is a row of small numbers (`bytes`), so that half a
million fit into memory. A mutation is a mistake put in on purpose, to see that the search finds it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

# Phases of a call.
IDLE, CHECKED, ASKING, HELD, SENT, CUT, ENDED, LOST, REFUSED = range(9)

# Where things stand in a state: first the world, then three windows, then the calls.
DAY, EDIT, ALIVE, FLAW, WORLD = 0, 1, 2, 3, 4
POSTED, HOLDS, ALLOWED, LIMIT, WINDOW_SIZE = 0, 1, 2, 3, 4
PHASE, HOLD, BILLED, ITS_DAY, CHARGED, EXCUSED, CALL_SIZE = 0, 1, 2, 3, 4, 5, 6
TODAY, TOMORROW, TOTAL = range(3)
CALLS = WORLD + 3 * WINDOW_SIZE

FALSELY_EXHAUSTED = 1


class Mutation(StrEnum):
    """A mistake in the protocol."""

    NONE = "none"
    CHECK_THEN_ACT = "room is looked at in one transaction and taken in another"
    CLAMPED_HOLD = "a hold that does not fit is made smaller"
    HOLD_TIMES_OUT = "a hold ends by itself while the provider still answers"
    RECOVERED_TO_ZERO = "a dead meter's holds are given back"
    RECOVERED_AT_HOLD = "a dead meter's calls are charged at what was held, not at worst"
    RECOVERS_THE_LIVING = "recovery gives back the holds of meters that live"
    SETTLED_TWICE = "a second settle is not noticed"
    SETTLED_TODAY = "a settle lands in the window that runs, not in the one that was held"
    HELD_IN_SOME = "a hold stays in one cap when the other has no room"
    EXTENDED_UNGUARDED = "a hold grows whether there is room or not"
    EXTENDED_IN_ONE = "a hold grows in one cap only"
    CUT_AT_SEEN = "a cut answer is charged with what was seen of it"
    VOIDED_WHEN_SENT = "a call that broke off after it was sent is given back"
    EXCUSED_FROM_ALL = "an approval for one cap excuses from the other"
    ASKING_HOLDS = "a call that waits for a person holds its money"
    CONTENDED_IS_EXHAUSTED = "money merely held by others makes a cap used up"
    EDIT_FORGETS_HOLDS = "a cap that is edited starts without what is held"


@dataclass(frozen=True, slots=True)
class Agent:
    """One call: the meter it goes through, what is held at first, and the most it can cost."""

    meter: int
    first_hold: int
    worst: int


@dataclass(frozen=True, slots=True)
class Setting:
    """Which calls there are, and the limits of the daily cap (before and after it is edited) and of the total one."""

    agents: tuple[Agent, ...]
    daily: tuple[int, int]
    total: int
    mutation: Mutation = Mutation.NONE

    @property
    def start(self) -> bytes:
        """The state before anything has happened."""
        windows = [number for limit in (self.daily[0], self.daily[0], self.total) for number in (0, 0, limit, limit)]
        return bytes([0, 0, 0b11, 0, *windows, *([0] * CALL_SIZE * len(self.agents))])


type Steps = Iterator[tuple[str, bytes]]


def steps(setting: Setting, state: bytes) -> Steps:
    """Every step from a state, by name."""
    for number, agent in enumerate(setting.agents):
        at = CALLS + CALL_SIZE * number
        is_alive = bool(state[ALIVE] >> agent.meter & 1)
        yield from _STEPS[state[PHASE + at]](setting, state, at, agent, is_alive)
    yield from _world_steps(setting, state)


def _windows(state: bytes | bytearray, at: int) -> tuple[int, int]:
    """Where the windows of a call stand that has one: the day's it was held in, and the total."""
    return WORLD + WINDOW_SIZE * state[at + ITS_DAY], WORLD + WINDOW_SIZE * TOTAL


def _has_room(state: bytes | bytearray, window: int, amount: int) -> bool:
    return state[window + POSTED] + state[window + HOLDS] + amount <= state[window + LIMIT]


def _would_fit(state: bytes | bytearray, window: int, amount: int) -> bool:
    return state[window + POSTED] + amount <= state[window + LIMIT]


def _idle(setting: Setting, state: bytes, at: int, agent: Agent, is_alive: bool) -> Steps:
    """Reserve in all windows or in none; else wait (the same state), ask a person, or be refused."""
    if not is_alive:
        return
    new = bytearray(state)
    new[at + ITS_DAY] = state[DAY]
    windows = _windows(new, at)
    excused = {windows[position] for position in (0, 1) if state[at + EXCUSED] >> position & 1}
    lacking = [window for window in windows if window not in excused and not _has_room(state, window, agent.first_hold)]
    if not lacking or (excused and setting.mutation is Mutation.EXCUSED_FROM_ALL):
        yield from _reserve(setting, new, at, agent, excused)
        return
    if setting.mutation is Mutation.HELD_IN_SOME and len(lacking) == 1:
        half = bytearray(state)
        half[windows[windows[0] == lacking[0]] + HOLDS] += agent.first_hold
        yield "hold in some", bytes(half)
    if setting.mutation is Mutation.CLAMPED_HOLD:
        room = min(state[window + LIMIT] - state[window + POSTED] - state[window + HOLDS] for window in windows)
        if room > 0:
            yield from _take(new, at, room, windows, "clamp")
    yield from _turn_away(setting, state, at, agent, windows, lacking)


def _turn_away(
    setting: Setting, state: bytes, at: int, agent: Agent, windows: tuple[int, int], lacking: list[int]
) -> Steps:
    used_up = [window for window in lacking if not _would_fit(state, window, agent.first_hold)]
    if setting.mutation is Mutation.CONTENDED_IS_EXHAUSTED:
        used_up = lacking
    if not used_up:
        return
    refused = bytearray(state)
    refused[at + PHASE] = REFUSED
    if all(_would_fit(state, window, agent.first_hold) for window in windows):
        refused[FLAW] = FALSELY_EXHAUSTED
    yield "refuse", bytes(refused)
    asking = bytearray(state)
    asking[at + PHASE] = ASKING
    asking[at + ITS_DAY] = state[DAY]
    asking[at + CHARGED] = 1 + windows.index(used_up[0])
    if setting.mutation is Mutation.ASKING_HOLDS:
        for window in windows:
            asking[window + HOLDS] += agent.first_hold
    yield "ask", bytes(asking)


def _reserve(setting: Setting, new: bytearray, at: int, agent: Agent, excused: set[int]) -> Steps:
    if setting.mutation is Mutation.CHECK_THEN_ACT:
        new[at + PHASE] = CHECKED
        yield "check", bytes(new)
        return
    for window in excused:  # a person let it pass, at most at what it can cost
        over = new[window + POSTED] + new[window + HOLDS] + agent.first_hold
        new[window + ALLOWED] = max(new[window + ALLOWED], over)
    yield from _take(new, at, agent.first_hold, _windows(new, at), "reserve")


def _take(new: bytearray, at: int, hold: int, windows: tuple[int, int], name: str) -> Steps:
    new[at + PHASE], new[at + HOLD] = HELD, hold
    for window in windows:
        new[window + HOLDS] += hold
    yield name, bytes(new)


def _checked(setting: Setting, state: bytes, at: int, agent: Agent, is_alive: bool) -> Steps:
    if is_alive:
        yield from _take(bytearray(state), at, agent.first_hold, _windows(state, at), "act")


def _asking(setting: Setting, state: bytes, at: int, agent: Agent, is_alive: bool) -> Steps:
    """A person approves once, for the window that was asked about, or refuses; nothing is held meanwhile."""
    for name, phase in (("approve", IDLE), ("refuse by person", REFUSED)):
        new = bytearray(state)
        new[at + PHASE] = phase
        if phase == IDLE and state[at + ITS_DAY] == state[DAY]:
            new[at + EXCUSED] |= state[at + CHARGED]
        new[at + CHARGED] = 0
        yield name, bytes(new)


def _held(setting: Setting, state: bytes, at: int, agent: Agent, is_alive: bool) -> Steps:
    if not is_alive:
        return
    new = bytearray(state)
    new[at + PHASE] = SENT
    yield "send", bytes(new)
    yield "void", _ended(state, at, 0)


def _sent(setting: Setting, state: bytes, at: int, agent: Agent, is_alive: bool) -> Steps:
    """The answer flows: never past the hold while the meter lives, to its worst when nobody can cut it."""
    most = state[at + HOLD] if is_alive else agent.worst
    if setting.mutation is Mutation.CLAMPED_HOLD:
        most = agent.worst
    if state[at + BILLED] < most:
        yield "bill", _billed(state, at)
    if not is_alive:
        return
    yield "settle", _ended(state, at, state[at + BILLED], setting)
    if state[at + HOLD] < agent.worst and state[at + BILLED] + 1 >= state[at + HOLD]:
        yield _extended(setting, state, at)
    if setting.mutation is Mutation.HOLD_TIMES_OUT:
        yield "time out", _uncertain(state, at, 0, state[at + HOLD])
    if setting.mutation is Mutation.VOIDED_WHEN_SENT:
        yield "void when sent", _uncertain(state, at, 0, state[at + HOLD])
    # A client that leaves: what was held stays charged, since the provider may bill what it had made already.
    yield "break off", _uncertain(state, at, state[at + HOLD], state[at + HOLD])


def _extended(setting: Setting, state: bytes, at: int) -> tuple[str, bytes]:
    """Hold one more in all windows, or cut."""
    new = bytearray(state)
    windows = _windows(state, at)
    is_unguarded = setting.mutation is Mutation.EXTENDED_UNGUARDED
    if not is_unguarded and not all(_has_room(state, window, 1) for window in windows):
        new[at + PHASE] = CUT
        return "cut", bytes(new)
    new[at + HOLD] += 1
    for window in windows[:1] if setting.mutation is Mutation.EXTENDED_IN_ONE else windows:
        new[window + HOLDS] += 1
    return "extend", bytes(new)


def _cut(setting: Setting, state: bytes, at: int, agent: Agent, is_alive: bool) -> Steps:
    """The stream is closed; the provider may still bill what it had made by then: up to what was held."""
    if is_alive:
        is_mistaken = setting.mutation is Mutation.CUT_AT_SEEN
        charged = state[at + BILLED] if is_mistaken else state[at + HOLD]
        yield "settle cut", _uncertain(state, at, charged, state[at + HOLD])


def _ended_call(setting: Setting, state: bytes, at: int, agent: Agent, is_alive: bool) -> Steps:
    """The same ending delivered again changes nothing."""
    if setting.mutation is Mutation.SETTLED_TWICE and state[at + EXCUSED] < 4:
        new = bytearray(state)
        for window in _windows(state, at):
            new[window + POSTED] = min(255, new[window + POSTED] + state[at + CHARGED])
            new[window + HOLDS] = max(0, new[window + HOLDS] - state[at + HOLD])
        new[at + EXCUSED] |= 4
        yield "settle again", bytes(new)


def _lost_call(setting: Setting, state: bytes, at: int, agent: Agent, is_alive: bool) -> Steps:
    """Nobody can tell what it comes to; the provider bills on."""
    if state[at + BILLED] < state[at + HOLD]:
        yield "bill late", _billed(state, at)


def _nothing(setting: Setting, state: bytes, at: int, agent: Agent, is_alive: bool) -> Steps:
    yield from ()


def _billed(state: bytes, at: int) -> bytes:
    new = bytearray(state)
    new[at + BILLED] += 1
    return bytes(new)


def _ended(state: bytes, at: int, charged: int, setting: Setting | None = None) -> bytes:
    new = bytearray(state)
    new[at + PHASE], new[at + CHARGED] = ENDED, charged
    into = _windows(state, at)
    if setting is not None and setting.mutation is Mutation.SETTLED_TODAY:
        into = WORLD + WINDOW_SIZE * state[DAY], into[1]
    for window, landing in zip(_windows(state, at), into, strict=True):
        new[window + HOLDS] -= state[at + HOLD]
        new[landing + POSTED] += charged
    return bytes(new)


def _uncertain(state: bytes, at: int, charged: int, most: int) -> bytes:
    """The call is over for us; the provider can bill `most` for it."""
    new = bytearray(_ended(state, at, charged))
    new[at + PHASE], new[at + HOLD] = LOST, most
    return bytes(new)


def _world_steps(setting: Setting, state: bytes) -> Steps:
    """Midnight, a cap's edit, the death of a meter and what is done about it."""
    if state[DAY] == 0:
        yield "midnight", state[:DAY] + b"\1" + state[DAY + 1 :]
    if state[EDIT] == 0:
        yield "edit", _edited(setting, state)
    for meter in (0, 1):
        if state[ALIVE] >> meter & 1:
            new = bytearray(state)
            new[ALIVE] &= ~(1 << meter)
            yield "kill", bytes(new)
            if setting.mutation is Mutation.RECOVERS_THE_LIVING:
                yield "recover the living", _recovered(setting, state, meter)
        else:
            new = bytearray(_recovered(setting, state, meter))
            new[ALIVE] |= 1 << meter
            yield "recover", bytes(new)


def _edited(setting: Setting, state: bytes) -> bytes:
    """The daily cap gets its other limit; what it holds and has spent stays."""
    new = bytearray(state)
    new[EDIT] = 1
    for day in (TODAY, TOMORROW):
        window = WORLD + WINDOW_SIZE * day
        new[window + LIMIT] = setting.daily[1]
        new[window + ALLOWED] = max(new[window + ALLOWED], setting.daily[1])
        if setting.mutation is Mutation.EDIT_FORGETS_HOLDS:
            new[window + HOLDS] = 0
    return bytes(new)


def _recovered(setting: Setting, state: bytes, meter: int) -> bytes:
    """Calls of a dead meter are charged at worst: the provider may have billed all of it. A hold that was less than
    the worst case lets the cap be passed by the difference, which is the bound that such a hold is named with."""
    new = state
    for number, agent in enumerate(setting.agents):
        at = CALLS + CALL_SIZE * number
        if agent.meter != meter or state[at + PHASE] not in (HELD, SENT, CUT):
            continue
        charged = agent.worst
        if setting.mutation in (Mutation.RECOVERED_TO_ZERO, Mutation.RECOVERS_THE_LIVING):
            charged = 0
        elif setting.mutation is Mutation.RECOVERED_AT_HOLD:
            charged = state[at + HOLD]
        allowed = bytearray(_uncertain(new, at, charged, agent.worst))
        for window in _windows(state, at):
            allowed[window + ALLOWED] += max(0, charged - state[at + HOLD])
        new = bytes(allowed)
    return new


_STEPS = (_idle, _checked, _asking, _held, _sent, _cut, _ended_call, _lost_call, _nothing)


def broken_promise(setting: Setting, state: bytes) -> str:
    """The promise that a state breaks, or nothing."""
    if state[FLAW] == FALSELY_EXHAUSTED:
        return "refused as exhausted while what is spent and its worst case would fit"
    for number in (TODAY, TOMORROW, TOTAL):
        window = WORLD + WINDOW_SIZE * number
        told = _broken_window(setting, state, number, window)
        if told:
            return told
    return ""


def _broken_window(setting: Setting, state: bytes, number: int, window: int) -> str:
    held = charged = billed = unseen = 0
    for position, agent in enumerate(setting.agents):
        at = CALLS + CALL_SIZE * position
        phase = state[at + PHASE]
        if phase in (IDLE, CHECKED, ASKING, REFUSED) or number not in (state[at + ITS_DAY], TOTAL):
            continue
        billed += state[at + BILLED]
        if phase in (HELD, SENT, CUT):
            held += state[at + HOLD]
            if not state[ALIVE] >> agent.meter & 1:  # until it is recovered
                unseen += agent.worst - state[at + HOLD]
        else:
            charged += state[at + CHARGED]
    if state[window + HOLDS] != held:
        return "what a window holds is not what its calls hold"
    if state[window + POSTED] != charged:
        return "what a window has spent is not what its calls were charged with"
    if billed > held + charged + unseen:
        return "the provider has billed more than the ledger knows of"
    if held + charged > state[window + ALLOWED]:
        return "a window is above its limit"
    return ""
