import re

import pytest

from app.core.call import ApiShape
from app.core.errors import InvalidInput
from app.core.providers import PROVIDERS
from proxy_addon.routes import KeyUse, Kind, Route, Routes, Upstream, parse_upstream
from proxy_addon.service_table import SERVICES

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
        "/openai/v1/batches",
        "/openai/v1/fine_tuning/jobs",
        "/openai/v1/responses/abc",
        "/openai/v1/chat/completions/x",
        "/gemini/v1beta/models/a/b:generateContent",
        "/gemini/v1beta/models/a:batchGenerateContent",
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


def by_prefix(path: str, method: str = "POST") -> Route:
    route = ROUTES.by_prefix(method, path)
    assert route is not None
    return route


@pytest.mark.parametrize(
    ("path", "provider", "host", "shape", "sent"),
    [
        ("/openrouter/api/v1/chat/completions", "openrouter", "openrouter.ai", ApiShape.OPENAI_CHAT, None),
        ("/openrouter/api/v1/messages", "openrouter", "openrouter.ai", ApiShape.ANTHROPIC_MESSAGES, None),
        ("/deepseek/chat/completions", "deepseek", "api.deepseek.com", ApiShape.OPENAI_CHAT, None),
        ("/deepseek/anthropic/v1/messages", "deepseek", "api.deepseek.com", ApiShape.ANTHROPIC_MESSAGES, None),
        ("/mistral/v1/fim/completions", "mistral", "api.mistral.ai", ApiShape.OPENAI_COMPLETIONS, None),
        ("/xai/v1/responses", "x-ai", "api.x.ai", ApiShape.OPENAI_RESPONSES, None),
        ("/xai/v1/realtime", "x-ai", "api.x.ai", ApiShape.OPENAI_REALTIME, None),
        ("/groq/openai/v1/chat/completions", "groq", "api.groq.com", ApiShape.OPENAI_CHAT, None),
        ("/ollama/api/chat", "ollama", "127.0.0.1", ApiShape.OLLAMA, None),
        ("/ollama/v1/chat/completions", "ollama", "127.0.0.1", ApiShape.OPENAI_CHAT, None),
        ("/cohere/v2/rerank", "cohere", "api.cohere.com", ApiShape.COHERE, None),
        ("/perplexity/chat/completions", "perplexity", "api.perplexity.ai", ApiShape.OPENAI_CHAT, None),
        ("/vercel/v1/chat/completions", "vercel", "ai-gateway.vercel.sh", ApiShape.OPENAI_CHAT, None),
        ("/zai/api/coding/paas/v4/chat/completions", "zai", "api.z.ai", ApiShape.OPENAI_CHAT, None),
        ("/voyage/v1/rerank", "voyageai", "api.voyageai.com", ApiShape.OPENAI_EMBEDDINGS, None),
        ("/openai/v1/images/generations", "openai", "api.openai.com", ApiShape.OPENAI_MEDIA, None),
        ("/openai/v1/threads/t/runs", "openai", "api.openai.com", ApiShape.OPENAI_ASSISTANTS, None),
        ("/openai/v1/realtime", "openai", "api.openai.com", ApiShape.OPENAI_REALTIME, None),
        (
            "/azure/my-resource/openai/deployments/d/chat/completions",
            "azure",
            "my-resource.openai.azure.com",
            ApiShape.OPENAI_CHAT,
            "/openai/deployments/d/chat/completions",
        ),
        (
            "/azure/r.services.ai.azure.com/anthropic/v1/messages",
            "azure",
            "r.services.ai.azure.com",
            ApiShape.ANTHROPIC_MESSAGES,
            "/anthropic/v1/messages",
        ),
        (
            "/bedrock/us-gov-west-1/model/a.b-v1%3A0/converse-stream",
            "aws",
            "bedrock-runtime.us-gov-west-1.amazonaws.com",
            ApiShape.BEDROCK_CONVERSE,
            "/model/a.b-v1%3A0/converse-stream",
        ),
        (
            "/bedrock/bedrock-mantle.us-east-1.api.aws/openai/v1/responses",
            "aws",
            "bedrock-mantle.us-east-1.api.aws",
            ApiShape.OPENAI_RESPONSES,
            "/openai/v1/responses",
        ),
        (
            "/vertex/v1/projects/p/locations/us-east5/publishers/anthropic/models/c@1:streamRawPredict",
            "google",
            "us-east5-aiplatform.googleapis.com",
            ApiShape.ANTHROPIC_MESSAGES,
            None,
        ),
        (
            "/vertex/v1beta1/projects/p/locations/global/publishers/google/models/g:embedContent",
            "google",
            "aiplatform.googleapis.com",
            ApiShape.GEMINI_EMBEDDINGS,
            None,
        ),
        (
            "/gemini/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
            "google",
            "generativelanguage.googleapis.com",
            ApiShape.GEMINI_LIVE,
            None,
        ),
    ],
)
def test_every_service_is_reached_by_its_prefix(
    path: str, provider: str, host: str, shape: ApiShape, sent: str | None
) -> None:
    route = by_prefix(path)
    assert (route.kind, route.provider, route.upstream.host, route.api_shape) == (Kind.METERED, provider, host, shape)
    assert route.path == (sent or path[path.index("/", 1) :])


