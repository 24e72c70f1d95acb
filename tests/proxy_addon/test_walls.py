import pytest

from proxy_addon.walls import is_from_web_page, is_local_name


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8787"},
        {"referer": ""},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "Cross-Site"},
    ],
)
def test_browser_gives_itself_away(headers: dict[str, str]) -> None:
    assert is_from_web_page(headers)


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "none"}, {"user-agent": "Mozilla/5.0"}])
def test_agents_do_not(headers: dict[str, str]) -> None:
    assert not is_from_web_page(headers)


@pytest.mark.parametrize("host", ["127.0.0.1:8787", "localhost:8787", "LOCALHOST:8787", "[::1]:8787"])
def test_names_of_this_machine(host: str) -> None:
    assert is_local_name(host, 8787)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.0.0.1",
        "127.0.0.1:80",
        "evil.test:8787",
        "localhost.evil.test:8787",
        "127.0.0.1.nip.io:8787",
        "127.1:8787",
    ],
)
def test_every_other_name_was_rebound(host: str) -> None:
    assert not is_local_name(host, 8787)
