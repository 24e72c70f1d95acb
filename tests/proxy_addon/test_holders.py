import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy import update

from app.core.key_limits import KeyLimits
from app.core.tags import Tags
from app.keys.issue import issue_key
from app.keys.vault import FixedVault
from app.keys.virtual_keys import fingerprint, mint
from app.ledger.engine import Ledger
from app.ledger.key_store import replace_token, revoke_key
from app.ledger.key_tables import virtual_keys
from proxy_addon.budget import Budget
from proxy_addon.gate import Gate
from proxy_addon.identify import caller_of
from proxy_addon.keyring_cache import ProviderKeys
from proxy_addon.meter import Cleared, Meter, Refused
from proxy_addon.request import Request
from proxy_addon.routes import Routes
from tests.threaded_recorder import ThreadedRecorder

type Decide = Callable[[str], Awaitable[Cleared | Refused]]


def decided(ledger: Ledger, story: Callable[[Decide], Awaitable[None]]) -> None:
    """Tell a story to one meter, which is asked about calls by their tokens."""

    async def tell() -> None:
        recorder = ThreadedRecorder(ledger)
        keys = ProviderKeys(FixedVault({"anthropic": "sk-ant-real"}), recorder.post)
        meter = Meter(recorder, Gate(recorder, "here"), keys, Budget(ledger))
        route = Routes().by_prefix("POST", "/anthropic/v1/messages")
        assert route is not None

        async def decide(token: str) -> Cleared | Refused:
            headers = {"x-api-key": token}
            body = {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]}
            encoded = json.dumps(body).encode()
            return await meter.decide(Request(route, headers, encoded, caller_of(headers), lambda: False))

        await story(decide)

    asyncio.run(tell())


def project_of(decision: Cleared | Refused) -> str:
    assert isinstance(decision, Cleared)
    assert decision.exchange is not None
    return decision.exchange.draft.tags.project


def status_of(decision: Cleared | Refused) -> int:
    assert isinstance(decision, Refused)
    assert decision.answer is not None
    return decision.answer.status


def test_a_remembered_key_that_is_revoked_is_refused_at_once(ledger: Ledger) -> None:
    key, token = issue_key(ledger, name="one", tags=Tags(project="web"))

    async def story(decide: Decide) -> None:
        assert project_of(await decide(token)) == "web"
        revoke_key(ledger, key.key_id)
        assert status_of(await decide(token)) == 401

    decided(ledger, story)


def test_a_remembered_token_that_was_replaced_is_refused_at_once(ledger: Ledger) -> None:
    key, token = issue_key(ledger, name="one", tags=Tags(project="web"))
    fresh = mint()

    async def story(decide: Decide) -> None:
        assert project_of(await decide(token)) == "web"
        mark = fingerprint(fresh)
        replace_token(ledger, key.key_id, prefix=fresh[:8], fingerprint=mark, grace=timedelta(0))
        assert status_of(await decide(token)) == 401
        assert project_of(await decide(fresh)) == "web"

    decided(ledger, story)


def test_a_call_is_charged_to_whom_its_key_stands_for_when_its_money_is_held(ledger: Ledger) -> None:
    key, token = issue_key(ledger, name="one", tags=Tags(project="web"))

    async def story(decide: Decide) -> None:
        assert project_of(await decide(token)) == "web"
        with ledger.write() as connection:
            renamed = update(virtual_keys).where(virtual_keys.c.key_id == key.key_id)
            connection.execute(renamed.values(project="shop"))
        assert project_of(await decide(token)) == "shop"
        assert project_of(await decide(token)) == "shop"

    decided(ledger, story)


def test_limits_of_a_remembered_key_are_those_of_the_ledger(ledger: Ledger) -> None:
    key, token = issue_key(ledger, name="one", tags=Tags(), limits=KeyLimits(models=("claude-haiku-*",)))

    async def story(decide: Decide) -> None:
        assert isinstance(await decide(token), Cleared)
        for models, is_let in (("claude-opus-*", False), ("", True)):
            with ledger.write() as connection:
                limited = update(virtual_keys).where(virtual_keys.c.key_id == key.key_id)
                connection.execute(limited.values(models=models))
            assert isinstance(await decide(token), Cleared) is is_let

    decided(ledger, story)
