"""The fast lane: plain HTTP/1.1 calls to metered hosts, carried without mitmproxy's own HTTP layer.

`requests` and `answers` read bytes (llhttp in its strict mode) and know nothing of mitmproxy; `turn` is one call from
its judgement to its end, `carrier` the layer that carries it, `upstream` its end of a connection to a provider, and
`doors` installs it and says which requests it may take. Whatever is not plain goes to mitmproxy's layer with every byte
that came, which answers or refuses it as it does in the other lane.
"""
