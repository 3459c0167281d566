"""Hypothesis without its database and clock: the same examples everywhere, every time."""

from hypothesis import settings

settings.register_profile("windlass", database=None, deadline=None, derandomize=True)
settings.load_profile("windlass")
