import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import log
from app.keys.virtual_keys import mint

SECRETS = {
    "anthropic": "sk-ant-api03-AbCdEf0123456789_-xyz",
    "openai": "sk-proj-AbCdEf0123456789AbCdEf",
    "google": "AIzaSyA0123456789abcdefghijk",
    "virtual": mint(),
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
}


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "test.log"
    root = logging.getLogger()
    level = root.level
    log.set_up_logging(file)
    yield file
    for handler in [handler for handler in root.handlers if isinstance(handler, log.PrivateRotatingFile)]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
@pytest.mark.parametrize("form", ["{}", "key={}", "got '{}', no", "Bearer {}", "x-api-key: {}", '{{"k":"{}"}}'])
def test_a_key_in_a_message_an_argument_or_a_traceback_does_not_reach_the_file(
    log_file: Path, secret: str, form: str
) -> None:
    text = form.format(secret)
    logging.getLogger("t").warning("in an argument %s", text)
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("t").exception("in a traceback")
    written = log_file.read_text()
    assert secret not in written
    assert written.count(log.REDACTED) >= 2
    assert "in a traceback" in written


@pytest.mark.parametrize(
    "text",
    [
        "x-api-key: opaque123",
        "{'x-goog-api-key': 'opaque123'}",
        "(b'x-api-key', b'opaque123')",
        "authorization: Bearer opaque123",
        "Proxy-Authorization: Basic opaque123",
        "GET /v1beta/models?alt=sse&key=opaque123&x=1",
    ],
)
def test_credentials_without_a_known_shape_are_known_by_their_place(text: str) -> None:
    assert "opaque123" not in log.redact(text)


@pytest.mark.parametrize("text", ["bsr_ab12", "task key-value sklearn.ensemble.forest_model", "the ledger is locked"])
def test_other_text_is_left_alone(text: str) -> None:
    assert log.redact(text) == text


def test_nobody_can_write_a_line_of_their_own(log_file: Path) -> None:
    logging.getLogger("t").warning("task %s", "a\n2026-01-01 ERROR forged\r\nx")
    assert len(log_file.read_text().splitlines()) == 1


def test_the_file_is_private_also_after_it_has_rolled_over(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = next(h for h in logging.getLogger().handlers if isinstance(h, log.PrivateRotatingFile))
    monkeypatch.setattr(handler, "maxBytes", 500)
    for _ in range(40):
        logging.getLogger("t").warning("x" * 100)
    files = list(log_file.parent.glob("test.log*"))
    assert len(files) == log.KEPT_FILES + 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_second_set_up_replaces_the_first(log_file: Path, tmp_path: Path) -> None:
    log.set_up_logging(tmp_path / "second.log")
    logging.getLogger("t").warning("hello")
    assert "hello" not in log_file.read_text()
    assert "hello" in (tmp_path / "second.log").read_text()
