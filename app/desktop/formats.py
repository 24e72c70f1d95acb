"""How times, tokens and rates are written. Money is `app.core.money`; here are only its rates and sums."""

from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from html import escape

from app.core.call import Basis, Call
from app.core.money import NANO_PER_USD, UNKNOWN, format_call_usd, format_usd
from app.core.tags import Billing

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_THOUSAND, _MILLION = 1_000, 1_000_000
_ROUNDS_TO_MILLION = 999_950
_TICKING_BELOW_S = 600
_LONG_WORD = 24


def relative_time(then: datetime, now: datetime, zone: tzinfo) -> str:
    """How long ago, in few words: `now`, `8 s`, `41 min`, `5 h`, `yesterday 23:12`, `Tue 14:05`, `Nov 12`."""
    seconds = (now - then).total_seconds()
    local, today = then.astimezone(zone), now.astimezone(zone)
    days = (today.date() - local.date()).days
    if seconds < 2:
        return "now"
    if seconds < _MINUTE:
        return f"{int(seconds)} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if days == 0:
        return f"{int(seconds // _HOUR)} h"
    if days == 1:
        return f"yesterday {local:%H:%M}"
    if days <= 6:
        return f"{local:%a %H:%M}"
    return day(local) if local.year == today.year else f"{day(local)}, {local.year}"


def relative_phrase(then: datetime, now: datetime, zone: tzinfo) -> str:
    """How long ago, as it stands in a sentence: `just now`, `8 s ago`, `5 h ago`, `yesterday at 23:12`, `on Nov 12`."""
    told = relative_time(then, now, zone)
    if told == "now":
        return "just now"
    if told.endswith((" s", " min", " h")):
        return f"{told} ago"
    return told.replace("yesterday", "yesterday at") if told.startswith("yesterday") else f"on {told}"


def absolute_time(then: datetime, zone: tzinfo) -> str:
    """`Fri 20 Nov 2026, 14:32:07 CET`."""
    return f"{then.astimezone(zone):%a %d %b %Y, %H:%M:%S %Z}"


def day(local: date) -> str:
    """`Nov 12`."""
    return f"{local:%b} {local.day}"


def countdown(left: timedelta) -> str:
    """Time that is left: `8:48` under ten minutes, then `41 min`, `1 h 10 min`, `9 h`, `5 days`."""
    seconds = max(0, int(left.total_seconds()))
    if seconds < _TICKING_BELOW_S:
        return f"{seconds // _MINUTE}:{seconds % _MINUTE:02}"
    return rough_span(left)


def rough_span(left: timedelta) -> str:
    """Time that is left where seconds say nothing: `8 min`, `1 h 10 min`, `9 h`, `5 days`."""
    seconds = max(0, int(left.total_seconds()))
    minutes, hours = seconds // _MINUTE, seconds // _HOUR
    if seconds < _HOUR:
        return f"{max(1, minutes)} min"
    if hours < 2:
        rest = minutes % 60
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{hours} h" if seconds < 2 * _DAY else f"{seconds // _DAY} days"


def elapsed(since: timedelta) -> str:
    """Time a call has waited: `0:08`, `1:12`, `12:40`, then as what is left is written."""
    seconds = max(0, int(since.total_seconds()))
    return f"{seconds // _MINUTE}:{seconds % _MINUTE:02}" if seconds < _HOUR else rough_span(since)


def token_count(tokens: int | None) -> str:
    """`950`, `12.4k`, `2.2M`; a dash where nobody said."""
    if tokens is None:
        return UNKNOWN
    if tokens < _THOUSAND:
        return str(tokens)
    if tokens < _ROUNDS_TO_MILLION:
        return f"{tokens / _THOUSAND:.1f}k"
    return f"{tokens / _MILLION:,.1f}M"


def byte_count(count: int | None) -> str:
    """`950 B`, `12.4 kB`, `2.2 MB`; a dash where nobody said."""
    if count is None:
        return UNKNOWN
    if count < _THOUSAND:
        return f"{count} B"
    if count < _ROUNDS_TO_MILLION:
        return f"{count / _THOUSAND:.1f} kB"
    return f"{count / _MILLION:,.1f} MB"


def rate(nano_usd_per_hour: int | None) -> str:
    """`$3.10/h`."""
    return UNKNOWN if nano_usd_per_hour is None else f"{format_usd(nano_usd_per_hour)}/h"


def milliseconds(duration_ms: int | None) -> str:
    """`1,204`; a dash where it was not measured."""
    return UNKNOWN if duration_ms is None else f"{duration_ms:,}"


def plural(count: int, noun: str) -> str:
    """`1 call`, `1,204 calls`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def sum_text(nano_usd: int, unpriced_calls: int) -> str:
    """A sum; with a plus behind it where calls without a price make it a floor, a dash where nothing is known."""
    if not unpriced_calls:
        return format_usd(nano_usd)
    return f"{format_usd(nano_usd)}+" if nano_usd else UNKNOWN


def cost_text(call: Call) -> str:
    """A call's cost with the mark of its basis: `$0.0042`, `~$0.42` estimated, `? —` without a price; in brackets what
    the API would have asked for a call that a subscription paid for."""
    if call.cost_basis is Basis.UNPRICED:
        return f"? {UNKNOWN}"
    mark = "~" if call.cost_basis is Basis.ESTIMATED else ""
    cost = f"{mark}{format_call_usd(call.cost_nano_usd)}"
    return cost if call.billing is Billing.API else f"({cost})"


def axis_usd(nano_usd: float) -> str:
    """An amount on an axis: `$12k`, `$15`, `$0.50`."""
    usd = Decimal(int(nano_usd)) / NANO_PER_USD
    if usd >= _MILLION:
        millions = usd / _MILLION
        return f"${millions:,.0f}M" if millions == millions.to_integral_value() else f"${millions:,.1f}M"
    if usd >= _THOUSAND:
        thousands = usd / _THOUSAND
        return f"${thousands:,.0f}k" if thousands == thousands.to_integral_value() else f"${thousands:,.1f}k"
    if usd == usd.to_integral_value():
        return f"${usd:,.0f}"
    return f"${usd:,.2f}" if usd >= Decimal("0.01") else f"${usd.normalize():f}"


def spoken_usd(nano_usd: int) -> str:
    """An amount for a screen reader: `128 dollars 40`, `38 cents`."""
    cents = nano_usd // (NANO_PER_USD // 100)
    dollars, rest = divmod(cents, 100)
    if not dollars:
        return f"{rest} cents"
    return f"{dollars} dollars {rest:02}" if rest else f"{dollars} dollars"


def one_line(text: str) -> str:
    """A text without line breaks and tabs, for a place that has one line."""
    return text if text.isprintable() else " ".join(text.split())


def breakable(text: str) -> str:
    """A text in which words without an end may be broken at the edge."""
    return " ".join(
        "\u200b".join(word[place : place + _LONG_WORD] for place in range(0, len(word), _LONG_WORD))
        for word in text.split()
    )


def tooltip(text: str) -> str:
    """A text whose characters are all shown as they are: Qt guesses markup, and agents choose many names."""
    return f"<span>{escape(text)}</span>" if text else ""
