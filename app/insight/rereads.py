"""What of a call's input had been sent before, what of that its provider's cache spared, and why not the rest.

Method. A request is held against the last one of its conversation, part by part: tools, system prompt, messages. What
both have had been sent before, wherever it stands now; so had, in its way, a tool or a system prompt that was worded
anew, up to the size of the one whose place it takes: it would have been read, had it stayed. A cache can spare only
what both begin with. How many tokens that is nobody says: it is shared out by size, from what the provider counted for
the request before, or for this one where another model answered. Where all of the request before is sent again, its own
count is taken as it is. What the provider says it read of that was spared, and the rest was missed.

A cache is kept in blocks, ends where a mark stands, and sizes are not tokens: a rest of up to 256 tokens, or of 2 % of
what was sent again, is no miss. The cause is the first that holds, in the order of `_causes`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from app.core.call_input import MissCause
from app.core.origin import RequestClass
from app.core.sent_input import InputPart, PartKind, SentInput
from app.insight.cache_rules import CacheRule, cache_rule

GRAIN_TOKENS = 256
_GRAIN_SHARE = 50
_NAMED_TOOLS = 3


@dataclass(frozen=True, slots=True)
class Reread:
    """In tokens: what was sent again, what of that was read from the cache, what was missed; why, and what changed."""

    resent: int = 0
    read: int = 0
    missed: int = 0
    cause: MissCause = MissCause.FIRST
    changed_block: str = ""


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two requests have in common, in sizes: `intact` is what both begin with, `moved` what stands after the first
    difference, `reworded` what takes the place of a tool or system prompt; `before` and `now` are the whole of each.
    `changed` is the first part that differs, in the newer one or else in the older, and None where the newer only goes
    on."""

    intact: int
    moved: int
    before: int
    now: int
    changed: InputPart | None
    reworded: int = 0


def as_continued(before: SentInput, now: SentInput) -> SentInput:
    """A request that goes on from a stored answer, with the messages that it does not send again. What stands beside
    the messages is not kept with an answer, so it is the newer request's."""
    earlier = [part for part in before.parts if part.turn]
    last = max((part.turn for part in earlier), default=0)
    added = [part._replace(turn=part.turn + last) for part in now.parts if part.turn]
    beside = [part for part in now.parts if not part.turn]
    return replace(now, parts=(*beside, *earlier, *added), is_chained=True)


def overlap_of(before: Sequence[InputPart], now: Sequence[InputPart], *, is_chained: bool = False) -> Overlap:
    """What the parts of two requests have in common; settings are none. `is_chained`: the older lacks the answers that
    the newer may hold, so what comes between its parts is no change."""
    if tuple(now[: len(before)]) == tuple(before):  # nearly always: an agent goes on
        size = _size(_content(before))
        return Overlap(size, 0, size, size + _size(_content(now[len(before) :])), None)
    old, new = _content(before), _content(now)
    same = 0
    for one, other in zip(old, new, strict=False):
        if one.digest != other.digest or one.kind is not other.kind:
            break
        same += 1
    if same == len(old):
        return Overlap(_size(new[:same]), 0, _size(old), _size(new), None)
    intact, left = _size(new[:same]), Counter(part.digest for part in old[same:])
    moved, fresh = 0, []
    for part in new[same:]:
        if left[part.digest] > 0:
            left[part.digest] -= 1
            moved += part.size
        else:
            fresh.append(part)
    reworded = _reworded([part for part in old[same:] if left[part.digest] > 0], fresh)
    changed = _first_change(old[same:], new[same:])
    if is_chained and changed is not None and changed.kind is PartKind.MESSAGE and not +left:
        intact, moved, changed = intact + moved, 0, None
    return Overlap(intact, moved, _size(old), _size(new), changed, reworded)


