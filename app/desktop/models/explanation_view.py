"""An explanation in words and as a waterfall: terms that add up from the typical cost to this session's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.core.call import Outcome
from app.core.call_input import MissCause
from app.core.money import MINUS, format_call_usd, format_usd
from app.core.origin import RequestClass
from app.core.session import Part
from app.desktop.formats import plural
from app.desktop.models.session_view import title_of
from app.desktop.models.snapshot import agent_word
from app.insight.causes import BY_CLASS, BY_MISS, Cause
from app.insight.comparison import LEAST_TASKS
from app.insight.explain import Explanation
from app.insight.explain import Part as CostPart
from app.insight.family import Line
from app.insight.wording import part_sentence, unpriced_sentence
from app.ledger.session_calls import CallOrder, CallWish
from app.services.explanations import Against, SessionExplanation

_WORTH_COUNTING = 2
_DONE = Outcome.COMPLETED
_MAIN = CallWish(outcome=_DONE, classes=(RequestClass.MAIN,), is_after_failure=False)
_WISHES = {
    Cause.CALLS: _MAIN,
    Cause.INPUT: replace(_MAIN, order=CallOrder.INPUT),
    Cause.CACHE: replace(_MAIN, order=CallOrder.UNCACHED),
    Cause.OUTPUT: replace(_MAIN, order=CallOrder.OUTPUT),
    Cause.PRICE: replace(_MAIN, order=CallOrder.COST),
    Cause.SEARCHES: replace(_MAIN, has_searches=True),
    Cause.AFTER_FAILURES: CallWish(outcome=_DONE, is_after_failure=True),
    Cause.FAILED: CallWish(outcome=Outcome.FAILED),
    Cause.INTERRUPTED: CallWish(outcome=Outcome.INTERRUPTED),
} | {
    cause: replace(
        _MAIN,
        classes=tuple(one for one in BY_CLASS if BY_CLASS[one] is cause),
        misses=tuple(one for one in MissCause if BY_MISS.get(one, Cause.MISSED) is cause),
    )
    for cause in {Cause.MISSED, *BY_CLASS.values(), *BY_MISS.values()}
}
_NAMES = {
    Cause.CALLS: ("More calls", "Fewer calls"),
    Cause.INPUT: ("Longer context", "Shorter context"),
    Cause.CACHE: ("Less from the cache", "More from the cache"),
    Cause.OUTPUT: ("Longer answers", "Shorter answers"),
    Cause.PRICE: ("Dearer model or price", "Cheaper model or price"),
    Cause.SEARCHES: ("Web searches", "Fewer web searches"),
    Cause.AFTER_FAILURES: ("Calls after failed tools", "Fewer calls after failed tools"),
    Cause.SUB_AGENTS: ("Sub-agents", "Less for sub-agents"),
    Cause.COMPACTION: ("Compaction", "Less compaction"),
    Cause.ASIDE: ("Titles and side questions", "Fewer titles and side questions"),
    Cause.EXPIRED: ("Cache expired", "Cache expired less often"),
    Cause.TOOLS: ("Cache lost: tools changed", "Tools changed less often"),
    Cause.SYSTEM: ("Cache lost: system prompt changed", "System prompt changed less often"),
    Cause.HISTORY: ("Cache lost: history edited", "History edited less often"),
    Cause.SETTINGS: ("Cache lost: settings changed", "Settings changed less often"),
    Cause.MODEL_SWITCH: ("Cache lost: model switched", "Model switched less often"),
    Cause.ACCOUNT: ("Cache lost: another account", "Fewer changes of account"),
    Cause.NOT_CACHED: ("Input that was not cached", "Less input that was not cached"),
    Cause.MISSED: ("Other cache misses", "Fewer other cache misses"),
    Cause.FAILED: ("Failed calls", "Fewer failed calls"),
    Cause.INTERRUPTED: ("Interrupted calls", "Fewer interrupted calls"),
}


@dataclass(frozen=True, slots=True)
class Term:
    """One step of the waterfall, in nano-dollars, from where it begins; `wish` is for the calls it comes from."""

    name: str
    nano_usd: int
    starts_at: int
    wish: CallWish
    hint: str = ""

    is_difference: bool = True

    @property
    def amount(self) -> str:
        """`+$0.62`, `−$0.08`; plain where it is a part of the cost itself."""
        return signed(self.nano_usd) if self.is_difference else format_usd(self.nano_usd)


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """All that the panel says. The terms add up from `base_nano_usd` to `whole_nano_usd`, exactly."""

    name: str
    place: str
    title: str
    sentences: tuple[str, ...]
    base: str
    base_nano_usd: int
    terms: tuple[Term, ...]
    whole_nano_usd: int
    calls: int
    note: str

    @property
    def most_nano_usd(self) -> int:
        """The highest point that the waterfall reaches."""
        ends = [term.starts_at + max(0, term.nano_usd) for term in self.terms]
        return max([self.base_nano_usd, self.whole_nano_usd, *ends, 1])

    def as_text(self) -> str:
        """The panel's words, for a mail."""
        rows = [(self.base, format_usd(self.base_nano_usd))] if self.base else []
        rows += [(term.name, term.amount) for term in self.terms]
        rows.append(("This session", format_usd(self.whole_nano_usd)))
        widest = max(len(name) for name, _ in rows)
        highest = max(len(amount) for _, amount in rows)
        told = "\n".join(f"{name.ljust(widest)}  {amount.rjust(highest)}" for name, amount in rows)
        return f"{self.name} ({self.place})\n{self.title}\n\n{' '.join(self.sentences)}\n\n{told}\n{self.note}\n"


