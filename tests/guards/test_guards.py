"""The table of guards is about the code that there is, and some of them are taken out here: `python -m tests.guards`
takes out all."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.guards.guard import Guard
from tests.guards.table import GUARDS, NOT_TRIED, PAGE, results_in, written
from tests.guards.trial import ROOT, tried

SAMPLE = ("another machine has a quarter of them", "what others hold is not there")
SEEN_BY_NONE = "proxy_addon/test_guards.py::test_each_client_has_room_for_a_second_descriptor"


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_what_is_to_be_taken_out_is_there(guard: Guard) -> None:
    compile(guard.without(ROOT), guard.file, "exec")
    for test in guard.tests:
        file, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / "tests" / file).read_text("utf-8"), test


def test_the_page_lists_them_all_and_none_failed() -> None:
    page = PAGE.read_text("utf-8")
    results = results_in(page)
    assert page == written(results), "run `python -m tests.guards --no-run` and commit the page"
    assert [name for name, result in results.items() if result.startswith("failed")] == []
    assert sum(result != NOT_TRIED for result in results.values()) >= 40
    assert [name for name, count in Counter(guard.name for guard in GUARDS).items() if count > 1] == []


@pytest.mark.timeout(600)  # as many starts of pytest as there are guards in it, on a busy machine
def test_a_few_are_missed_at_once_and_a_test_that_does_not_notice_is_told(tmp_path: Path) -> None:
    few = [guard for guard in GUARDS if guard.name in SAMPLE]
    assert len(few) == len(SAMPLE)
    blind = replace(few[0], tests=(SEEN_BY_NONE,))
    troubles = [verdict.trouble for verdict in tried([*few, blind], tmp_path)]
    assert troubles == ["", "", f"{SEEN_BY_NONE} without it: passed"]


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_each_is_missed(tmp_path: Path) -> None:
    assert [(verdict.guard.name, verdict.trouble) for verdict in tried(GUARDS, tmp_path) if verdict.trouble] == []
