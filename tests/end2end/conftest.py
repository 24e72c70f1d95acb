"""Shared by the tests that run real processes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.end2end import sdks
from tests.end2end.meter_process import NewCalls, RunningMeter
from tests.end2end.provider import Answer, Provider, Seen


@pytest.fixture(autouse=True)
def _closed_clients() -> Iterator[None]:
    """No SDK client outlives its test."""
    yield
    sdks.close_all()


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider that answers nothing useful until the test says what."""

    def unasked(_seen: Seen) -> Answer:
        return Answer([b"{}"], status=500)

    with Provider(unasked).running() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A throw-away home of Bursar's files."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("BURSAR_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def module_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A throw-away home for the meter that a module's tests share."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BURSAR_HOME", str(folder))
        yield folder


@pytest.fixture
def new_calls(running: RunningMeter) -> NewCalls:
    """The calls of one test where its file shares a meter, which it has as `running`."""
    start = datetime.now(UTC)
    return lambda count: running.calls_since(start, count)
