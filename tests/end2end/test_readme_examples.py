"""The Python examples of the README, run as they stand there: an environment is all they need."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.services.agents.recipe import Connection
from app.services.launch import agent_environment
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Answer, Provider, Seen

pytestmark = pytest.mark.end2end

README = Path(__file__).parents[2] / "README.md"
EXAMPLES = re.findall(r"```python\n(.+?)```", README.read_text(encoding="utf-8"), re.DOTALL)
TIME_LIMIT_S = 100

MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 5},
}  # fmt: skip
RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5-mini",
    "output": [{
        "id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
    }],
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    "usage": {
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15,
    },
}  # fmt: skip
CANDIDATES = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
    "modelVersion": "gemini-2.5-flash",
}


def answer(seen: Seen) -> Answer:
    """Ten tokens in and five out, in the words of whoever is asked."""
    said = {"/v1/messages": MESSAGE, "/v1/responses": RESPONSE}.get(seen.path, CANDIDATES)
    return Answer([json.dumps(said).encode()])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMeter]:
    home = tmp_path_factory.mktemp("home")
    with Provider(answer).running() as provider:
        upstreams = dict.fromkeys(("anthropic", "openai", "google"), provider.url)
        with meter(home, upstreams) as started:
            yield started


def package(example: str) -> str:
    """What an example imports first."""
    return example.split(maxsplit=2)[1].partition(".")[0]


def test_there_is_an_example_for_each_sdk() -> None:
    assert [package(example) for example in EXAMPLES] == ["anthropic", "openai", "google", "langchain", "agents"]


@pytest.mark.parametrize("example", EXAMPLES, ids=package)
def test_an_example_of_the_readme_is_metered_as_it_stands(running: RunningMeter, example: str) -> None:
    if find_spec(package(example)) is None:
        pytest.skip(f"{package(example)} is not installed")
    start = datetime.now(UTC)
    environment = agent_environment(Connection(running.gateway, running.token), os.environ)
    code = f"{example}\nimport os; os._exit(0)"  # nothing is waited for that an SDK leaves open
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    [call] = running.calls_since(start, 1)
    assert (call.usage.input_tokens, call.usage.output_tokens) == (10, 5)
    assert call.cost_nano_usd is not None
    assert call.tags.project == "billing-api"
