import json
from pathlib import Path

import price_limits


def entry(most: object, taken: object = None, provider: str = "openai", mode: str = "chat") -> dict[str, object]:
    return {"max_output_tokens": most, "max_input_tokens": taken, "litellm_provider": provider, "mode": mode}


def test_a_model_of_several_sellers_has_the_most_generous_limits() -> None:
    entries = {
        "gpt-9": entry(100, 50),
        "azure/gpt-9": entry(90, 70, "azure"),
        "bedrock/us.gpt-9": entry(80, 60, "bedrock"),
    }
    assert price_limits.read_limits(entries) == {"gpt-9": [100, 70]}


def test_what_tells_no_limit_or_answers_no_words_is_left_out() -> None:
    entries = {
        "unsaid": entry("many"),
        "nothing": entry(0),
        "pictures": entry(10, mode="image_generation"),
        "stranger": entry(10, provider="somebody"),
        "sample_spec": {},
    }
    assert price_limits.read_limits(entries) == {}


def test_the_shipped_limits_say_where_they_come_from() -> None:
    made = json.loads((Path(price_limits.TARGET)).read_text("utf-8"))
    assert "litellm" in made["source"]
    assert len(made["models"]) > 900
