"""Edits of a JSON text: only what is meant changes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_addon.json_text import member_spans, with_member

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    members=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), VALUES, max_size=5),
    indent=st.sampled_from([None, 2]),
    is_ascii=st.booleans(),
    key=st.sampled_from(["a", "b", 'q"'.strip('"')]),
)
def test_one_member_changes_and_the_rest_stays_to_the_byte(
    members: dict[str, object], indent: int | None, is_ascii: bool, key: str
) -> None:
    text = json.dumps(members, indent=indent, ensure_ascii=is_ascii).encode()
    edited = with_member(text, key, b"[1, 2]")
    assert edited is not None
    assert json.loads(edited) == members | {key: [1, 2]}
    spans = member_spans(text)
    assert spans is not None
    if key in spans:
        assert edited == text[: spans[key].start] + b"[1, 2]" + text[spans[key].stop :]
    else:
        assert edited.removeprefix(b'{"' + key.encode() + b'":[1, 2]').lstrip(b",") == text[1:]


@pytest.mark.parametrize("text", [b"[1]", b"", b"{", b'{"a":1,"a":2}', b'{"a":1} x', b"null", b'{"\xff":1}'])
def test_what_is_no_plain_object_is_left_alone(text: bytes) -> None:
    assert member_spans(text) is None
    assert with_member(text, "b", b"1") is None
