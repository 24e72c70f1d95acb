"""The real Claude Code starts a sub-agent and compacts its conversation; the ledger tells who made which call."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.core.origin import Origin, RequestClass
from app.services.agents.recipe import Connection
from app.services.agents.recipes import recipe_for
from app.services.launch import agent_environment
from tests.end2end.agents.installed import node_agent
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Answer, Provider, Seen

pytestmark = [pytest.mark.agents, pytest.mark.end2end, pytest.mark.timeout(600)]

CHILD = "You are the child: say hello."
HINTS = "CLAUDE_CODE_GATEWAY_HINT_HEADERS"


def answer(seen: Seen) -> Answer:
    """Messages of a model that starts one sub-agent, and otherwise is done."""
    if seen.method != "POST" or not seen.path.startswith("/v1/messages?"):
        return Answer([b'{"type":"error","error":{"type":"not_found_error","message":"none"}}'], status=404)
    request = json.loads(seen.body)
    tools = {tool.get("name") for tool in request.get("tools", [])}
    said = json.dumps(request["messages"])
    starts_one = "Agent" in tools and CHILD not in said and "compact" not in said
    usage = {"input_tokens": 10, "output_tokens": 5}
    shell = {"id": "msg_1", "type": "message", "role": "assistant", "model": request["model"], "usage": usage}
    return Answer([_streamed(shell, starts_one=starts_one)], headers={"content-type": "text/event-stream"})


def _streamed(shell: dict[str, Any], *, starts_one: bool) -> bytes:
    asked = {"description": "child", "prompt": CHILD, "subagent_type": "general-purpose", "run_in_background": False}
    block: dict[str, Any] = {"type": "text", "text": ""}
    delta: dict[str, Any] = {"type": "text_delta", "text": "<summary>all done</summary>"}
    if starts_one:
        block = {"type": "tool_use", "id": "toolu_1", "name": "Agent", "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(asked)}
    stop = {"stop_reason": "tool_use" if starts_one else "end_turn", "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": shell | {"content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def run_claude(running: RunningMeter, home: Path, hints: str, *arguments: str) -> None:
    connection = Connection(running.gateway, running.token)
    keep = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR")}
    own = {"HOME": str(home), "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    environment = agent_environment(connection, keep | own, recipe_for("claude")) | {HINTS: hints}
    subprocess.run(
        [node_agent("claude"), *arguments, "--model", "claude-haiku-4-5"],
        env=environment, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=True,
    )  # fmt: skip


@pytest.mark.parametrize(("hints", "kind"), [("1", "general-purpose"), ("0", "")])
def test_claude_codes_sub_agent_and_compaction_are_told_apart(
    home: Path, tmp_path: Path, hints: str, kind: str
) -> None:
    """Also where it is not asked to say what each request is for."""
    folder = tmp_path / "work"
    folder.mkdir()
    with Provider(answer).running() as provider, meter(home, {"anthropic": provider.url}) as running:
        run_claude(running, folder, hints, "-p", "Start a child.")
        run_claude(running, folder, hints, "-p", "/compact", "--continue")
        calls = running.calls(running.count())
    [child] = [call for call in calls if call.origin.request_class is RequestClass.SUB_AGENT]
    assert child.origin == Origin(RequestClass.SUB_AGENT, child.origin.agent_id, "", kind)
    assert child.origin.agent_id
    classes = [call.origin.request_class for call in calls]
    assert classes.count(RequestClass.COMPACTION) == 1
    assert set(classes) == {RequestClass.MAIN, RequestClass.SUB_AGENT, RequestClass.COMPACTION}
    assert len({call.tags.session for call in calls}) == 1
