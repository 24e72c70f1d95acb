import pytest

from app.core.errors import InvalidInput
from app.core.network import parse_network_place


@pytest.mark.parametrize(
    ("text", "names", "url", "bind"),
    [
        ("172.17.0.1:8443", [], "https://172.17.0.1:8443", "172.17.0.1:8443"),
        ("172.17.0.1:8443", ["Host.Docker.Internal"], "https://host.docker.internal:8443", "172.17.0.1:8443"),
        ("[fd00::1]:8443", [], "https://[fd00::1]:8443", "[fd00::1]:8443"),
    ],
)
def test_a_place_is_known_by_its_address_and_the_names_given(text: str, names: list[str], url: str, bind: str) -> None:
    place = parse_network_place(text, names)
    assert (place.url, place.bind) == (url, bind)
    assert place.is_called(bind)
    assert place.is_called(url.removeprefix("https://").upper())


@pytest.mark.parametrize(
    "said", ["", "172.17.0.1", "172.17.0.1:8444", "localhost:8443", "127.0.0.1:8443", "a.test:8443", "172.17.0.1:8443."]
)
def test_it_goes_by_no_other_name(said: str) -> None:
    assert not parse_network_place("172.17.0.1:8443", ["meter.test"]).is_called(said)


def test_the_usual_port_need_not_be_said() -> None:
    assert parse_network_place("10.0.0.1:443", ["meter.test"]).is_called("meter.test")


@pytest.mark.parametrize("text", ["0.0.0.0:8443", "[::]:8443", "8.8.8.8:8443", "[2606:4700::1]:8443"])
def test_what_anybody_may_reach_is_said_twice(text: str) -> None:
    with pytest.raises(InvalidInput, match="--listen-anywhere"):
        parse_network_place(text, ["meter.test"])
    assert parse_network_place(text, ["meter.test"], is_meant=True).hosts[0] == "meter.test"


def test_all_addresses_together_need_a_name() -> None:
    with pytest.raises(InvalidInput, match="--listen-name"):
        parse_network_place("0.0.0.0:8443", is_meant=True)


@pytest.mark.parametrize(
    "text",
    ["", "8443", ":8443", "localhost:8443", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:x"],
)
def test_a_place_is_an_address_and_a_port(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_network_place(text)


@pytest.mark.parametrize("name", ["", "a b", "a:1", "http://a", "-a", "*", "a/b", "a\nb"])
def test_a_name_is_a_hosts(name: str) -> None:
    with pytest.raises(InvalidInput):
        parse_network_place("10.0.0.1:8443", [name])
