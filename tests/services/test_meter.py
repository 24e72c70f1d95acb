import os
import sys
import time
from pathlib import Path

import pytest

from app.core.errors import MeterError
from app.services import meter
from app.services.kept_meter import KeptMeter
from app.services.meter import meter_command, start_meter
from app.services.settings import Settings

READY = """
urls = {"gateway": "http://127.0.0.1:1", "forward": "http://127.0.0.1:2"}
print(json.dumps({"event": "ready", "pid": os.getpid()} | urls), flush=True)
"""


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Puts a small program in the meter's place; write its code to the path."""
    code = tmp_path / "meter.py"
    monkeypatch.setattr(meter, "start_command", lambda *given, **options: [sys.executable, str(code)])
    return code


def _write(code: Path, body: str) -> None:
    code.write_text(f"import json, os, pathlib, sys, time\n{body}\n")


def test_the_command_names_the_ledger_ports_and_upstreams_and_no_key() -> None:
    settings = Settings(gateway_port=0, upstreams={"openai": "http://127.0.0.1:9"})
    command = meter_command(settings, Path("l.sqlite"), keys_from_stdin=True, stop_with_stdin=True)
    assert command[:4] == [sys.executable, "-P", "-m", "proxy_addon"]
    joined = " ".join(command)
    assert "--ledger l.sqlite --gateway-port 0 --forward-port 8788 --upstream openai=http://127.0.0.1:9" in joined
    assert f"--lane {settings.lane}" in joined
    assert command[-2:] == ["--keys-from-stdin", "--stop-with-stdin"]


def test_a_ready_meter_has_its_keys_and_stops_when_its_input_closes(play: Path, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    _write(play, f"pathlib.Path({str(heard)!r}).write_text(sys.stdin.readline())\n{READY}\nsys.stdin.read()")
    started = start_meter(Settings(), tmp_path / "l.sqlite", keys={"openai": "sk-x"})
    assert started.gateway_url == "http://127.0.0.1:1"
    assert heard.read_text() == '{"openai": "sk-x"}\n'
    assert started.wait(0.05) is None
    started.stop()
    started.stop()
    assert started.wait() == 0


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (
            'print(json.dumps({"event": "failed", "title": "Port 8787 is in use", "message": "Free it."}))',
            "Port 8787 is in use",
        ),
        ("sys.exit(1)", "The meter does not start"),
        ('print("not json")', "The meter does not start"),
        ('print("[]")', "The meter does not start"),
        ("time.sleep(60)", "The meter does not start"),
    ],
)
def test_a_meter_that_cannot_start_says_why(play: Path, tmp_path: Path, body: str, title: str) -> None:
    _write(play, body)
    began = time.monotonic()
    with pytest.raises(MeterError) as raised:
        start_meter(Settings(), tmp_path / "l.sqlite", keys={"a": "b"}, time_limit_s=1.0)
    assert raised.value.title == title
    assert time.monotonic() - began < 10


def test_a_meter_that_dies_is_started_again(play: Path, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    _write(play, f"open({str(pids)!r}, 'a').write(str(os.getpid()) + chr(10))\n{READY}\nsys.stdin.read()")
    kept = KeptMeter(Settings(), tmp_path / "l.sqlite")
    try:
        os.kill(int(pids.read_text().split()[0]), 9)
        deadline = time.monotonic() + 20
        while len(pids.read_text().split()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert not kept.wait(0)
    finally:
        kept.stop()
    assert len(pids.read_text().split()) == 2


def test_a_meter_that_was_asked_to_end_is_let_end(play: Path, tmp_path: Path) -> None:
    _write(play, READY)
    kept = KeptMeter(Settings(), tmp_path / "l.sqlite")
    assert kept.wait(20)
    kept.stop()


def test_a_meter_that_keeps_dying_is_given_up(play: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.crashes.LAST_PAUSE_S", 0.01)
    _write(play, f"{READY}\nsys.exit(1)")
    kept = KeptMeter(Settings(), tmp_path / "l.sqlite")
    with pytest.raises(MeterError, match="keeps stopping"):
        kept.wait(30)
    kept.stop()
