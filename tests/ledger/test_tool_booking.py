from datetime import timedelta
from pathlib import Path

import pytest

from app.core.tags import Tags
from app.core.tool_call import UNREADABLE_NAME, ToolCall, ToolOutcome
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger, open_ledger
from app.ledger.fingerprint_key import fingerprint_key, key_file
from app.ledger.tool_booking import MAX_OF_A_CALL
from app.ledger.tool_store import tools_of_call
from app.whole_file import write_whole
from tests.ledger.tooling import START, book_call, result, use

FAILED, SUCCEEDED, UNKNOWN = ToolOutcome.FAILED, ToolOutcome.SUCCEEDED, ToolOutcome.UNKNOWN
LATER = START + timedelta(seconds=5)


def only(ledger: Ledger, call_id: str) -> ToolCall:
    [tool] = tools_of_call(ledger, call_id)
    return tool


def test_a_tool_call_waits_until_a_call_carries_its_result(ledger: Ledger) -> None:
    asking = book_call(ledger, use("Bash", '{"command":"ls"}', "toolu_1"))
    before = only(ledger, asking.call_id)
    carrying = book_call(ledger, results=[result("toolu_1", FAILED, size=41)], at=LATER)
    after = only(ledger, asking.call_id)

    assert (before.outcome, before.has_result, before.result_bytes, before.latency_ms) == (UNKNOWN, False, None, None)
    assert (before.name, before.provider_id, before.argument_bytes) == ("Bash", "toolu_1", 16)
    assert (after.outcome, after.result_call_id, after.result_bytes) == (FAILED, carrying.call_id, 41)
    assert after.latency_ms == 3_000


def test_the_same_result_again_changes_nothing(ledger: Ledger) -> None:
    asking = book_call(ledger, use("Bash", provider_id="toolu_1"))
    first = book_call(ledger, results=[result("toolu_1", FAILED)], at=LATER)
    book_call(ledger, results=[result("toolu_1", SUCCEEDED, size=1)], at=LATER + timedelta(hours=1))

    tool = only(ledger, asking.call_id)
    assert (tool.result_call_id, tool.outcome, tool.result_bytes) == (first.call_id, FAILED, 9)


def test_a_result_finds_its_call_after_the_meter_was_started_again(ledger: Ledger) -> None:
    asking = book_call(ledger, use("Bash", provider_id="toolu_1"))
    again = open_ledger(ledger.path)
    carrying = book_call(again, results=[result("toolu_1")], at=LATER)
    again.close()
    assert only(ledger, asking.call_id).result_call_id == carrying.call_id


def test_another_keys_result_of_the_same_id_is_none_of_this_ones(ledger: Ledger) -> None:
    asking = book_call(ledger, use("Bash", provider_id="toolu_1"))
    book_call(ledger, results=[result("toolu_1")], tags=Tags(session="s", virtual_key_id="other"), at=LATER)
    assert not only(ledger, asking.call_id).has_result


def test_results_without_ids_go_by_name_and_order(ledger: Ledger) -> None:
    older = book_call(ledger, use("read"), use("read"))
    asking = book_call(ledger, use("read"), use("run"), use("read"))
    results = [result("made-up", name="read", size=1), result("", name="read", size=2), result("", name="run", size=3)]
    book_call(ledger, results=results, at=LATER)

    assert [tool.result_bytes for tool in tools_of_call(ledger, asking.call_id)] == [1, 3, 2]
    assert not any(tool.has_result for tool in tools_of_call(ledger, older.call_id))


def test_a_result_with_an_id_never_goes_to_a_call_with_another(ledger: Ledger) -> None:
    asking = book_call(ledger, use("read", provider_id="one"))
    book_call(ledger, results=[result("two", name="read")], at=LATER)
    assert not only(ledger, asking.call_id).has_result
    book_call(ledger, results=[result("", name="read")], at=LATER)
    assert only(ledger, asking.call_id).has_result


def test_a_name_in_another_session_is_another_tool(ledger: Ledger) -> None:
    asking = book_call(ledger, use("read"))
    book_call(ledger, results=[result("", name="read")], tags=Tags(session="t", virtual_key_id="k"), at=LATER)
    assert not only(ledger, asking.call_id).has_result


