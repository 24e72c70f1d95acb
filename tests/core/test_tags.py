import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.tags import MAX_LABEL_LENGTH, MAX_NAME_LENGTH, Tags, clean_label, clean_name


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("migrate invoices", "migrate invoices"),
        ("  two\n lines\tand\r\nmore ", "two lines and more"),
        ("pay\u202e0.01$\u202c", "pay 0.01$"),
        ("\u2066hidden\u2069\u200b", "hidden"),
        ("bell\x07 and\x1b[31m red\x00", "bell and [31m red"),
        ("half \ud800 a pair", "half a pair"),
        ("Zürich 東京 🙂", "Zürich 東京 🙂"),
        ("\x00\u200b \n", ""),
    ],
)
def test_a_label_is_made_safe_to_show(told: str, shown: str) -> None:
    assert clean_label(told) == shown


def test_a_long_label_is_cut_and_says_so() -> None:
    assert clean_label("x" * MAX_LABEL_LENGTH) == "x" * MAX_LABEL_LENGTH
    cut = clean_label("x" * 10_240)
    assert len(cut) == MAX_LABEL_LENGTH
    assert cut.endswith("x…")
    assert len(clean_name("m" * 10_240)) == MAX_NAME_LENGTH


@given(st.text(max_size=300))
def test_a_clean_label_is_one_short_line_without_control_and_stays_as_it_is(text: str) -> None:
    label = clean_label(text)
    assert len(label) <= MAX_LABEL_LENGTH
    assert not [char for char in label if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert label == label.strip()
    assert clean_label(label) == label
    label.encode("utf-8")


@given(st.text(alphabet="ab \n\u202e\ud800", max_size=300))
def test_odd_characters_leave_no_trace(text: str) -> None:
    assert set(clean_label(text)) <= set("ab …")


def test_an_agent_adds_labels_but_changes_none() -> None:
    key = Tags(project="billing", task="fixed")
    labelled = key.labelled(task="mine", session="s\n1")
    assert labelled == Tags(project="billing", task="fixed", session="s 1")


def test_a_keys_session_is_for_agents_that_name_none() -> None:
    key = Tags(session="aider 3fa9")
    assert key.labelled() == key
    assert key.labelled(session="own").session == "own"
