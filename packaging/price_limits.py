"""Make resources/prices/limits.json: the most each model can answer with, and take in.

The price table tells no output limits. litellm's map does (MIT licence; only its numbers are taken), and it ships in
litellm's wheel, which is a zip file:

    python -m pip download --no-deps litellm==VERSION
    python packaging/price_limits.py litellm-VERSION-*.whl
"""

import json
import re
import sys
import zipfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "resources" / "prices" / "limits.json"
MAP = "litellm/model_prices_and_context_window_backup.json"
KINDS = {"chat", "completion", "responses"}
PROVIDERS = re.compile(
    r"anthropic|azure(_ai)?|bedrock\w*|cerebras|cohere\w*|dashscope|deepseek|fireworks_ai|gemini|groq|mistral|moonshot"
    r"|openai|openrouter|perplexity|together_ai|vercel_ai_gateway|vertex_ai\S*|xai|zai"
)
PREFIX = re.compile(r"^(?:.*/)?(?:(?:us|eu|apac|au|jp|global|us-gov)\.)?")


def main() -> None:
    """Read the wheel named on the command line and write the file."""
    wheel = Path(sys.argv[1])
    version = wheel.name.split("-")[1]
    with zipfile.ZipFile(wheel) as opened:
        models = read_limits(json.loads(opened.read(MAP)))
    made = {
        "source": f"litellm {version}, {MAP.rpartition('/')[2]}, MIT licence",
        "made_by": "packaging/price_limits.py",
        "made_on": datetime.now(timezone.utc).date().isoformat(),
        "fields": ["max_output_tokens", "max_input_tokens"],
    }
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(pair)}" for name, pair in sorted(models.items()))
    head = json.dumps(made, indent=2).removesuffix("\n}")
    TARGET.write_text(f'{head},\n  "models": {{\n{lines}\n  }}\n}}\n', encoding="utf-8")
    print(f"{len(models)} models, {TARGET.stat().st_size // 1000} kB")


def read_limits(entries: dict[str, Any]) -> dict[str, list[int]]:
    """Bare model name -> [most output tokens, most input tokens]; of several sellers the most generous."""
    found: dict[str, list[int]] = {}
    for name, entry in entries.items():
        most = entry.get("max_output_tokens")
        if entry.get("mode") not in KINDS or not isinstance(most, int) or most <= 0:
            continue
        if not PROVIDERS.fullmatch(entry.get("litellm_provider", "")):
            continue
        taken = entry.get("max_input_tokens")
        bare = PREFIX.sub("", name.lower())
        before = found.get(bare, [0, 0])
        found[bare] = [max(before[0], most), max(before[1], taken if isinstance(taken, int) else 0)]
    return found


if __name__ == "__main__":
    main()
