"""Confined child processes, the only place where hostile text is parsed."""
