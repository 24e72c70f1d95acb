import base64

import pytest

from app.keys.virtual_keys import mint
from proxy_addon.identify import caller_of, key_header, proxy_user

TOKEN = "bsr_" + "a" * 38


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": TOKEN},
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer  {TOKEN}"},
        {"x-goog-api-key": TOKEN},
        {"x-api-key": "sk-own", "authorization": f"Bearer {TOKEN}"},
    ],
)
def test_virtual_key_is_found_wherever_a_provider_key_may_stand(headers: dict[str, str]) -> None:
    caller = caller_of(headers)
    assert (caller.token, caller.holds_own_key) == (TOKEN, False)


def test_virtual_key_may_stand_in_the_query() -> None:
    assert caller_of({}, query_key=TOKEN).token == TOKEN


def test_own_key_is_kept_where_the_proxy_address_says_who_pays() -> None:
    caller = caller_of({"authorization": "Bearer sk-own"}, proxy_user=TOKEN)
    assert (caller.token, caller.holds_own_key) == (TOKEN, True)


def test_key_in_the_request_goes_before_the_one_in_the_proxy_address() -> None:
    assert caller_of({"x-api-key": TOKEN}, proxy_user="bsr_other").token == TOKEN


def test_nobody_is_nobody() -> None:
    caller = caller_of({"user-agent": "curl"})
    assert (caller.token, caller.holds_own_key, caller.user_agent) == ("", False, "curl")


def test_own_session_label_goes_before_the_agents() -> None:
    headers = {"x-bursar-session": "mine", "x-claude-code-session-id": "theirs", "x-bursar-task": "fix"}
    caller = caller_of(headers)
    assert (caller.session, caller.task) == ("mine", "fix")
    assert caller_of({"session-id": "codex"}).session == "codex"


@pytest.mark.parametrize(
    ("credentials", "user"),
    [
        ("Basic " + base64.b64encode(b"tag:x").decode(), "tag"),
        ("basic " + base64.b64encode(b"tag").decode(), "tag"),
        ("Basic !!!", ""),
        ("Basic ü", ""),  # atheris found it
        ("Basic " + base64.b64encode(b"\xff\xfe:x").decode(), ""),
        ("Bearer tag", ""),
        ("", ""),
    ],
)
def test_user_name_of_the_proxy_address(credentials: str, user: str) -> None:
    assert proxy_user(credentials) == user


def test_each_provider_gets_its_key_in_its_own_header() -> None:
    assert key_header("anthropic", "k") == ("x-api-key", "k")
    assert key_header("openai", "k") == ("authorization", "Bearer k")
    assert key_header("google", "k") == ("x-goog-api-key", "k")
    assert key_header("azure", "k") == ("api-key", "k")
    assert key_header("aws", "k") == ("authorization", "Bearer k")
    assert key_header("x-ai", "k") == ("authorization", "Bearer k")


def test_a_virtual_key_may_stand_in_azures_header_and_a_signature_is_the_callers_own() -> None:
    token = mint()
    assert caller_of({"api-key": token}).token == token
    signed = caller_of({"authorization": "AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=y"}, proxy_user=token)
    assert (signed.token, signed.holds_own_key) == (token, True)
