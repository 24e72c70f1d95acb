"""The price table that ships with Bursar, written in the form in which newer ones are published."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any

from genai_prices.data import providers
from genai_prices.types import ModelPrice

_DROPPED = {"extractors"}
_RENAMED = {"or_": "or", "and_": "and"}


@cache
def published() -> str:
    """The whole table as JSON text."""
    return json.dumps([_plain(provider) for provider in providers])


def changed(**models: dict[str, Any] | None) -> bytes:
    """The table with other prices for some of OpenAI's models (`_` stands for `.` and `-`); None takes one out."""
    table: list[dict[str, Any]] = json.loads(published())
    openai = next(provider for provider in table if provider["id"] == "openai")
    kept = []
    for model in openai["models"]:
        key = model["id"].replace("-", "_").replace(".", "_")
        if key not in models:
            kept.append(model)
        elif models[key] is not None:
            kept.append(model | {"prices": models[key]})
    openai["models"] = kept
    return json.dumps(table).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, ModelPrice):
        return {key: _plain(one) for key, one in _prices(value)}
    if dataclasses.is_dataclass(value):
        pairs = ((field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value))
        return {
            _RENAMED.get(name, name): _plain(one) for name, one in pairs if one is not None and name not in _DROPPED
        }
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date | datetime | time) else value


def _prices(price: ModelPrice) -> Iterator[tuple[str, Any]]:
    return ((key, one) for key, one in vars(price).items() if one is not None and not key.startswith("_"))
