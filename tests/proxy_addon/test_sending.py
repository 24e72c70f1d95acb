"""What goes to a provider: what came, without what was said to us, and with the real key in the place of ours."""

from app.core.key_limits import KeyLimits
from app.core.tags import Tags
from app.ledger.key_store import KeyHolder
from proxy_addon.header_fields import Fields
from proxy_addon.masking import SentKeys
from proxy_addon.meter import Cleared
from proxy_addon.routes import Route, Routes
from proxy_addon.sending import Sending, sending_of

HOLDER = KeyHolder(Tags(), KeyLimits())
REAL = ("x-api-key", "sk-ant-real-key-0123456789")
FIELDS: Fields = (
    (b"HOST", b"127.0.0.1:8787"),
    (b"X-Api-Key", b"bursar-virtual"),
    (b"X-Bursar-Task", b"t"),
    (b"Proxy-Authorization", b"Basic eA=="),
    (b"Content-Encoding", b"gzip"),
    (b"Content-Length", b"2"),
    (b"X-Odd", b"\xff"),
)


def route(path: str = "/anthropic/v1/messages", upstream: str = "http://127.0.0.1:9/base") -> Route:
    found = Routes({"anthropic": upstream, "google": upstream}).by_prefix("POST", path)
    assert found is not None
    return found


def sent(query: str = "", body: bytes | None = None, key: tuple[str, str] | None = REAL) -> Sending:
    return sending_of(route(), query, FIELDS, b"{}", Cleared(key, HOLDER, body=body), SentKeys())


def test_what_was_said_to_us_stays_here_and_the_rest_is_not_written_anew() -> None:
    assert sent().fields == (
        (b"HOST", b"127.0.0.1:9"),
        (b"Content-Encoding", b"gzip"),
        (b"Content-Length", b"2"),
        (b"X-Odd", b"\xff"),
        (b"x-api-key", REAL[1].encode()),
    )
    assert sent().target == "/base/v1/messages"


def test_a_login_of_the_callers_own_goes_through() -> None:
    going = sent("key=own", key=None)
    assert (b"X-Api-Key", b"bursar-virtual") in going.fields
    assert (going.target, going.mask) == ("/base/v1/messages?key=own", None)


def test_a_key_in_the_query_is_taken_out_however_it_is_spelled_and_the_rest_stays() -> None:
    for spelled in ("key=v", "%6bey=v", "key=v&key=w", "key"):
        assert sent(f"alt=s%73e&{spelled}&x=+").target == "/base/v1/messages?alt=s%73e&x=+"
    assert sent("key=v").target == "/base/v1/messages"


def test_another_body_is_plain_and_has_its_own_length() -> None:
    going = sent(body=b'{"a":1}')
    assert going.body == b'{"a":1}'
    assert dict(going.fields)[b"Content-Length"] == b"7"
    assert dict(going.fields)[b"accept-encoding"] == b"identity"
    assert b"Content-Encoding" not in dict(going.fields)


def test_the_key_is_masked_in_what_comes_back_and_not_told_by_the_value() -> None:
    going = sent()
    assert going.mask is not None
    assert going.mask.whole(REAL[1].encode()) == b"*" * len(REAL[1])
    assert REAL[1] not in repr(going)


def test_the_usual_port_is_not_named() -> None:
    usual = Routes().by_prefix("POST", "/anthropic/v1/messages")
    assert usual is not None
    going = sending_of(usual, "", FIELDS, b"", Cleared(REAL, HOLDER), SentKeys())
    assert dict(going.fields)[b"HOST"] == b"api.anthropic.com"
