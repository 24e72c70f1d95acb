import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from app.core.errors import KeyMissing, VaultLocked
from app.core.webhooks import EventGroup, Webhook, WebhookFormat
from app.keys.vault import FixedVault
from app.ledger.approval_store import refuse
from app.ledger.engine import Ledger
from app.ledger.webhook_outbox import due_deliveries, forget_webhook, webhook_counts
from app.services.exports.webhook_delivery import LONGEST_PAUSE_S, collect, pause_after, send_due
from app.services.keeper import Keeper, KeeperPhase
from tests.ledger.bookkeeping import spend_money
from tests.services.exports.happenings import DOLLAR, TEAM, go_round, put_question, reach_80_percent, vault_for
from tests.services.exports.receiver import Receiver, played_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with played_receiver() as playing:
        yield playing


def now() -> datetime:
    return datetime.now(UTC)


def even(low: float, high: float) -> float:
    """No jitter: the longest."""
    return high


def told(ledger: Ledger, receiver: Receiver, webhook: Webhook = TEAM, at: datetime | None = None) -> str:
    """One round: look, then send."""
    moment = at or now()
    collect(ledger, webhook, moment)
    return send_due(ledger, webhook, vault_for(receiver.url, webhook), moment, even)


def test_alerts_waiting_calls_and_loops_are_told_once_each(ledger: Ledger, receiver: Receiver) -> None:
    told(ledger, receiver)
    reach_80_percent(ledger)
    put_question(ledger, task="fix")
    go_round(ledger)
    assert told(ledger, receiver) == ""
    assert told(ledger, receiver) == ""
    by_kind = {one.told["type"]: one.told for one in receiver.posted}
    assert len(receiver.posted) == 3
    alert, ask, loop = by_kind["cap.alert"], by_kind["call.waiting"], by_kind["loop.found"]
    assert (alert["version"], alert["title"], alert["text"]) == (1, "Everything is at 80% in total", "$8.50 of $10.00.")
    assert (alert["data"]["percent"], alert["data"]["spent_nano_usd"]) == (80, 8_500_000_000)
    assert (alert["data"]["limit_usd"], alert["data"]["spent_usd"]) == ("10.00", "8.50")
    assert ask["title"] == "Claude Code waits for you"
    assert ask["text"] == "Everything, in total has $1.50 left. Next call: up to $5.00. In billing-api, fix."
    assert (ask["data"]["state"], ask["data"]["reason"], ask["data"]["project"]) == ("waiting", "cap", "billing-api")
    assert (loop["title"], loop["data"]["count"]) == ("Codex repeats itself", 5)
    assert "failed 5 times, $1.90. In web." in loop["text"]
    assert len(set(receiver.ids)) == 3


def test_the_limit_itself_is_told_too_and_once(ledger: Ledger, receiver: Receiver) -> None:
    told(ledger, receiver)
    reach_80_percent(ledger)
    spend_money(ledger, 2 * DOLLAR)
    for _ in range(2):
        told(ledger, receiver)
    assert sorted(one.told["data"]["percent"] for one in receiver.posted) == [80, 100]


def test_a_new_webhook_is_not_told_of_the_past(ledger: Ledger, receiver: Receiver) -> None:
    reach_80_percent(ledger)
    spend_money(ledger, 2 * DOLLAR)
    put_question(ledger)
    go_round(ledger)
    for _ in range(2):
        told(ledger, receiver)
    assert receiver.posted == []
    put_question(ledger)
    told(ledger, receiver)
    assert receiver.titles == ["Claude Code waits for you"]


def test_only_what_was_asked_for_is_told(ledger: Ledger, receiver: Receiver) -> None:
    loops_only = Webhook("loops", WebhookFormat.JSON, "127.0.0.1", (EventGroup.LOOPS,))
    told(ledger, receiver, loops_only)
    reach_80_percent(ledger)
    put_question(ledger)
    go_round(ledger)
    told(ledger, receiver, loops_only)
    assert [one.told["type"] for one in receiver.posted] == ["loop.found"]


def test_a_question_that_was_answered_meanwhile_says_so(ledger: Ledger, receiver: Receiver) -> None:
    reach_80_percent(ledger)
    told(ledger, receiver)
    refuse(ledger, put_question(ledger), by="ada")
    told(ledger, receiver)
    [one] = receiver.posted
    assert (one.told["title"], one.told["data"]["state"]) == ("Claude Code waited for you", "refused")
    assert one.told["text"].endswith("It is over: refused.")


def test_what_was_written_late_with_an_earlier_time_is_told(ledger: Ledger, receiver: Receiver) -> None:
    told(ledger, receiver)
    go_round(ledger, now() - timedelta(seconds=90))
    told(ledger, receiver)
    assert receiver.titles == ["Codex repeats itself"]


