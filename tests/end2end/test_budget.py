"""An agent is told what its money stands at: by headers on its answers, and when it asks."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from app.core.caps import Action, Cap
from app.core.money import NANO_PER_CENT
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.keys.issue import issue_key
from app.ledger.cap_store import add_cap
from app.ledger.key_store import revoke_key
from tests.end2end.bare_http import CHAT, post
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Provider, chat_completion

pytestmark = pytest.mark.end2end

BODY = json.dumps({"model": "gpt-5-mini", "max_completion_tokens": 4_500, "messages": []}).encode()
SESSION = {"x-bursar-session": "s-1", "x-bursar-task": "t-1"}


@pytest.fixture
def running(home: Path, provider: Provider) -> Iterator[RunningMeter]:
    provider.answer = lambda _seen: chat_completion(1_000, 4_000)  # 0.825 cents
    with meter(home, {"openai": provider.url}) as started:
        yield started


def _cap(running: RunningMeter, key: str, cents: int, *, window: Window = Window.DAY) -> Cap:
    return add_cap(
        running.ledger, scope=Scope.PROJECT, scope_key=key, window=window, limit_nano_usd=cents * NANO_PER_CENT,
        action=Action.BLOCK, time_zone="UTC",
    )  # fmt: skip


def _ask(running: RunningMeter, headers: dict[str, str] | None = None, **query: str) -> tuple[int, Any]:
    path = "/bursar/budget" + (f"?{urlencode(query)}" if query else "")
    status, _headers, body = post(running, path, b"", headers=headers, method="GET")
    return status, json.loads(body or b"{}")


def test_agent_sees_the_caps_its_calls_count_in_and_no_other(running: RunningMeter) -> None:
    _cap(running, "billing-api", 2)
    _cap(running, "somebody-else", 5)
    post(running, CHAT, BODY, headers=SESSION)
    running.calls(1)
    status, told = _ask(running, SESSION, estimate_usd="0.01")
    assert status == 200
    (cap,) = told["caps"]
    resets_at = cap.pop("resets_at")
    assert resets_at.endswith("T00:00:00+00:00")
    assert cap == {
        "name": "billing-api, today", "scope": "project", "window": "day", "action": "block", "limit_usd": "0.02",
        "spent_usd": "0.00825", "held_usd": "0.00", "remaining_usd": "0.01175", "estimate": "admitted",
    }  # fmt: skip
    assert (told["session_cost_usd"], told["task_cost_usd"]) == ("0.00825", "0.00825")
    assert told["would_be_admitted"] is True
    assert "somebody-else" not in json.dumps(told)


def test_estimate_above_what_remains_would_not_be_admitted(running: RunningMeter) -> None:
    _cap(running, "billing-api", 2)
    _cap(running, "billing-api", 50, window=Window.MONTH)
    _status, told = _ask(running, estimate_usd="0.03")
    assert told["would_be_admitted"] is False
    assert {cap["name"]: cap["estimate"] for cap in told["caps"]} == {
        "billing-api, today": "exhausted", "billing-api, this month": "admitted",
    }  # fmt: skip
    assert _ask(running, estimate_usd="a lot")[0] == 400


def test_key_may_stand_wherever_an_agent_would_put_it(running: RunningMeter) -> None:
    _cap(running, "billing-api", 2)
    token = running.token
    for headers in ({"authorization": f"Bearer {token}"}, {"x-goog-api-key": token}, {"x-api-key": token}):
        status, told = _ask(running, {"x-api-key": ""} | headers)
        assert (status, len(told["caps"])) == (200, 1)
    assert _ask(running, {"x-api-key": ""}, key=token)[0] == 200


def test_whoever_has_no_valid_key_learns_nothing(running: RunningMeter) -> None:
    _cap(running, "billing-api", 2)
    key, revoked = issue_key(running.ledger, name="revoked", tags=Tags(project="billing-api"))
    revoke_key(running.ledger, key.key_id)
    for token in ("", "bsr_unknown", revoked, base64.b64encode(b"x:y").decode()):
        status, told = _ask(running, {"x-api-key": token})
        assert status == 401
        assert "caps" not in told
    assert _ask(running, {"origin": "https://example.com"})[0] == 403
    assert post(running, "/bursar/budget", b"{}")[0] == 403


def test_session_of_another_key_is_not_told(running: RunningMeter) -> None:
    post(running, CHAT, BODY, headers=SESSION)
    running.calls(1)
    _key, other = issue_key(running.ledger, name="other", tags=Tags(project="other"))
    _status, told = _ask(running, SESSION | {"x-api-key": other})
    assert (told["session_cost_usd"], told["caps"]) == ("0.00", [])


def test_answers_carry_cost_so_far_and_what_remains(running: RunningMeter) -> None:
    _cap(running, "billing-api", 3)
    _status, first, _body = post(running, CHAT, BODY, headers=SESSION)
    running.calls(1)
    _status, second, _body = post(running, CHAT, BODY, headers=SESSION)
    names = ("x-bursar-session-cost-usd", "x-bursar-task-cost-usd", "x-bursar-remaining-usd")
    assert [first[name] for name in names] == ["0.00", "0.00", "0.03"]
    assert [second[name] for name in names] == ["0.00825", "0.00825", "0.02175"]


def test_refusal_says_in_figures_why(running: RunningMeter) -> None:
    _cap(running, "billing-api", 1)
    post(running, CHAT, BODY)
    running.calls(1)
    status, headers, _body = post(running, CHAT, BODY)
    assert status == 400
    assert headers["x-bursar-refusal"] == "exhausted"
    assert headers["x-bursar-remaining-usd"] == "0.00175"
    assert float(headers["x-bursar-needed-usd"]) > 0.009
