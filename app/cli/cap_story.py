"""What `bursar caps show` tells beyond a cap's row: raises, a dry run's findings, how holding by experience
went.
"""

from typing import TYPE_CHECKING, Any

from app.cli import console
from app.core.caps import Cap
from app.core.money import format_call_usd, format_exact_usd, format_usd

if TYPE_CHECKING:
    from app.ledger.experience import LearnedBound
    from app.ledger.observation_store import Observation
    from app.ledger.raise_store import Raise


def print_story(
    cap: Cap, seen: "list[Observation]", count: int, raises: "list[Raise]", bound: "LearnedBound | None"
) -> None:
    """Tell it to a person; what there is nothing of is left out."""
    for one in raises:
        until = f"{one.until.astimezone():%Y-%m-%d %H:%M}" if one.until else "its window ends"
        console.say(f"Raised by {format_usd(one.amount_nano_usd)} until {until}.")
    if bound is not None:
        console.say(_bound_words(bound))
    if cap.is_dry_run or count:
        console.say(f"Would have stopped {count} calls." if count else "Would have stopped no call so far.")
    if seen:
        headers = ["When", "Agent", "Project", "Session", "Model", "Up to", "Spent", "Limit"]
        console.print_table(headers, [_cells(one) for one in seen], numbers=(5, 6, 7))


def story_values(
    seen: "list[Observation]", count: int, raises: "list[Raise]", bound: "LearnedBound | None"
) -> dict[str, Any]:
    """The same for a script."""
    return {
        "raises": [
            {"amount_usd": format_exact_usd(one.amount_nano_usd), "until": one.until and one.until.isoformat()}
            for one in raises
        ],
        "would_have_stopped": count,
        "would_have_stopped_last": [_values(one) for one in seen],
        "learned": bound
        and {
            "calls": bound.calls,
            "cut_calls": bound.cut_calls,
            "largest_excess_usd": format_exact_usd(bound.largest_excess_nano_usd),
            "excess_usd": format_exact_usd(bound.excess_nano_usd),
        },
    }


def _bound_words(bound: "LearnedBound") -> str:
    if not bound.calls:
        return "Held by experience: no call yet. With fewer than 20 past calls of an agent and model the worst is held."
    largest, total = format_call_usd(bound.largest_excess_nano_usd), format_usd(bound.excess_nano_usd)
    return (
        f"Held by experience: {bound.calls} calls, {bound.cut_calls} cut. Measured bound: none cost more than "
        f"{largest} above what was held, {total} for all of them."
    )


def _cells(one: "Observation") -> list[str]:
    return [
        f"{one.seen_at.astimezone():%Y-%m-%d %H:%M:%S}",
        one.tags.agent,
        one.tags.project,
        one.tags.session,
        one.model,
        format_call_usd(one.worst_nano_usd),
        format_usd(one.spent_nano_usd),
        format_usd(one.limit_nano_usd),
    ]


def _values(one: "Observation") -> dict[str, Any]:
    return {
        "call_id": one.call_id,
        "seen_at": one.seen_at.isoformat(),
        "agent": one.tags.agent,
        "project": one.tags.project,
        "session": one.tags.session,
        "model": one.model,
        "refusal": one.refusal,
        "worst_usd": None if one.worst_nano_usd is None else format_exact_usd(one.worst_nano_usd),
        "spent_usd": format_exact_usd(one.spent_nano_usd),
        "limit_usd": format_exact_usd(one.limit_nano_usd),
    }
