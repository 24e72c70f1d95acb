"""The past: calls out of agents' own logs, and what providers say a day cost.

A log is read as it lies there, line by line; what cannot be read is counted and told, and the rest is done. No prompt
and no answer is taken from it: counts, names, times and the folder's name alone.
"""
