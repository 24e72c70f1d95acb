from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from app.core.origin import MAIN_ORIGIN, Origin, OriginSum, RequestClass
from app.insight.family import Line, family_of, line_cost, line_name, purposes_sentence, shortened

SUB, TITLE, COMPACTION = RequestClass.SUB_AGENT, RequestClass.TITLE, RequestClass.COMPACTION


def part(
    agent_id: str = "", cost: int = 1, *, of: str = "s1", parent: str = "", kind: str = "", unpriced: int = 0
) -> OriginSum:
    origin = Origin(SUB, agent_id, parent, kind) if agent_id else MAIN_ORIGIN
    return OriginSum(of, origin, 2, cost, unpriced)


def aside(purpose: RequestClass, cost: int = 1, agent_id: str = "") -> OriginSum:
    return OriginSum("s1", Origin(purpose, agent_id), 1, cost)


def shown(lines: Sequence[Line]) -> list[tuple[str, int]]:
    return [(line_name(line), line.cost_nano_usd) for line in lines]


def test_sub_agents_stand_under_the_one_that_started_them() -> None:
    sums = [part("a", 5, kind="Explore"), part("b", 9), part("c", 7, parent="a", kind="Plan"), part("", 100)]
    assert shown(family_of(sums)) == [("main", 100), ("├ sub-agent b", 9), ("├ Explore a", 5), ("│ ├ Plan c", 7)]


def test_purposes_have_lines_of_their_own_whoever_asked() -> None:
    lines = family_of([part(), aside(TITLE, 3), aside(COMPACTION, 4), aside(COMPACTION, 5, "a"), part("a", 2)])
    assert shown(lines) == [("main", 1), ("├ sub-agent a", 2), ("titles", 3), ("compactions", 9)]


def test_an_agent_without_parts_has_no_family() -> None:
    assert family_of([]) == ()
    assert family_of([part(), part("", of="s2")]) == ()


def test_each_session_of_a_task_has_a_tree() -> None:
    lines = family_of([part("a", of="s2"), part(of="s1"), part("", 3, of="s2")])
    assert shown(lines) == [("main of s1", 1), ("main of s2", 3), ("├ sub-agent a", 1)]


def test_a_parent_that_made_no_call_and_a_circle_end_at_the_session() -> None:
    lines = family_of([part("a", parent="gone"), part("b", parent="c"), part("c", parent="b"), part("d", parent="d")])
    assert [(line.agent_id, line.depth) for line in lines] == [("", 0), ("a", 1), ("b", 1), ("c", 1), ("d", 1)]


def test_a_kind_that_is_told_once_is_known() -> None:
    [_, line] = family_of([part("a"), part("a", kind="Explore")])
    assert (line.name, line.calls) == ("Explore a", 4)


def test_long_ids_are_told_by_their_end_and_a_kind_is_not_told_twice() -> None:
    names = [line.name for line in family_of([part("ses_dfd0ca449ffeP0O5"), part("CLI", kind="CLI")])]
    assert names == ["main", "sub-agent …feP0O5", "CLI"]


def test_many_sub_agents_are_folded_into_one_line() -> None:
    lines = family_of([part(str(number), number) for number in range(1, 21)] + [aside(TITLE)])
    folded = shortened(lines, 8)
    assert len(folded) == 9
    assert line_name(folded[7]) == "├ 14 more sub-agents"
    assert sum(line.cost_nano_usd for line in folded) == sum(line.cost_nano_usd for line in lines)
    assert shortened(lines[:3], 8) == lines[:3]


def test_what_is_unknown_is_told_as_such() -> None:
    [main, sub] = family_of([part("", 1_500_000_000, unpriced=1), part("a", 0, unpriced=2)])
    assert (line_cost(main), line_cost(sub)) == ("$1.50+", "—")
    assert line_cost(family_of([part("a", 4_200_000)])[1]) == "$0.0042"


def test_a_sentence_tells_what_went_beside_the_work() -> None:
    sums = [part("", 10**9), part("a", 3 * 10**8), aside(TITLE, 10**7), aside(COMPACTION, 2 * 10**8)]
    assert purposes_sentence(sums) == (
        "Of it: $0.30 for sub-agents (2 calls), $0.01 for titles (1 call), $0.20 for compactions (1 call)."
    )
    assert purposes_sentence([part()]) == ""


IDS = st.sampled_from(["", "a", "b", "c", "d", "e"])
PARTS = st.builds(
    lambda request_class, agent_id, parent, session, cost: OriginSum(
        session, Origin(request_class, agent_id, parent), 1, cost
    ),
    st.sampled_from(RequestClass), IDS, IDS, st.sampled_from(["s1", "s2"]), st.integers(0, 10**9),
)  # fmt: skip


@given(st.lists(PARTS, max_size=20))
def test_every_call_is_in_one_line(sums: list[OriginSum]) -> None:
    lines = family_of(sums)
    if lines:
        assert sum(line.calls for line in lines) == len(sums)
        assert sum(line.cost_nano_usd for line in lines) == sum(one.cost_nano_usd for one in sums)
    else:
        assert {one.origin.request_class for one in sums} <= {RequestClass.MAIN, SUB}
