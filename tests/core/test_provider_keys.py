import pytest

from app.core.errors import InvalidInput
from app.core.provider_keys import MAX_LABEL_LENGTH, KeyName, clean_key_label


def test_a_key_without_a_label_keeps_the_entry_that_it_always_had() -> None:
    assert KeyName("anthropic").entry == "anthropic"
    assert KeyName("anthropic", "team").entry == "anthropic/team"


def test_a_label_is_a_short_line_of_plain_text() -> None:
    assert clean_key_label("  my team ") == "my team"
    assert clean_key_label("") == ""
    assert clean_key_label("x" * MAX_LABEL_LENGTH) == "x" * MAX_LABEL_LENGTH
    for text in ("x" * (MAX_LABEL_LENGTH + 1), "two\nlines", "a\u202eb", "a\x1b[31mb"):
        with pytest.raises(InvalidInput, match="Not a label"):
            clean_key_label(text)
