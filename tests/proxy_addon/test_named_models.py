import json

import pytest

from app.core.key_limits import KeyLimits
from proxy_addon.named_models import named_models
from proxy_addon.shapes import shape_for
from proxy_addon.shapes.fields import UnreadableRequest
from tests.recordings import needs_recordings, recordings


def test_the_path_names_models_too() -> None:
    """Azure goes by the deployment in the path, whatever the body says."""
    deployment = "/openai/deployments/dear/chat/completions"
    assert named_models(deployment, b'{"model": "cheap"}') == {"dear", "cheap"}
    for path in ("/model/us.nova%3A0/converse", "/model/us.nova:0/converse"):
        assert named_models(path, b"{}") == {"us.nova:0"}
    assert named_models("/v1beta/models/gemini-x:generateContent", b"") == {"gemini-x"}
    assert named_models("/v1/chat/completions", b"") == frozenset()


@pytest.mark.parametrize("body", [b"no json", b"\xff\xfe", b"[1, 2]", b'"model"', b"{"])
def test_what_is_no_object_names_none(body: bytes) -> None:
    assert named_models("/v1/x", body) == frozenset()


def test_escapes_halves_of_surrogates_and_depth_hide_nothing() -> None:
    assert named_models("", b'{"m\\u006fdel": "a", "messages": "\\ud800"}') == {"a"}
    deep: object = {"model": "deep"}
    for _ in range(200):
        deep = [{"x": deep}]
    assert named_models("", json.dumps(deep).encode()) == {"deep"}
    with pytest.raises(UnreadableRequest):
        named_models("", b'{"x":' * 200_000 + b"1" + b"}" * 200_000)


@needs_recordings
def test_recorded_requests_name_their_own_model_and_the_advisors_and_presets_that_they_really_ask_for() -> None:
    """Of all bodies that agents and SDKs really sent, so that a limit refuses nothing else."""
    others = set()
    for recording in recordings():
        try:
            facts = shape_for(recording.shape).read_request(recording.path, {}, recording.request_body)
        except UnreadableRequest:
            continue
        path = recording.path.partition("?")[0]
        if facts.model and "/deployments/" not in path:
            named = named_models(path, recording.request_body)
            others |= {name for name in named if not KeyLimits(models=(facts.model,)).allows_named(name)}
    assert "claude-opus-4-8" in others, "an advisor"
    assert others <= {
        "claude-opus-4-8", "claude-fable-5", "~anthropic/claude-opus-latest", "x-ai/grok-4", "@preset/comedian",
        "omni-moderation-latest",
    }  # fmt: skip
