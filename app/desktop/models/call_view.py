"""One call in words and figures: what it was, what each class of tokens came to, what it counted in."""

from dataclasses import dataclass
from fractions import Fraction

from app.core.call import Basis, Call, Outcome
from app.core.call_input import CallInput
from app.core.call_sum import ClassRates
from app.core.caps import cap_name
from app.core.money import MINUS, UNKNOWN, format_call_usd, format_usd
from app.core.providers import provider_title
from app.core.tags import Billing
from app.core.tool_call import ToolCall, ToolOutcome, shown_tool_name
from app.desktop.formats import byte_count, milliseconds, token_count
from app.desktop.models.cap_view import kind_line
from app.desktop.models.columns import BASIS_WORDS, Clock, call_part, call_state
from app.desktop.models.rows import Column
from app.ledger.counted_in import CountedIn

_PER = 1_000_000


@dataclass(frozen=True, slots=True)
class TokenLine:
    """One class of tokens: how many, None where the provider did not say; its list price for a million, and what they
    came to by it, in nano-dollars. `is_part` for one that is counted in the line above already."""

    name: str
    tokens: int | None
    rate: Fraction | None = None
    cost_nano_usd: int | None = None
    is_part: bool = False


def call_facts(call: Call, clock: Clock) -> list[tuple[str, str]]:
    """What a call was, a line each; what nobody told is left out."""
    tags, status = call.tags, f", status {call.status_code}" if call.status_code else ""
    asked = f", asked for as {call.request_model}" if call.model != call.request_model else ""
    first = call.time_to_first_chunk_ms
    told = [
        ("Time", clock.exactly(call.started_at)),
        ("Model", call.model + asked),
        ("Provider", f"{provider_title(call.provider)}, {call.operation}, {call.api_shape}"),
        ("Part", call_part(call) or "main conversation"),
        ("Agent", ", ".join(part for part in (tags.agent, tags.project, tags.user, tags.team) if part)),
        ("Ended", f"{call_state(call)}{status}" + (f", {call.error_type}" if call.error_type else "")),
    ]
    if call.duration_ms is not None:
        told.append(("Took", f"{call.duration_ms:,} ms" + (f", first words after {first:,} ms" if first else "")))
    return [(name, words) for name, words in told if words]


def resent_words(given: CallInput) -> str:
    """What a call sent again, and what was lost to the cache and why; empty where nothing had been sent before."""
    if not given.resent_tokens:
        return ""
    said = f"{token_count(given.resent_tokens)} tokens, {token_count(given.read_tokens)} of them from the cache"
    if not given.missed_tokens:
        return said
    lost = f", {format_call_usd(given.lost_nano_usd)} lost" if given.lost_nano_usd else ""
    changed = f" ({given.changed_block})" if given.changed_block else ""
    return f"{said}, {token_count(given.missed_tokens)} paid again: {given.cause}{changed}{lost}"


def cost_sentence(call: Call) -> str:
    """Where the amount that it cost comes from."""
    said = BASIS_WORDS[call.cost_basis]
    if call.cost_basis is Basis.TABLE and call.price_version:
        said = f"From the price table, {call.price_version}."
    covered = " A subscription paid for it: the amount is what the API would have asked."
    return said + (covered if call.billing is Billing.SUBSCRIPTION else "")


def token_lines(call: Call, rates: ClassRates | None) -> list[TokenLine]:
    """All classes of tokens. With list prices the lines add up to the cost: what the rates do not explain, such as a
    tier or a fee, is a line of its own."""
    usage = call.usage
    read, written = usage.cache_read_tokens, usage.cache_write_tokens
    fresh = None if usage.input_tokens is None else max(0, usage.input_tokens - (read or 0) - (written or 0))
    hour = usage.cache_write_1h_tokens
    short = None if written is None else written - min(written, hour or 0)
    lines = [
        _priced("Input, not cached", fresh, rates.fresh if rates else None),
        _priced("Cache read", read, rates.cache_read if rates else None),
        _priced("Cache write", short, rates.cache_write if rates else None),
    ]
    if hour:
        lines.append(_priced("Cache write, kept for an hour", hour, rates.cache_write_1h if rates else None))
    lines.append(_priced("Output", usage.output_tokens, rates.output if rates else None))
    parts = (
        ("of it reasoning", usage.reasoning_tokens),
        ("of the input audio", usage.input_audio_tokens),
        ("of the output audio", usage.output_audio_tokens),
    )
    lines += [TokenLine(name, tokens, is_part=True) for name, tokens in parts if tokens is not None]
    return [*lines, *_beyond(call, lines, rates)]


