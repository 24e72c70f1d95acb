"""The demo: a scripted provider, simulated agents, and the story they play through a real meter."""
