"""A real ledger file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ledger.engine import Ledger, open_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()
