"""Captures of finished exchanges metered offline: files in, one row of counts and cost an exchange out.

`python -m proxy_addon.audit FILE…` is what `bursar audit` starts. The files are read by a reader a format (recordings,
HAR, mitmproxy flows) into one kind of value; shapes, routes and prices are the meter's own. No ledger, no network.
"""
