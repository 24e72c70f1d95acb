import asyncio
import socket

import pytest

from app.core.network import is_on_the_internet
from proxy_addon.destinations import Destinations, ForbiddenDestination

_SPELLINGS = (
    "localhost LOCALHOST localhost. 127.0.0.1 127.0.0.1. 127.1 127.0.1 127.255.255.254 0.0.0.0 0 00 0x0 0x7f.1 "
    "0x7F.0.0.1 0x7f000001 2130706433 017700000001 0177.0.0.1 0177.1 127.0.0.01 ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 "
    "::127.0.0.1 :: ::7f00:1 0:0:0:0:0:0:0:1 0000::0001 10.0.0.1 10.255.255.255 012.0.0.1 167772161 0xa000001 10.1 "
    "172.16.0.1 172.31.255.255 2886729729 192.168.0.1 192.168.1 3232235521 0xc0a80001 ::ffff:192.168.0.1 "
    "::ffff:c0a8:1 169.254.169.254 169.254.0.1 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.16689662 "
    "::ffff:169.254.169.254 ::ffff:a9fe:a9fe fe80::1 fe80::a9fe:a9fe fd00:ec2::254 fc00::1 fdff::1 fec0::1 "
    "100.64.0.1 100.127.255.255 100.100.100.200 198.18.0.1 192.0.0.1 192.0.2.1 240.0.0.1 255.255.255.255 224.0.0.1 "
    "239.255.255.250 ff02::1 ff05::2 64:ff9b::127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1:: "
    "2002:a9fe:a9fe:: 2002:c0a8:1:: 2001:0:7f00:1:: 2001:db8::1 "
)
SPELLINGS_OF_LOCAL_PLACES = _SPELLINGS.split()


def judged(host: str, *, exempt: tuple[tuple[str, int], ...] = ()) -> tuple[str, int]:
    return asyncio.run(Destinations(lambda *place: place in exempt).judged((host, 443)))


def test_the_list_is_long_enough_to_mean_something() -> None:
    assert len(set(SPELLINGS_OF_LOCAL_PLACES)) >= 60


@pytest.mark.parametrize("host", SPELLINGS_OF_LOCAL_PLACES)
def test_a_local_place_is_forbidden_however_it_is_spelled(host: str) -> None:
    with pytest.raises(ForbiddenDestination):
        judged(host)


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "172.32.0.1", "192.169.0.1", "100.128.0.1"]
)
def test_a_public_address_is_connected_to_as_it_is(host: str) -> None:
    assert judged(host) == (host, 443)


def test_a_name_with_one_local_address_among_public_ones_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: answers)
    with pytest.raises(ForbiddenDestination, match="its network"):
        judged("rebound.example")


def test_a_name_is_connected_to_at_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.4.4", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: answer)
    assert judged("public.example") == ("8.8.4.4", 443)


def test_a_place_that_a_person_chose_is_let_through_by_its_port_only() -> None:
    assert judged("LocalHost.", exempt=(("localhost", 443),)) == ("LocalHost.", 443)
    with pytest.raises(ForbiddenDestination):
        judged("localhost", exempt=(("localhost", 444),))


def test_a_scoped_address_is_read_without_its_scope() -> None:
    assert not is_on_the_internet("fe80::1%eth0")
