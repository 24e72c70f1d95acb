"""The providers Bursar knows by name: whose keys it keeps, and how each wants its key.

The names are those of the price table where it has the provider. Their hosts and paths are the meter's business.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. `name` stands in the ledger and on the command line, `title` is for people. `host` is where it is
    usually reached, empty where every customer has a host of one's own. `key_header` is the header its key goes into;
    in `authorization` after the word Bearer. `free_path` is what can be read there with a working key only, and costs
    nothing; empty where none is documented.
    """

    name: str
    title: str
    host: str
    key_header: str = "authorization"
    free_path: str = ""

    def with_key(self, key: str) -> tuple[str, str]:
        """The header in which it wants its key."""
        return self.key_header, f"Bearer {key}" if self.key_header == "authorization" else key


# Free paths: "list models" in each provider's API reference. The lists of OpenRouter, Vercel and Hugging Face are open
# to all, so they tell nothing of a key; the first two document another place that does ("current key", "credits").
PROVIDERS = (
    Provider("anthropic", "Anthropic", "api.anthropic.com", "x-api-key", "/v1/models"),
    Provider("openai", "OpenAI", "api.openai.com", free_path="/v1/models"),
    Provider("google", "Google Gemini", "generativelanguage.googleapis.com", "x-goog-api-key", "/v1beta/models"),
    # A Bedrock API key; requests signed with AWS credentials go through with the signature they came with.
    Provider("aws", "Amazon Bedrock", ""),
    Provider("azure", "Azure OpenAI", "", "api-key"),
    Provider("cerebras", "Cerebras", "api.cerebras.ai", free_path="/v1/models"),
    Provider("cloudflare", "Cloudflare Workers AI", "api.cloudflare.com"),
    Provider("cohere", "Cohere", "api.cohere.com", free_path="/v1/models"),
    Provider("databricks", "Databricks", ""),
    Provider("deepseek", "DeepSeek", "api.deepseek.com", free_path="/models"),
    Provider("fireworks", "Fireworks", "api.fireworks.ai", free_path="/inference/v1/models"),
    Provider("groq", "Groq", "api.groq.com", free_path="/openai/v1/models"),
    Provider("huggingface", "Hugging Face", "router.huggingface.co"),
    Provider("mistral", "Mistral", "api.mistral.ai", free_path="/v1/models"),
    Provider("moonshotai", "Moonshot AI", "api.moonshot.ai", free_path="/v1/models"),
    Provider("ollama", "Ollama", "127.0.0.1"),
    Provider("openrouter", "OpenRouter", "openrouter.ai", free_path="/api/v1/key"),
    Provider("perplexity", "Perplexity", "api.perplexity.ai"),
    Provider("snowflake", "Snowflake Cortex", ""),
    Provider("together", "Together AI", "api.together.xyz", free_path="/v1/models"),
    Provider("vercel", "Vercel AI Gateway", "ai-gateway.vercel.sh", free_path="/v1/credits"),
    Provider("voyageai", "Voyage AI", "api.voyageai.com"),
    Provider("x-ai", "xAI", "api.x.ai", free_path="/v1/models"),
    Provider("zai", "Z.ai", "api.z.ai"),
)
_BY_NAME = {provider.name: provider for provider in PROVIDERS}


def provider_named(name: str) -> Provider | None:
    """The provider of that name; None for another."""
    return _BY_NAME.get(name)


def provider_at(host: str) -> Provider | None:
    """The provider that is usually reached at this host; None for another."""
    return next((provider for provider in PROVIDERS if host and provider.host == host.lower()), None)


def provider_host(name: str) -> str:
    """Where a provider is usually reached; empty where that is not one place, or it is not known."""
    provider = _BY_NAME.get(name)
    return "" if provider is None else provider.host


def provider_title(name: str) -> str:
    """What to call a provider before people: the name itself where it is not known."""
    provider = _BY_NAME.get(name)
    return name if provider is None else provider.title