def reread(before: SentInput | None, now: SentInput, read_tokens: int, overlap: Overlap | None = None) -> Reread:
    """What a call sent again of the last request of its conversation, None where it is the first. `read_tokens` is what
    its provider says it read from the cache; `overlap` is that of the two requests, where it is known."""
    if before is None:
        return Reread()
    overlap = overlap or overlap_of(before.parts, now.parts, is_chained=before.is_chained)
    is_same_kind = before.origin.request_class is now.origin.request_class  # a compaction has a prompt of its own
    again = overlap.intact + overlap.moved + (overlap.reworded if is_same_kind else 0)
    resent = min(now.input_tokens, _tokens(before, now, overlap, again))
    read = min(read_tokens, resent)
    missed = resent - read
    if missed <= max(GRAIN_TOKENS, resent // _GRAIN_SHARE):
        return Reread(resent, read, 0, MissCause.NONE)
    miss = _Miss(before, now, overlap, resent, read, _tokens(before, now, overlap, overlap.intact))
    cause = next(cause for cause, holds in _causes(miss) if holds)
    return Reread(resent, read, missed, cause, _changed_block(cause, miss))


def goes_on(before: SentInput, now: SentInput) -> bool:
    """Whether a request goes on a conversation: one of its messages is said again."""
    said = {part.digest for part in before.parts if part.kind is PartKind.MESSAGE}
    return any(part.digest in said for part in now.parts if part.kind is PartKind.MESSAGE)


def is_kin(before: SentInput, now: SentInput) -> bool:
    """Whether a request that goes on nothing begins like this one, with its system prompt: another conversation of the
    same program, or the same one with a new history."""
    old, new = _system(before), _system(now)
    return old == new and bool(old or now.tags.session)


def tool_share(now: SentInput) -> int:
    """About how many tokens of the input define tools, by size."""
    whole = _size(_content(now.parts))
    tools = _size([part for part in now.parts if part.kind is PartKind.TOOL])
    return now.input_tokens * tools // whole if whole else 0


@dataclass(frozen=True, slots=True)
class _Miss:
    before: SentInput
    now: SentInput
    overlap: Overlap
    resent: int
    read: int
    intact: int

    @property
    def rule(self) -> CacheRule:
        return cache_rule(self.now.model, self.before.asked)

    @property
    def idle(self) -> timedelta:
        return self.now.at - self.before.at

    @property
    def changed(self) -> PartKind | None:
        """The kind of the first part that changed, where more than the grain stands behind it."""
        moved = self.resent - self.intact
        if self.overlap.changed is None or moved <= GRAIN_TOKENS:
            return None
        return self.overlap.changed.kind


def _causes(miss: _Miss) -> Iterator[tuple[MissCause, bool]]:
    """Each cause and whether it holds, the one that makes all others idle first."""
    before, now, rule = miss.before, miss.now, miss.rule
    is_asked = bool(before.asked and now.asked) or not rule.must_be_asked
    yield MissCause.TOO_SHORT, miss.resent < rule.minimum_tokens and miss.read == 0
    yield MissCause.NOT_ASKED, not is_asked
    yield MissCause.MODEL, before.model != now.model or before.provider != now.provider
    yield MissCause.ACCOUNT, bool(before.account and now.account) and before.account != now.account
    yield MissCause.EXPIRED, miss.idle > rule.life and miss.read + GRAIN_TOKENS < miss.intact
    yield MissCause.COMPACTED, _is_compacted(miss)
    yield MissCause.TOOLS, miss.changed is PartKind.TOOL
    yield MissCause.SYSTEM, miss.changed is PartKind.SYSTEM
    yield MissCause.HISTORY, miss.changed is PartKind.MESSAGE
    yield MissCause.SETTINGS, bool(_changed_settings(before, now))
    yield MissCause.NOT_ASKED, rule.must_be_asked and miss.read + GRAIN_TOKENS >= before.cached_tokens
    yield MissCause.UNKNOWN, True


def _is_compacted(miss: _Miss) -> bool:
    if miss.now.origin.request_class is RequestClass.COMPACTION:
        return miss.before.origin.request_class is not RequestClass.COMPACTION
    was, now = _messages(miss.before), _messages(miss.now)
    return miss.changed is PartKind.MESSAGE and 2 * now < was


def _changed_block(cause: MissCause, miss: _Miss) -> str:
    match cause:
        case MissCause.TOOLS:
            return _tools_changed(miss.before, miss.now)
        case MissCause.SYSTEM:
            return "system"
        case MissCause.HISTORY:
            return f"message {miss.overlap.changed.turn}" if miss.overlap.changed else ""
        case MissCause.SETTINGS:
            return "settings: " + _listed(_changed_settings(miss.before, miss.now))
        case MissCause.MODEL:
            return f"model: {miss.before.model} to {miss.now.model}"
        case MissCause.EXPIRED:
            return f"idle for {max(1, miss.idle // timedelta(minutes=1))} min"
    return ""


def _tools_changed(before: SentInput, now: SentInput) -> str:
    old, new = _named(before, PartKind.TOOL), _named(now, PartKind.TOOL)
    added = [f"+{name}" for name in new if name not in old]
    removed = [f"-{name}" for name in old if name not in new]
    edited = [f"~{name}" for name in new if name in old and new[name] != old[name]]
    return "tools: " + (_listed(added + removed + edited) or "reordered")


def _changed_settings(before: SentInput, now: SentInput) -> list[str]:
    old, new = _named(before, PartKind.SETTING), _named(now, PartKind.SETTING)
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED_TOOLS])
    return f"{shown} and {len(names) - _NAMED_TOOLS} more" if len(names) > _NAMED_TOOLS else shown


def _named(sent: SentInput, kind: PartKind) -> dict[str, bytes]:
    return {part.name: part.digest for part in sent.parts if part.kind is kind}


def _system(sent: SentInput) -> list[bytes]:
    return [part.digest for part in sent.parts if part.kind is PartKind.SYSTEM]


def _messages(sent: SentInput) -> int:
    return _size([part for part in sent.parts if part.kind is PartKind.MESSAGE])


def _content(parts: Sequence[InputPart]) -> list[InputPart]:
    return [part for part in parts if part.kind is not PartKind.SETTING]


def _size(parts: Sequence[InputPart]) -> int:
    return sum([part.size for part in parts])


def _reworded(gone: Sequence[InputPart], fresh: Sequence[InputPart]) -> int:
    """The size of what stands in the place of tools of the same name, and of the system prompt."""
    return sum(min(_sizes(gone)[place], size) for place, size in _sizes(fresh).items())


def _sizes(parts: Sequence[InputPart]) -> Counter[tuple[PartKind, str]]:
    sizes: Counter[tuple[PartKind, str]] = Counter()
    for part in parts:
        if part.kind is PartKind.SYSTEM or (part.kind is PartKind.TOOL and part.name):
            sizes[part.kind, part.name] += part.size
    return sizes


def _first_change(old: Sequence[InputPart], new: Sequence[InputPart]) -> InputPart | None:
    """A tool added behind all others stands where the system prompt stood: the one that is read first has changed."""
    if not old:
        return None
    return old[0] if not new or old[0].kind < new[0].kind else new[0]


def _tokens(before: SentInput, now: SentInput, overlap: Overlap, size: int) -> int:
    """Tokens of a size of what both requests have."""
    is_same_model = (before.provider, before.model) == (now.provider, now.model)
    counted, whole = (before.input_tokens, overlap.before) if is_same_model else (now.input_tokens, overlap.now)
    return counted * size // whole if whole else 0
