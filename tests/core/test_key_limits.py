import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidInput
from app.core.key_limits import NO_LIMITS, KeyLimits, model_patterns

NAMES = st.text(st.sampled_from("ab.*[]-/"), max_size=12)


@pytest.mark.parametrize(
    ("pattern", "model", "is_allowed"),
    [
        ("claude-*", "claude-haiku-4-5", True),
        ("claude-*", "CLAUDE-haiku-4-5", True),
        ("claude-*", "anthropic/claude-haiku-4-5", False),
        ("*claude-*", "us.anthropic.claude-haiku-4-5-v1:0", True),
        ("claude-*-4-5", "claude-haiku-4-5", True),
        ("claude-*-4-5", "claude-haiku-4-5-latest", False),
        ("claude-4*4-5", "claude-4-5", False),
        ("claude-opus-4-5[1m]", "claude-opus-4-5[1m]", True),
        ("claude-opus-4-5[1m]", "claude-opus-4-51", False),
        ("gpt-5-mini", "gpt-5-mini", True),
        ("gpt-5-mini", "gpt-5-mini-pro", False),
        ("gpt-5.1", "gpt-5x1", False),
        ("*", "anything", True),
        ("a**b", "ab", True),
    ],
)
def test_a_star_stands_for_any_text_and_nothing_else_has_a_meaning(pattern: str, model: str, is_allowed: bool) -> None:
    assert KeyLimits(models=(pattern,)).allows_model(model) is is_allowed


@given(NAMES, NAMES)
def test_patterns_match_as_the_same_regular_expression_does(pattern: str, model: str) -> None:
    wanted = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), model, re.DOTALL)
    assert KeyLimits(models=(pattern or "*",)).allows_model(model) is (wanted is not None or not pattern)


def test_no_pattern_takes_long() -> None:
    started = time.process_time()
    assert not KeyLimits(models=("*a" * 99 + "*b",)).allows_model("a" * 200)
    assert time.process_time() - started < 1


def test_no_limit_allows_all_and_a_limit_on_models_no_call_without_one() -> None:
    assert NO_LIMITS.allows_model("")
    assert NO_LIMITS.allows_provider("anything")
    assert NO_LIMITS.words == ""
    limits = KeyLimits(("anthropic", "openai"), ("claude-*", "gpt-5-mini"))
    assert not limits.allows_model("")
    allowed = [name for name in ("anthropic", "openai", "google", "") if limits.allows_provider(name)]
    assert allowed == ["anthropic", "openai"]
    assert limits.words == "anthropic, openai; claude-*, gpt-5-mini"


def test_a_name_with_its_place_before_it_is_allowed_like_the_name() -> None:
    limits = KeyLimits(models=("gemini-2.5-flash", "accounts/fireworks/models/llama"))
    places = "projects/p/locations/l/publishers/google/models/"
    for name in ("gemini-2.5-flash", "models/gemini-2.5-flash", f"{places}gemini-2.5-flash",
                 "accounts/fireworks/models/llama"):  # fmt: skip
        assert limits.allows_named(name)
    assert not limits.allows_named(f"{places}gemini-2.5-pro")


def test_patterns_are_taken_as_typed_once_each() -> None:
    assert model_patterns(["claude-*, gpt-5-mini", "claude-*", ""]) == ("claude-*", "gpt-5-mini")
    for text in ("two words", "a\nb", "a\u202eb", "x" * 201, ",".join(f"m{number}" for number in range(51))):
        with pytest.raises(InvalidInput):
            model_patterns([text])
