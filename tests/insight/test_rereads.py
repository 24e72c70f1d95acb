"""What a request has in common with the one before, and that no part of it is larger than the whole."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.call_input import MissCause
from app.core.sent_input import InputPart, PartKind, SentInput
from app.core.tags import Tags
from app.insight.cache_rules import cache_rule
from app.insight.rereads import as_continued, goes_on, is_kin, overlap_of, reread, tool_share

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
TAGS = Tags(session="s")


def part(name: str, kind: PartKind = PartKind.MESSAGE, size: int = 4_000, turn: int = 1) -> InputPart:
    return InputPart(
        kind, name.encode().ljust(8), size, turn, name if kind in (PartKind.TOOL, PartKind.SETTING) else ""
    )


def sent(*parts: InputPart, tokens: int | None = None, model: str = "gpt-5", **values: object) -> SentInput:
    size = sum(one.size for one in parts if one.kind is not PartKind.SETTING)
    made = SentInput("c", NOW, "openai", model, size // 4 if tokens is None else tokens, parts, TAGS)
    return replace(made, **values)  # type: ignore[arg-type]


SYSTEM, A, B, C = part("system", PartKind.SYSTEM, turn=0), part("a"), part("b", turn=2), part("c", turn=3)


def test_tokens_are_those_that_were_counted_for_all_of_the_request_before() -> None:
    found = reread(sent(SYSTEM, A, tokens=1_777), sent(SYSTEM, A, B, C, tokens=4_000), 1_777)
    assert (found.resent, found.read, found.missed, found.cause) == (1_777, 1_777, 0, MissCause.NONE)


def test_a_rest_as_small_as_a_block_of_the_cache_is_no_miss() -> None:
    before, now = sent(SYSTEM, A), sent(SYSTEM, A, B)
    assert reread(before, now, 2_000 - 256).missed == 0
    assert reread(before, now, 2_000 - 257).missed == 257


def test_another_models_count_is_not_relied_upon() -> None:
    found = reread(sent(SYSTEM, A, tokens=9_000), sent(SYSTEM, A, B, tokens=6_000, model="gpt-5-mini"), 0)
    assert (found.resent, found.cause) == (4_000, MissCause.MODEL)


def test_an_answer_that_stood_between_two_chained_requests_is_no_change() -> None:
    before = as_continued(sent(SYSTEM, A, response_id="r1"), sent(SYSTEM, B))
    assert before.parts == (SYSTEM, A, B._replace(turn=3))
    answer, later = part("answer", turn=2), part("later", turn=4)
    overlap = overlap_of(before.parts, (SYSTEM, A, answer, B, later), is_chained=True)
    assert (overlap.changed, overlap.intact, overlap.moved) == (None, 12_000, 0)
    assert overlap_of(before.parts, (SYSTEM, A, answer, B, later)).changed == answer
    assert overlap_of(before.parts, (SYSTEM, A, answer, later), is_chained=True).changed == answer


def test_a_tool_added_behind_all_others_has_changed_before_the_system_prompt() -> None:
    one, two = part("one", PartKind.TOOL), part("two", PartKind.TOOL)
    assert overlap_of((one, SYSTEM, A), (one, two, SYSTEM, A)).changed == two
    assert overlap_of((one, two, SYSTEM, A), (one, SYSTEM, A)).changed == two


def test_what_begins_alike_is_kin_and_what_repeats_a_message_goes_on() -> None:
    assert goes_on(sent(SYSTEM, A), sent(part("other", PartKind.SYSTEM), A, B))
    assert not goes_on(sent(SYSTEM, A), sent(SYSTEM, B))
    assert is_kin(sent(SYSTEM, A), sent(SYSTEM, B))
    assert not is_kin(sent(SYSTEM, A), sent(part("other", PartKind.SYSTEM), B))
    assert is_kin(sent(A), sent(B))
    assert not is_kin(sent(A), sent(B, tags=Tags()))


def test_a_cache_that_is_only_asked_for_a_part_is_told_so() -> None:
    before = sent(SYSTEM, A, B, model="claude-sonnet-4-5", asked="5m", cached_tokens=1_000)
    now = sent(SYSTEM, A, B, C, model="claude-sonnet-4-5", asked="5m")
    found = reread(before, now, 1_000)
    assert (found.missed, found.cause) == (2_000, MissCause.NOT_ASKED)
    assert reread(before, now, 0).cause is MissCause.UNKNOWN


def test_many_changed_tools_are_counted() -> None:
    old = [part(f"t{number}", PartKind.TOOL) for number in range(5)]
    found = reread(sent(*old, SYSTEM, A), sent(SYSTEM, A), 0)
    assert found.changed_block == "tools: -t0, -t1, -t2 and 2 more"


PARTS = st.lists(
    st.builds(
        part,
        st.sampled_from("abcdefgh"),
        st.sampled_from(PartKind),
        st.integers(0, 10**6),
        st.integers(0, 9),
    ),
    max_size=12,
).map(lambda parts: sorted(parts, key=lambda one: one.kind))


@given(
    before=PARTS,
    now=PARTS,
    counted=st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)),
    read=st.integers(0, 10**7),
    models=st.tuples(*[st.sampled_from(["claude-opus-5", "gpt-5", "gemini-3-pro", ""])] * 2),
    asked=st.sampled_from(["", "5m", "1h", "24h"]),
    idle=st.integers(-5, 10**5),
    is_chained=st.booleans(),
)
def test_no_part_is_larger_than_the_whole(
    before: list[InputPart],
    now: list[InputPart],
    counted: tuple[int, int],
    read: int,
    models: tuple[str, str],
    asked: str,
    idle: int,
    is_chained: bool,
) -> None:
    old = sent(*before, tokens=counted[0], model=models[0], asked=asked, is_chained=is_chained)
    new = sent(*now, tokens=counted[1], model=models[1], asked=asked, at=NOW + timedelta(seconds=idle))
    found = reread(old, new, read)
    assert 0 <= found.resent <= new.input_tokens
    assert found.read == min(read, found.resent)
    assert found.missed in (0, found.resent - found.read)
    assert bool(found.missed) is (found.cause not in (MissCause.NONE, MissCause.FIRST))
    assert 0 <= tool_share(new) <= new.input_tokens


@pytest.mark.parametrize(
    ("model", "asked", "minimum", "minutes", "is_promised"),
    [
        ("claude-opus-5-5", "5m", 512, 5, True),
        ("anthropic/claude-opus-4.6", "1h", 4_096, 60, True),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "", 4_096, 5, True),
        ("claude-3-5-haiku-20241022", "", 2_048, 5, True),
        ("claude-sonnet-4-5", "", 1_024, 5, True),
        ("gpt-5-mini", "", 1_024, 5, False),
        ("gpt-5.1", "24h", 1_024, 24 * 60, False),
        ("gpt-5.6-sol", "", 1_024, 30, True),
        ("gpt-6.1-sol", "12h", 1_024, 720, True),
        ("gemini-2.5-pro", "", 2_048, 5, False),
        ("gemini-3.8-flash", "", 4_096, 5, False),
        ("deepseek-chat", "", 1_024, 5, False),
    ],
)
def test_each_maker_has_its_rule(model: str, asked: str, minimum: int, minutes: int, is_promised: bool) -> None:
    rule = cache_rule(model, asked)
    assert (rule.minimum_tokens, rule.life, rule.is_promised) == (minimum, timedelta(minutes=minutes), is_promised)
    assert rule.must_be_asked is ("claude" in model)
