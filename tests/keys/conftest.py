"""A Secret Service of the tests' own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.secret_service import running_secret_service


@pytest.fixture
def secret_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An unlocked Secret Service on a bus of its own."""
    with running_secret_service(tmp_path, monkeypatch):
        yield
