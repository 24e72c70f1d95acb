"""What the meter decided, put on mitmproxy's flow: where a request goes, with which key and body, and what passes an
answer on, without that key."""

from collections.abc import Callable

from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.net.http import status_codes
from mitmproxy.proxy.layers.http import _http1

from proxy_addon.exchange import Exchange
from proxy_addon.identify import KEY_HEADERS, OWN_HEADER_PREFIX
from proxy_addon.include_usage import UsageHider
from proxy_addon.masking import KeyMask, MaskedStream, PassOn, SentKeys
from proxy_addon.refusals import unreachable_body
from proxy_addon.resend import Answer
from proxy_addon.routes import Route
from proxy_addon.shapes import shape_for
from proxy_addon.tap import Tap

SOCKET = "bursar_socket"
"""Where a flow keeps its metered socket."""
MASK = "bursar_mask"
"""Where a flow that carries a provider's key keeps what masks it."""
_MASKED = "bursar_masked_stream"


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


def swap_key(flow: http.HTTPFlow, name: str, value: str, sent: SentKeys) -> None:
    """Put the real key where the virtual one was, and remember to mask it in the answer."""
    flow.metadata[MASK] = sent.mask_of(value.removeprefix("Bearer "))
    for header in KEY_HEADERS:
        flow.request.headers.pop(header, None)
    if "key" in flow.request.query:
        del flow.request.query["key"]
    flow.request.headers[name] = value


def stream_masked(flow: http.HTTPFlow, pass_on: PassOn | None, cut: Callable[[], object]) -> None:
    """Let an answer's body pass chunk by chunk, through `pass_on` where there is one, with its key masked where it
    carried one. `cut` breaks it off."""
    assert flow.response is not None
    mask: KeyMask | None = flow.metadata.get(MASK)
    if mask is None:
        flow.response.stream = pass_on or True
        return
    _mask_head(flow.response, mask)
    encoding = flow.response.headers.get("content-encoding", "")
    flow.metadata[_MASKED] = masked = MaskedStream(mask, pass_on, encoding, cut)
    flow.response.stream = masked.stream


def mask_whole(flow: http.HTTPFlow) -> None:
    """Mask an answer that was held back, and the end of one that was not; one that was cut must not look whole."""
    mask: KeyMask | None = flow.metadata.get(MASK)
    if mask is None or flow.response is None:
        return
    masked: MaskedStream | None = flow.metadata.get(_MASKED)
    if masked is not None and masked.is_cut:
        flow.kill()
    _mask_head(flow.response, mask)
    if flow.response.trailers is not None:
        flow.response.trailers = http.Headers(_masked_fields(flow.response.trailers, mask))
    body, encoding = flow.response.raw_content or b"", flow.response.headers.get("content-encoding", "")
    if mask.is_in(body):
        flow.response.raw_content = mask.whole(body)
    elif encoding and mask.seen_by(body, encoding):
        text = unreachable_body("The provider's answer was not passed on, because it quoted your provider key.")
        flow.response = http.Response.make(502, text, {"content-type": "application/json"})


def _mask_head(response: http.Response, mask: KeyMask) -> None:
    response.headers.fields = _masked_fields(response.headers, mask)
    response.data.reason = mask.whole(response.data.reason)


def _masked_fields(headers: http.Headers, mask: KeyMask) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((mask.whole(name), mask.whole(value)) for name, value in headers.fields)


def answer_errors_in_json(masked: Callable[[str], str]) -> None:
    """Let mitmproxy's own error answers (provider down, bad certificate) be JSON that SDKs can read, and pass their
    words, which may quote a provider's, through `masked`.

    There is no hook for these bodies; the function that makes them is replaced, and a test sees to it that it still is
    the one in use.
    """

    def make_error_response(status_code: int, message: str = "") -> bytes:
        body = unreachable_body(f"Bursar could not reach the provider: {masked(message)}")
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
