import json
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import InvalidInput
from app.core.history import LogSource
from app.ledger.engine import Ledger, open_ledger
from app.services.imports.agent_logs import KINDS, find_files, import_logs
from tests.services.imports.conftest import column, sums
from tests.services.imports.written_logs import (
    START,
    Told,
    claude_line,
    codex_calls,
    codex_head,
    gemini_message,
    opencode_database,
    opencode_message,
    write_lines,
)

CALLS = [Told("resp_1", 100, 900, 50, 40, 1), Told("resp_2", 7, 1_000, 0, 900, 3), Told("resp_3", 12, 0, 0, 3, 9)]
TRUTH = (3, 2_069, 1_900, 50, 943)

calls_of_any_kind = st.lists(
    st.builds(
        Told,
        name=st.integers(1, 10**9).map("resp_{}".format),
        fresh=st.integers(1, 50_000),
        read=st.integers(0, 200_000),
        written=st.integers(0, 50_000),
        out=st.integers(1, 9_000),
        minute=st.integers(0, 600),
    ),
    min_size=1,
    max_size=12,
    unique_by=(lambda call: call.name, lambda call: call.minute),
)


def counted(calls: list[Told]) -> tuple[int, int, int, int, int]:
    """The count by hand: each call once, whatever the logs repeat."""
    return (
        len(calls),
        sum(call.fresh + call.read + call.written for call in calls),
        sum(call.read for call in calls),
        sum(call.written for call in calls),
        sum(call.out for call in calls),
    )


def write_claude(folder: Path, calls: list[Told], chance: Random) -> None:
    """A session, a fork that copies a part of it, and a sub-agent's file; answers in several lines, some growing."""

    def told(some: list[Told], session: str, was: str = "") -> list[Any]:
        lines = []
        for call in some:
            blocks = [chance.randint(1, call.out) for _ in range(chance.randint(0, 3))]
            lines += [claude_line(call, session, out=out, was=was) for out in [*blocks, call.out]]
            lines.append({"type": "user", "message": {"content": "…"}, "timestamp": "2026-11-03T09:00:00Z"})
        return lines

    cut, child = chance.randint(0, len(calls)), chance.randint(0, len(calls))
    main = [call for index, call in enumerate(calls) if index != child]
    write_lines(folder / "p" / "aaaa.jsonl", told(main, "aaaa"))
    write_lines(folder / "p" / "bbbb.jsonl", told(main[:cut], "bbbb", "aaaa"))
    write_lines(folder / "p" / "aaaa" / "subagents" / "agent-1.jsonl", told(calls[child : child + 1], "aaaa"))


def write_codex(folder: Path, calls: list[Told], chance: Random) -> None:
    """A thread in the older or the newer format and a fork of it, its beginning copied in one burst."""
    has_records, cut = chance.random() < 0.5, chance.randint(0, len(calls))
    own, later = calls[:cut], calls[cut:]
    day = folder / "2026" / "11" / "03"
    write_lines(
        day / "rollout-1.jsonl",
        codex_head("parent", START) + codex_calls("parent", own, has_records=has_records),
    )
    forked_at = START + timedelta(days=1)
    copied = codex_calls("parent", own, has_records=has_records, at=forked_at)
    both = codex_calls("parent", [*own, *later], has_records=has_records)
    new = both[len(copied) :]
    for line in new:
        line["timestamp"] = "2026-11-05T09:00:00.000Z"
    head = codex_head("child", forked_at, forked_from_id="parent")
    write_lines(day / "rollout-2.jsonl", head + copied + new)


def write_gemini(folder: Path, calls: list[Told], chance: Random) -> None:
    """An old chat of one object, and a newer one with growing messages, a rewind and a checkpoint."""
    cut = chance.randint(0, len(calls))
    old = {"sessionId": "s1", "messages": [gemini_message(call) for call in calls[:cut]]}
    write_lines(folder / "shop" / "chats" / "session-1.json", [old])
    lines: list[Any] = [{"sessionId": "s2", "projectHash": "x", "startTime": "2026-11-03T09:00:00Z", "kind": "main"}]
    for call in calls[cut:]:
        message = gemini_message(call)
        smaller = message | {"tokens": message["tokens"] | {"output": 0, "thoughts": 0}}
        lines += [{"id": "u", "type": "user", "timestamp": "2026-11-03T09:00:00Z", "content": "…"}, smaller, message]
    lines += [{"$rewindTo": "u"}, {"$set": {"messages": [gemini_message(call) for call in calls[cut:]]}}]
    write_lines(folder / "shop" / "chats" / "session-2.jsonl", lines)


