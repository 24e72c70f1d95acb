"""Requests that can be read in two ways."""

from tests.guards.guard import Guard

_SINS = "faults/wire/test_sins.py::test_a_request_that_no_honest_client_sends"


def _sin(name: str) -> str:
    return f"{_SINS}[hooks-{name}]"


def _head(name: str) -> str:
    return f"proxy_addon/test_heads.py::test_a_head_with_two_readings_is_refused[{name}]"


GUARDS = (
    Guard(
        "heads are read before they are passed on",
        "proxy_addon/strict_http.py",
        "            check_request_head(head)\n",
        "            pass\n",
        (_sin("a NUL in a value, in the head"),),
    ),
    Guard(
        "no line of a head ends with LF alone",
        "proxy_addon/heads.py",
        "    if has_bare_lf(head):\n",
        "    if False:\n",
        (_head("a line that ends with LF alone"),),
    ),
    Guard(
        "a request line is one of HTTP/1.1",
        "proxy_addon/heads.py",
        'HTTP/1\\.([01])")',
        'HTTP/1\\.([0-9])")',
        (_head("another version"),),
    ),
    Guard(
        "a request names its host",
        "proxy_addon/heads.py",
        'if b"host" not in fields and minor == b"1" and method != b"CONNECT":',
        "if False:",
        (_head("no host"),),
    ),
    Guard(
        "a body's length is told in one way",
        "proxy_addon/heads.py",
        '    if b"transfer-encoding" in fields and (\n',
        "    if False and (\n",
        (_head("a length and chunks"),),
    ),
    Guard(
        "a body's length is a number",
        "proxy_addon/heads.py",
        'if b"content-length" in fields and not _LENGTH.fullmatch(fields[b"content-length"]):',
        "if False:",
        (_head("a length with a plus"),),
    ),
    Guard(
        "a request names one host",
        "proxy_addon/heads.py",
        'if method != b"CONNECT" and not target.startswith((b"/", b"*")) and not _is_at_host(target, fields):',
        "if False:",
        (_head("two hosts"),),
    ),
    Guard(
        "no NUL and no bare CR in a head",
        "proxy_addon/heads.py",
        'if b"\\x00" in head or _BARE_CR.search(head):',
        "if False:",
        (
            _head("a NUL"),
            _head("a bare CR"),
        ),
    ),
    Guard(
        "what may be told once is told once",
        "proxy_addon/heads.py",
        "if name in fields and name in _ALONE:",
        "if False:",
        (_head("a length twice"),),
    ),
    Guard(
        "a field has a name that it may have",
        "proxy_addon/heads.py",
        "if not sign or not name or name.translate(None, _OF_NAMES):",
        "if not sign:",
        (_head("a space before the colon"),),
    ),
    Guard(
        "trailers and chunk extensions come to an end",
        "proxy_addon/strict_http.py",
        '            raise RemoteProtocolError("What stands between the chunks is too long.")',
        "            pass",
        (_sin("trailers without end, in the body"),),
    ),
)
