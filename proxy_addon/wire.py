"""What the meter decided, put on mitmproxy's flow: where a request goes, with which key and body, and what passes an
answer on."""

from collections.abc import Callable

from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.net.http import status_codes
from mitmproxy.proxy.layers.http import _http1

from proxy_addon.exchange import Exchange
from proxy_addon.identify import KEY_HEADERS, OWN_HEADER_PREFIX
from proxy_addon.include_usage import UsageHider
from proxy_addon.refusals import unreachable_body
from proxy_addon.resend import Answer
from proxy_addon.routes import Route
from proxy_addon.shapes import shape_for
from proxy_addon.tap import Tap

SOCKET = "bursar_socket"
"""Where a flow keeps its metered socket."""


def lower_headers(headers: http.Headers) -> dict[str, str]:
    """Headers by their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}


def send_upstream(flow: http.HTTPFlow, route: Route) -> None:
    """Point the request at the provider, and take off what was said to us alone."""
    query = flow.request.path.partition("?")[2]
    upstream = route.upstream
    flow.request.scheme = upstream.scheme
    flow.request.host = upstream.host
    flow.request.port = upstream.port
    flow.request.path = upstream.base_path + route.path + (f"?{query}" if query else "")
    is_usual = (upstream.scheme, upstream.port) in (("https", 443), ("http", 80))
    flow.request.headers["host"] = upstream.host if is_usual else f"{upstream.host}:{upstream.port}"
    for name in [name for name in flow.request.headers if name.lower().startswith(OWN_HEADER_PREFIX)]:
        del flow.request.headers[name]
    flow.request.headers.pop("proxy-authorization", None)


def replace_body(flow: http.HTTPFlow, body: bytes) -> None:
    """Send this body instead. The answer is asked for without compression, since a part of it is taken out again."""
    flow.request.headers.pop("content-encoding", None)
    flow.request.raw_content = body
    flow.request.headers["content-length"] = str(len(body))
    flow.request.headers.pop("transfer-encoding", None)
    flow.request.headers["accept-encoding"] = "identity"


def hide_usage(flow: http.HTTPFlow, exchange: Exchange, tap: Tap) -> Callable[[bytes], list[bytes]]:
    """What passes an answer on without the chunk that the client did not ask for."""
    assert flow.response is not None
    headers = flow.response.headers
    exchange.hider = hider = UsageHider(headers.get("content-encoding", ""))
    if hider.is_decoding:
        del headers["content-encoding"]
    if headers.pop("content-length", None) is not None and flow.request.http_version == "HTTP/1.1":
        headers["transfer-encoding"] = "chunked"
    return lambda chunk: hider.pass_on(tap.tap(chunk))


def closing(server: Proxyserver) -> Callable[[http.HTTPFlow], None]:
    """What breaks off a flow's connection to its provider; mitmproxy tells the client as if the provider had."""

    def close(flow: http.HTTPFlow) -> None:
        connection = server.connections.get(flow.client_conn.id)
        if connection is not None and flow.server_conn in connection.transports:
            connection.close_connection(flow.server_conn)

    return close


def whole_response(answer: Answer) -> http.Response:
    """An answer that we fetched ourselves, in the encoding that it came in."""
    response = http.Response.make(answer.status)
    response.headers = http.Headers(
        [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    )
    response.raw_content = answer.body
    response.headers["content-length"] = str(len(answer.body))
    return response


def swap_key(flow: http.HTTPFlow, name: str, value: str) -> None:
    """Put the real key where the virtual one was."""
    for header in KEY_HEADERS:
        flow.request.headers.pop(header, None)
    if "key" in flow.request.query:
        del flow.request.query["key"]
    flow.request.headers[name] = value


def answer_errors_in_json() -> None:
    """Let mitmproxy's own error answers (provider down, bad certificate) be JSON that SDKs can read.

    There is no hook for these bodies; the function that makes them is replaced, and a test sees to it that it still is
    the one in use.
    """

    def make_error_response(status_code: int, message: str = "") -> bytes:
        body = unreachable_body(f"Bursar could not reach the provider: {message}")
        head = f"HTTP/1.1 {status_code} {status_codes.RESPONSES.get(status_code, 'Error')}\r\n"
        fields = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        return (head + fields).encode() + body

    _http1.make_error_response = make_error_response


def put_tap(exchange: Exchange, response: http.Response) -> Tap:
    """The tap on an answer whose headers are known."""
    exchange.status_code = response.status_code
    exchange.tap = Tap(
        shape_for(exchange.route.api_shape).reader(exchange.facts, lower_headers(response.headers)),
        content_type=response.headers.get("content-type", ""),
        content_encoding=response.headers.get("content-encoding", ""),
    )
    return exchange.tap


def leads_to_socket(flow: http.HTTPFlow) -> bool:
    """Whether the messages that follow a 101 will come to us one by one."""
    assert flow.response is not None
    return SOCKET in flow.metadata and flow.response.headers.get("upgrade", "").lower() == "websocket"
