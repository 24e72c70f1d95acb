import pytest

from app.core.exchange import ResponseFacts
from app.core.usage import Usage
from proxy_addon.ending import is_certain


@pytest.mark.parametrize(
    ("usage", "output_bytes", "is_known"),
    [
        (Usage(input_tokens=9, output_tokens=5), 20, True),
        (Usage(input_tokens=9), 0, True),  # an answer that says nothing, as of embeddings
        (Usage(input_tokens=9), 20, False),
        (Usage(output_tokens=5), 20, False),
        (Usage(reported_cost_nano_usd=7), 20, True),
        (Usage(), 20, False),
    ],
)
def test_half_a_usage_is_not_certain(usage: Usage, output_bytes: int, is_known: bool) -> None:
    assert is_certain(ResponseFacts(usage=usage, output_bytes=output_bytes), is_whole=True) is is_known


def test_what_broke_off_is_certain_only_after_its_last_event() -> None:
    told = ResponseFacts(usage=Usage(input_tokens=9, output_tokens=5), output_bytes=20)
    assert not is_certain(told, is_whole=False)
    assert is_certain(ResponseFacts(usage=told.usage, output_bytes=20, is_final=True), is_whole=False)
