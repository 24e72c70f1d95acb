import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import ExportError, InvalidInput
from app.services.exports import webhook_sending
from app.services.exports.webhook_sending import check_address, post
from tests.end2end.certificates import self_signed
from tests.services.exports.receiver import Receiver, played_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with played_receiver() as playing:
        yield playing


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.example.com/x", "ftp://h/x", "hooks.acme.test/x", "https://", "https://u:p@h/x", "",
        "https://h:99999/x", "https://h:0/", "https://h/a b", "https://[::1/x", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_what_is_no_safe_address_is_refused_without_a_word_of_it(address: str) -> None:
    with pytest.raises(InvalidInput) as told:
        check_address(address)
    assert len(address) < 9 or address not in str(told.value)


@pytest.mark.parametrize("address", ["https://hooks.slack.com/services/x", "http://localhost:1/x", "http://[::1]/x"])
def test_https_goes_anywhere_and_http_to_this_machine(address: str) -> None:
    assert check_address(address).path


def test_the_path_the_query_and_the_headers_arrive(receiver: Receiver) -> None:
    reply = post(f"{receiver.url}?a=b", b"{}", {"x-y": "z"}, reaches_private=False)
    [posted] = receiver.posted
    assert (reply.status, posted.path, posted.body) == (200, "/services/T0/SECRET-PART?a=b", b"{}")
    assert (posted.headers["x-y"], posted.headers["content-type"]) == ("z", "application/json")
    assert posted.headers["host"] == receiver.url.split("/")[2]


@pytest.mark.parametrize(
    "found", ["10.0.0.7", "192.168.1.1", "169.254.169.254", "127.0.0.1", "fd00::1", "::ffff:10.0.0.1"]
)
def test_a_name_that_leads_inside_is_not_connected_to(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    def leads_inside(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, 443))]

    monkeypatch.setattr(socket, "getaddrinfo", leads_inside)
    monkeypatch.setattr(socket, "create_connection", pytest.fail)
    with pytest.raises(ExportError, match="private network"):
        post("https://hooks.example.com/x", b"{}", {}, reaches_private=False)


def test_the_connection_goes_to_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def leads(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))]

    def refuse(place: tuple[str, int], *_: Any) -> None:
        asked.append(place)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", leads)
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(ExportError, match="Connection refused"):
        post("https://hooks.example.com/SECRET-PART", b"{}", {}, reaches_private=False)
    assert asked == [("93.184.215.14", 443)]


def test_a_person_may_say_that_it_lies_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", nobody)
    with pytest.raises(ExportError, match="cannot be reached"):
        post("https://10.0.0.7/x", b"{}", {}, reaches_private=True)


def test_a_certificate_that_nobody_vouches_for_ends_it_before_a_byte_is_sent(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path, "localhost"))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            accepted, _ = listening.accept()
            with accepted, pytest.raises(OSError):
                context.wrap_socket(accepted, server_side=True)

        thread = threading.Thread(target=serve)
        thread.start()
        port = listening.getsockname()[1]
        with pytest.raises(ExportError, match="cannot be reached") as told:
            post(f"https://127.0.0.1:{port}/SECRET-PART", b"{}", {}, reaches_private=False)
        thread.join()
    assert "SECRET-PART" not in str(told.value)


def test_a_receiver_that_never_ends_its_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_sending, "LONGEST_S", 0.3)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            accepted, _ = listening.accept()
            with accepted:
                while not ended.wait(0.02):
                    try:
                        accepted.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            with pytest.raises(ExportError, match="cannot be reached"):
                post(f"http://127.0.0.1:{listening.getsockname()[1]}/", b"{}", {}, reaches_private=False)
        finally:
            ended.set()
            thread.join()


def test_a_proxy_of_the_environment_is_used_unless_it_is_the_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = check_address("https://hooks.slack.com/services/x")
    for proxy, found in (
        ("http://proxy.corp.example:8080", ("proxy.corp.example", 8080)), ("http://127.0.0.1:8788", None), ("", None),
    ):  # fmt: skip
        monkeypatch.setenv("https_proxy", proxy)
        assert webhook_sending._proxy_for(parts) == found
    assert webhook_sending._proxy_for(check_address("http://127.0.0.1/x")) is None
