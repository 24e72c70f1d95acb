"""The providers Bursar knows by name: whose keys it keeps, and how each wants its key.

The names are those of the price table where it has the provider. Their hosts and paths are the meter's business.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. `name` stands in the ledger and on the command line, `title` is for people. `host` is where it is
    usually reached, empty where every customer has a host of one's own. `key_header` is the header its key goes into;
    in `authorization` after the word Bearer.
    """

    name: str
    title: str
    host: str
    key_header: str = "authorization"


PROVIDERS = (
    Provider("anthropic", "Anthropic", "api.anthropic.com", "x-api-key"),
    Provider("openai", "OpenAI", "api.openai.com"),
    Provider("google", "Google Gemini", "generativelanguage.googleapis.com", "x-goog-api-key"),
    # A Bedrock API key; requests signed with AWS credentials go through with the signature they came with.
    Provider("aws", "Amazon Bedrock", ""),
    Provider("azure", "Azure OpenAI", "", "api-key"),
    Provider("cerebras", "Cerebras", "api.cerebras.ai"),
    Provider("cloudflare", "Cloudflare Workers AI", "api.cloudflare.com"),
    Provider("cohere", "Cohere", "api.cohere.com"),
    Provider("databricks", "Databricks", ""),
    Provider("deepseek", "DeepSeek", "api.deepseek.com"),
    Provider("fireworks", "Fireworks", "api.fireworks.ai"),
    Provider("groq", "Groq", "api.groq.com"),
    Provider("huggingface", "Hugging Face", "router.huggingface.co"),
    Provider("mistral", "Mistral", "api.mistral.ai"),
    Provider("moonshotai", "Moonshot AI", "api.moonshot.ai"),
    Provider("ollama", "Ollama", "127.0.0.1"),
    Provider("openrouter", "OpenRouter", "openrouter.ai"),
    Provider("perplexity", "Perplexity", "api.perplexity.ai"),
    Provider("snowflake", "Snowflake Cortex", ""),
    Provider("together", "Together AI", "api.together.xyz"),
    Provider("vercel", "Vercel AI Gateway", "ai-gateway.vercel.sh"),
    Provider("voyageai", "Voyage AI", "api.voyageai.com"),
    Provider("x-ai", "xAI", "api.x.ai"),
    Provider("zai", "Z.ai", "api.z.ai"),
)
_BY_NAME = {provider.name: provider for provider in PROVIDERS}


def provider_named(name: str) -> Provider | None:
    """The provider of that name; None for another."""
    return _BY_NAME.get(name)


def provider_host(name: str) -> str:
    """Where a provider is usually reached; empty where that is not one place, or it is not known."""
    provider = _BY_NAME.get(name)
    return "" if provider is None else provider.host


def provider_title(name: str) -> str:
    """What to call a provider before people: the name itself where it is not known."""
    provider = _BY_NAME.get(name)
    return name if provider is None else provider.title