def test_a_meter_that_is_given_up_is_told_each_time_that_happens(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing: list[Keeper] = []
    where = "app.services.exports.webhook_delivery.blocked_keeper"
    monkeypatch.setattr(where, lambda path: standing[0] if standing else None)
    phase, note = KeeperPhase.BLOCKED, ledger.path.parent / "keeper-1-2"
    keeper = Keeper(2, "1", frozenset(), phase, 8787, 8788, 0, 5, "It failed. The port is taken.", note)
    told(ledger, receiver)
    for seen in ([keeper], [keeper], [], [keeper]):
        standing[:] = seen
        told(ledger, receiver)
    assert receiver.titles == ["The meter stopped"] * 2
    assert len(set(receiver.ids)) == 2
    assert receiver.posted[0].told["text"].endswith("It failed. The port is taken.")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_was_not_taken_is_sent_again_with_the_same_id(ledger: Ledger, receiver: Receiver, status: int) -> None:
    told(ledger, receiver)
    go_round(ledger)
    receiver.answers = [(status, {})]
    at = now()
    assert str(status) in told(ledger, receiver, at=at)
    assert told(ledger, receiver, at=at) == ""
    assert len(receiver.posted) == 1
    told(ledger, receiver, at=at + timedelta(seconds=1))
    first, second = receiver.posted
    assert first.told == second.told
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == first.told["id"]
    assert webhook_counts(ledger)["team"].delivered == 1


def test_pauses_grow_to_an_hour_and_differ() -> None:
    assert [pause_after(tries, even).total_seconds() for tries in (0, 1, 5, 11)] == [1, 2, 32, 2048]
    assert pause_after(1_000, even).total_seconds() == LONGEST_PAUSE_S
    assert len({pause_after(10) for _ in range(5)}) > 1
    assert all(512 <= pause_after(10).total_seconds() <= 1024 for _ in range(100))


@pytest.mark.parametrize("as_date", [False, True])
def test_who_asks_to_be_left_alone_for_a_while_is(ledger: Ledger, receiver: Receiver, as_date: bool) -> None:
    told(ledger, receiver)
    go_round(ledger)
    at = now()
    until = format_datetime(at + timedelta(seconds=300), usegmt=True) if as_date else "300"
    receiver.answers = [(429, {"retry-after": until})]
    told(ledger, receiver, at=at)
    told(ledger, receiver, at=at + timedelta(seconds=290))
    assert len(receiver.posted) == 1
    told(ledger, receiver, at=at + timedelta(seconds=301))
    assert len(receiver.posted) == 2


def test_after_a_day_of_tries_an_event_is_given_up_and_that_is_said(
    ledger: Ledger, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    told(ledger, receiver)
    go_round(ledger)
    receiver.answers = [(503, {})] * 1_000
    begun = at = now()
    collect(ledger, TEAM, at)
    while due_deliveries(ledger, "team", at + timedelta(days=9), 9) and at < begun + timedelta(days=3):
        told(ledger, receiver, at=at)
        at += timedelta(minutes=15)
    count = webhook_counts(ledger)["team"]
    assert (count.waiting, count.delivered, count.lost) == (0, 0, 1)
    assert timedelta(days=1) <= at - begun < timedelta(hours=26)
    assert count.lost_trouble == "The receiver answered with status 503."
    assert "given up" in caplog.text
    assert "SECRET-PART" not in caplog.text


def test_a_machine_that_slept_has_not_tried_for_a_day(ledger: Ledger, receiver: Receiver) -> None:
    told(ledger, receiver)
    go_round(ledger)
    receiver.answers = [(503, {})] * 2
    told(ledger, receiver)
    told(ledger, receiver, at=now() + timedelta(days=2))
    told(ledger, receiver, at=now() + timedelta(days=2, hours=1))
    assert webhook_counts(ledger)["team"].delivered == 1


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 410])
def test_any_other_answer_is_final_and_a_redirect_is_not_followed(
    ledger: Ledger, receiver: Receiver, status: int
) -> None:
    told(ledger, receiver)
    go_round(ledger)
    receiver.answers = [(status, {"location": receiver.url.replace("SECRET-PART", "elsewhere")})]
    assert str(status) in told(ledger, receiver)
    told(ledger, receiver, at=now() + timedelta(hours=5))
    assert [one.path for one in receiver.posted] == ["/services/T0/SECRET-PART"]
    assert (webhook_counts(ledger)["team"].lost, webhook_counts(ledger)["team"].waiting) == (1, 0)


