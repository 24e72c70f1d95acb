import pytest

from proxy_addon.shapes.result_marks import measured

HEAD = "Chunk ID: {}\nWall time: {} seconds\nProcess exited with code 1\nFAILED"


def mark(content: object) -> bytes:
    return measured(content)[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (HEAD.format("a1", "0.1"), HEAD.format("b2", "0.25")),
        ("Exit code: 1\nWall time: 0.1 seconds\nx", "Exit code: 1\nWall time: 3 seconds\nx"),
        ('{"output":"x","metadata":{"exit_code":1,"duration_seconds":0.1}}',) * 2,
        ('{"duration_seconds": 0.1}', '{"duration_seconds": 2}'),
        ([{"type": "text", "text": "x"}], [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (None, None),
    ],
)
def test_what_says_the_same_has_the_same_mark(one: object, other: object) -> None:
    assert mark(one) == mark(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("35 of 40 done", "36 of 40 done"),
        ("1 failed in 0.12s", "1 failed in 0.13s"),
        (["ab", "c"], ["a", "bc"]),
        ("x" * 400_000, "x" * 400_001),
        ("x" * 400_000 + "end", "x" * 400_000 + "END"),
        ([{"type": "image", "source": "1"}], [{"type": "image", "source": "2"}]),
        ("", None),
    ],
)
def test_what_says_something_else_has_another(one: object, other: object) -> None:
    assert mark(one) != mark(other)


def test_what_cannot_be_written_as_json_has_a_mark_too() -> None:
    assert len(mark({1.5: object()})) == len(mark("\ud800")) == 16
