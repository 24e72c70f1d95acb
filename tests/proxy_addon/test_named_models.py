import json

import pytest

from proxy_addon.named_models import named_models
from proxy_addon.shapes.fields import UnreadableRequest


def test_the_path_names_models_too() -> None:
    """Azure goes by the deployment in the path, whatever the body says."""
    deployment = "/openai/deployments/dear/chat/completions"
    assert named_models(deployment, b'{"model": "cheap"}') == {"dear", "cheap"}
    assert named_models("/model/us.nova%3A0/converse", b"{}") == {"us.nova:0"}
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
