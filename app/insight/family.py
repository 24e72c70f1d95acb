"""What a task or a session was made of: its main conversation, the sub-agents under it as a tree, and what was asked on
the side, by purpose.

Each call is in one line, so the lines add up to the whole. Who started whom is what the agents said: a parent that made
no call, and one that would make a circle, put a sub-agent right under its session.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from app.core.money import format_call_usd, format_usd
from app.core.origin import IS_WORK, OriginSum, RequestClass
from app.core.wording import counted

_NAMED_BY_ALL = 8
_PURPOSES = {
    RequestClass.TITLE: "titles",
    RequestClass.SUMMARY: "summaries",
    RequestClass.COMPACTION: "compactions",
    RequestClass.SIDE: "side questions",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One part: a conversation at its depth in the tree (0: a session's main one), or a purpose, which has none.

    `cost_nano_usd` is its own, without that of the sub-agents under it. `request_class` is a purpose's.
    """

    name: str
    depth: int | None
    calls: int
    cost_nano_usd: int
    unpriced_calls: int = 0
    agent_id: str = ""
    request_class: RequestClass = RequestClass.MAIN


def family_of(sums: Iterable[OriginSum]) -> tuple[Line, ...]:
    """The parts of these calls: each session's tree with its dearest branches first, then the purposes. Empty where all
    there is is the main conversation."""
    merged = _merged(sums)
    if not any(one.origin.agent_id or one.origin.request_class not in IS_WORK for one in merged):
        return ()
    sessions = sorted({one.session for one in merged})
    work = {(one.session, one.origin.agent_id): one for one in merged if one.origin.request_class in IS_WORK}
    trees = [line for session in sessions for line in _tree(session, work, is_alone=len(sessions) == 1)]
    return (*trees, *_purposes(merged))


def shortened(lines: Sequence[Line], most: int) -> tuple[Line, ...]:
    """No more than so many conversations: those that follow are one line. Purposes stay."""
    tree = [line for line in lines if line.depth is not None]
    if len(tree) <= most:
        return tuple(lines)
    shown, rest = tree[: most - 1], tree[most - 1 :]
    sums = (sum(getattr(line, name) for line in rest) for name in ("calls", "cost_nano_usd", "unpriced_calls"))
    folded = Line(f"{len(rest)} more sub-agents", 1, *sums)
    return (*shown, folded, *(line for line in lines if line.depth is None))


def line_name(line: Line) -> str:
    """The name as it stands in a column, with the tree's lines before it."""
    return "│ " * (line.depth - 1) + "├ " + line.name if line.depth else line.name


def line_cost(line: Line) -> str:
    """What a part cost: `$0.30`, `$0.0042`, `$0.30+` with calls of unknown price, a dash where none is known."""
    if line.unpriced_calls and not line.cost_nano_usd:
        return format_usd(None)
    told = format_usd(line.cost_nano_usd)
    return (format_call_usd(line.cost_nano_usd) if told == "<$0.01" else told) + ("+" if line.unpriced_calls else "")


def purposes_sentence(sums: Iterable[OriginSum]) -> str:
    """What went to sub-agents and to each purpose beside the work, in one sentence; empty where nothing did."""
    merged = [one for one in sums if one.origin.request_class is not RequestClass.MAIN]
    own = [one for one in merged if one.origin.request_class is RequestClass.SUB_AGENT]
    lines = [*([_line("sub-agents", None, own)] if own else []), *_purposes(merged)]
    told = ", ".join(f"{line_cost(line)} for {line.name} ({counted(line.calls, 'call')})" for line in lines)
    return f"Of it: {told}." if told else ""


def _merged(sums: Iterable[OriginSum]) -> list[OriginSum]:
    """One sum for each conversation and purpose in a session: an agent may tell its kind in some calls only."""
    found: dict[tuple[str, str, bool, RequestClass], OriginSum] = {}
    for one in sums:
        origin = one.origin
        is_work = origin.request_class in IS_WORK
        place = (one.session, origin.agent_id, is_work, RequestClass.MAIN if is_work else origin.request_class)
        known = found.get(place)
        found[place] = one if known is None else _both(known, one)
    return list(found.values())


def _both(first: OriginSum, second: OriginSum) -> OriginSum:
    told = replace(
        first.origin,
        kind=first.origin.kind or second.origin.kind,
        parent_id=first.origin.parent_id or second.origin.parent_id,
    )
    return OriginSum(
        first.session,
        told,
        first.calls + second.calls,
        first.cost_nano_usd + second.cost_nano_usd,
        first.unpriced_calls + second.unpriced_calls,
    )


def _tree(session: str, work: dict[tuple[str, str], OriginSum], *, is_alone: bool) -> Iterator[Line]:
    own = {agent_id: one for (of, agent_id), one in work.items() if of == session}
    main = own.pop("", None)
    name = "main" if is_alone else f"main of {session or 'no session'}"
    yield _line(name, 0, [] if main is None else [main])
    under: dict[str, list[str]] = {}
    for agent_id, one in sorted(own.items(), key=lambda item: -item[1].cost_nano_usd):
        parent = one.origin.parent_id
        under.setdefault(parent if parent in own else "", []).append(agent_id)
    left = set(own)
    for agent_id, depth in _walked(under, "", 1, left):
        yield replace(_line(_conversation(own[agent_id]), depth, [own[agent_id]]), agent_id=agent_id)
    for agent_id in sorted(left):  # each other's parents
        yield replace(_line(_conversation(own[agent_id]), 1, [own[agent_id]]), agent_id=agent_id)


def _walked(under: dict[str, list[str]], parent: str, depth: int, left: set[str]) -> Iterator[tuple[str, int]]:
    """The branches below one, depth first, each once; what is reached is taken out of `left`."""
    waiting = [(agent_id, depth) for agent_id in reversed(under.get(parent, []))]
    while waiting:
        agent_id, at = waiting.pop()
        left.discard(agent_id)
        yield agent_id, at
        waiting.extend((child, at + 1) for child in reversed(under.get(agent_id, [])))


def _conversation(one: OriginSum) -> str:
    origin = one.origin
    name, short = origin.kind or "sub-agent", origin.agent_id
    if short == name:
        return name
    return f"{name} {short if len(short) <= _NAMED_BY_ALL else '…' + short[2 - _NAMED_BY_ALL :]}"


def _purposes(sums: Iterable[OriginSum]) -> list[Line]:
    listed = list(sums)
    found = [(purpose, [one for one in listed if one.origin.request_class is purpose]) for purpose in _PURPOSES]
    return [replace(_line(_PURPOSES[one], None, some), request_class=one) for one, some in found if some]


def _line(name: str, depth: int | None, sums: Sequence[OriginSum]) -> Line:
    return Line(
        name,
        depth,
        sum(one.calls for one in sums),
        sum(one.cost_nano_usd for one in sums),
        sum(one.unpriced_calls for one in sums),
    )
