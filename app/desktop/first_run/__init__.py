"""The first run: pick agents, keep a key, set a cap, see a call arrive."""