@pytest.mark.parametrize(
    "path",
    [
        "/azure/evil.example.com/openai/v1/responses",
        "/azure/a.b/openai/v1/responses",
        "/azure//openai/v1/responses",
        "/azure/x.openai.azure.com.evil.test/openai/v1/responses",
        "/bedrock/model/m/converse",
        "/bedrock/us-east-1.evil.test/model/m/converse",
        "/bedrock/evil/model/m/converse",
        "/bedrock/us-east-1%2f/model/m/converse",
        "/vertex/v1/projects/p/locations/-evil/publishers/google/models/g:generateContent",
    ],
)
def test_a_place_that_is_none_of_the_providers_leads_nowhere(path: str) -> None:
    assert ROUTES.by_prefix("POST", path) is None


@pytest.mark.parametrize(
    ("host", "provider", "path"),
    [
        ("eu.api.openai.com", "openai", "/v1/responses"),
        ("chatgpt.com", "openai", "/backend-api/codex/responses"),
        ("cloudcode-pa.googleapis.com", "google", "/v1internal:streamGenerateContent"),
        ("my-res.openai.azure.com", "azure", "/openai/v1/chat/completions"),
        ("x.cognitiveservices.azure.com", "azure", "/openai/responses"),
        ("bedrock-runtime.eu-central-1.amazonaws.com", "aws", "/model/m/invoke"),
        ("bedrock-runtime-fips.us-east-1.amazonaws.com", "aws", "/model/m/invoke-with-response-stream"),
        ("europe-west4-aiplatform.googleapis.com", "google", "/v1/publishers/google/models/g:generateContent"),
        ("us-east-1.api.x.ai", "x-ai", "/v1/chat/completions"),
        ("codestral.mistral.ai", "mistral", "/v1/chat/completions"),
        ("adb-1.1.azuredatabricks.net", "databricks", "/serving-endpoints/chat/completions"),
    ],
)
def test_hosts_of_customers_and_regions_are_known(host: str, provider: str, path: str) -> None:
    route = ROUTES.by_host("POST", "https", host, 443, path)
    assert route is not None
    assert (route.provider, route.kind, route.upstream) == (provider, Kind.METERED, Upstream("https", host, 443))


@pytest.mark.parametrize(
    "host",
    [
        "evil.openai.azure.com.attacker.test",
        "openai.azure.com",
        "a.b.openai.azure.com",
        "-x.openai.azure.com",
        "xopenai.azure.com",
        "x-openai.azure.com",
        "x.openai.azure.comm",
        "bedrock-runtime.amazonaws.com",
        "bedrock-runtime.us-east-1.amazonaws.com.evil.test",
        "bedrock-runtime.us-east-1.evil.amazonaws.com",
        "bedrock-runtime-us-east-1.amazonaws.com",
        "evilbedrock-runtime.us-east-1.amazonaws.com",
        "evil.aiplatform.googleapis.com",
        "xaiplatform.googleapis.com",
        "aiplatform.googleapis.com.evil.test",
        "api-openai.com",
        "apixopenai.com",
        "api.openai.com.evil.test",
        "notapi.x.ai",
        "api.x.ai\n",
        "evil-openrouter.ai",
    ],
)
def test_hosts_that_only_look_alike_are_not_opened(host: str) -> None:
    assert ROUTES.by_host("POST", "https", host, 443, "/v1/chat/completions") is None
    assert not any(re.search(pattern, f"{host}:443") for pattern in ROUTES.opened_hosts)


