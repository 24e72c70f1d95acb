import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.agents.json_text import NotEditable, set_value

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["env", "a", "b", 'q"{', "//x"]), VALUES, max_size=5)
LAYOUTS = st.sampled_from([(None, (", ", ": ")), (None, (",", ":")), (2, (",", ": ")), ("\t", (",", " : "))])


def with_value(values: Any, path: tuple[str, ...], value: str) -> Any:
    first, *rest = path
    return values | {first: with_value(values.get(first, {}), tuple(rest), value) if rest else value}


@given(OBJECTS, LAYOUTS, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\n", " \n\n"]))
def test_one_value_changes_and_the_text_around_it_stays(
    values: dict[str, Any], layout: tuple[Any, tuple[str, str]], newline: str, end: str
) -> None:
    if not isinstance(values.get("env", {}), dict):
        values["env"] = {}
    text = json.dumps(values, indent=layout[0], separators=layout[1]).replace("\n", newline) + end
    edited = set_value(text, ("env", "X"), "new")
    assert json.loads(edited) == with_value(values, ("env", "X"), "new")
    assert edited.endswith(end)
    if "\r\n" in text:
        assert edited.replace("\r\n", "").count("\n") == text.replace("\r\n", "").count("\n")


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("", '{\n  "env": {\n    "X": "1"\n  }\n}\n'),
        ("{}", '{\n  "env": {\n    "X": "1"\n  }\n}'),
        ('{"a": 1}', '{"env": {"X": "1"}, "a": 1}'),
        ('{"env": {}}', '{"env": {\n  "X": "1"\n}}'),
        ('{"env": {"X": [1, {"}": 2}], "Y": 2}}', '{"env": {"X": "1", "Y": 2}}'),
        ('{ // note\n\t"a": 1, /* } */\n}\n', '{\n\t"env": {\n\t  "X": "1"\n\t}, // note\n\t"a": 1, /* } */\n}\n'),
        ('\ufeff// mine\n{\n  "env": {\n    "Y": 2, // y\n  },\n}', None),
        ('{"env": {"X": 0}, "env": {"X": 2}}', '{"env": {"X": 0}, "env": {"X": "1"}}'),
    ],
)
def test_comments_and_layout_stay(text: str, edited: str | None) -> None:
    expected = edited or '\ufeff// mine\n{\n  "env": {\n    "X": "1",\n    "Y": 2, // y\n  },\n}'
    assert set_value(text, ("env", "X"), "1") == expected


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "7",
        '"env"',
        '{"env": 7}',
        '{"env": {"Y": 2}',
        '{"env" {}}',
        "{env: {}}",
        '{"a": 1 "b": 2}',
        '{"a": [1, 2}',
        "{",
    ],
)
def test_what_is_no_object_is_left_alone(text: str) -> None:
    with pytest.raises(NotEditable):
        set_value(text, ("env", "X"), "1")


@given(st.text(alphabet='{}[]":,/*\\ \n\ta1', max_size=40))
def test_any_text_is_edited_or_refused(text: str) -> None:
    try:
        edited = set_value(text, ("env", "X"), "1")
    except NotEditable:
        return
    assert '"X": "1"' in edited
