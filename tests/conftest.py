"""Property tests try the same examples at every run: a failure is never luck, nor is a pass.

New examples are looked for with `--hypothesis-profile=search`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from app.ledger.engine import Ledger, open_ledger

settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("same")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Reports carry the cells of the fault catalogue that a test is (tests/faults/cells.py)."""
    item.user_properties += [("cell", "|".join(mark.args)) for mark in item.iter_markers("cell")]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger; the file is not carried over, as it is only by its meter."""
    opened = open_ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()
