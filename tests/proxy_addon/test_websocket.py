import asyncio
import json

from app.core.call import Outcome
from app.core.tags import Tags
from app.keys.issue import issue_key
from app.keys.vault import FixedVault
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger
from app.ledger.verification import verify_ledger
from proxy_addon.budget import Budget
from proxy_addon.gate import Gate
from proxy_addon.identify import caller_of
from proxy_addon.keyring_cache import ProviderKeys
from proxy_addon.meter import Cleared, Meter
from proxy_addon.request import Request
from proxy_addon.routes import Routes
from proxy_addon.websocket import NotSent, Socket, socket_reader
from tests.ledger.bookkeeping import set_cap, status_of
from tests.threaded_recorder import ThreadedRecorder, settled

TURN = json.dumps({"type": "response.create", "model": "gpt-5-mini", "input": "Hi", "max_output_tokens": 20}).encode()


def test_a_turn_that_is_let_go_after_its_socket_has_closed_is_not_sent(ledger: Ledger) -> None:
    cap = set_cap(ledger, 10**12)
    token = issue_key(ledger, name="one", tags=Tags(project="web"))[1]

    async def tell() -> tuple[NotSent | None, NotSent | None]:
        recorder = ThreadedRecorder(ledger)
        keys = ProviderKeys(FixedVault({"openai": "sk-real"}), recorder.post)
        meter = Meter(recorder, Gate(recorder, "here"), keys, Budget(ledger))
        headers = {"authorization": f"Bearer {token}"}
        route = Routes().by_prefix("POST", "/openai/v1/responses")
        assert route is not None
        request = Request(route, headers, b"", caller_of(headers), lambda: False, is_socket=True)
        cleared, reader = await meter.decide(request), socket_reader(route, route.path, headers)
        assert isinstance(cleared, Cleared)
        assert reader is not None
        socket = Socket(meter, request, cleared.holder, reader)
        sent = await socket.admit(TURN)
        late = asyncio.create_task(socket.admit(TURN.replace(b"Hi", b"Ho")))
        socket.close("provider_broke_off")
        not_sent = await late
        await settled(recorder)
        return sent, not_sent

    sent, not_sent = asyncio.run(tell())
    assert sent is None
    assert not_sent is not None
    assert b"closed" in not_sent.frame
    assert {call.outcome for call in recent_calls(ledger)} == {Outcome.INTERRUPTED, Outcome.FAILED}
    assert status_of(ledger, cap).held_nano_usd == 0
    assert verify_ledger(ledger).differences == ()
