import pytest

from app.core.call import ApiShape
from app.core.errors import InvalidInput
from proxy_addon.routes import Kind, Routes, Upstream, parse_upstream

ROUTES = Routes()


@pytest.mark.parametrize(
    ("path", "shape", "sent"),
    [
        ("/anthropic/v1/messages", ApiShape.ANTHROPIC_MESSAGES, "/v1/messages"),
        ("/openai/v1/chat/completions", ApiShape.OPENAI_CHAT, "/v1/chat/completions"),
        ("/openai/chat/completions", ApiShape.OPENAI_CHAT, "/v1/chat/completions"),
        ("/openai/v1/responses", ApiShape.OPENAI_RESPONSES, "/v1/responses"),
        (
            "/gemini/v1beta/models/gemini-3-pro:generateContent",
            ApiShape.GEMINI,
            "/v1beta/models/gemini-3-pro:generateContent",
        ),
        ("/gemini/v1/models/x.y-1:streamGenerateContent", ApiShape.GEMINI, "/v1/models/x.y-1:streamGenerateContent"),
    ],
)
def test_metered_paths_are_known_by_their_prefix(path: str, shape: ApiShape, sent: str) -> None:
    route = ROUTES.by_prefix("POST", path)
    assert route is not None
    assert (route.kind, route.api_shape, route.path) == (Kind.METERED, shape, sent)


@pytest.mark.parametrize(
    "path",
    [
        "/anthropic/v1/messages/",
        "/anthropic/v1/messages/batches",
        "/anthropic/v1/messages/../complete",
        "/anthropic/v1/messages%2f",
        "/openai/v1/images/generations",
        "/openai/v1/responses/abc",
        "/openai/v1/chat/completions/x",
        "/gemini/v1beta/models/a/b:generateContent",
        "/gemini/v1beta/models/a:embedContent",
        "/gemini/v1beta/models/a:generateContent:x",
    ],
)
def test_paths_that_are_not_in_the_table_are_unknown(path: str) -> None:
    route = ROUTES.by_prefix("POST", path)
    assert route is not None
    assert route.kind is Kind.UNKNOWN


def test_reading_is_free_unless_the_path_plays_tricks() -> None:
    kinds = {}
    for path in ("/openai/v1/models", "/openai/v1/models/../x", "/openai/v1/%2e%2e/x"):
        route = ROUTES.by_prefix("GET", path)
        assert route is not None
        kinds[path] = route.kind
    assert list(kinds.values()) == [Kind.FREE, Kind.UNKNOWN, Kind.UNKNOWN]


@pytest.mark.parametrize("path", ["/", "", "/anthropics/v1/messages", "/v1/messages", "//anthropic/v1/messages"])
def test_other_prefixes_lead_nowhere(path: str) -> None:
    assert ROUTES.by_prefix("POST", path) is None


@pytest.mark.parametrize(
    ("scheme", "host", "port"),
    [
        ("http", "api.anthropic.com", 443),
        ("https", "api.anthropic.com", 8443),
        ("https", "api.anthropic.com.attacker.test", 443),
        ("https", "evil-api.anthropic.com", 443),
        ("https", "127.0.0.1", 443),
    ],
)
def test_only_the_providers_very_own_address_is_a_metered_host(scheme: str, host: str, port: int) -> None:
    assert ROUTES.by_host("POST", scheme, host, port, "/v1/messages") is None


def test_host_is_known_however_it_is_spelled() -> None:
    for host in ("api.anthropic.com", "API.Anthropic.com", "api.anthropic.com."):
        route = ROUTES.by_host("POST", "https", host, 443, "/v1/messages")
        assert route is not None
        assert route.upstream == Upstream("https", "api.anthropic.com", 443)


def test_upstream_of_ones_own_replaces_the_providers() -> None:
    route = Routes({"openai": "https://llm.example.com/base/"}).by_prefix("POST", "/openai/v1/responses")
    assert route is not None
    assert route.upstream == Upstream("https", "llm.example.com", 443, "/base")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "llm.example.com",
        "http://llm.example.com",
        "ftp://x",
        "https://",
        "https://h:99999",
        "https://u:p@h",
        "https://h?q=1",
    ],
)
def test_upstream_that_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        parse_upstream(url)


def test_unknown_provider_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="anthropic, google, openai"):
        Routes({"opnai": "https://x"})
