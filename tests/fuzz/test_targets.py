"""Bytes of every kind at the parsers: some each time, more with `--hypothesis-profile=search`, and with atheris for as
long as one likes (`python -m tests.fuzz`)."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.cells import cell
from tests.fuzz.targets import SEEDS, TARGETS

EXPECTED = {
    "events": ("F28", "any bytes as events", "an answer comes", "the same events in any chunking, and nothing raises"),
    "frames": ("F28", "any bytes as frames", "an answer comes", "whole frames, or told to be broken"),
    "decoding": ("F30", "any bytes as a compressed body", "a body comes", "unfolded to the limit, or undecodable"),
    "requests": ("F29", "any bytes as a request", "a call is asked for", "facts to reckon with, or unreadable"),
    "answers": ("F32", "any bytes as an answer", "an answer comes", "passed to the byte, never less than nothing used"),
    "callers": ("F29", "any bytes as headers", "a call is asked for", "somebody or nobody, and nothing raises"),
}


@st.composite
def spoiled(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Bytes that were once in order: with parts cut out, put in, doubled and changed."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        data[start:end] = draw(st.binary(max_size=20) | st.just(bytes(data[start:end] * 2)) | st.sampled_from(_ODD))
    return bytes(data)


_ODD = [
    b"",
    b"\r",
    b"\n\n",
    b"null",
    b"-1",
    b"1e999",
    b"[" * 50,
    b'"\\ud800"',
    b"\xff\xfe",
    b"NaN",
    b"9" * 40,
    b'{"a":',
]


@pytest.mark.parametrize("name", [pytest.param(name, marks=cell(*said)) for name, said in EXPECTED.items()])
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_bytes_break_a_promise(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(st.binary(max_size=300) | spoiled(SEEDS[name])))


def test_every_target_is_tried_from_seeds_in_order() -> None:
    assert TARGETS.keys() == SEEDS.keys() == EXPECTED.keys()
    for name, seeds in SEEDS.items():
        for seed in seeds:
            TARGETS[name](seed)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TARGETS)
def test_atheris_finds_nothing_in_half_a_minute(name: str) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("pip install atheris")
    command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", "30"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
