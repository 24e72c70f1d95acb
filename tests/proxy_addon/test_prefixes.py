"""What earlier calls tell of the input of later ones, and when they are not believed."""

from dataclasses import replace

import pytest

from app.core.exchange import Block, RequestFacts, ResponseFacts, SideInference
from app.core.usage import Usage
from app.pricing.input_bound import KnownInput, input_bound
from proxy_addon.prefixes import PrefixMemory


def request(*parts: str, model: str = "claude-opus-5-5", size: int = 100) -> RequestFacts:
    blocks = tuple(Block("".join(parts[: place + 1]).encode(), size) for place in range(len(parts)))
    return RequestFacts(model, True, size * len(parts), blocks=blocks, is_self_contained=True)


def answer(tokens: int | None, **facts: object) -> ResponseFacts:
    known = ResponseFacts(Usage(input_tokens=tokens, output_tokens=7), "claude-opus-5-5", "msg_1", is_final=True)
    return replace(known, **facts)  # type: ignore[arg-type]


@pytest.fixture
def memory() -> PrefixMemory:
    """A memory that has seen a conversation of two turns, which counted 70 tokens."""
    found = PrefixMemory()
    found.learn("anthropic", request("a", "b"), answer(70))
    return found


def test_a_request_that_extends_one_is_known_up_to_there(memory: PrefixMemory) -> None:
    assert memory.known_input("anthropic", request("a", "b", "c", "d")) == KnownInput(70, 2, 7)
    assert memory.known_input("anthropic", request("a", "b")) == KnownInput(70, 2, 7)


def test_the_longest_part_that_is_known_counts(memory: PrefixMemory) -> None:
    memory.learn("anthropic", request("a", "b", "c"), answer(90))
    assert memory.known_input("anthropic", request("a", "b", "c", "d")) == KnownInput(90, 3, 7)


@pytest.mark.parametrize(
    ("provider", "facts"),
    [
        ("anthropic", request("a")),
        ("anthropic", request("a", "x", "b")),
        ("anthropic", request("a", "b", "c", model="claude-haiku-5-5")),
        ("google", request("a", "b", "c")),
    ],
)
def test_another_conversation_model_or_provider_is_not_known(
    memory: PrefixMemory, provider: str, facts: RequestFacts
) -> None:
    assert memory.known_input(provider, facts) is None


@pytest.mark.parametrize(
    "told",
    [
        answer(None),
        answer(70, is_final=False),
        answer(70, error_type="overloaded"),
        answer(70, side_inferences=(SideInference("claude-opus-4-8", Usage()),)),
    ],
)
def test_an_answer_that_cannot_be_relied_upon_teaches_nothing(told: ResponseFacts) -> None:
    memory = PrefixMemory()
    memory.learn("anthropic", request("a", "b"), told)
    assert memory.known_input("anthropic", request("a", "b", "c")) is None


def test_behind_a_router_nothing_is_learned() -> None:
    memory = PrefixMemory()
    memory.learn("openrouter", request("a"), answer(70))
    assert memory.known_input("openrouter", request("a", "b")) is None


def test_a_count_too_small_for_its_bytes_is_not_believed() -> None:
    memory = PrefixMemory()
    memory.learn("openai", request("a", "b", size=5_000), answer(3))
    known = memory.known_input("openai", request("a", "b", "c", size=5_000))
    assert known is not None
    assert known.tokens >= 10_000


def test_an_alias_that_passes_to_another_model_is_learned_anew(memory: PrefixMemory) -> None:
    memory.learn("anthropic", request("z"), answer(9, response_model="claude-opus-5-6"))
    assert memory.known_input("anthropic", request("a", "b", "c")) is None


def test_a_request_that_goes_on_from_a_stored_answer_is_known_with_that_answer(memory: PrefixMemory) -> None:
    goes_on = replace(request("c"), is_self_contained=False, continues="msg_1")
    assert memory.known_input("anthropic", goes_on) == KnownInput(77, 0, 7)
    assert memory.known_input("anthropic", replace(goes_on, continues="msg_2")) is None


def test_the_memory_is_bounded_and_keeps_what_is_used() -> None:
    memory = PrefixMemory(calls_kept=4)
    memory.learn("anthropic", request("old"), answer(1_000, response_id=""))
    for number in range(10):
        assert memory.known_input("anthropic", request("old")) is not None
        memory.learn("anthropic", request(f"new {number}"), answer(1_000, response_id=""))
    assert memory.known_input("anthropic", request("new 1")) is None
    assert memory.known_input("anthropic", request("new 9")) is not None


def test_the_bound_of_a_longer_request_is_what_was_counted_and_the_bytes_added() -> None:
    facts = request("a", "b", "c", size=10_000)
    assert input_bound(facts, None) >= 30_000
    assert 10_070 <= input_bound(facts, None, KnownInput(70, 2)) < 11_000


def test_images_count_by_their_ceiling_and_what_is_not_bounded_by_the_window() -> None:
    pictures = replace(request("a"), is_input_bounded=False, blocks=(Block(b"a", 100, images=2),))
    assert 2 * 4784 <= input_bound(pictures, 200_000) < 2 * 4784 + 3000
    assert input_bound(replace(pictures, model="unheard-of"), 200_000) == 200_000
    document = replace(pictures, blocks=(Block(b"a", 100, is_bounded=False),))
    assert input_bound(document, 200_000) == 1_000_000
    assert input_bound(replace(document, blocks=(*document.blocks, Block(b"ab", 50))), 1, KnownInput(40, 1)) < 1000


def test_reasoning_that_the_provider_keeps_counts_as_much_as_the_answer_it_is_of() -> None:
    named = Block(b"b", 90, is_bounded=False, is_answer_part=True)
    facts = replace(request("a"), is_input_bounded=False, blocks=(Block(b"a", 100), named, Block(b"c", 50)))
    assert input_bound(facts, 400_000) == 1_000_000  # the window by the list
    assert 40 + 9_000 + 140 <= input_bound(facts, None, KnownInput(40, 1, 9_000)) < 10_000