def write_opencode(folder: Path, calls: list[Told], chance: Random) -> None:
    """A database with a fork that copies messages under new ids, and the older files of the same messages."""
    cut = chance.randint(0, len(calls))
    rows = [(f"msg_{index}", "ses_1", json.dumps(opencode_message(call))) for index, call in enumerate(calls)]
    copies = [(f"copy_{name}", "ses_2", data) for name, _, data in rows[:cut]]
    opencode_database(folder / "opencode.db", [("ses_1", None), ("ses_2", None)], rows + copies)
    for name, session, data in rows[cut:]:
        write_lines(folder / "storage" / "message" / session / f"{name}.json", [data])


WRITERS = {
    LogSource.CLAUDE_CODE: write_claude,
    LogSource.CODEX: write_codex,
    LogSource.GEMINI: write_gemini,
    LogSource.OPENCODE: write_opencode,
}


@pytest.mark.parametrize("source", list(LogSource))
@settings(max_examples=8)
@given(calls=calls_of_any_kind, seed=st.integers(0, 1_000))
def test_an_import_agrees_with_a_count_by_hand_and_a_second_one_changes_nothing(
    source: LogSource, calls: list[Told], seed: int
) -> None:
    if source is LogSource.GEMINI:
        calls = [Told(call.name, call.fresh, call.read, 0, call.out, call.minute) for call in calls]
    with tempfile.TemporaryDirectory() as folder:
        WRITERS[source](Path(folder), sorted(calls, key=lambda call: call.minute), Random(seed))
        with closing(open_ledger(Path(folder) / "ledger.sqlite")) as ledger:
            first = import_logs(ledger, source, [Path(folder)], "ann")
            assert sums(ledger) == counted(calls)
            assert (first.stored.new, first.broken_lines, first.unreadable) == (len(calls), 0, ())
            costs = column(ledger, "cost_nano_usd")
            again = import_logs(ledger, source, [Path(folder)], "ann")
            assert (again.stored.new, again.stored.grown) == (0, 0)
            assert column(ledger, "cost_nano_usd") == costs


def test_a_call_has_the_price_of_its_own_time_and_the_names_of_the_log(ledger: Ledger, tmp_path: Path) -> None:
    write_lines(tmp_path / "p" / "s.jsonl", [claude_line(CALLS[0], "the-session")])
    import_logs(ledger, LogSource.CLAUDE_CODE, [tmp_path], "ann")
    assert column(ledger, "cost_nano_usd") == [100 * 5_000 + 900 * 500 + 50 * 6_250 + 40 * 25_000]
    assert column(ledger, "project || '/' || agent || '/' || user_name || '/' || session") == [
        "billing-api/claude/ann/the-session"
    ]


def test_a_log_that_grew_brings_its_new_calls_and_the_rest_of_a_half_told_one(ledger: Ledger, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "p" / "s.jsonl", [claude_line(CALLS[0], "s", out=1)])
    import_logs(ledger, LogSource.CLAUDE_CODE, [file], "ann")
    write_lines(file, [claude_line(CALLS[0], "s", out=1), *(claude_line(call, "s") for call in CALLS)])
    again = import_logs(ledger, LogSource.CLAUDE_CODE, [file], "ann")
    assert (again.stored.new, again.stored.grown, sums(ledger)) == (2, 1, TRUTH)


def test_a_broken_line_is_counted_and_the_rest_is_read(ledger: Ledger, tmp_path: Path) -> None:
    good = [claude_line(call, "s") for call in CALLS]
    negative = claude_line(Told("bad", 1, 1, 1, 1, 1), "s", out=-5)
    nameless = claude_line(Told("", 1, 1, 1, 1, 1), "s") | {"uuid": None}
    lines = [good[0], '{"type": "assistant", "mess', good[1], negative, nameless, "[1, 2]", good[2], '{"type": "']
    write_lines(tmp_path / "p" / "s.jsonl", lines)
    imported = import_logs(ledger, LogSource.CLAUDE_CODE, [tmp_path], "ann")
    assert (imported.broken_lines, sums(ledger)) == (5, TRUTH)