def test_what_the_provider_runs_itself_is_answered_at_once(ledger: Ledger) -> None:
    asking = book_call(ledger, use("web_search", provider_id="ws_1", is_hosted=True), hosted=[result("ws_1", FAILED)])
    tool = only(ledger, asking.call_id)
    assert (tool.outcome, tool.result_call_id, tool.latency_ms) == (FAILED, asking.call_id, None)


def test_a_call_that_repeats_a_failed_one_is_a_retry(ledger: Ledger) -> None:
    asked = []
    for number, outcome in enumerate((FAILED, FAILED, SUCCEEDED, UNKNOWN)):
        at = START + timedelta(minutes=number)
        asked.append(book_call(ledger, use("Bash", "make", f"id-{number}"), use("Read", f"{number}"), at=at))
        book_call(ledger, results=[result(f"id-{number}", outcome)], at=at + timedelta(seconds=30))

    made = [tools_of_call(ledger, call.call_id) for call in asked]
    assert [tool.is_retry for tool, _ in made] == [False, True, True, False]
    assert not any(other.is_retry for _, other in made)
    assert len({tool.fingerprint for tool, _ in made}) == 1
    assert len({other.fingerprint for _, other in made}) == 4


def test_a_fingerprint_is_no_use_without_the_key_which_is_not_in_the_ledger(ledger: Ledger) -> None:
    asking = book_call(ledger, use("Bash", "make"))
    tool, key = only(ledger, asking.call_id), key_file(ledger).read_bytes()
    ledger_bytes = b"".join(
        file.read_bytes()
        for file in ledger.path.parent.glob("ledger.sqlite*")
        if file.suffix != ".key" and file.is_file()
    )

    assert len(key) == 32
    assert key not in ledger_bytes
    assert key.hex().encode() not in ledger_bytes
    assert use("Bash", "make").digest.hex() not in tool.fingerprint
    assert key_file(ledger).stat().st_mode & 0o77 == 0


def test_the_same_arguments_have_another_fingerprint_in_another_ledger(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = open_ledger(tmp_path / "other" / "ledger.sqlite")
    made = [only(one, book_call(one, use("Bash", "make")).call_id).fingerprint for one in (ledger, other)]
    other.close()
    assert len(set(made)) == 2


def test_a_damaged_key_is_replaced(ledger: Ledger) -> None:
    first = fingerprint_key(ledger)
    assert fingerprint_key(ledger) == first
    key_file(ledger).write_bytes(b"short")
    assert len(fingerprint_key(ledger)) == 32
    assert fingerprint_key(ledger) != first


def test_a_key_that_is_put_back_or_lost_while_the_meter_runs_is_followed(ledger: Ledger) -> None:
    first, file = fingerprint_key(ledger), key_file(ledger)
    write_whole(file, b"k" * 32)
    assert fingerprint_key(ledger) == b"k" * 32
    file.unlink()
    made = fingerprint_key(ledger)
    assert made not in (first, b"k" * 32)
    assert file.read_bytes() == made


@pytest.mark.parametrize("text", ["rm -rf / please", "line\nbreak", "x" * 200])
def test_what_is_no_name_and_no_id_is_not_kept(ledger: Ledger, text: str) -> None:
    asking = book_call(ledger, use(text, provider_id=text, server=text))
    book_call(ledger, results=[result(text)], at=LATER)

    tool = only(ledger, asking.call_id)
    assert (tool.name, tool.server) == (UNREADABLE_NAME, UNREADABLE_NAME)
    assert text not in tool.provider_id
    assert tool.has_result


def test_more_tools_than_any_model_asks_for_are_not_booked(ledger: Ledger) -> None:
    asking = book_call(ledger, *(use("read", str(number)) for number in range(MAX_OF_A_CALL + 5)))
    assert len(tools_of_call(ledger, asking.call_id)) == MAX_OF_A_CALL


def test_a_call_is_settled_although_its_tools_cannot_be_written_down(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    key_file(ledger).mkdir()
    asking = book_call(ledger, use("Bash", "make SECRET"))
    assert [call.call_id for call in recent_calls(ledger)] == [asking.call_id]
    assert tools_of_call(ledger, asking.call_id) == ()
    assert "the tools of a call could not be written down: IsADirectoryError" in caplog.text
    assert "SECRET" not in caplog.text
