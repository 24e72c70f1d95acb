"""What the meter decided, put on mitmproxy's flow, and what came on a flow as the meter reads it."""

from collections.abc import Callable

from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.net.http import status_codes
from mitmproxy.proxy.layers.http import _http1

from proxy_addon.calls import Head
from proxy_addon.delivery import Delivery, WholeAnswer
from proxy_addon.refusals import unreachable_body
from proxy_addon.sending import Sending

SOCKET = "bursar_socket"
"""Where a flow keeps its metered socket."""
MASK = "bursar_mask"
"""Where a flow that carries a provider's key keeps what masks it."""
SENDING = "bursar_sending"
"""Where a flow keeps what was sent for it, from when its request was cleared."""
DELIVERY = "bursar_delivery"
"""Where a flow keeps its answer on the way."""


def head_of(flow: http.HTTPFlow, user: str = "") -> Head:
    """The head of a flow's request."""
    request = flow.request
    return Head.of(request.method, request.path, request.headers.fields, user)


def put_on(flow: http.HTTPFlow, sending: Sending) -> None:
    """Let a flow carry what was cleared; its fields, which hold the real key, come last."""
    upstream = sending.route.upstream
    flow.metadata[SENDING] = sending
    if sending.mask is not None:
        flow.metadata[MASK] = sending.mask
    flow.request.scheme, flow.request.host, flow.request.port = upstream.scheme, upstream.host, upstream.port
    flow.request.path, flow.request.authority = sending.target, ""
    flow.request.raw_content = sending.body
    flow.request.headers.fields = sending.fields


def stream(flow: http.HTTPFlow, delivery: Delivery) -> None:
    """Let an answer's body pass chunk by chunk: never an empty one, which would end a chunked answer."""
    assert flow.response is not None
    flow.metadata[DELIVERY] = delivery

    def pass_on(chunk: bytes) -> list[bytes]:
        passed = delivery.pass_on(chunk)
        return [passed] if passed else []

    flow.response.stream = pass_on if delivery.is_watched else True


def whole_of(response: http.Response) -> WholeAnswer:
    """An answer that was held back."""
    data = response.data
    return WholeAnswer(data.status_code, data.headers.fields, response.raw_content or b"", data.reason)


def closing(server: Proxyserver) -> Callable[[http.HTTPFlow], None]:
    """What breaks off a flow's connection to its provider; mitmproxy tells the client as if the provider had."""

    def close(flow: http.HTTPFlow) -> None:
        connection = server.connections.get(flow.client_conn.id)
        if connection is not None and flow.server_conn in connection.transports:
            connection.close_connection(flow.server_conn)

    return close


def response_of(answer: WholeAnswer) -> http.Response:
    """An answer to be sent in place of the provider's."""
    response = http.Response.make(answer.status)
    response.headers.fields = answer.fields
    response.raw_content = answer.body
    if answer.reason:
        response.data.reason = answer.reason
    return response


def answer_errors_in_json(masked: Callable[[str], str]) -> None:
    """Let mitmproxy's own error answers (provider down, bad certificate) be JSON that SDKs can read, and pass their
    words, which may quote a provider's, through `masked`.

    There is no hook for these bodies; the function that makes them is replaced, and a test sees to it that it still is
    the one in use.
    """

    def make_error_response(status_code: int, message: str = "") -> bytes:
        what = "reach the provider" if status_code >= 500 else "take the request"
        body = unreachable_body(f"Bursar could not {what}: {masked(message)}", status_code)
        head = f"HTTP/1.1 {status_code} {status_codes.RESPONSES.get(status_code, 'Error')}\r\n"
        fields = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        return (head + fields).encode() + body

    _http1.make_error_response = make_error_response


def leads_to_socket(flow: http.HTTPFlow) -> bool:
    """Whether the messages that follow a 101 will come to us one by one."""
    assert flow.response is not None
    return SOCKET in flow.metadata and flow.response.headers.get("upgrade", "").lower() == "websocket"
