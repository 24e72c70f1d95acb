"""Every model that a request names, wherever it does: fallbacks, an advisor, a tool with a model of its own.

For keys that may use certain models only. What a person or a model said, and examples for tools, are not looked at;
every other field whose name speaks of a model is, known or not: to refuse too much there is the safe mistake.
"""

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote

from proxy_addon.shapes.fields import UnreadableRequest

_TALK = frozenset(
    {"messages", "input", "contents", "content", "system", "system_instruction", "systeminstruction", "instructions",
     "prompt", "metadata", "labels", "documents", "item", "clientcontent", "client_content", "realtimeinput",
     "realtime_input", "input_examples", "examples", "default", "enum", "const"}
)  # fmt: skip
_NAMING = re.compile(r"model|fallback|preset|^agent$")
_IN_PATH = re.compile(r"/(?:deployments|model)/([^/]+)|/models/([^/:]+)")
"""Azure's and Bedrock's names end at a slash and may hold a colon; at Google's a method follows one."""


class _Members(list[tuple[str, object]]):
    """An object as it is written. Of two equal keys another parser may take the other one, so both count."""


def named_models(path: str, body: bytes) -> frozenset[str]:
    """The models named in a path and a JSON body; a body that is no JSON names none. Raises UnreadableRequest for one
    nested beyond reading."""
    found = {unquote(name) for pair in _IN_PATH.findall(path) for name in pair if name}
    if body:
        found.update(_named_in(body))
    return frozenset(found)


def _named_in(body: bytes) -> Iterator[str]:
    try:
        pending: list[object] = [json.loads(body, object_pairs_hook=_Members)]
    except RecursionError:
        raise UnreadableRequest("The request body is nested too deeply.") from None
    except ValueError:
        return
    while pending:
        value = pending.pop()
        if isinstance(value, _Members):
            for key, member in value:
                if key.lower() not in _TALK:
                    yield from _names(member) if _NAMING.search(key.lower()) else ()
                    pending.append(member)
        elif isinstance(value, list):
            pending.extend(value)


def _names(value: object) -> Iterator[str]:
    """A name, or a list of them; objects are looked into like all others."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and not isinstance(value, _Members):
        yield from (one for one in value if isinstance(one, str))
