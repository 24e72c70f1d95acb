"""The ways in which the meter can carry a plain call over HTTP/1.1."""

LANES = ("hooks", "fast")
"""By mitmproxy's own layer for HTTP, or by ours, which takes less time and hands over what is not plain."""
USUAL_LANE = "fast"
