import pytest

from app.core.wording import format_tokens


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (950, "950"), (1_000, "1.0k"), (12_449, "12.4k"), (999_960, "1.0M"), (2_200_000, "2.2M")],
)
def test_tokens_are_written_short(count: int, text: str) -> None:
    assert format_tokens(count) == text
