"""mitmproxy's flow dumps (`mitmdump -w`): one flow after another, each held whole.

Bodies are as they were on the wire, compressed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import BinaryIO

from mitmproxy.exceptions import FlowReadException
from mitmproxy.flow import Flow
from mitmproxy.http import Headers, HTTPFlow, Request
from mitmproxy.http import Message as HttpMessage
from mitmproxy.io import FlowReader

from proxy_addon.audit.captures import Address, Body, Capture, DamagedFile, Message, Unreadable

MAX_FLOW_BYTES = 512 * 1024 * 1024
_DAMAGED = "The flow dump is damaged or cut short here, or a newer mitmproxy wrote it."


class _Bounded:
    """The file as mitmproxy reads it. A damaged length would have it ask for a terabyte at once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        """At most `MAX_FLOW_BYTES` at a time. Raises ValueError above."""
        if size > MAX_FLOW_BYTES:
            raise ValueError("the flow is too large")
        return self._stream.read(size)

    def peek(self, size: int) -> bytes:
        """Nothing: what mitmproxy looks for there, a HAR, is not read by it."""
        return b""


def read_flows(stream: BinaryIO) -> Iterator[Capture | Unreadable]:
    """Each flow, numbered from 1. Raises DamagedFile."""
    flows = iter(FlowReader(_Bounded(stream)).stream())  # type: ignore[arg-type]
    number = 0
    while True:
        number += 1
        try:
            flow = next(flows)
        except StopIteration:
            return
        except (FlowReadException, LookupError, AttributeError, AssertionError, RecursionError, TypeError):
            # Its loader trusts the state it finds; the texts of its errors quote it.
            raise DamagedFile(_DAMAGED, number) from None
        yield _read_flow(number, flow)


def _read_flow(number: int, flow: Flow) -> Capture | Unreadable:
    if not isinstance(flow, HTTPFlow):
        return Unreadable(number, "no_exchange", "The flow is no HTTP exchange.")
    request, response = flow.request, flow.response
    return Capture(
        line=number,
        method=request.method.upper(),
        address=Address(request.scheme, _host(request), request.port, request.path),
        request=_body(request),
        answer=Body() if response is None else _body(response),
        status=None if response is None else response.status_code,
        started_at=datetime.fromtimestamp(request.timestamp_start, UTC),
        is_broken=flow.error is not None,
        messages=_messages(flow),
    )


def _host(request: Request) -> str:
    """The host that was connected to; by its name in the Host header where a transparent proxy noted only a number."""
    try:
        ip_address(request.host)
    except ValueError:
        return request.host
    return request.pretty_host


def _body(message: HttpMessage) -> Body:
    headers = _lower(message.headers)
    return Body(headers, message.raw_content, headers.get("content-encoding", ""))


def _lower(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _messages(flow: HTTPFlow) -> tuple[Message, ...] | None:
    if flow.websocket is None:
        return None
    return tuple(Message(message.from_client, message.content) for message in flow.websocket.messages)
