"""Texts that an agent supplies, in every place where it can: none is taken for a statement (threat T19), and none comes
out in the shape in which it could mislead a person (threat T25)."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from app.core.caps import Action, cap_name
from app.core.tags import MAX_LABEL_LENGTH, MAX_NAME_LENGTH, Scope, Tags, clean_label
from app.core.windows import Window
from app.keys.issue import issue_key
from app.keys.virtual_keys import PREFIX
from app.ledger.approval_store import waiting
from app.ledger.cap_store import add_cap, remove_cap
from app.ledger.spend import spend_by
from tests.end2end.bare_http import CHAT, MESSAGES, post
from tests.end2end.meter_process import NewCalls, RunningMeter, meter, wait_until
from tests.end2end.provider import Provider, chat_completion

pytestmark = pytest.mark.end2end

STATEMENTS = (
    "'", '"', "\\", ";", "--", "/*", "')", "' OR '1'='1", '" OR ""="', "' OR 1=1--", "admin'--", "1; DROP TABLE calls",
    "'; DROP TABLE virtual_keys; --", "'); DELETE FROM caps; --", "' UNION SELECT fingerprint FROM virtual_keys--",
    "x' AND (SELECT count(*) FROM calls) > 0 --", "'; UPDATE caps SET limit_nano_usd = 1 --", "${jndi:ldap://x}",
    "%27%20OR%201=1", "'||(SELECT sql FROM sqlite_master)||'", "'; ATTACH DATABASE 'x' AS y; --", ":name", "?1", "$1",
    "%s%s%n", "{0}", "%", "_", "*", "'; PRAGMA writable_schema = 1; --", "1e999", "NULL", "0x27204f52", "{{7*7}}", "@x",
)  # fmt: skip
HEADERS = (
    "x-bursar-task", "x-bursar-session", "x-claude-code-session-id", "session-id", "session_id", "x-session-id",
    "user-agent", "x-bursar-key", "x-stainless-timeout", "cookie", "x-bursar-other", "anthropic-beta",
)  # fmt: skip
MISLEADING = {
    "right to left": "approve \u202eesufer\u202c now",
    "isolates": "a\u2066b\u2067c\u2068d\u2069e\u200fz",
    "line breaks": "one\nCost: $0.00\r\ntwo\u2028three\u2029four\u0085five\x0bsix",
    "control": "a\x00b\x07c\x08d\x7fe\x9bf",
    "terminal": "\x1b[2J\x1b]0;title\x07\x1b[31mred",
    "zero width": "p\u200ba\u200cy\u200dp\u2060a\ufeffl",
    "tags": "a\U000e0041\U000e0042b",
    "surrogate": "half \ud83d of a pair",
    "long": "word " * 2_000,
    "long word": "w" * 10_000,
    "markup": "[bold red]x[/bold red] <b>y</b> [link=https://evil.example]z[/link]",
}


@pytest.fixture(scope="module")
def played() -> Iterator[Provider]:
    with Provider(lambda _seen: chat_completion(10, 5)).running() as started:
        yield started


@pytest.fixture(scope="module")
def running(played: Provider, module_home: Path) -> Iterator[RunningMeter]:
    with meter(module_home, dict.fromkeys(("openai", "anthropic"), played.url)) as started:
        yield started


def structure(running: RunningMeter) -> tuple[Any, ...]:
    """The schema, and all that a person has set."""
    with sqlite3.connect(f"file:{running.ledger.path}?mode=ro", uri=True) as connection:
        schema = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
        tables = ("virtual_keys", "caps", "switches", "raises", "price_overrides", "provider_keys", "stopped_sessions")
        found = [connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in tables]
        attached = connection.execute("PRAGMA database_list").fetchall()
    connection.close()
    return schema, found, len(attached)


def chat(model: str, **members: Any) -> bytes:
    return json.dumps({"model": model, "max_completion_tokens": 5, "messages": []} | members).encode()


@pytest.mark.parametrize("text", STATEMENTS)
def test_no_text_is_taken_for_a_statement(running: RunningMeter, new_calls: NewCalls, text: str) -> None:
    before = structure(running)
    headers = dict.fromkeys(HEADERS, text) | {"x-bursar-key": ""}
    assert post(running, CHAT, chat(text, metadata={"user_id": text}, user=text), headers=headers)[0] == 200
    [call] = new_calls(1)
    assert (call.tags.task, call.tags.session, call.request_model) == (clean_label(text),) * 3
    for name, credential in (
        ("x-bursar-key", text), ("x-api-key", text), ("authorization", f"Bearer {text}"), ("x-api-key", PREFIX + text),
    ):  # fmt: skip
        assert post(running, CHAT, chat("gpt-5-mini"), headers={"x-api-key": "", name: credential})[0] == 401
    asked = "&".join(f"{name}={quote(text)}" for name in ("model", "provider", "session", "task", "estimate_usd"))
    assert post(running, f"/bursar/budget?{asked}", b"", method="GET")[0] in (200, 400)
    assert post(running, f"/openai/v1/x/{quote(text, safe='')}?key={quote(text)}", b"{}")[0] == 200
    assert structure(running) == before
    new_calls(2)
    sums = {one.key: one.calls for one in spend_by(running.ledger, Scope.TASK, call.started_at, datetime.now(UTC))}
    assert sums == {clean_label(text): 1, "": 1}


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_name_that_a_person_gives_is_a_name(running: RunningMeter, text: str) -> None:
    name = f"{text} by name"
    key, token = issue_key(running.ledger, name=name, tags=Tags(*[text] * 5))
    cap = add_cap(
        running.ledger, scope=Scope.PROJECT, scope_key=text, window=Window.SESSION, limit_nano_usd=10**9,
        action=Action.ALERT, time_zone="UTC",
    )  # fmt: skip
    try:
        mine = {"x-api-key": token}
        assert post(running, CHAT, chat("gpt-5-mini"), headers=mine)[0] == 200
        _status, _headers, answer = post(running, "/bursar/budget?session=s", b"", method="GET", headers=mine)
        [budget] = json.loads(answer)["caps"]
        assert (key.name, key.tags.project, budget["name"]) == (name, text, cap_name(cap))
        assert text == "*" or text in cap_name(cap)
    finally:
        remove_cap(running.ledger, cap.cap_id)


def is_harmless(text: str, length: int) -> bool:
    return text.isprintable() and len(text) <= length and "  " not in text


@pytest.mark.parametrize("kind", MISLEADING)
def test_what_an_agent_says_is_stored_so_that_it_cannot_mislead(
    running: RunningMeter, new_calls: NewCalls, kind: str
) -> None:
    text = MISLEADING[kind]
    session = json.dumps({"session_id": text})
    anthropic = json.dumps(
        {"model": text, "max_tokens": 1, "messages": [], "metadata": {"user_id": session}}, ensure_ascii=True
    ).encode()
    assert post(running, MESSAGES, anthropic)[0] == 200
    header = "".join(char for char in text if char not in "\r\n\x00" and ord(char) < 256)
    labels = {"x-bursar-task": header, "x-bursar-session": header, "x-session-id": header}
    deployment = quote(text.encode("utf-8", "replace"), safe="")[:4_000]
    status, _headers, answer = post(running, f"/openai/v1/{deployment}", b"{}", headers=labels)
    assert (status, answer) != (503, b"")
    calls = new_calls(2)
    for call in calls:
        for label in (call.tags.task, call.tags.session):
            assert is_harmless(label, MAX_LABEL_LENGTH)
        for name in (call.request_model, call.response_model, call.response_id, call.error_type):
            assert is_harmless(name, MAX_NAME_LENGTH)
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a character is shown as such
    assert calls[0].request_model == clean_label(whole, MAX_NAME_LENGTH)


@pytest.mark.parametrize("kind", MISLEADING)
def test_a_question_and_a_refusal_hold_nothing_that_misleads(running: RunningMeter, kind: str) -> None:
    text = MISLEADING[kind]
    cap = add_cap(
        running.ledger, scope=Scope.PROJECT, scope_key="billing-api", window=Window.TOTAL, limit_nano_usd=1,
        action=Action.PAUSE, time_zone="UTC",
    )  # fmt: skip
    try:
        header = "".join(char for char in text if char not in "\r\n\x00" and ord(char) < 256)
        labels = {"x-bursar-task": header, "x-bursar-session": header, "x-stainless-timeout": "0.5"}
        status, _headers, answer = post(running, CHAT, chat(text), headers=labels)
        assert status == 503
        assert json.loads(answer)["error"]["message"].isprintable()
        [asked] = waiting(running.ledger)
        for label in (asked.tags.task, asked.tags.session, asked.model, asked.cap_name):
            assert is_harmless(label, MAX_NAME_LENGTH)
        assert text not in asked.cap_name
    finally:
        remove_cap(running.ledger, cap.cap_id)
    wait_until(lambda: post(running, CHAT, chat(text), headers=labels)[0] == 200, "the question to be over")