def test_notices_of_the_program_itself_are_no_calls(ledger: Ledger, tmp_path: Path) -> None:
    notice = claude_line(CALLS[0], "s")
    notice["message"]["model"] = "<synthetic>"
    write_lines(tmp_path / "p" / "s.jsonl", [notice, {"type": "summary", "summary": "…"}])
    imported = import_logs(ledger, LogSource.CLAUDE_CODE, [tmp_path], "ann")
    assert (imported.stored.new, imported.broken_lines) == (0, 0)


def test_what_an_advisor_cost_is_paid_on_top(ledger: Ledger, tmp_path: Path) -> None:
    line = claude_line(CALLS[2], "s")
    advisor = {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 1_000, "output_tokens": 10}
    line["message"]["usage"]["iterations"] = [{"type": "message", "input_tokens": 12, "output_tokens": 3}, advisor]
    write_lines(tmp_path / "p" / "s.jsonl", [line])
    import_logs(ledger, LogSource.CLAUDE_CODE, [tmp_path], "ann")
    assert column(ledger, "cost_nano_usd") == [12 * 5_000 + 3 * 25_000 + 1_000 * 5_000 + 10 * 25_000]


def test_a_codex_thread_of_sums_alone_is_read_by_differences(ledger: Ledger, tmp_path: Path) -> None:
    lines = codex_head("t", START) + codex_calls("t", CALLS, has_records=False)
    for line in lines[2:]:
        line["payload"]["info"].pop("last_token_usage", None)
    ping = {"timestamp": "2026-11-03T09:00:00Z", "type": "event_msg", "payload": {"type": "token_count", "info": None}}
    write_lines(tmp_path / "rollout-1.jsonl", [*lines[:2], ping, *lines[2:]])
    import_logs(ledger, LogSource.CODEX, [tmp_path], "ann")
    assert sums(ledger) == TRUTH


def test_sub_agents_belong_to_the_session_they_work_for(ledger: Ledger, tmp_path: Path) -> None:
    child = [(f"msg_{index}", "ses_child", json.dumps(opencode_message(call))) for index, call in enumerate(CALLS)]
    opencode_database(tmp_path / "opencode.db", [("ses_main", None), ("ses_child", "ses_main")], child)
    import_logs(ledger, LogSource.OPENCODE, [tmp_path], "ann")
    write_lines(tmp_path / "g" / "chats" / "parent" / "child.jsonl", [{"sessionId": "x"}, gemini_message(CALLS[2])])
    import_logs(ledger, LogSource.GEMINI, [tmp_path], "ann")
    assert set(column(ledger, "source || ' ' || session")) == {"opencode ses_main", "gemini parent"}


def test_a_file_that_is_no_database_is_named_and_left_out(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "opencode.db").write_bytes(b"not a database at all, just some bytes" * 100)
    imported = import_logs(ledger, LogSource.OPENCODE, [tmp_path], "ann")
    assert imported.stored.new == 0
    assert "opencode.db" in imported.unreadable[0]


def test_logs_are_found_where_the_agent_keeps_them(tmp_path: Path) -> None:
    claude = write_lines(tmp_path / ".claude" / "projects" / "p" / "s.jsonl", ["{}"])
    codex = write_lines(tmp_path / "other" / "archived_sessions" / "rollout-1.jsonl", ["{}"])
    environment = {"CODEX_HOME": str(tmp_path / "other")}
    assert find_files(KINDS[LogSource.CLAUDE_CODE], [], environment, tmp_path) == [claude]
    assert find_files(KINDS[LogSource.CODEX], [], environment, tmp_path) == [codex]
    with pytest.raises(InvalidInput, match="No logs"):
        find_files(KINDS[LogSource.GEMINI], [], environment, tmp_path)
    with pytest.raises(InvalidInput, match="No such file"):
        find_files(KINDS[LogSource.GEMINI], [tmp_path / "gone"], environment, tmp_path)
