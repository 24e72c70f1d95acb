"""Why three counts of one day differ, as far as it can be told."""

from app.core.day_count import DayCount
from app.core.money import format_usd
from app.core.wording import counted


def reasons(day: DayCount) -> tuple[str, ...]:
    """The reasons for a day's drift, each a sentence; none where the counts agree and all three are there."""
    said = [*_between_wire_and_logs(day), *_beside_the_bill(day)]
    drift = day.drift_nano_usd
    if drift is None:
        said.append("No export of the provider names this day.")
    elif drift > 0:
        said.append(f"The provider billed {format_usd(drift)} more than meter and logs know{_whence_more(day)}")
    elif drift < 0:
        said.append(f"The provider billed {format_usd(-drift)} less than meter and logs know{_whence_less(day)}")
    return tuple(said)


def _between_wire_and_logs(day: DayCount) -> list[str]:
    said = []
    if day.log_only_calls:
        amount = format_usd(day.log_only_nano_usd)
        said.append(f"Only in logs, unseen by the meter: {counted(day.log_only_calls, 'call')} ({amount}).")
    unlogged = day.wire_calls - (day.log_calls - day.log_only_calls)
    if unlogged > 0 and day.log_calls:
        said.append(f"In no imported log: {counted(unlogged, 'metered call')}.")
    gap = day.tied_log_nano_usd - day.tied_wire_nano_usd
    if gap:
        more = "more" if gap > 0 else "less"
        said.append(
            f"The logs come to {format_usd(abs(gap))} {more} for the same calls: the meter knows tier and place."
        )
    return said


def _beside_the_bill(day: DayCount) -> list[str]:
    said = []
    if day.subscription_calls:
        amount = format_usd(day.subscription_nano_usd)
        said.append(
            f"Paid by a subscription, on no bill: {counted(day.subscription_calls, 'metered call')} ({amount})."
        )
    if day.wire_unpriced or day.log_unpriced:
        said.append(f"Without a price here: {counted(day.wire_unpriced + day.log_unpriced, 'call')}.")
    if day.wire_estimated:
        said.append(f"Estimated: {counted(day.wire_estimated, 'metered call')}.")
    return said


def _whence_more(day: DayCount) -> str:
    if day.wire_unpriced or day.log_unpriced:
        return "; calls without a price are not in that."
    return ": calls that neither saw, or fees by the hour."


def _whence_less(day: DayCount) -> str:
    if day.log_only_calls:
        return "; what a subscription paid stands in logs and on no bill."
    return ": credits, discounts, or a bill that is not complete yet."