def test_the_patterns_of_opened_hosts_are_anchored() -> None:
    opened = [re.compile(pattern) for pattern in ROUTES.opened_hosts]
    for host in (
        "api.openai.com:443",
        "api.openai.com.:443",
        "r.openai.azure.com:443",
        "us-east5-aiplatform.googleapis.com:443",
    ):
        assert any(pattern.search(host) for pattern in opened)
    for host in ("api.openai.com:8443", "x.api.openai.com:443", "api.openai.com:4433", "localhost:443"):
        assert not any(pattern.search(host) for pattern in opened)


def test_a_remembered_route_is_that_of_the_path_and_the_method_and_few_are_remembered() -> None:
    routes = Routes()
    for number in range(500):
        path = f"/gemini/v1beta/models/m{number}:generateContent"
        for method in ("POST", "GET", "POST"):
            assert routes.by_prefix(method, path) == Routes().by_prefix(method, path)
    assert routes.by_prefix("POST", "/gemini/" + "a" * 1_000) is not None
    assert len(routes._known) <= 200
    assert max(len(path) for _, path in routes._known) < 1_000


def test_every_service_has_a_provider_whose_key_can_be_kept() -> None:
    assert {service.provider for service in SERVICES} == {provider.name for provider in PROVIDERS}
    assert len({service.name for service in SERVICES}) == len(SERVICES)


def test_a_key_goes_to_a_customers_host_only_where_the_settings_name_it() -> None:
    chosen = Routes({"azure": "https://mine.openai.azure.com"})
    for routes, host, key_use in (
        (ROUTES, "mine.openai.azure.com", KeyUse.WITHHELD),
        (chosen, "mine.openai.azure.com", KeyUse.SENT),
        (chosen, "evil.openai.azure.com", KeyUse.WITHHELD),
    ):
        route = routes.by_host("POST", "https", host, 443, "/openai/v1/responses")
        assert route is not None
        assert (route.upstream.host, route.key_use) == (host, key_use)
    assert by_prefix("/azure/evil/openai/v1/responses").key_use is KeyUse.WITHHELD
    placed = chosen.by_prefix("POST", "/azure/openai/v1/responses")
    assert placed is not None
    assert (placed.upstream.host, placed.key_use) == ("mine.openai.azure.com", KeyUse.SENT)
    assert by_prefix("/bedrock/us-east-1/model/m/converse").key_use is KeyUse.SENT


def test_a_key_goes_along_with_model_calls_only_where_a_host_serves_much_besides() -> None:
    base = "/cloudflare/client/v4"
    assert by_prefix(f"{base}/accounts/a/ai/v1/chat/completions").key_use is KeyUse.SENT
    for method in ("GET", "POST", "DELETE"):
        assert by_prefix(f"{base}/zones", method).key_use is KeyUse.WITHHELD
    assert by_prefix("/ollama/api/chat").key_use is KeyUse.UNNEEDED


def test_hosts_that_serve_much_besides_models_let_the_rest_pass() -> None:
    for host, path in (("chatgpt.com", "/backend-api/codex/plugins/x"), ("api.cloudflare.com", "/client/v4/zones")):
        route = ROUTES.by_host("POST", "https", host, 443, path)
        assert route is not None
        assert route.kind is Kind.FREE


def test_what_is_unknown_is_called_unmetered() -> None:
    assert by_prefix("/openai/v1/batches").operation == "unmetered"
    assert by_prefix("/openai/v1/embeddings").operation == "embeddings"
    assert by_prefix("/openai/v1/responses/x", "DELETE").kind is Kind.FREE


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


def test_only_ollama_and_what_the_settings_name_may_be_on_this_machine() -> None:
    assert ROUTES.is_upstream("127.0.0.1", 11434)
    assert not ROUTES.is_upstream("127.0.0.1", 443)
    assert not ROUTES.is_upstream("mine.openai.azure.com", 443)
    assert Routes({"azure": "https://mine.openai.azure.com"}).is_upstream("mine.openai.azure.com", 443)


def test_unknown_provider_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="anthropic, aws, azure"):
        Routes({"opnai": "https://x"})
