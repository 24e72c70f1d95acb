"""The table of services: at which hosts and paths each provider is reached, and in which dialect.

Sources: the providers' API references; which paths cost nothing is in the wire-formats notes, sections 1 and 3.
"""

import re

from app.core.call import ApiShape
from app.core.tags import Billing
from proxy_addon.services import Paths, Service, free_paths, hosts, paths

_CHAT = {
    r"/chat/completions": ApiShape.OPENAI_CHAT,
    r"/completions": ApiShape.OPENAI_COMPLETIONS,
    r"/responses(?:/compact)?": ApiShape.OPENAI_RESPONSES,
    r"/embeddings": ApiShape.OPENAI_EMBEDDINGS,
}
_MEDIA = {
    r"/images/(?:generations|edits|variations)": ApiShape.OPENAI_MEDIA,
    r"/audio/(?:transcriptions|translations|speech)": ApiShape.OPENAI_MEDIA,
}
_REALTIME = {r"/realtime": ApiShape.OPENAI_REALTIME}
_LIVE = r"/ws/google\.ai\.generativelanguage\.v1(?:beta|alpha)?\.GenerativeService\.BidiGenerateContent"
_LIVE_AT_VERTEX = r"/ws/google\.cloud\.aiplatform\.v1(?:beta1)?\.LlmBidiService/BidiGenerateContent"
_MESSAGES = {r"/v1/messages": ApiShape.ANTHROPIC_MESSAGES}
_RUNS = {r"/threads(?:/[^/]+)?/runs(?:/[^/]+/submit_tool_outputs)?": ApiShape.OPENAI_ASSISTANTS}
_COUNT_TOKENS = r"/v1/messages/count_tokens"
_FREE_AT_OPENAI = (
    r"/responses/input_tokens",
    r"/responses/[^/]+/cancel",
    r"/moderations",
    r"/files",
    r"/uploads(?:/.*)?",
    r"/assistants(?:/[^/]+)?",
    r"/threads(?:/[^/]+(?:/messages(?:/[^/]+)?)?)?",
    r"/threads/[^/]+/runs/[^/]+(?:/cancel)?",
    r"/conversations(?:/.*)?",
    r"/batches/[^/]+/cancel",
    r"/realtime/client_secrets",
)
_GOOGLE_METHODS = {
    r"/models/[^/:]+:(?:stream)?[gG]enerateContent": ApiShape.GEMINI,
    r"/models/[^/:]+:(?:embedContent|batchEmbedContents)": ApiShape.GEMINI_EMBEDDINGS,
}


def _compatible(
    provider: str, host: str, base: str, *, name: str = "", other_host: str = "", more: Paths = ()
) -> Service:
    """A service that speaks as OpenAI does, under `base`; and Anthropic Messages where it does."""
    return Service(
        provider=provider,
        name=name or provider,
        host=host,
        hosts=hosts(host, other_host) if other_host else hosts(host),
        fallback_shape=ApiShape.OPENAI_CHAT,
        metered=(*paths(base, _CHAT | _MEDIA), *more),
        free=free_paths(rf"{base}/moderations", rf".*{_COUNT_TOKENS}"),
    )


