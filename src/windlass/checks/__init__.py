"""Static checks: text in, findings out. Pure functions on the standard library.

They run in killable child processes (`sandbox.checker`), under the interpreter of the environment,
so nothing here may import more than `windlass.domain`.
"""

CHECKS_VERSION = 15
"""Raised whenever a check could judge the same file differently: remembered verdicts then lapse."""