def test_one_event_that_is_never_taken_keeps_no_other_back(ledger: Ledger, receiver: Receiver) -> None:
    told(ledger, receiver)
    go_round(ledger)
    reach_80_percent(ledger)
    put_question(ledger)
    receiver.answers = [(500, {})]
    told(ledger, receiver)
    assert len(receiver.posted) == 3
    assert webhook_counts(ledger)["team"].waiting == 1


def test_a_receiver_that_is_away_is_not_asked_for_each_event(ledger: Ledger, receiver: Receiver) -> None:
    reach_80_percent(ledger)
    told(ledger, receiver)
    for _ in range(20):
        put_question(ledger)
    receiver.answers = [(503, {})] * 20
    at = now()
    told(ledger, receiver, at=at)
    assert len(receiver.posted) == 2
    receiver.answers = []
    told(ledger, receiver, at=at + timedelta(seconds=2))
    assert webhook_counts(ledger)["team"].delivered == 20


def test_what_is_to_end_sends_no_more_and_the_rest_waits(ledger: Ledger, receiver: Receiver) -> None:
    reach_80_percent(ledger)
    told(ledger, receiver)
    for _ in range(3):
        put_question(ledger)
    at = now()
    collect(ledger, TEAM, at)
    send_due(ledger, TEAM, vault_for(receiver.url), at, is_wanted=lambda: len(receiver.posted) < 2)
    assert len(receiver.posted) == 2
    [waiting] = due_deliveries(ledger, "team", at, 9)
    assert waiting.tries == 0


def test_nobody_there_is_said_without_the_address(ledger: Ledger) -> None:
    with played_receiver() as gone:
        pass
    told(ledger, gone)
    go_round(ledger)
    trouble = told(ledger, gone)
    assert trouble.startswith("It cannot be reached. ")
    assert "SECRET-PART" not in trouble
    assert webhook_counts(ledger)["team"].trouble == trouble


def test_a_vault_without_the_address_is_no_try(ledger: Ledger, receiver: Receiver) -> None:
    told(ledger, receiver)
    go_round(ledger)
    collect(ledger, TEAM, now())
    with pytest.raises(KeyMissing, match="bursar webhooks add team"):
        send_due(ledger, TEAM, FixedVault({}), now())
    [waiting] = due_deliveries(ledger, "team", now(), 9)
    assert waiting.tries == 0


def test_a_locked_vault_asks_nobody_and_loses_nothing(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(ledger, receiver)
    go_round(ledger)
    collect(ledger, TEAM, now())
    vault = vault_for(receiver.url)

    def locked(*_: Any) -> None:
        raise VaultLocked("The keyring is locked", "Unlock it.")

    with monkeypatch.context() as locking:
        locking.setattr(FixedVault, "look", locked)
        locking.setattr(FixedVault, "get", pytest.fail)
        with pytest.raises(VaultLocked):
            send_due(ledger, TEAM, vault, now())
    send_due(ledger, TEAM, vault, now())
    assert len(receiver.posted) == 1


def test_slack_gets_what_it_takes(ledger: Ledger, receiver: Receiver) -> None:
    slack = Webhook("slack", WebhookFormat.SLACK, "127.0.0.1")
    reach_80_percent(ledger)
    told(ledger, receiver, slack)
    put_question(ledger, task="<!channel> & <https://evil.test|click> @here")
    told(ledger, receiver, slack)
    message = receiver.posted[0].told
    header, section = message["blocks"]
    assert (header["type"], header["text"]["type"], header["text"]["text"]) == (
        *("header", "plain_text"),
        "Claude Code waits for you",
    )
    assert (section["type"], section["text"]["type"]) == ("section", "plain_text")
    assert "<https://evil.test|click>" in section["text"]["text"]
    assert not any(mark in message["text"] for mark in ("<", ">", "@here"))
    assert "&lt;!channel&gt; &amp;" in message["text"]


def test_nothing_told_holds_a_key_or_more_than_the_meter_booked(ledger: Ledger, receiver: Receiver) -> None:
    told(ledger, receiver)
    reach_80_percent(ledger)
    put_question(ledger, virtual_key_id="key-id-7")
    told(ledger, receiver)
    everything = b"".join(one.body for one in receiver.posted).decode()
    assert "key-id-7" not in everything
    assert {"title", "text", "data", "version", "id", "type", "occurred_at"} == set(json.loads(receiver.posted[0].body))


def test_a_webhook_that_is_removed_is_forgotten_and_one_of_its_name_begins_anew(
    ledger: Ledger, receiver: Receiver
) -> None:
    told(ledger, receiver)
    go_round(ledger)
    collect(ledger, TEAM, now())
    assert forget_webhook(ledger, "team") == 1
    assert told(ledger, receiver) == ""
    assert receiver.posted == []