def explanation_view(explained: SessionExplanation) -> ExplanationView:
    """What the panel says of an explanation."""
    one, found = explained.session.id, explained.found
    place = ", ".join(part for part in (agent_word(one.agent), one.project) if part)
    whole = explained.session.whole
    cost = whole.whole_nano_usd if found is None else found.mine.whole_nano_usd
    sentences: tuple[str, ...]
    if found is None:
        title, base, base_nano_usd = f"It cost {format_usd(cost)}", "", 0
        sentences, terms = (_too_little(explained),), _stacked(0, _made_of(explained))
    else:
        title, base, base_nano_usd = (
            f"Why it cost {format_usd(cost)}",
            _base_name(explained),
            found.other.whole_nano_usd,
        )
        sentences = _sentences(explained, found)
        terms = _stacked(base_nano_usd, [_term(part, found) for part in _largest_first(found.parts)])
    return ExplanationView(
        title_of(one), place, title, sentences, base, base_nano_usd, terms, cost, whole.calls, _note(terms)
    )


def signed(nano_usd: int) -> str:
    """A term of a sum: `+$0.62`, `−$0.08`, `+$0.0042`."""
    told = format_call_usd(abs(nano_usd))
    return f"{'+' if nano_usd >= 0 else MINUS}{told}"


def _stacked(base: int, terms: Sequence[Term]) -> tuple[Term, ...]:
    """The same terms, each beginning where the one before ended."""
    placed, at = [], base
    for term in terms:
        placed.append(replace(term, starts_at=at))
        at += term.nano_usd
    return tuple(placed)


def _term(part: CostPart, found: Explanation) -> Term:
    name = _NAMES[part.cause][0 if part.nano_usd > 0 else 1]
    return Term(name, part.nano_usd, 0, _WISHES[part.cause], part_sentence(part, found))


def _largest_first(parts: Sequence[CostPart]) -> list[CostPart]:
    return sorted((part for part in parts if part.nano_usd), key=lambda part: -part.nano_usd)


def _made_of(explained: SessionExplanation) -> list[Term]:
    """The cost itself by the parts of the session."""
    whole = explained.session.whole
    lines = explained.family or (Line("All calls", 0, whole.calls, whole.whole_nano_usd),)
    return [_line_term(line, len(lines) == 1) for line in lines]


def _line_term(line: Line, is_all: bool) -> Term:
    wish = CallWish() if is_all else CallWish(Part(line.agent_id, line.request_class))
    name = "Main conversation" if line.depth == 0 and not is_all else line.name
    return Term(name, line.cost_nano_usd, 0, wish, plural(line.calls, "call"), is_difference=False)


def _sentences(explained: SessionExplanation, found: Explanation) -> tuple[str, ...]:
    mine, base = found.mine.whole_nano_usd, found.other.whole_nano_usd
    who = _who(explained)
    if mine == base:
        return (f"As much as {who}.",)
    said = [f"{_times(mine, base)} {who}."]
    parts = sorted((part for part in found.parts if part.nano_usd), key=lambda part: -abs(part.nano_usd))
    towards = [part for part in parts if (part.nano_usd > 0) == (mine > base)]
    if towards:
        said.append(f"Most of the difference: {part_sentence(towards[0], found)}")
    if unpriced := unpriced_sentence(found):
        said.append(unpriced)
    return tuple(said)


def _times(mine: int, base: int) -> str:
    times = mine // base if base else 0
    if times >= _WORTH_COUNTING:
        return f"{times:,} times"
    return f"{format_usd(abs(mine - base))} {'more' if mine > base else 'less'} than"


def _who(explained: SessionExplanation) -> str:
    one = explained.session.id
    if explained.against is Against.TYPICAL:
        return f"the typical task of {agent_word(one.agent)}, the mean of {explained.tasks:,}"
    if explained.against is Against.LAST_RUN:
        return "its last run"
    return title_of(explained.other) if explained.other else "the other session"


def _base_name(explained: SessionExplanation) -> str:
    if explained.against is Against.TYPICAL:
        return f"Typical {agent_word(explained.session.id.agent)} task"
    return "Its last run" if explained.against is Against.LAST_RUN else _who(explained)


def _too_little(explained: SessionExplanation) -> str:
    if explained.against is Against.TYPICAL:
        return f"Fewer than {LEAST_TASKS} tasks to compare with, so this is the cost itself, not a difference."
    return "There is nothing to compare with, so this is the cost itself, not a difference."


def _note(terms: Sequence[Term]) -> str:
    return "The terms add up exactly. Each one opens its calls." if terms else "No term: nothing differs."
