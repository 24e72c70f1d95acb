"""Price tables: the one that ships with Bursar, newer ones as data, and what to ask about those."""

import json
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import InvalidInput
from app.pricing.age import age_days, stale_notice
from app.pricing.limits import max_input_tokens, max_output_tokens
from app.pricing.price_table import bare_name, bundled_table, table_from_json
from app.pricing.resources import read_figures
from app.pricing.review import Doubt, review_table
from tests.pricing.tables import changed, published

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def table(body: bytes) -> Any:
    return table_from_json(body, digest="abc", fetched_at=NOW)


def test_a_table_read_as_data_has_the_same_prices() -> None:
    shipped, read = bundled_table(), table(published().encode())
    for provider in ("anthropic", "openai", "google", "deepseek", "aws"):
        assert [row.rates(NOW) for row in read.rows(provider)] == [row.rates(NOW) for row in shipped.rows(provider)]
    assert read.version == "genai-prices data 2026-11-22 abc"
    assert review_table(shipped, read, NOW) == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"[1]", b'[{"id": "openai"}]', b"\xff", b"[" * 10**6])
def test_what_is_no_table_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="Not a price table"):
        table(body)


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"gpt_6_1_sol": {"input_mtok": 0.99, "output_mtok": 10}}, Doubt.DROPPED),
        ({"gpt_6_1_sol": {"input_mtok": 2, "output_mtok": 4}}, Doubt.DROPPED),
        ({"gpt_6_1_sol": {"input_mtok": 2, "output_mtok": 0}}, Doubt.FREE),
        ({"gpt_6_1_sol": {"input_mtok": 2}}, Doubt.FREE),
        ({"gpt_6_1_sol": None}, Doubt.GONE),
    ],
)
def test_a_model_that_turns_cheap_free_or_unknown_is_asked_about(change: dict[str, Any], doubt: Doubt) -> None:
    concerns = review_table(bundled_table(), table(changed(**change)), NOW)
    assert [(one.provider, one.model, one.doubt) for one in concerns] == [("openai", "gpt-6.1-sol", doubt)]


@pytest.mark.parametrize("prices", [{"input_mtok": 1, "output_mtok": 5}, {"input_mtok": 3, "output_mtok": 10}])
def test_a_model_that_is_dearer_or_half_as_dear_is_not_asked_about(prices: dict[str, Any]) -> None:
    assert review_table(bundled_table(), table(changed(gpt_6_1_sol=prices)), NOW) == []


def test_a_new_model_that_is_free_is_asked_about_unless_its_name_says_so() -> None:
    made: list[dict[str, Any]] = json.loads(published())
    free = {"input_mtok": 0, "output_mtok": 0}
    for name in ("brand-new", "brand-new:free"):
        made[0]["models"].append({"id": name, "match": {"equals": name}, "prices": free})
    concerns = review_table(bundled_table(), table(json.dumps(made).encode()), NOW)
    assert [(one.model, one.doubt) for one in concerns] == [("brand-new", Doubt.FREE)]


def test_half_a_table_is_refused() -> None:
    made: list[dict[str, Any]] = json.loads(published())
    without_openai = [provider for provider in made if provider["id"] != "openai"]
    with pytest.raises(InvalidInput, match="nothing of openai"):
        review_table(bundled_table(), table(json.dumps(without_openai).encode()), NOW)
    few = [provider for provider in made if provider["id"] in ("anthropic", "openai", "google")]
    with pytest.raises(InvalidInput, match="models"):
        review_table(bundled_table(), table(json.dumps(few).encode()), NOW)


def test_the_date_of_the_shipped_table_is_that_of_the_locked_version() -> None:
    figures = read_figures("table")
    lock = (ROOT / "packaging" / "requirements.lock").read_text("utf-8")
    assert f"genai-prices=={figures['version']} " in lock
    assert version("genai-prices") == figures["version"]
    assert bundled_table().as_of == datetime.fromisoformat(figures["released"]).replace(tzinfo=UTC)


def test_prices_older_than_two_weeks_are_told() -> None:
    def notice(day: int) -> str:
        return stale_notice(datetime(2026, 11, day, tzinfo=UTC), NOW)

    assert (notice(8), notice(22)) == ("", "")
    assert "15 days old" in notice(7)
    assert "not known" in stale_notice(None, NOW)
    assert age_days(datetime(2026, 12, 1, tzinfo=UTC), NOW) == 0


@pytest.mark.parametrize("kind", ["tiers", "regions", "searches", "long_writes", "calendars"])
def test_every_figure_has_its_source_and_its_date(kind: str) -> None:
    for figure in read_figures("modifiers")[kind]:
        assert figure["source"].startswith("https://")
        assert datetime.fromisoformat(figure["checked"]).year >= 2026
        assert Decimal(figure.get("factor", 1)) >= 1
        assert Decimal(figure.get("at_most", figure.get("factor", 1))) >= Decimal(figure.get("factor", 1))


def test_every_image_ceiling_has_its_source_and_its_date() -> None:
    for figure in read_figures("images")["images"]:
        assert figure["source"].startswith("https://")
        assert datetime.fromisoformat(figure["checked"]).year >= 2026


def test_the_figures_are_shipped() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert built["force-include"]["resources/prices"] == "app/_resources/prices"


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("claude-opus-5-5", 128_000),
        ("claude-opus-5-5-20260909", 128_000),
        ("models/gemini-2.5-pro", 65_536),
        ("openai/gpt-6.1-sol", 128_000),
        ("deepseek-chat", 393_216),  # the list tells of an older one by that name
        ("claude-of-the-future", 128_000),
        ("unheard-of", 100),
    ],
)
def test_the_most_a_model_answers_with(model: str, limit: int) -> None:
    assert max_output_tokens(model, 100 if model == "unheard-of" else None) >= limit


def test_the_most_a_model_takes_in() -> None:
    assert max_input_tokens("claude-opus-5-5") == 1_000_000
    assert max_input_tokens("unheard-of") is None


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("models/gemini-4-argon", "gemini-4-argon"),
        ("publishers/anthropic/models/claude-opus-5-5", "claude-opus-5-5"),
        (
            "arn:aws:bedrock:us-east-1:123:inference-profile/us.anthropic.claude-opus-5-5",
            "us.anthropic.claude-opus-5-5",
        ),
        (" gpt-5 ", "gpt-5"),
    ],
)
def test_names_lose_what_google_and_aws_put_before_them(name: str, bare: str) -> None:
    assert bare_name(name) == bare
