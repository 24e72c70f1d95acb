"""Property tests try the same examples at every run: a failure is never luck, nor is a pass.

New examples are looked for with `--hypothesis-profile=search`.
"""

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("same")
