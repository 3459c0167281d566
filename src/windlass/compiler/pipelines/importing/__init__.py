"""Pipelines of other tools as documents of Windlass: YAML in, YAML and notes out."""
