"""Secrets on the first line of input, for machines without a keyring."""

import json
import sys

from app.core.errors import InvalidInput


def read_keys() -> dict[str, str]:
    """The secrets by their entries. The text itself never stands in an error. Raises InvalidInput."""
    try:
        keys = json.loads(sys.stdin.readline())
    except ValueError:
        keys = None
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
        raise InvalidInput("No keys on standard input", 'The first line must be like {"anthropic": "…"}.')
    return keys