SERVICES = (
    Service(
        provider="anthropic",
        name="anthropic",
        host="api.anthropic.com",
        hosts=hosts("api.anthropic.com"),
        fallback_shape=ApiShape.ANTHROPIC_MESSAGES,
        metered=paths("", _MESSAGES | {r"/v1/complete": ApiShape.ANTHROPIC_COMPLETE}),
        free=free_paths(_COUNT_TOKENS, r"/v1/messages/batches/[^/]+/cancel", r"/v1/files", r"/api/.*"),
    ),
    Service(
        provider="openai",
        name="openai",
        host="api.openai.com",
        hosts=hosts("api.openai.com", "eu.api.openai.com", "us.api.openai.com"),
        fallback_shape=ApiShape.OPENAI_CHAT,
        metered=paths("/v1", _CHAT | _MEDIA | _RUNS | _REALTIME),
        free=free_paths(*(f"/v1{path}" for path in _FREE_AT_OPENAI)),
        version_prefix="/v1",
    ),
    # Codex with a ChatGPT login.
    Service(
        provider="openai",
        name="chatgpt",
        host="chatgpt.com",
        hosts=hosts("chatgpt.com"),
        fallback_shape=ApiShape.OPENAI_RESPONSES,
        metered=paths("/backend-api/codex", {r"/responses(?:/compact)?": ApiShape.OPENAI_RESPONSES}),
        others_cost_nothing=True,
        logins=Billing.SUBSCRIPTION,
    ),
    Service(
        provider="google",
        name="gemini",
        host="generativelanguage.googleapis.com",
        hosts=hosts("generativelanguage.googleapis.com"),
        fallback_shape=ApiShape.GEMINI,
        metered=paths(
            r"/v1(?:beta|alpha)?",
            _GOOGLE_METHODS
            | {
                r"/interactions": ApiShape.GEMINI_INTERACTIONS,
                r"/openai/chat/completions": ApiShape.OPENAI_CHAT,
                r"/openai/embeddings": ApiShape.OPENAI_EMBEDDINGS,
                r"/openai/images/generations": ApiShape.OPENAI_MEDIA,
            },
        )
        + paths(_LIVE, {r"(?:Constrained)?": ApiShape.GEMINI_LIVE}),
        free=free_paths(r"/v1(?:beta|alpha)?/models/[^/:]+:countTokens", r"/(?:upload/)?v1(?:beta|alpha)?/files"),
    ),
    # Gemini CLI with a Google login.
    Service(
        provider="google",
        name="codeassist",
        host="cloudcode-pa.googleapis.com",
        hosts=hosts("cloudcode-pa.googleapis.com"),
        fallback_shape=ApiShape.GEMINI,
        metered=paths("/v1internal", {r":(?:stream)?[gG]enerateContent": ApiShape.GEMINI}),
        others_cost_nothing=True,
        logins=Billing.SUBSCRIPTION,
    ),
    Service(
        provider="google",
        name="vertex",
        place="{}-aiplatform.googleapis.com",
        place_in_path=re.compile(r"/v1(?:beta1)?/projects/[^/]+/locations/([a-z0-9-]+)/"),
        host="aiplatform.googleapis.com",
        hosts=hosts(
            "aiplatform.googleapis.com",
            "{label}-aiplatform.googleapis.com",
            "aiplatform.us.rep.googleapis.com",
            "aiplatform.eu.rep.googleapis.com",
        ),
        fallback_shape=ApiShape.GEMINI,
        metered=paths(
            r"/v1(?:beta1)?(?:/projects/[^/]+/locations/[^/]+)?",
            {f"/publishers/google{path}": shape for path, shape in _GOOGLE_METHODS.items()}
            | {
                r"/publishers/google/models/[^/:]+:predict": ApiShape.GEMINI_EMBEDDINGS,
                r"/publishers/anthropic/models/[^/:]+:(?:streamR|r)awPredict": ApiShape.ANTHROPIC_MESSAGES,
                r"/endpoints/openapi/chat/completions": ApiShape.OPENAI_CHAT,
            },
        )
        + paths(_LIVE_AT_VERTEX, {"": ApiShape.GEMINI_LIVE}),
        free=free_paths(r".*/publishers/(?:google|anthropic)/models/[^/:]+:(?:countTokens|computeTokens)"),
    ),
    Service(
        provider="aws",
        name="bedrock",
        place="bedrock-runtime.{}.amazonaws.com",
        hosts=hosts(
            "bedrock-runtime.{region}.amazonaws.com",
            "bedrock-runtime-fips.{region}.amazonaws.com",
            "bedrock-runtime.{region}.amazonaws.com.cn",
            "bedrock-mantle.{region}.api.aws",
        ),
        fallback_shape=ApiShape.BEDROCK_CONVERSE,
        metered=(
            *paths(
                r"/model/[^/]+",
                {
                    r"/converse(?:-stream)?": ApiShape.BEDROCK_CONVERSE,
                    r"/invoke(?:-with-response-stream)?": ApiShape.BEDROCK_INVOKE,
                },
            ),
            *paths(r"(?:/openai)?/v1", _CHAT),
            *paths(r"(?:/anthropic)?", _MESSAGES),
        ),
        free=free_paths(r"/model/[^/]+/count-tokens"),
    ),
    Service(
        provider="azure",
        name="azure",
        is_customers=True,
        place="{}.openai.azure.com",
        hosts=hosts("{label}.openai.azure.com", "{label}.cognitiveservices.azure.com", "{label}.services.ai.azure.com"),
        fallback_shape=ApiShape.OPENAI_CHAT,
        metered=(
            *paths(r"/openai(?:/v1|/deployments/[^/]+)?", _CHAT | _MEDIA | _RUNS),
            *paths(
                r"/models", {r"/chat/completions": ApiShape.OPENAI_CHAT, r"/embeddings": ApiShape.OPENAI_EMBEDDINGS}
            ),
            *paths(r"/anthropic", _MESSAGES),
            *paths(r"/openai(?:/v1)?|/voice-live", _REALTIME),
        ),
        free=free_paths(*(rf"/openai(?:/v1)?{path}" for path in _FREE_AT_OPENAI), rf"/anthropic{_COUNT_TOKENS}"),
    ),
    _compatible("openrouter", "openrouter.ai", "/api/v1", more=paths("/api", _MESSAGES)),
    _compatible("deepseek", "api.deepseek.com", "(?:/v1|/beta)?", more=paths("/anthropic", _MESSAGES)),
    _compatible(
        "mistral",
        "api.mistral.ai",
        "/v1",
        other_host="codestral.mistral.ai",
        more=paths(
            "/v1", {r"/fim/completions": ApiShape.OPENAI_COMPLETIONS, r"/agents/completions": ApiShape.OPENAI_CHAT}
        ),
    ),
    Service(
        provider="x-ai",
        name="xai",
        host="api.x.ai",
        hosts=hosts("api.x.ai", "{region}.api.x.ai"),
        fallback_shape=ApiShape.OPENAI_CHAT,
        metered=(*paths("/v1", _CHAT | _MEDIA | _REALTIME), *paths("", _MESSAGES)),
        free=free_paths(r"/v1/tokenize-text"),
    ),
    _compatible("groq", "api.groq.com", "/openai/v1"),
    _compatible("perplexity", "api.perplexity.ai", "(?:/v1)?"),
    _compatible("vercel", "ai-gateway.vercel.sh", "/v1", more=paths("", _MESSAGES)),
    _compatible("zai", "api.z.ai", "/api(?:/coding)?/paas/v4", more=paths("/api/anthropic", _MESSAGES)),
    _compatible("together", "api.together.xyz", "/v1", other_host="api.together.ai"),
    _compatible("cerebras", "api.cerebras.ai", "/v1"),
    _compatible("fireworks", "api.fireworks.ai", "/inference/v1", more=paths("/inference", _MESSAGES)),
    _compatible("moonshotai", "api.moonshot.ai", "/v1", name="moonshot", other_host="api.moonshot.cn"),
    _compatible("huggingface", "router.huggingface.co", r"(?:/[a-z0-9-]+)?/v\d(?:/openai)?"),
    Service(
        provider="cohere",
        name="cohere",
        host="api.cohere.com",
        hosts=hosts("api.cohere.com", "api.cohere.ai"),
        fallback_shape=ApiShape.COHERE,
        metered=(
            *paths(r"/v[12]", {r"/(?:chat|generate|embed|rerank|classify|summarize)": ApiShape.COHERE}),
            *paths("/compatibility/v1", _CHAT),
        ),
        free=free_paths(r"/v1/(?:tokenize|detokenize|check-api-key)"),
    ),
    Service(
        provider="voyageai",
        name="voyage",
        host="api.voyageai.com",
        hosts=hosts("api.voyageai.com"),
        fallback_shape=ApiShape.OPENAI_EMBEDDINGS,
        metered=paths(
            "/v1", {r"/(?:embeddings|multimodalembeddings|contextualizedembeddings|rerank)": ApiShape.OPENAI_EMBEDDINGS}
        ),
    ),
    Service(
        provider="ollama",
        name="ollama",
        scheme="http",
        has_keys=False,
        host="127.0.0.1",
        port=11434,
        hosts=hosts("127.0.0.1"),
        fallback_shape=ApiShape.OLLAMA,
        metered=(
            *paths("/api", {r"/(?:chat|generate|embed|embeddings)": ApiShape.OLLAMA}),
            *paths("/v1", _CHAT),
            *paths("", _MESSAGES),
        ),
        others_cost_nothing=True,
    ),
    Service(
        provider="ollama",
        name="ollama-cloud",
        host="ollama.com",
        hosts=hosts("ollama.com"),
        fallback_shape=ApiShape.OLLAMA,
        metered=(*paths("/api", {r"/(?:chat|generate|embed)": ApiShape.OLLAMA}), *paths("/v1", _CHAT)),
        others_cost_nothing=True,
    ),
    Service(
        provider="cloudflare",
        name="cloudflare",
        host="api.cloudflare.com",
        hosts=hosts("api.cloudflare.com"),
        fallback_shape=ApiShape.OPENAI_CHAT,
        metered=paths(r"/client/v4/accounts/[^/]+/ai/v1", _CHAT),
        others_cost_nothing=True,
    ),
    Service(
        provider="databricks",
        name="databricks",
        is_customers=True,
        place="{}.cloud.databricks.com",
        hosts=hosts("{label}.cloud.databricks.com", "{label}.{label}.azuredatabricks.net"),
        fallback_shape=ApiShape.OPENAI_CHAT,
        metered=paths(
            "/serving-endpoints",
            _CHAT | {r"/[^/]+/invocations": ApiShape.OPENAI_CHAT},
        ),
        others_cost_nothing=True,
    ),
    Service(
        provider="snowflake",
        name="snowflake",
        is_customers=True,
        place="{}.snowflakecomputing.com",
        hosts=hosts("{label}.snowflakecomputing.com", "{label}.{label}.snowflakecomputing.com"),
        fallback_shape=ApiShape.OPENAI_CHAT,
        metered=(*paths("/api/v2/cortex/v1", _CHAT), *paths("/api/v2/cortex", _MESSAGES)),
        others_cost_nothing=True,
    ),
)
