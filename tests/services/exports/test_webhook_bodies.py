import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.errors import InvalidInput
from app.core.webhooks import Event, EventKind, WebhookFormat
from app.services.exports.webhook_bodies import body_of, check_secret, new_secret, signed_headers
from tests.services.exports.happenings import SECRET

EVENT = Event("id-1", EventKind.CAP_ALERT, datetime(2026, 11, 22, tzinfo=UTC), "Title", "Text.", {"percent": 80})


def test_a_signature_is_that_of_the_standards_own_example() -> None:
    """From the test vectors of https://github.com/standard-webhooks/standard-webhooks."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', secret, 1614265330)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_pages_own_lines_verify_what_is_sent() -> None:
    page = (Path(__file__).parents[3] / "resources" / "docs" / "exports.md").read_text("utf-8")
    lines = next(block for block in re.findall(r"```python\n(.*?)```", page, re.S) if "hmac" in block)
    assert len([line for line in lines.splitlines() if line and not line.startswith(("import", "from"))]) <= 6
    space: dict[str, object] = {}
    exec(lines, space)
    verified = space["is_from_bursar"]
    assert callable(verified)
    body = body_of(EVENT, WebhookFormat.JSON)
    now = int(datetime.now(UTC).timestamp())
    headers = signed_headers(EVENT.event_id, body, SECRET, now)
    assert verified(headers, body, SECRET)
    assert not verified(headers, body + b" ", SECRET)
    assert not verified(headers | {"webhook-id": "another"}, body, SECRET)
    assert not verified(headers, body, new_secret())
    assert not verified(signed_headers(EVENT.event_id, body, SECRET, now - 3_600), body, SECRET)


def test_secrets_are_made_anew_and_long_enough() -> None:
    made = new_secret()
    assert made != new_secret()
    assert check_secret(f" {made}\n") == made
    assert len(base64.b64decode(made.removeprefix("whsec_"))) == 32


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!", "whsec_" + "A" * 400])
def test_what_is_no_secret_is_refused_without_a_word_of_it(text: str) -> None:
    with pytest.raises(InvalidInput) as told:
        check_secret(text)
    assert len(text) < 8 or text not in str(told.value)


def test_long_texts_fit_in_slacks_blocks() -> None:
    long = Event("id", EventKind.TEST, EVENT.happened_at, "t" * 400, "x" * 9_000, {})
    header, section = json.loads(body_of(long, WebhookFormat.SLACK))["blocks"]
    assert (len(header["text"]["text"]), len(section["text"]["text"])) == (150, 3_000)


def test_our_own_form_is_that_of_its_page() -> None:
    page = (Path(__file__).parents[3] / "resources" / "docs" / "exports.md").read_text("utf-8")
    told = json.loads(body_of(EVENT, WebhookFormat.JSON))
    assert told == {
        "version": 1, "id": "id-1", "type": "cap.alert", "occurred_at": "2026-11-22T00:00:00+00:00", "title": "Title",
        "text": "Text.", "data": {"percent": 80},
    }  # fmt: skip
    assert all(f"`{name}`" in page for name in told)
    assert all(f"`{kind}`" in page for kind in EventKind)
