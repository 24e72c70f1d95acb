"""What one call used, in one meaning for all providers.

The reading is OpenTelemetry's and genai-prices': `input_tokens` includes cache reads and writes, `output_tokens`
includes reasoning. Anthropic's and Bedrock's raw fields exclude the cache, so their shapes add it up before a `Usage`
is made. `None` means that the provider did not say; it is never turned into 0.
"""

from dataclasses import dataclass

MAX_COUNT = 10**15
"""Beyond all sense for one call (a million dollars, as nano-dollars), and small enough that sums fit into 64 bits."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of one call. Every field may be None: not said by the provider.

    Tokens: `cache_read_tokens` and `cache_write_tokens` are parts of `input_tokens`; `cache_write_1h_tokens` is a part
    of `cache_write_tokens` (Anthropic's 1 hour time to live); `reasoning_tokens` is a part of `output_tokens`;
    `*_audio_tokens` are parts of their side, `cache_audio_read_tokens` of `cache_read_tokens`. `web_searches` counts
    fees, not tokens. `reported_cost_nano_usd` is what the provider itself says it charged. A number beyond `MAX_COUNT`
    is taken as that.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    cache_audio_read_tokens: int | None = None
    output_audio_tokens: int | None = None
    web_searches: int | None = None
    reported_cost_nano_usd: int | None = None

    def __post_init__(self) -> None:
        counts = (
            self.input_tokens, self.output_tokens, self.cache_read_tokens, self.cache_write_tokens,
            self.cache_write_1h_tokens, self.reasoning_tokens, self.input_audio_tokens, self.cache_audio_read_tokens,
            self.output_audio_tokens, self.web_searches, self.reported_cost_nano_usd,
        )  # fmt: skip
        for count in counts:  # hardly ever is one amiss: a look at all costs a third of a look at each by its name
            if count is not None and (type(count) is not int or not 0 <= count <= MAX_COUNT):
                self._mend()
                return

    def _mend(self) -> None:
        """Bound what is beyond sense. Raises ValueError for what is no count."""
        for name in self.__slots__:
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f"{name} must be a count of 0 or more, or None, not {value!r}")
            if value > MAX_COUNT:
                object.__setattr__(self, name, MAX_COUNT)

    @property
    def is_known(self) -> bool:
        """True when the provider gave at least one of the two token totals or a cost."""
        is_counted = self.input_tokens is not None or self.output_tokens is not None
        return is_counted or self.reported_cost_nano_usd is not None
