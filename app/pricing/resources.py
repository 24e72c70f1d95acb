"""The figures that ship with Bursar beside the price table: `resources/prices`, each with its source and date."""

import json
from functools import cache
from typing import Any

from app.paths import resources_folder


@cache
def read_figures(name: str) -> dict[str, Any]:
    """The file of that name, read once. It is ours: one that is missing or damaged is a fault of the installation."""
    found: dict[str, Any] = json.loads((resources_folder() / "prices" / f"{name}.json").read_text(encoding="utf-8"))
    return found
