"""The nearest model with a price, for one that has none: something to show beside “unknown”, never to charge.

Leave-one-out over the price table, the next older model of the same name under-priced 14 of 31 OpenAI models and by up
to thirty times. So nothing is held or booked by it.
"""

import re

from app.pricing.book import current_book
from app.pricing.price_table import bare_name
from app.pricing.rows import Row

_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_DATE = re.compile(r"[-@]?(?:20\d{2}-?[01]\d-?[0-3]\d)(?:-v\d+(?::\d+)?)?$|-v\d+(?::\d+)?$")


def find_sibling(provider: str, model: str) -> Row | None:
    """The row of the next older model of the same name, else of the next newer one."""
    pattern, wanted = _shape(model)
    if not wanted:
        return None
    versions = {}
    for row in current_book().table.rows(provider):
        like, version = _shape(row.name)
        if like == pattern and version != wanted:
            versions[version] = row
    older = [version for version in versions if version < wanted]
    newer = [version for version in versions if version > wanted]
    return versions[max(older)] if older else versions[min(newer)] if newer else None


def _shape(model: str) -> tuple[str, tuple[tuple[int, ...], ...]]:
    """A name with its numbers taken out, and the numbers; a date at its end is no version."""
    name = _DATE.sub("", bare_name(model).lower())
    name = re.sub(r"(?<=\d)-(?=\d)", ".", name)
    numbers = tuple(tuple(int(part) for part in found.split(".")) for found in _NUMBER.findall(name))
    return _NUMBER.sub("#", name), numbers
