"""What changes a price beside the model: the tier, the speed, the region, the day, fees the table does not know.

The table silently gives the standard price for a tier it has no row for. So each modifier is looked up, and where the
table has nothing it comes from `resources/prices/modifiers.json`, each factor with its source, or the call is left
unpriced.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from app.pricing.resources import read_figures
from app.pricing.rows import Row

_STANDARD = frozenset({"", "default", "auto", "standard", "standard_only", "scale", "unspecified", "on_demand"})
_ALIASES = {"fast": "priority"}
"""OpenAI: a request may say `fast`, the answer says `priority`."""

_REMEMBERED = 500
"""Answers out of figures that ship with Bursar and never change while it runs: asked for each call, by a few models."""

_DISCOUNTS = frozenset({"flex", "batch", "offpeak", "provisioned_throughput"})
"""Never dearer than standard: where the table has no row, standard is the most it can be."""


@dataclass(frozen=True, slots=True)
class Modifier:
    """`context` chooses the table's variant, `factor` comes on top and is at most `at_most`. `is_exact` is False where
    no page of the provider gives the factor for this very model."""

    context: dict[str, str]
    factor: Decimal = Decimal(1)
    at_most: Decimal = Decimal(1)
    is_exact: bool = True


STANDARD = Modifier({})
"""What changes nothing."""


def modifier_for(
    row: Row, provider: str, *, tier: str, speed: str, at: datetime, model: str | None = None
) -> Modifier | None:
    """What a tier and a speed do to the price of a row; None where nobody knows. `model` by its name on the wire."""
    choices = _choices(tier, speed)
    if not choices:
        return STANDARD
    context: dict[str, str] = {}
    factor, at_most, is_exact = Decimal(1), Decimal(1), True
    for name, choice in choices:
        if row.has_variant(at, choice):
            context |= choice
            continue
        figure = _figure("tiers", provider, model or row.name, at, tier=name)
        if figure is None and name not in _DISCOUNTS:
            return None
        figure = figure or {}
        factor *= Decimal(figure.get("factor", 1))
        at_most *= Decimal(figure.get("at_most", figure.get("factor", 1)))
        is_exact = is_exact and figure.get("is_exact", False)
    return Modifier(context, factor, at_most, is_exact)


def _choices(tier: str, speed: str) -> list[tuple[str, dict[str, str]]]:
    """Names of what is not standard, each with the words the table would know it by."""
    tier, speed = _ALIASES.get(tier.lower(), tier.lower()), speed.lower()
    choices = []
    if tier not in _STANDARD:
        choices.append((tier, {"processing": "batch"} if tier == "batch" else {"service_tier": tier}))
    if speed not in _STANDARD:
        choices.append((f"speed {speed}", {"speed": speed}))
    return choices


def search_fee(provider: str, model: str) -> Decimal | None:
    """Dollars of one search where the table's row has no price for it; None where it is not known."""
    figure = _figure("searches", provider, model)
    return None if figure is None else Decimal(figure["usd_per_thousand"]) / 1000


@lru_cache(_REMEMBERED)
def long_write_factor(model: str) -> Decimal | None:
    """How many times plain input the longest-lived cache write costs; None where it is not known."""
    figure = next((one for one in read_figures("modifiers")["long_writes"] if _names(one, model)), None)
    return None if figure is None else Decimal(figure["times_input"])


@lru_cache(_REMEMBERED)
def region_factor(provider: str, model: str, *, region: str, host: str) -> Decimal:
    """What the place where the model ran does to the price of its tokens."""
    for figure in read_figures("modifiers")["regions"]:
        is_placed = (
            region == figure["region"] if "region" in figure else re.fullmatch(figure["host"], host.lower()) is not None
        )
        if is_placed and figure["provider"] == provider and _names(figure, model):
            return Decimal(figure["factor"])
    return Decimal(1)


def billing_instants(provider: str, at: datetime) -> tuple[datetime, datetime]:
    """The instant whose price counts, and the other one that may count where a day off is not announced yet.

    The table knows hours of the day that are dearer, and no days on which they are not.
    """
    for calendar in read_figures("modifiers")["calendars"]:
        if calendar["provider"] != provider:
            continue
        there = at.astimezone(UTC) + timedelta(hours=calendar["utc_offset_hours"])
        off_peak = at.astimezone(UTC).replace(hour=calendar["off_peak_hour_utc"], minute=0)
        if there.weekday() in calendar["days_off"] or there.date().isoformat() in calendar["dates_off"]:
            return off_peak, off_peak
        return at, at if there.date() <= date.fromisoformat(calendar["known_until"]) else off_peak
    return at, at


def names_of(provider: str, asked: str, answered: str) -> tuple[str, str]:
    """The names a call's model may be priced by, the better one first.

    That is the one that answered; but Bedrock's answers leave out whether the profile was regional, which costs more.
    """
    is_by_request = provider in read_figures("modifiers")["named_by_request"]
    return (asked, answered) if is_by_request else (answered, asked)


def reports_cost(provider: str) -> bool:
    """Whether a provider tells in its answers what it charged: then no price of ours bounds it."""
    return provider in read_figures("modifiers")["reports_cost"]


def _figure(kind: str, provider: str, model: str, at: datetime | None = None, **wanted: str) -> dict[str, Any] | None:
    """The first figure of a kind for this provider and model, in effect at that time."""
    for figure in read_figures("modifiers")[kind]:
        is_over = at is not None and "until" in figure and at.date() >= date.fromisoformat(figure["until"])
        is_meant = figure["provider"] == provider and all(figure[key] == value for key, value in wanted.items())
        if is_meant and not is_over and _names(figure, model):
            found: dict[str, Any] = figure
            return found
    return None


def _names(figure: dict[str, Any], model: str) -> bool:
    """Whether a figure is for a model: its pattern stands at the start of the name or after a maker's prefix."""
    pattern = figure.get("models")
    return pattern is None or re.search(rf"(?:^|[./:])(?:{pattern})", model.lower()) is not None
