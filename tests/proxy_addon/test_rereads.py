"""Each cause of a cache miss is planted in a conversation of each dialect, and named with its dollars."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.core.call_input import CallInput, ChosenCalls, MissCause
from app.core.origin import MAIN_ORIGIN, Origin, RequestClass
from app.core.tags import Tags
from app.core.usage import Usage
from app.ledger.call_input_store import input_sums
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger, open_ledger
from proxy_addon.shapes import shape_for
from tests.proxy_addon.played_cache import MODELS, START, Conversation, Said, is_near, words

CLAUDE, CHAT, RESPONSES, GEMINI = MODELS
TOOLS = (("read", words("read", 9_000)), ("write", words("write", 7_000)))
FIRST = Said(TOOLS, words("system", 12_000), (words("first"),))
SECOND = FIRST.and_then(words("answer"), words("second"))
THIRD = SECOND.and_then(words("answer2"), words("third"))
ALL = ChosenCalls(START - timedelta(days=1), START + timedelta(days=3))


def has_lost(told: CallInput, planted: int) -> bool:
    """Whether a call lost what was planted, within 1 %."""
    return planted > 0 and is_near(told.lost_nano_usd, planted)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.sqlite", checkpoints=True)
    yield opened
    opened.close()


@pytest.fixture(params=[CLAUDE, CHAT, RESPONSES, GEMINI])
def talk(request: pytest.FixtureRequest, ledger: Ledger) -> Conversation:
    """A conversation of two calls, in each dialect."""
    found = Conversation(ledger, request.param)
    found.call(FIRST)
    found.call(SECOND)
    return found


def test_a_conversation_that_goes_on_misses_nothing(talk: Conversation) -> None:
    told, planted = talk.call(THIRD)
    assert (told.cause, told.missed_tokens, told.lost_nano_usd, planted) == (MissCause.NONE, 0, 0, 0)
    assert is_near(told.resent_tokens, sum(len(text) for text in SECOND.texts) // 4)
    assert told.read_tokens == told.resent_tokens
    assert [tool.name for tool in told.tools] == ["read", "write"]
    assert is_near(told.tool_tokens, 16_000 // 4)


def test_the_first_call_misses_nothing(ledger: Ledger) -> None:
    told, _ = Conversation(ledger, CLAUDE).call(FIRST)
    assert (told.cause, told.resent_tokens, told.lost_nano_usd) == (MissCause.FIRST, 0, 0)


CHANGED = {
    "a system prompt that changes each turn": (
        replace(THIRD, system=words("another", 12_000)),
        MissCause.SYSTEM,
        "system",
    ),
    "tools reordered": (replace(THIRD, tools=TOOLS[::-1]), MissCause.TOOLS, "tools: reordered"),
    "a tool added": (
        replace(THIRD, tools=(*TOOLS, ("web_search", words("search")))),
        MissCause.TOOLS,
        "tools: +web_search",
    ),
    "a tool removed": (replace(THIRD, tools=TOOLS[1:]), MissCause.TOOLS, "tools: -read"),
    "a tool edited": (
        replace(THIRD, tools=(TOOLS[0], ("write", words("new", 7_000)))),
        MissCause.TOOLS,
        "tools: ~write",
    ),
    "history compacted": (
        replace(THIRD, messages=(words("summary", 3_000), THIRD.messages[-2])),
        MissCause.NONE,
        "",
    ),
}


@pytest.mark.parametrize("change", CHANGED)
def test_what_changed_is_named_with_what_it_cost(talk: Conversation, change: str) -> None:
    said, cause, block = CHANGED[change]
    told, planted = talk.call(said)
    assert (told.cause, told.changed_block) == (cause, block)
    assert is_near(told.lost_nano_usd, planted)


def test_history_that_is_edited_names_the_message(talk: Conversation) -> None:
    edited = (THIRD.messages[0], words("shorter", 9_000), *THIRD.messages[2:])
    told, planted = talk.call(replace(THIRD, messages=edited))
    number = 3 if talk.shape is CHAT else 2
    assert (told.cause, told.changed_block) == (MissCause.HISTORY, f"message {number}")
    assert has_lost(told, planted)


def test_history_that_got_much_shorter_was_compacted(talk: Conversation) -> None:
    talk.call(THIRD)
    fourth = THIRD.and_then(words("answer3"), words("fourth"))
    talk.call(fourth)
    told, planted = talk.call(replace(fourth, messages=(words("summary", 2_000), "ok", fourth.messages[-1])))
    assert (told.cause, told.changed_block) == (MissCause.COMPACTED, "")
    assert has_lost(told, planted)


def test_a_compaction_is_held_against_the_main_conversation(talk: Conversation) -> None:
    asked = replace(THIRD, system=words("summarize", 2_000))
    told, planted = talk.call(asked, origin=Origin(RequestClass.COMPACTION))
    assert told.cause is MissCause.COMPACTED
    assert has_lost(told, planted)
    talk._before = SECOND.texts
    told, planted = talk.call(THIRD)
    assert (told.cause, planted) == (MissCause.NONE, 0)


def test_a_gap_past_the_caches_life_is_told_with_its_length(talk: Conversation) -> None:
    told, planted = talk.call(THIRD, after=timedelta(minutes=12))
    assert (told.cause, told.changed_block) == (MissCause.EXPIRED, "idle for 12 min")
    assert has_lost(told, planted)


def test_another_model_reads_nothing_of_the_first_ones_cache(talk: Conversation) -> None:
    _, model, other = MODELS[talk.shape]
    told, planted = talk.call(THIRD, model=other)
    assert (told.cause, told.changed_block) == (MissCause.MODEL, f"model: {model} to {other}")
    assert has_lost(told, planted)


def test_another_account_has_another_cache(talk: Conversation) -> None:
    talk.account = b"account2"
    told, planted = talk.call(THIRD)
    assert (told.cause, told.changed_block) == (MissCause.ACCOUNT, "")
    assert has_lost(told, planted)


def test_settings_that_changed_are_named(talk: Conversation) -> None:
    talk._cached.clear()
    told, planted = talk.call(replace(THIRD, settings=(("thinking", {"type": "adaptive"}),)))
    assert (told.cause, told.changed_block) == (MissCause.SETTINGS, "settings: thinking")
    assert has_lost(told, planted)


def test_the_same_in_time_and_missed_all_the_same_is_unknown(talk: Conversation) -> None:
    talk._cached.clear()
    told, planted = talk.call(THIRD)
    assert (told.cause, told.changed_block) == (MissCause.UNKNOWN, "")
    assert has_lost(told, planted)


def test_input_too_short_for_a_cache_is_said_to_be_so(ledger: Ledger) -> None:
    for shape in MODELS:
        talk = Conversation(ledger, shape, tags=Tags(session=shape))
        short = Said((), words("system", 1_500), (words("first", 800),))
        talk.call(short)
        talk._cached.clear()
        told, planted = talk.call(short.and_then("a", words("more", 800)))
        assert told.cause is MissCause.TOO_SHORT
        assert is_near(told.lost_nano_usd, planted)


def test_claude_caches_only_what_is_marked(ledger: Ledger) -> None:
    talk = Conversation(ledger, CLAUDE)
    talk.call(replace(FIRST, is_marked=False))
    told, planted = talk.call(replace(SECOND, is_marked=False))
    assert told.cause is MissCause.NOT_ASKED
    assert has_lost(told, planted)


def test_the_cause_is_known_after_the_meter_was_started_again(talk: Conversation) -> None:
    """Nothing but the ledger is kept between two calls; the sums stand there too."""
    _, planted = talk.call(replace(THIRD, system=words("another", 12_000)))
    again = Conversation(talk.ledger, talk.shape, at=talk.at, _before=talk._before, _said=talk._said)
    later, more = again.call(replace(THIRD, system=words("a third", 12_000)))
    assert later.cause is MissCause.SYSTEM
    sums = input_sums(talk.ledger, ALL)
    assert [one.cause for one in sums.causes] == [MissCause.SYSTEM]
    assert is_near(sums.lost_nano_usd, planted + more)


def test_parts_of_an_agent_and_keys_do_not_disturb_one_another(talk: Conversation) -> None:
    talk.call(Said((), words("you are a sub-agent"), (words("go"),)), origin=Origin(agent_id="sub"))
    talk.call(Said((), words("give it a title"), (words("go"),)), origin=Origin(RequestClass.TITLE))
    talk.tags = replace(talk.tags, virtual_key_id="another")
    talk.call(FIRST)
    talk.tags, talk._before = replace(talk.tags, virtual_key_id="k"), SECOND.texts
    told, _ = talk.call(THIRD)
    assert told.cause is MissCause.NONE
    assert told.read_tokens > 0


def test_where_no_session_is_told_the_conversation_is_the_one_it_repeats(ledger: Ledger) -> None:
    talks = [Conversation(ledger, CHAT, tags=Tags(virtual_key_id="k")) for _ in range(3)]
    said = [replace(FIRST, messages=(words(f"conversation {number}"),)) for number in range(3)]
    for turn in range(3):
        for number, talk in enumerate(talks):
            before = talk._before
            told, _ = talk.call(said[number])
            if turn:
                assert told.cause is MissCause.NONE
                assert is_near(told.resent_tokens, sum(len(text) for text in before) // 4)
            said[number] = said[number].and_then(words(f"a{turn}"), words(f"q{number} {turn}"))


def chained(
    talk: Conversation, continues: str, *messages: str, read: int, tokens: int, answer: str
) -> CallInput | None:
    """A turn that goes on from a stored answer; what was written of its input."""
    items = [{"type": "message", "role": "user", "content": text} for text in messages]
    tools = [{"type": "function", "name": name, "description": text} for name, text in TOOLS]
    body = {"model": "gpt-5-mini", "instructions": FIRST.system, "tools": tools, "input": items}
    facts = shape_for(RESPONSES).read_request("", {}, json.dumps(body | {"previous_response_id": continues}).encode())
    return talk.book(facts, Usage(tokens, 10, cache_read_tokens=read), "gpt-5-mini", answer)


def test_a_conversation_that_codex_has_on_a_socket_is_followed_from_its_warm_up(ledger: Ledger) -> None:
    """The warm-up counts nothing and is no part of the conversation; tools and system prompt are items, said once."""
    talk = Conversation(ledger, RESPONSES)

    def turn(continues: str, items: list[Any], usage: Usage, answer: str, origin: Origin) -> CallInput | None:
        body = {"model": "gpt-5-mini", "previous_response_id": continues, "tool_choice": "auto", "input": items}
        facts = shape_for(RESPONSES).read_request("", {}, json.dumps(body).encode())
        return talk.book(facts, usage, "gpt-5-mini", answer, origin=origin)

    given = {"type": "additional_tools", "tools": [{"type": "custom", "name": "exec", "description": TOOLS[0][1]}]}
    said = [{"type": "message", "role": role, "content": words(role)} for role in ("developer", "user")]
    output = {"type": "custom_tool_call_output", "call_id": "c", "output": words("output")}
    assert turn("", [], Usage(0, 0), "warm", Origin(RequestClass.SIDE)) is None
    first = turn("warm", [given, *said], Usage(10_250, 9), "r1", MAIN_ORIGIN)
    second = turn("r1", [output], Usage(14_300, 9, cache_read_tokens=10_240), "r2", MAIN_ORIGIN)
    third = turn("r2", [output], Usage(18_400, 9, cache_read_tokens=0), "r3", MAIN_ORIGIN)
    assert first is not None
    assert second is not None
    assert third is not None
    assert [tool.name for tool in first.tools] == ["exec"]
    assert (second.resent_tokens, second.read_tokens, second.cause) == (10_250, 10_240, MissCause.NONE)
    assert (third.resent_tokens, third.missed_tokens, third.cause) == (14_300, 14_300, MissCause.UNKNOWN)
    assert [tool.name for tool in third.tools] == ["exec"]


def test_a_conversation_that_the_provider_keeps_is_followed_from_answer_to_answer(ledger: Ledger) -> None:
    """As Codex speaks on a socket: a warm-up that counts nothing, then new items only; and all of it again."""
    talk = Conversation(ledger, RESPONSES)
    assert chained(talk, "", read=0, tokens=0, answer="warm") is None
    first = chained(talk, "warm", words("first"), read=0, tokens=11_000, answer="r1")
    assert first is not None
    assert first.missed_tokens == 0
    second = chained(talk, "r1", words("second"), read=10_900, tokens=16_000, answer="r2")
    assert second is not None
    assert (second.resent_tokens, second.read_tokens, second.cause) == (11_000, 10_900, MissCause.NONE)
    third = chained(talk, "r2", words("third"), read=0, tokens=21_000, answer="r3")
    assert third is not None
    assert (third.resent_tokens, third.missed_tokens, third.cause) == (16_000, 16_000, MissCause.UNKNOWN)
    whole = (words("first"), words("answer 1"), words("second"), words("answer 2"), words("third"), words("fourth"))
    again = chained(talk, "", *whole, read=20_900, tokens=30_000, answer="r4")
    assert again is not None
    assert (again.resent_tokens, again.cause) == (21_000, MissCause.NONE)


def test_what_goes_on_from_an_answer_that_is_not_known_is_left_out(ledger: Ledger) -> None:
    talk = Conversation(ledger, RESPONSES)
    assert chained(talk, "nobody", words("first"), read=0, tokens=90_000, answer="r1") is None
    second = chained(talk, "r1", words("second"), read=80_000, tokens=95_000, answer="r2")
    assert second is not None
    assert (second.resent_tokens, second.read_tokens) == (90_000, 80_000)


def test_an_input_that_cannot_be_told_takes_no_call_with_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> object:
        raise ValueError("a digest")

    monkeypatch.setattr("proxy_addon.rereads.keep_request", broken)
    talk = Conversation(ledger, CHAT)
    with pytest.raises(AssertionError):
        talk.call(FIRST)
    assert "what a call sent again could not be written down: ValueError" in caplog.text
    assert len(recent_calls(ledger, 9)) == 1
    assert input_sums(ledger, ALL).calls == 0