def token_columns() -> list[Column[TokenLine]]:
    """The columns of the table of tokens."""
    return [
        Column("Class", lambda line: line.name, ink="text", grows=True, ink_of=_line_ink),
        Column("Tokens", lambda line: "" if _is_rest(line) else _exact(line.tokens), is_amount=True),
        Column("Per 1M", lambda line: _rate_words(line.rate), is_amount=True, may_vanish=True),
        Column("Cost", _line_cost, is_amount=True, ink="text", is_strong=True, may_vanish=True),
    ]


def cap_columns() -> list[Column[CountedIn]]:
    """The columns of the table of caps that a call counts in."""
    return [
        Column("Cap", lambda one: cap_name(one.cap), ink="text", grows=True, gives_way=True, hint=_cap_hint),
        Column("Kind", lambda one: kind_line(one.cap), gives_way=True),
        Column("Spent", lambda one: format_usd(one.spent_nano_usd), is_amount=True, ink="text", is_strong=True),
        Column("Limit", lambda one: format_usd(one.limit_nano_usd), is_amount=True),
    ]


def tool_columns() -> list[Column[ToolCall]]:
    """The columns of the table of tools that the answer asked for."""
    return [
        Column("Tool", lambda tool: shown_tool_name(tool.name, tool.server), ink="text", grows=True, hint=_tool_hint),
        Column("Server", lambda tool: tool.server, may_vanish=True, gives_way=True),
        Column("Asked with", lambda tool: byte_count(tool.argument_bytes), is_amount=True),
        Column("Result", lambda tool: byte_count(tool.result_bytes), is_amount=True),
        Column("Ended", tool_end, ink_of=lambda tool: "at_text" if tool.outcome is ToolOutcome.FAILED else "text_2"),
        Column("ms", lambda tool: milliseconds(tool.latency_ms), is_amount=True),
    ]


def tool_end(tool: ToolCall) -> str:
    """How a tool call ended, in words."""
    again = ", a retry" if tool.is_retry else ""
    if not tool.has_result:
        return f"No result yet{again}"
    return {ToolOutcome.SUCCEEDED: "Done", ToolOutcome.FAILED: "Failed"}.get(tool.outcome, "Not told") + again


def caps_words(call: Call, *, is_imported: bool) -> str:
    """What to say where a call counts in no cap."""
    if is_imported:
        return "It was read from its agent’s log: no meter saw it, and no cap counts it."
    if call.outcome is Outcome.REFUSED:
        return "It was not sent, so it counts in no cap."
    return "No cap that is in force counts it."


def _priced(name: str, tokens: int | None, rate: Fraction | None) -> TokenLine:
    cost = None if tokens is None or rate is None else round(tokens * rate)
    return TokenLine(name, tokens, rate, cost)


def _beyond(call: Call, lines: list[TokenLine], rates: ClassRates | None) -> list[TokenLine]:
    if call.cost_nano_usd is None or rates is None:
        return []
    rest = call.cost_nano_usd - sum(line.cost_nano_usd or 0 for line in lines)
    name = "Beyond the list price" if rest > 0 else "Below the list price"
    return [TokenLine(name, None, None, rest)] if abs(rest) > len(lines) else []


def _is_rest(line: TokenLine) -> bool:
    return line.tokens is None and line.cost_nano_usd is not None


def _exact(tokens: int | None) -> str:
    return UNKNOWN if tokens is None else f"{tokens:,}" if tokens < _PER * 100 else token_count(tokens)


def _rate_words(rate: Fraction | None) -> str:
    return "" if rate is None else format_usd(round(rate * _PER))


def _line_cost(line: TokenLine) -> str:
    if line.is_part or line.cost_nano_usd is None:
        return ""
    sign = MINUS if line.cost_nano_usd < 0 else ""
    return sign + format_call_usd(abs(line.cost_nano_usd))


def _line_ink(line: TokenLine) -> str:
    return "text_3" if line.is_part else "text"


def _tool_hint(tool: ToolCall) -> str:
    return f"{tool.name}, run by the provider" if tool.is_hosted else tool.name


def _cap_hint(one: CountedIn) -> str:
    return f"{cap_name(one.cap)}, window {one.window_key}"
